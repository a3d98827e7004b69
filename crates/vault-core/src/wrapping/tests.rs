//! Wrapped answers. Statuses and texts were seen at OpenBao 2.7.2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};
use virtual_world::{Fault, Timing};

use crate::tests::{Seen, World, ask, ask_as, ask_wrapped};
use crate::{ClientRequest, ClientToken, Core};

const SECOND: Duration = Duration::from_secs(1);
const NOT_VALID: &str = "wrapping token is not valid or does not exist";

async fn wrap(core: &Core, operation: Operation, path: &str, body: Value) -> Seen {
    ask_wrapped(core, "root", operation, path, body, 60 * SECOND).await
}

/// The token of a value that was wrapped.
async fn wrapped(core: &Core) -> String {
    let body = json!({"a": "b", "n": 1});
    token_of(&wrap(core, Operation::Update, "sys/wrapping/wrap", body).await)
}

fn token_of(wrapped: &Seen) -> String {
    assert_eq!(wrapped.status, 200, "{wrapped:?}");
    let token = wrapped.body["wrap_info"]["token"].as_str();
    token.unwrap().to_owned()
}

async fn about(core: &Core, caller: Option<&str>, path: &str, body: Value) -> Seen {
    let path = format!("sys/wrapping/{path}");
    ask_as(core, caller, Operation::Update, &path, body).await
}

async fn unwrap(core: &Core, token: &str) -> Seen {
    about(core, Some(token), "unwrap", Value::Null).await
}

