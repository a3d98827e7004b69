//! What both hosts must bear: first readers in a crowd, requests that make no
//! sense, and somebody who looks for secrets afterwards.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};
use testkit::require_bao;

use crate::hosts::{Host, on_both};
use crate::mounted::{mounted, set_up};

/// How many readers come together.
const CROWD: usize = 32;
/// How many requests without sense each host gets.
const NONSENSE: usize = 400;

#[test]
fn a_crowd_of_first_readers_gets_one_key_on_both_hosts() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let before = host.cloud.made();
        let keys: BTreeSet<String> = thread::scope(|scope| {
            let readers: Vec<_> = (0..CROWD)
                .map(|_| scope.spawn(|| host.http.request("GET", "team/creds/crowd", None)))
                .collect();
            readers
                .into_iter()
                .map(|reader| {
                    let (status, answer) = reader.join().unwrap();
                    assert_eq!(status, 200, "{answer}");
                    answer["data"]["key_id"].as_str().unwrap().to_owned()
                })
                .collect()
        });
        assert_eq!(keys.len(), 1);
        assert_eq!(host.cloud.made() - before, 1, "one creation for all");
        let key = keys.first().unwrap();
        host.cloud.live_key(key);
        let prefix = "team/creds/crowd";
        host.cli
            .ok(&["lease", "revoke", "-sync", "-prefix", prefix]);
        host.cloud.wait_until_gone(key);
    });
}

#[test]
fn requests_without_sense_are_never_the_servers_fault() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let role = static_role(host);
        let written = host
            .http
            .request("POST", "team/static-role/app", Some(&role));
        assert_eq!(written.0, 204, "{}", written.1);
        let mut chance = Chance(0x5eed);
        for _ in 0..NONSENSE {
            let method = *chance.one_of(&["GET", "POST", "PUT", "DELETE", "LIST"]);
            let path = format!("/v1/team/{}", path(&mut chance));
            let body = body(&mut chance);
            let (status, answer) = host.http.raw(method, &path, Some(&body));
            assert!(status < 500, "{method} {path} {body}: {status} {answer}");
        }
        // What makes sense is still answered.
        set_up(host);
        let (status, answer) = host.http.request("GET", "team/creds/single", None);
        assert_eq!(status, 200, "{answer}");
    });
}

#[test]
fn no_log_and_no_error_shows_a_secret() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let mut secrets = vec![host.cloud.admin_secret.clone()];
        let mut answers = String::new();
        for role in ["crowd", "single"] {
            let (_, answer) = host
                .http
                .request("GET", &format!("team/creds/{role}"), None);
            secrets.push(answer["data"]["secret"].as_str().unwrap().to_owned());
            let lease = answer["lease_id"].as_str().unwrap();
            let key = answer["data"]["key_id"].as_str().unwrap();
            let key = format!("team/keys/{key}");
            let body = json!({"lease_id": lease, "sync": true});
            host.http.request("POST", "sys/leases/lookup", Some(&body));
            for (method, path) in [
                ("GET", "team/config"),
                ("GET", &key),
                ("GET", "team/role/crowd"),
                ("LIST", "team/role"),
                ("POST", "sys/leases/lookup"),
                ("POST", "sys/leases/renew"),
                ("POST", "sys/leases/revoke"),
                ("POST", "sys/leases/renew"),
                ("GET", "team/creds/nobody"),
                ("GET", "team/config/check"),
                ("LIST", "team/keys"),
                ("LIST", "team/role/crowd/keys"),
                ("POST", "team/reconcile"),
                ("GET", "team/status"),
                ("GET", "team/info"),
            ] {
                let body = (method == "POST").then_some(&body);
                let (_, answer) = host.http.request(method, path, body);
                answers.push_str(&answer.to_string());
            }
        }
        answers.push_str(&static_roles_tell(host, &mut secrets));
        // A wrong secret must not come back in its refusal either.
        let wrong = "wrong-secret-canary-0123456789-0123456789-0123456789-0123456789ab";
        let body = json!({
            "ccloud_api_key_id": host.cloud.admin_key,
            "ccloud_api_key_secret": wrong,
            "url": host.cloud.address,
        });
        let (status, answer) = host.http.request("POST", "team/config", Some(&body));
        assert_eq!(status, 400, "{answer}");
        answers.push_str(&answer.to_string());
        secrets.push(wrong.to_owned());
        let log = host.log();
        assert!(!log.is_empty(), "the log is at its most talkative");
        for secret in &secrets {
            assert!(
                !answers.contains(secret.as_str()),
                "an answer shows a secret"
            );
            assert!(!log.contains(secret.as_str()), "the log shows a secret");
        }
    });
}

/// A static role that is rotated by hand and whose keys nobody tries.
fn static_role(host: &Host) -> Value {
    json!({
        "owner": host.cloud.owner(), "resource": host.cloud.cluster().0, "rotation": "manual",
        "readiness": "none",
    })
}

