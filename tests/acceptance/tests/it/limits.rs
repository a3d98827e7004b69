//! Quotas, lockout, the rotation of the key that encrypts and the complexity of
//! bodies: the same requests to OpenBao and to our server have the same answers.

use serde_json::{Value, json};
use testkit::{Bao, require_bao};

use crate::hosts::{Host, on_both};

/// What a request came to: the request, the status, errors and data.
type Seen = (String, u16, Value, Value);

fn ask(host: &Host, method: &str, path: &str, body: Option<Value>) -> Seen {
    let (status, answer) = host.http.request(method, path, body.as_ref());
    let asked = format!("{method} {path} {}", body.unwrap_or_default());
    (
        asked,
        status,
        answer["errors"].clone(),
        answer["data"].clone(),
    )
}

fn put(host: &Host, path: &str, body: Value) -> Seen {
    ask(host, "POST", path, Some(body))
}

fn get(host: &Host, path: &str) -> Seen {
    ask(host, "GET", path, None)
}

/// Compares the answers one by one, so that a difference names its request.
fn assert_same(ours: Vec<Seen>, theirs: Vec<Seen>) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        assert_eq!(ours, theirs, "ours, and OpenBao's");
    }
}

#[test]
fn quotas_are_refused_shown_and_counted_as_by_openbao() {
    let bao: Bao = require_bao!();
    let (ours, theirs) = on_both(&bao, |host| {
        put(host, "sys/mounts/limited", json!({"type": "kv"}));
        put(host, "sys/auth/approle", json!({"type": "approle"}));
        let rule = |name: &str, body: Value| {
            let path = format!("sys/quotas/rate-limit/{name}");
            let mut seen = vec![put(host, &path, body), get(host, &path)];
            // Only what is refused or shown counts, not what else is there.
            seen.retain(|(_, status, ..)| *status != 204);
            seen
        };
        let mut seen = vec![get(host, "sys/quotas/config")];
        for (name, body) in [
            ("a", json!({"rate": 0})),
            ("a", json!({"rate": 1.5, "path": "nowhere/"})),
            ("a", json!({"rate": 1000, "path": "limited"})),
            ("b", json!({"rate": 1000, "path": "limited/"})),
            (
                "b",
                json!({"rate": 10, "path": "limited/a", "interval": "10s", "block_interval": "5s"}),
            ),
            ("c", json!({"rate": 1000, "path": "limited/*"})),
            (
                "d",
                json!({"rate": 1000, "path": "auth/token", "role": "x"}),
            ),
            (
                "d",
                json!({"rate": 1000, "path": "auth/approle/login", "role": "x"}),
            ),
            (
                "d",
                json!({"rate": 1000, "path": "auth/approle", "role": "x"}),
            ),
            ("g", json!({"rate": 100_000})),
            ("g2", json!({"rate": 100_000})),
        ] {
            seen.extend(rule(name, body));
        }
        put(
            host,
            "sys/quotas/rate-limit/b",
            json!({"rate": 3, "path": "limited/a", "interval": "1h"}),
        );
        seen.extend((0..5).map(|_| get(host, "limited/a")));
        seen.push(get(host, "limited/b"));
        for _ in 0..2 {
            seen.push(ask(host, "DELETE", "sys/quotas/rate-limit/b", None));
        }
        seen.push(get(host, "sys/quotas/rate-limit/b"));
        seen
    });
    assert_same(ours, theirs);
}

#[test]
fn wrong_logins_lock_a_role_out_as_with_openbao() {
    let bao: Bao = require_bao!();
    let (ours, theirs) = on_both(&bao, |host| {
        put(host, "sys/auth/approle", json!({"type": "approle"}));
        put(host, "auth/approle/role/app", json!({"policies": "p"}));
        let (.., id) = get(host, "auth/approle/role/app/role-id");
        let (.., secret) = put(host, "auth/approle/role/app/secret-id", json!({}));
        let (.., mounts) = get(host, "sys/auth");
        let accessor = mounts["approle/"]["accessor"].as_str().unwrap().to_owned();
        let role = id["role_id"].as_str().unwrap().to_owned();
        let log_in = |role: &str, secret: &Value| {
            let body = json!({"role_id": role, "secret_id": secret});
            let (_, status, errors, _) = put(host, "auth/approle/login", body);
            (String::new(), status, errors, Value::Null)
        };
        let mut seen = Vec::new();
        seen.extend((0..6).map(|_| log_in("nobody", &json!("wrong"))));
        seen.extend((0..4).map(|_| log_in(&role, &json!("wrong"))));
        seen.push(log_in(&role, &secret["secret_id"]));
        seen.extend((0..6).map(|_| log_in(&role, &json!("wrong"))));
        seen.push(log_in(&role, &secret["secret_id"]));
        let (asked, status, errors, locked) = get(host, "sys/locked-users");
        let locked = locked
            .to_string()
            .replace(&accessor, "A")
            .replace(&role, "R");
        seen.push((asked, status, errors, locked.into()));
        let unlock = format!("sys/locked-users/{accessor}/unlock/{role}");
        let (_, status, errors, data) = put(host, &unlock, json!({}));
        seen.push((String::new(), status, errors, data));
        seen.push(log_in(&role, &secret["secret_id"]));
        let config = json!({"user_lockout_config": {
            "lockout_threshold": "2", "lockout_duration": "1h",
            "lockout_counter_reset_duration": "5m", "lockout_disable": false,
        }});
        seen.push(put(host, "sys/auth/approle/tune", config));
        let (.., tuned) = get(host, "sys/auth/approle/tune");
        let lockout = tuned.as_object().unwrap().iter();
        let lockout = lockout.filter(|(name, _)| name.starts_with("user_lockout"));
        let lockout: serde_json::Map<_, _> = lockout
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        seen.push((String::new(), 200, Value::Null, lockout.into()));
        seen.extend((0..3).map(|_| log_in(&role, &json!("wrong"))));
        seen
    });
    assert_same(ours, theirs);
}

#[test]
fn the_key_that_encrypts_is_rotated_and_configured_as_with_openbao() {
    let bao: Bao = require_bao!();
    let (ours, theirs) = on_both(&bao, |host| {
        let mut seen = Vec::new();
        for body in [
            json!({"max_operations": 10}),
            json!({"max_operations": 4_000_000_000_u64}),
            json!({"interval": "1h"}),
            json!({"interval": "24h", "max_operations": 2_000_000, "enabled": false}),
            json!({}),
        ] {
            seen.push(put(host, "sys/rotate/config", body));
            seen.push(get(host, "sys/rotate/config"));
        }
        for path in ["sys/rotate", "sys/rotate/keyring"] {
            seen.push(put(host, path, json!({})));
            let (asked, status, errors, data) = get(host, "sys/key-status");
            seen.push((asked, status, errors, data["term"].clone()));
        }
        seen
    });
    assert_same(ours, theirs);
}

#[test]
fn bodies_that_are_too_complex_are_refused_as_by_openbao() {
    let bao: Bao = require_bao!();
    let (ours, theirs) = on_both(&bao, |host| {
        put(host, "sys/mounts/bodies", json!({"type": "kv"}));
        let status = |body: Value| {
            let (_, status, errors, _) = put(host, "bodies/a", body);
            (String::new(), status, errors, Value::Null)
        };
        vec![
            status(json!({"a": vec!["x"; 999]})),
            status(json!({"a": vec!["x"; 1000]})),
            status(json!({"a": vec![1; 300_000]})),
            status(json!({"a": vec![1; 2_000_000]})),
            status(json!({"a": "x".repeat(20_000_000)})),
        ]
    });
    assert_same(ours, theirs);
}
