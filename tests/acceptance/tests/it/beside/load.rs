//! The target files of a load test, as its authors write them for Slapper, sent at
//! their rates to our server on disk.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Http;

use crate::on_disk::OnDisk;

/// How long a load lasts.
const DURATION: Duration = Duration::from_secs(4);
const WORKERS: usize = 16;

/// A line `METHOD URL`, and the line `$ BODY` that may follow it.
struct Target {
    method: String,
    path: String,
    body: Option<Value>,
}

fn targets(file: &str) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for line in file.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(body) = line.strip_prefix("$ ") {
            let target = targets.last_mut().unwrap();
            target.body = Some(serde_json::from_str(body).unwrap());
        } else {
            let (method, url) = line.split_once(' ').unwrap();
            let (_, path) = url.split_once("/v1/").unwrap();
            targets.push(Target {
                method: method.to_owned(),
                path: path.to_owned(),
                body: None,
            });
        }
    }
    targets
}

/// Sends the targets in turn, `rate` a second, whether or not the answers keep up.
/// What was answered otherwise than `expected` allows.
fn slap(client: &Http, file: &str, rate: usize, expected: fn(&Target, u16) -> bool) -> Vec<String> {
    let targets = targets(file);
    let count = rate * usize::try_from(DURATION.as_secs()).unwrap();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let due = begin
                        + Duration::from_secs(1) * u32::try_from(number).unwrap()
                            / u32::try_from(rate).unwrap();
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let target = &targets[number % targets.len()];
                    let (status, answer) =
                        client.request(&target.method, &target.path, target.body.as_ref());
                    if !expected(target, status) {
                        let failure =
                            format!("{} {}: {status} {answer}", target.method, target.path);
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// A version that somebody else has just deleted is a 404; nothing else may fail.
fn as_documented(target: &Target, status: u16) -> bool {
    status < 300 || (status == 404 && target.method == "GET")
}

/// Those of the document, each with a KV store.
const ENVIRONMENTS: [&str; 5] = ["prod", "stag", "devel", "ci", "common"];

/// The stores, and the secret that the load tests read.
pub(super) fn stores(root: &Http) {
    for environment in ENVIRONMENTS {
        let body = json!({ "type": "kv", "options": { "version": "2" } });
        let path = format!("sys/mounts/v1/{environment}/kv");
        assert_eq!(root.request("POST", &path, Some(&body)).0, 204);
    }
    let values = json!({ "data": { "PROD_test_key_1": "PROD_test_value_1" } });
    let written = root.request("POST", "v1/prod/kv/data/timeless_test", Some(&values));
    assert_eq!(written.0, 200, "{}", written.1);
}

/// A role; its id and a secret id.
pub(super) fn approle(root: &Http) -> [String; 2] {
    let approle = json!({ "type": "approle" });
    let enabled = root.request("POST", "sys/auth/approle", Some(&approle));
    assert_eq!(enabled.0, 204);
    let role = "auth/approle/role/load";
    assert_eq!(root.request("POST", role, Some(&json!({}))).0, 204);
    let role_id = root.request("GET", &format!("{role}/role-id"), None).1;
    let secret_id = root.request("POST", &format!("{role}/secret-id"), None).1;
    [&role_id["data"]["role_id"], &secret_id["data"]["secret_id"]]
        .map(|value| value.as_str().unwrap().to_owned())
}

#[test]
fn the_targets_of_a_load_test_are_answered_at_their_rates_without_a_failure() {
    let server = OnDisk::start();
    let root = server.root.clone().with_header("X-Vault-Request", "true");
    stores(&root);

    let get_list = "GET https://vaultunstable/v1/v1/prod/kv/metadata?list=true\n\
                    GET https://vaultunstable/v1/v1/prod/kv/data/timeless_test\n";
    let failures = slap(&root, get_list, 300, |_, status| status == 200);
    assert!(failures.is_empty(), "{failures:?}");

    let [role_id, secret_id] = approle(&root);
    let login = json!({
        "role_id": role_id,
        "secret_id": secret_id,
    });
    let login = format!("POST https://vaultunstable/v1/auth/approle/login\n$ {login}\n");
    let failures = slap(&root, &login, 160, |_, status| status == 200);
    assert!(failures.is_empty(), "{failures:?}");

    let mut store = String::new();
    for method in ["POST", "GET", "DELETE"] {
        for environment in ENVIRONMENTS {
            let path = format!("v1/v1/{environment}/kv/data/timeless_test");
            let _ = writeln!(store, "{method} https://vaultunstable/{path}");
            if method == "POST" {
                let body = json!({ "data": { "key_1": environment } });
                let _ = writeln!(store, "$ {body}");
            }
        }
    }
    let failures = slap(&root, &store, 500, as_documented);
    assert!(failures.is_empty(), "{failures:?}");
}