/// What a static role answers that shows no secret, through a rotation and an import
/// that is refused. Those that it showed elsewhere are added.
fn static_roles_tell(host: &Host, secrets: &mut Vec<String>) -> String {
    let mut answers = String::new();
    let mut ask = |method: &str, path: &str, body: Value| {
        let path = format!("team/{path}");
        let body = (!body.is_null()).then_some(&body);
        let (status, answer) = host.http.request(method, &path, body);
        answers.push_str(&answer.to_string());
        (status, answer)
    };
    let role = |more: Value| {
        let mut role = static_role(host);
        let more = more.as_object().cloned().unwrap();
        role.as_object_mut().unwrap().extend(more);
        role
    };
    let (status, answer) = ask("POST", "static-role/told", role(json!({})));
    assert_eq!(status, 204, "{answer}");
    ask("POST", "static-role/told/stage", json!({}));
    for (path, place) in [
        ("static-creds/told", "/data/secret"),
        ("static-creds/told/pending", "/data/secret"),
        ("data/told", "/data/data/secret"),
    ] {
        let (_, answer) = host.http.request("GET", &format!("team/{path}"), None);
        let secret = answer.pointer(place).and_then(Value::as_str).unwrap();
        secrets.push(secret.to_owned());
    }
    ask("POST", "static-role/told/commit", json!({}));
    let (_, answer) = host
        .http
        .request("GET", "team/static-creds/told/previous", None);
    secrets.push(answer["data"]["secret"].as_str().unwrap().to_owned());
    let wrong = "cfltcanary-of-an-import-0123456789-0123456789-0123456789-01234567";
    let import = json!({ "import_key_id": "K7Q2M4ZB6RXN3TWD", "import_key_secret": wrong });
    let (status, answer) = ask("POST", "static-role/imported", role(import));
    assert_eq!(status, 400, "{answer}");
    secrets.push(wrong.to_owned());
    for (method, path) in [
        ("POST", "rotate-role/told"),
        ("POST", "static-role/told/rollback"),
    ] {
        ask(method, path, json!({}));
    }
    for (method, path) in [
        ("GET", "static-role/told"),
        ("GET", "static-role/told/status"),
        ("LIST", "static-role"),
        ("GET", "metadata/told"),
        ("LIST", "metadata"),
        ("GET", "static-creds/nobody"),
        ("GET", "static-creds/nobody/pending"),
        ("GET", "data/nobody"),
        ("DELETE", "static-role/told"),
    ] {
        ask(method, path, Value::Null);
    }
    answers
}

/// Numbers that are the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        // Marsaglia's xorshift: enough to choose nonsense with.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % 1_000_003).unwrap() % below
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.next(choices.len())]
    }
}

fn path(chance: &mut Chance) -> String {
    let first = *chance.one_of(&[
        "config",
        "config/check",
        "role",
        "roles",
        "creds",
        "keys",
        "reconcile",
        "status",
        "info",
        "static-role",
        "static-creds",
        "rotate-role",
        "data",
        "metadata",
        "usage",
        "",
        "nothing",
    ]);
    let names = [
        "app",
        "single",
        "%2e%2e",
        "%C3%BC",
        "A.b-c_1",
        "x/y",
        "-",
        "%20",
        "app/keys",
        "app/stage",
        "app/commit",
        "app/rollback",
        "app/status",
        "app/pending",
        "app/previous",
    ];
    match chance.next(3) {
        0 => first.to_owned(),
        _ => format!("{first}/{}", chance.one_of(&names)),
    }
}

/// An object with the members that the paths know, and values that they do
/// not expect. Addresses stay on loopback.
fn body(chance: &mut Chance) -> Value {
    let members = [
        "owner",
        "owner_env",
        "resource",
        "resource_env",
        "ttl",
        "max_ttl",
        "key_description",
        "multi_use_key",
        "ccloud_api_key_id",
        "ccloud_api_key_secret",
        "verify",
        "ca_cert",
        "name",
        "sharing",
        "max_age",
        "max_active",
        "max_active_per_requester",
        "readiness",
        "readiness_delay",
        "readiness_timeout",
        "wait_ready",
        "not_ready",
        "spares",
        "spare_max_age",
        "output",
        "rotation",
        "rotation_period",
        "rotation_schedule",
        "rotation_timezone",
        "rotation_window",
        "grace",
        "refresh",
        "retire_when",
        "quiet",
        "max_overlap",
        "on_delete",
        "import_key_id",
        "import_key_secret",
        "adopt_role",
        "force",
        "wait",
        "version",
        "watermark",
        "keys",
        "source",
        "offsets",
        "\u{0}",
    ];
    let mut body = json!({});
    for _ in 0..chance.next(6) {
        let member = *chance.one_of(&members);
        body[member] = value(chance, 3);
    }
    if chance.next(4) == 0 {
        let addresses = [
            "nowhere",
            "ftp://127.0.0.1",
            "http://user@127.0.0.1:1",
            "http://[::1",
            "",
        ];
        body["url"] = (*chance.one_of(&addresses)).into();
    }
    body
}

fn value(chance: &mut Chance, depth: usize) -> Value {
    match chance.next(if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => true.into(),
        2 => json!(-1),
        3 => json!(1e300),
        4 => "x".repeat(chance.next(5000)).into(),
        5 => {
            let texts = [
                "sa-1", "lkc-1", "env-1", "1h", "-5s", "0x10", "\u{0}", "💥", "{{", "9e99h",
            ];
            (*chance.one_of(&texts)).into()
        }
        6 => (0..chance.next(4))
            .map(|_| value(chance, depth - 1))
            .collect(),
        _ => {
            let mut object = json!({});
            object["a"] = value(chance, depth - 1);
            object
        }
    }
}
