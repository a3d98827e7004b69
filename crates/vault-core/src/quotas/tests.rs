//! Which quota counts, and for how much, from a client's point of view. Statuses,
//! texts and headers were seen at OpenBao 2.7.2.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use logical::{Connection, Operation};
use serde_json::{Value, json};

use crate::tests::{Seen, World, ask};
use crate::{Answer, ClientRequest, Core};

mod lease_count;

const SECOND: Duration = Duration::from_secs(1);

async fn post(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

async fn quota(core: &Core, name: &str, body: Value) {
    let seen = post(core, &format!("sys/quotas/rate-limit/{name}"), body).await;
    assert_eq!(seen.status, 204, "{seen:?}");
}

/// A core with a key/value engine at `kv/`.
async fn core() -> Arc<Core> {
    let core = World::new().start().await;
    post(&core, "sys/mounts/kv", json!({"type": "kv"})).await;
    core
}

/// Asks without a token from an address.
async fn from(core: &Core, address: &str, path: &str) -> Answer {
    let mut request = ClientRequest::new(Operation::Read, path);
    request.connection = Some(Connection::new(address.parse::<IpAddr>().unwrap(), 1));
    core.handle(request).await
}

/// Asks without a token.
async fn knock(core: &Core, path: &str) -> u16 {
    from(core, "127.0.0.1", path).await.status()
}

fn headers(answer: &Answer) -> Vec<(&str, &str)> {
    let headers = answer.headers().iter();
    headers
        .map(|(name, value)| (name.as_ref(), value.as_str()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn more_requests_than_a_quota_allows_are_refused_before_the_token_is_looked_at() {
    let core = core().await;
    quota(
        &core,
        "q",
        json!({"rate": 2, "path": "kv/a", "interval": "10s"}),
    )
    .await;
    assert_eq!(knock(&core, "kv/a").await, 403);
    assert_eq!(knock(&core, "kv/a").await, 403);
    // Another address, none at all.
    let seen = ask(&core, Operation::Read, "kv/a", Value::Null).await;
    assert_eq!(seen.status, 404);
    let refused = from(&core, "127.0.0.1", "kv/a").await;
    let body = refused.body().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let text = "request path \"kv/a\": rate limit quota exceeded";
    assert_eq!(body, json!({"errors": [text]}));
    assert_eq!(from(&core, "127.0.0.2", "kv/a").await.status(), 403);
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(knock(&core, "kv/a").await, 403);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_too_much_is_refused_for_the_blocking_interval() {
    let core = core().await;
    let body = json!({"rate": 1, "interval": 2, "block_interval": "6s"});
    quota(&core, "q", body).await;
    assert_eq!(knock(&core, "kv/a").await, 403);
    assert_eq!(knock(&core, "kv/b").await, 429);
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(knock(&core, "kv/c").await, 429);
    tokio::time::sleep(SECOND).await;
    assert_eq!(knock(&core, "kv/d").await, 403);
}

#[tokio::test(start_paused = true)]
async fn the_most_specific_quota_counts_alone() {
    let core = core().await;
    for (name, rate, path) in [
        ("all", 5, ""),
        ("mount", 4, "kv/"),
        ("short", 3, "kv/q*"),
        ("longer", 2, "kv/qq*"),
        ("path", 1, "kv/qqq"),
    ] {
        let body = json!({"rate": rate, "path": path, "interval": "1h"});
        quota(&core, name, body).await;
    }
    for (path, allowed) in [
        ("cubbyhole/a", 5),
        ("kv/a", 4),
        ("kv/q", 3),
        ("kv/qqqq", 2),
        ("kv/qqq", 1),
    ] {
        for number in 1..=allowed {
            assert_eq!(knock(&core, path).await, 403, "{number} of {path}");
        }
        assert_eq!(knock(&core, path).await, 429, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_tell_what_is_left_when_that_is_configured() {
    let core = core().await;
    quota(
        &core,
        "q",
        json!({"rate": 1.5, "path": "kv", "interval": "10s"}),
    )
    .await;
    let address = "127.0.0.1";
    let silent = from(&core, address, "kv/a").await;
    assert!(headers(&silent).is_empty());
    let body = json!({"enable_rate_limit_response_headers": true});
    post(&core, "sys/quotas/config", body).await;
    let shown = from(&core, address, "kv/a").await;
    let limited = [
        ("x-ratelimit-limit", "2"),
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "10"),
    ];
    assert_eq!(headers(&shown), limited);
    let refused = from(&core, address, "kv/a").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(headers(&refused)[..3], limited);
    assert_eq!(headers(&refused)[3], ("retry-after", "10"));
}

#[tokio::test(start_paused = true)]
async fn exempt_paths_are_not_limited() {
    let core = core().await;
    quota(&core, "q", json!({"rate": 1, "interval": "1h"})).await;
    let config = json!({"rate_limit_exempt_paths": ["kv/free", "kv/open/*"]});
    // The quota limits this address, not the one that has none.
    post(&core, "sys/quotas/config", config).await;
    for _ in 0..3 {
        assert_eq!(knock(&core, "kv/free").await, 403);
        assert_eq!(knock(&core, "kv/open/a").await, 403);
    }
    assert_eq!(knock(&core, "kv/other").await, 403);
    assert_eq!(knock(&core, "kv/other").await, 429);
}

#[tokio::test(start_paused = true)]
async fn the_role_of_a_login_has_a_quota_of_its_own() {
    let core = core().await;
    post(&core, "sys/auth/approle", json!({"type": "approle"})).await;
    let mut ids = Vec::new();
    for role in ["one", "two"] {
        let path = format!("auth/approle/role/{role}");
        post(&core, &path, json!({"policies": "p"})).await;
        let id = ask(
            &core,
            Operation::Read,
            &format!("{path}/role-id"),
            Value::Null,
        )
        .await;
        ids.push(id.body["data"]["role_id"].clone());
    }
    let mount = json!({"rate": 2, "path": "auth/approle", "interval": "1h"});
    quota(&core, "mount", mount).await;
    let role = json!({"rate": 1, "path": "auth/approle", "role": "one", "interval": "1h"});
    quota(&core, "role", role).await;
    let log_in = |role_id: Value| {
        let core = Arc::clone(&core);
        async move {
            let body = json!({"role_id": role_id, "secret_id": "wrong"});
            let mut request = ClientRequest::new(Operation::Update, "auth/approle/login")
                .with_data(body.as_object().cloned().unwrap());
            request.connection = Some(Connection::new("127.0.0.1".parse().unwrap(), 1));
            core.handle(request).await.status()
        }
    };
    assert_eq!(log_in(ids[0].clone()).await, 400);
    assert_eq!(log_in(ids[0].clone()).await, 429);
    assert_eq!(log_in(ids[1].clone()).await, 400);
    assert_eq!(log_in(json!("unknown")).await, 400);
    assert_eq!(log_in(ids[1].clone()).await, 429);
    for (path, text) in [
        (
            "auth/token",
            "Mount path \"auth/token/\" does not support use with role-based quotas",
        ),
        (
            "auth/approle/login",
            "Quotas cannot contain both a path suffix and a role. If a role is provided, path must be a valid auth mount with a concept of roles",
        ),
    ] {
        let body = json!({"rate": 1, "path": path, "role": "x"});
        let seen = post(&core, "sys/quotas/rate-limit/x", body).await;
        assert_eq!((seen.status, seen.error()), (400, text));
    }
}

#[tokio::test(start_paused = true)]
async fn quotas_are_shown_listed_removed_and_there_after_a_restart() {
    let world = World::new();
    let core = world.start().await;
    post(&core, "sys/mounts/kv", json!({"type": "kv"})).await;
    let list = |core: Arc<Core>| async move {
        ask(&core, Operation::List, "sys/quotas/rate-limit", Value::Null).await
    };
    assert_eq!(list(Arc::clone(&core)).await.status, 404);
    let body = json!({"rate": 10, "path": "kv/a", "interval": "10s", "block_interval": "5s"});
    quota(&core, "b", body).await;
    quota(&core, "a", json!({"rate": 100_000})).await;
    for (body, text) in [
        (json!({"rate": 0}), "'rate' is invalid"),
        (json!({"path": "kv"}), "'rate' is invalid"),
        (
            json!({"rate": 1, "path": "nowhere/"}),
            "invalid mount path \"nowhere/\"",
        ),
        (
            json!({"rate": 1, "path": "kv/a"}),
            "quota rule with similar properties exists under the name \"b\"",
        ),
    ] {
        let seen = post(&core, "sys/quotas/rate-limit/c", body).await;
        assert_eq!((seen.status, seen.error()), (400, text));
    }
    let config = json!({"enable_rate_limit_response_headers": true});
    post(&core, "sys/quotas/config", config).await;
    core.shut_down().await;

    let core = Core::start(world.config(), world.effects()).await.unwrap();
    let read = |name: &'static str| {
        let core = Arc::clone(&core);
        async move {
            let path = format!("sys/quotas/rate-limit/{name}");
            ask(&core, Operation::Read, &path, Value::Null).await
        }
    };
    let shown = json!({
        "type": "rate-limit", "name": "b", "path": "kv/a", "role": "", "rate": 10,
        "interval": 10, "block_interval": 5, "inheritable": false,
    });
    assert_eq!(read("b").await.body["data"], shown);
    let shown = json!({
        "type": "rate-limit", "name": "a", "path": "", "role": "", "rate": 100_000,
        "interval": 1, "block_interval": 0, "inheritable": true,
    });
    assert_eq!(read("a").await.body["data"], shown);
    assert_eq!(
        list(Arc::clone(&core)).await.body["data"]["keys"],
        json!(["a", "b"])
    );
    let config = ask(&core, Operation::Read, "sys/quotas/config", Value::Null).await;
    let config = &config.body["data"];
    assert_eq!(config["enable_rate_limit_response_headers"], true);
    assert_eq!(config["rate_limit_exempt_paths"][4], "sys/health");
    for _ in 0..2 {
        let path = "sys/quotas/rate-limit/b";
        let removed = ask(&core, Operation::Delete, path, Value::Null).await;
        assert_eq!(removed.status, 204);
    }
    assert_eq!(read("b").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_gone_are_forgotten() {
    let core = core().await;
    quota(&core, "q", json!({"rate": 1})).await;
    let quotas = Arc::clone(&core.active().unwrap().quotas);
    for number in 0..100 {
        from(&core, &format!("10.0.0.{number}"), "kv/a").await;
    }
    assert_eq!(quotas.known_addresses(), 100);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(quotas.known_addresses(), 0);
}