/// What storage has of tokens other than `root`, their leases and cubbyholes.
fn left(keys: &[String]) -> Vec<&String> {
    let of_tokens = ["sys/token/id/", "sys/expire/", "sys/cubbyhole/"];
    let mut left: Vec<&String> = keys
        .iter()
        .filter(|key| of_tokens.iter().any(|prefix| key.starts_with(prefix)))
        .collect();
    let root = left.iter().position(|key| key.starts_with("sys/token/id/"));
    if left.len() == 1
        && let Some(root) = root
    {
        left.remove(root);
    }
    left
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_unwrapped_once_with_its_token_or_by_another() {
    let world = World::new();
    let core = world.start().await;
    let body = json!({"a": "b", "n": 1});
    let seen = wrap(&core, Operation::Update, "sys/wrapping/wrap", body.clone()).await;
    let info = &seen.body["wrap_info"];
    assert_eq!(
        (&info["ttl"], &info["creation_path"], &seen.body["data"]),
        (&json!(60), &json!("sys/wrapping/wrap"), &Value::Null)
    );
    assert_eq!(seen.body["request_id"], "");
    let token = token_of(&seen);
    let first = unwrap(&core, &token).await;
    assert_eq!((first.status, &first.body["data"]), (200, &body));
    let again = unwrap(&core, &token).await;
    assert_eq!((again.status, again.error()), (400, NOT_VALID));
    let by_another = json!({"token": wrapped(&core).await});
    let first = about(&core, Some("root"), "unwrap", by_another.clone()).await;
    assert_eq!((first.status, &first.body["data"]), (200, &body));
    let again = about(&core, Some("root"), "unwrap", by_another).await;
    assert_eq!((again.status, again.error()), (400, NOT_VALID));
    // The token may be given twice.
    let token = wrapped(&core).await;
    let twice = about(&core, Some(&token), "unwrap", json!({"token": token})).await;
    assert_eq!((twice.status, &twice.body["data"]), (200, &body));
    tokio::time::sleep(SECOND).await;
    assert_eq!(left(&world.storage.keys()), Vec::<&String>::new());
}

/// OpenBao repeats the data of `sys/policy` and its like at top level in an answer
/// that was not wrapped, and in no other.
#[tokio::test(start_paused = true)]
async fn an_answer_that_was_wrapped_has_its_data_once() {
    let core = World::new().start().await;
    for path in ["sys/policy", "sys/mounts", "sys/auth"] {
        let plain = ask(&core, Operation::Read, path, Value::Null).await.body;
        let data = plain["data"].as_object().unwrap();
        assert!(data.keys().all(|name| plain[name] == data[name]), "{path}");
        let token = token_of(&wrap(&core, Operation::Read, path, Value::Null).await);
        let unwrapped = unwrap(&core, &token).await.body;
        assert_eq!(unwrapped["data"], plain["data"]);
        let repeated = data.keys().find(|name| unwrapped.get(name).is_some());
        assert_eq!(repeated, None, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_unwraps_race_and_one_wins() {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let core = world.start_with(world.effects_of(&machine)).await.unwrap();
    let token = wrapped(&core).await;
    // All of them see the token before the first use is stored.
    machine.storage.set_write_delay(SECOND / 10, Timing::Late);
    let racing: Vec<_> = (0..100)
        .map(|number| {
            let (core, token) = (Arc::clone(&core), token.clone());
            tokio::spawn(async move {
                if number % 2 == 0 {
                    unwrap(&core, &token).await
                } else {
                    about(&core, Some("root"), "unwrap", json!({"token": token})).await
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    for racer in racing {
        seen.push(racer.await.unwrap());
    }
    let (won, lost): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| seen.status == 200);
    assert_eq!((won.len(), lost.len()), (1, 99));
    assert_eq!(won[0].body["data"], json!({"a": "b", "n": 1}));
    assert!(
        lost.iter().all(|seen| seen.error() == NOT_VALID),
        "{lost:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn token_and_answer_are_stored_together_or_not_at_all() {
    for cut in 0.. {
        let world = World::new();
        let machine = virtual_world::World::new();
        let core = world.mounted_with(world.effects_of(&machine)).await;
        // The power fails after so many writes.
        let writes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&writes);
        machine.storage.fail_if(move |call| {
            let is_later = call.is_write() && counter.fetch_add(1, Ordering::SeqCst) >= cut;
            is_later.then_some(Fault::Lost)
        });
        let seen = wrap(&core, Operation::Read, "puppet/lease", Value::Null).await;
        core.shut_down().await;
        machine.storage.heal();
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        if seen.status == 200 {
            let unwrapped = unwrap(&core, &token_of(&seen)).await;
            assert_eq!(unwrapped.body["data"], json!({"number": 0}));
        }
        tokio::time::sleep(120 * SECOND).await;
        let keys = machine.storage.disk().keys();
        assert_eq!(left(&keys), Vec::<&String>::new(), "{cut}");
        if writes.load(Ordering::SeqCst) <= cut {
            assert_eq!(
                (seen.status, cut),
                (200, 2),
                "the lease, and the token with its answer"
            );
            return;
        }
        assert_eq!(seen.status, 500, "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_wrapped_leaves_nothing_that_nobody_knows() {
    let world = World::new();
    let machine = virtual_world::World::new();
    let core = world.mounted_with(world.effects_of(&machine)).await;
    for path in ["puppet/lease", "auth/token/create"] {
        machine.storage.fail_if(|call| {
            (call.is_write() && call.touches("sys/cubbyhole/")).then_some(Fault::Lost)
        });
        let operation = match path {
            "puppet/lease" => Operation::Read,
            _ => Operation::Update,
        };
        let body = json!({"policies": ["default"]});
        let seen = wrap(&core, operation, path, body).await;
        assert_eq!(seen.status, 500, "{seen:?}");
        machine.storage.heal();
        tokio::time::sleep(5 * SECOND).await;
        let keys = machine.storage.disk().keys();
        assert_eq!(left(&keys), Vec::<&String>::new(), "{path}");
    }
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_meanwhile_leaves_nothing_that_nobody_knows() {
    for tenths in [5, 15] {
        let world = World::new();
        let core = world.mounted().await;
        *world.slow.writes_take.lock().unwrap() = SECOND;
        let asking = wrap(&core, Operation::Read, "puppet/lease", Value::Null);
        let hung_up = tokio::time::timeout(tenths * SECOND / 10, asking).await;
        assert!(hung_up.is_err());
        tokio::time::sleep(30 * SECOND).await;
        let keys = world.storage.keys();
        assert_eq!(left(&keys), Vec::<&String>::new(), "{tenths}");
        assert_eq!(world.puppet.revoked(), [0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_answer_that_nobody_unwraps_ends() {
    let world = World::new();
    let core = world.start().await;
    // The leases of the start have been restored.
    tokio::time::sleep(SECOND).await;
    let token = wrapped(&core).await;
    tokio::time::sleep(59 * SECOND).await;
    assert_eq!(
        about(&core, Some(&token), "lookup", Value::Null)
            .await
            .status,
        200
    );
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(unwrap(&core, &token).await.error(), NOT_VALID);
    assert_eq!(left(&world.storage.keys()), Vec::<&String>::new());
}

#[tokio::test(start_paused = true)]
async fn whoever_has_the_token_learns_what_it_is_of_and_uses_none_up() {
    let core = World::new().start().await;
    let token = wrapped(&core).await;
    let body = json!({"token": token});
    for (caller, body) in [
        (None, body.clone()),
        (Some("root"), body.clone()),
        (Some(token.as_str()), Value::Null),
    ] {
        let seen = about(&core, caller, "lookup", body).await;
        let told = json!({
            "creation_ttl": 60,
            "creation_time": "2027-01-15T08:00:00Z",
            "creation_path": "sys/wrapping/wrap",
        });
        assert_eq!((seen.status, &seen.body["data"]), (200, &told));
    }
    let path = "sys/wrapping/lookup";
    let seen = ask_as(&core, Some(&token), Operation::Read, path, Value::Null).await;
    assert_eq!(seen.status, 200);
    assert_eq!(unwrap(&core, &token).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_new_wrapping_keeps_the_path_and_ends_the_old_one() {
    let core = World::new().start().await;
    let old = wrapped(&core).await;
    tokio::time::sleep(50 * SECOND).await;
    let seen = about(&core, Some("root"), "rewrap", json!({"token": old})).await;
    let info = &seen.body["wrap_info"];
    assert_eq!(
        (&info["ttl"], &info["creation_path"]),
        (&json!(60), &json!("sys/wrapping/wrap"))
    );
    assert_eq!(unwrap(&core, &old).await.error(), NOT_VALID);
    let token = token_of(&seen);
    let body = json!({"token": token});
    let path = "sys/wrapping/rewrap";
    let shorter = ask_wrapped(&core, "root", Operation::Update, path, body, 30 * SECOND).await;
    assert_eq!(shorter.body["wrap_info"]["ttl"], 30);
    let seen = unwrap(&core, &token_of(&shorter)).await;
    assert_eq!(seen.body["data"], json!({"a": "b", "n": 1}));
}

#[tokio::test(start_paused = true)]
async fn a_token_inside_an_answer_is_told_by_its_accessor() {
    let core = World::new().start().await;
    let body = json!({"policies": ["default"]});
    let seen = wrap(&core, Operation::Update, "auth/token/create", body).await;
    assert_eq!(seen.body["auth"], Value::Null);
    let accessor = seen.body["wrap_info"]["wrapped_accessor"].clone();
    let auth = unwrap(&core, &token_of(&seen)).await.body["auth"].clone();
    assert_eq!(auth["accessor"], accessor);
    let token = auth["client_token"].as_str();
    let path = "auth/token/lookup-self";
    let own = ask_as(&core, token, Operation::Read, path, Value::Null).await;
    assert_eq!(own.status, 200);
}

#[tokio::test(start_paused = true)]
async fn only_answers_with_a_content_are_wrapped() {
    let core = World::new().mounted().await;
    let kv = json!({"type": "kv"});
    for (operation, path, body, status) in [
        (Operation::Update, "sys/mounts/kv", kv, 204),
        (Operation::Read, "kv/none", Value::Null, 404),
        (Operation::Update, "kv/a", json!({"x": 1}), 204),
        (Operation::Read, "nowhere/a", Value::Null, 404),
    ] {
        let seen = wrap(&core, operation, path, body).await;
        assert_eq!(seen.status, status, "{path}: {seen:?}");
        assert_eq!(seen.body["wrap_info"], Value::Null);
    }
    let list = wrap(&core, Operation::List, "kv", Value::Null).await;
    let unwrapped = unwrap(&core, &token_of(&list)).await;
    assert_eq!(unwrapped.body["data"], json!({"keys": ["a"]}));
    let short = ask_wrapped(
        &core,
        "root",
        Operation::Read,
        "kv/a",
        Value::Null,
        SECOND / 4,
    );
    assert_eq!(short.await.body["wrap_info"]["ttl"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_does_not_unwrap_is_told_apart_from_one_that_may_not_ask() {
    let core = World::new().start().await;
    let token = wrapped(&core).await;
    let weak = json!({"policies": ["none"], "no_default_policy": true, "id": "weak"});
    ask(&core, Operation::Update, "auth/token/create", weak).await;
    let good = json!({"token": token});
    let denied = "1 error occurred:\n\t* permission denied\n\n";
    for (caller, path, body, status, error) in [
        (
            Some("root"),
            "wrap",
            json!({"a": 1}),
            400,
            "endpoint requires response wrapping to be used",
        ),
        (
            Some("root"),
            "unwrap",
            json!({"token": "none"}),
            400,
            NOT_VALID,
        ),
        (
            Some("root"),
            "unwrap",
            json!({"token": "root"}),
            400,
            NOT_VALID,
        ),
        (Some("root"), "unwrap", json!({"token": 1}), 400, NOT_VALID),
        (Some("root"), "lookup", Value::Null, 400, NOT_VALID),
        (Some("root"), "rewrap", Value::Null, 400, NOT_VALID),
        (Some("none"), "unwrap", Value::Null, 400, NOT_VALID),
        (None, "unwrap", json!({"token": "none"}), 400, NOT_VALID),
        (None, "unwrap", good.clone(), 403, "permission denied"),
        (
            None,
            "unwrap",
            Value::Null,
            403,
            "error validating wrapping token: token is empty",
        ),
        (
            Some("none"),
            "unwrap",
            good.clone(),
            403,
            "permission denied",
        ),
        (Some("weak"), "unwrap", good.clone(), 403, denied),
        (Some("weak"), "rewrap", good.clone(), 403, denied),
    ] {
        let seen = about(&core, caller, path, body.clone()).await;
        assert_eq!(
            (seen.status, seen.error()),
            (status, error),
            "{caller:?} {path} {body}"
        );
    }
    assert_eq!(about(&core, Some("root"), "unwrap", good).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn policies_limit_for_how_long_answers_are_wrapped() {
    let core = World::new().start().await;
    ask(
        &core,
        Operation::Update,
        "sys/mounts/kv",
        json!({"type": "kv"}),
    )
    .await;
    ask(&core, Operation::Update, "kv/a", json!({"x": 1})).await;
    let policy = r#"path "kv/*" {
        capabilities = ["read"]
        min_wrapping_ttl = "1m"
        max_wrapping_ttl = "2m"
    }"#;
    let policy = json!({"policy": policy});
    ask(&core, Operation::Update, "sys/policies/acl/w", policy).await;
    let token = json!({"policies": ["w"], "id": "limited"});
    ask(&core, Operation::Update, "auth/token/create", token).await;
    let plain = ask_as(&core, Some("limited"), Operation::Read, "kv/a", Value::Null).await;
    assert_eq!(plain.status, 403);
    for (seconds, status) in [(10, 403), (60, 200), (120, 200), (121, 403)] {
        let read = Operation::Read;
        let ttl = seconds * SECOND;
        let seen = ask_wrapped(&core, "limited", read, "kv/a", Value::Null, ttl).await;
        assert_eq!(seen.status, status, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_fills_storage_with_wrapped_answers_without_a_token_or_for_ever() {
    let world = World::new();
    let core = world.start().await;
    let wrapping = json!({"token": wrapped(&core).await});
    let before = world.storage.keys().len();
    for (token, operation, path, body, hours) in [
        (
            None,
            Operation::Read,
            "sys/internal/ui/mounts",
            Value::Null,
            1,
        ),
        (None, Operation::Update, "sys/wrapping/lookup", wrapping, 1),
        (
            Some("root"),
            Operation::Update,
            "sys/wrapping/wrap",
            json!({"a": 1}),
            769,
        ),
    ] {
        let mut request =
            ClientRequest::new(operation, path).with_token(token.map(ClientToken::new));
        request.data = body.as_object().cloned().unwrap_or_default();
        request.wrap_ttl = Some(Duration::from_hours(hours));
        let answer = core.handle(request).await;
        assert_eq!(answer.status(), 400, "{path}");
    }
    assert_eq!(world.storage.keys().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_value_is_never_a_whole_answer() {
    let core = World::new().start().await;
    for body in [
        json!({"http_raw_body": "e30=", "http_status_code": 200}),
        json!({"http_content_type": "text/plain"}),
    ] {
        let seen = wrap(&core, Operation::Update, "sys/wrapping/wrap", body).await;
        assert_eq!(seen.status, 400, "{seen:?}");
        assert!(seen.error().contains("`http_"), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_null_is_not_given() {
    let core = World::new().start().await;
    let token = wrapped(&core).await;
    let seen = about(&core, Some(&token), "unwrap", json!({"token": null})).await;
    assert_eq!(seen.status, 200, "{seen:?}");
}

/// The write is stored and reported as failed.
#[tokio::test(start_paused = true)]
async fn a_wrapping_that_was_stored_and_reported_as_failed_ends() {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let core = world.start_with(world.effects_of(&machine)).await.unwrap();
    machine
        .storage
        .fail_if(|call| call.is_write().then_some(virtual_world::Fault::Done));
    let seen = wrap(
        &core,
        Operation::Update,
        "sys/wrapping/wrap",
        json!({"a": 1}),
    )
    .await;
    assert_eq!(seen.status, 500, "{seen:?}");
    machine.storage.heal();
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(left(&machine.storage.disk().keys()), Vec::<&String>::new());
}
