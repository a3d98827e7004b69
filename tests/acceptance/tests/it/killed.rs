//! Our server killed under load: leases are honoured afterwards, and nothing is
//! left behind. As far as its storage can tell, a server whose runtime ends is
//! one that was killed: every task stops where it waits, and memory is gone.
//! OpenBao is killed in the tests of the plugin.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use store::MemoryStorage;
use testkit::eventually;

use crate::cloud::Cloud;
use crate::in_process::Server;

/// A holder whose lease was lost lapses a minute after its time.
const SWEPT: Duration = Duration::from_mins(4);

/// Reads keys from several threads until so many came, then kills the server while
/// they go on.
fn kill_under_load(server: Server, secrets: &Mutex<BTreeSet<String>>) {
    let enough = secrets.lock().unwrap().len() + 40;
    let stop = AtomicBool::new(false);
    let http = server.http.clone();
    thread::scope(|scope| {
        for reader in 0..6 {
            let (http, stop) = (&http, &stop);
            let path = ["team/creds/brief", "team/creds/pool"][reader % 2];
            scope.spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    if let Ok((200, answer)) = http.try_request("GET", path, None) {
                        secrets.lock().unwrap().insert(secret_of(&answer));
                    } else {
                        thread::sleep(Duration::from_millis(50));
                    }
                }
            });
        }
        eventually("keys are read", Duration::from_mins(1), || {
            (secrets.lock().unwrap().len() >= enough).then_some(())
        });
        server.kill();
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn our_server_killed_three_times_under_load_leaves_no_key_without_a_lease() {
    let (cloud, _simulator) = Cloud::start(&[]);
    let storage = Arc::new(MemoryStorage::new());
    let mut server = Server::start(&storage);
    server.write("team/config", &cloud.account());
    for (name, ttl, shared) in [
        ("app", "1h", false),
        ("brief", "10s", false),
        ("pool", "10s", true),
    ] {
        let role = json!({
            "owner": cloud.owner(), "resource": cloud.cluster().0,
            "ttl": ttl, "max_ttl": ttl, "multi_use_key": shared,
        });
        server.write(&format!("team/role/{name}"), &role);
    }
    let (_, kept) = server.http.request("GET", "team/creds/app", None);
    let kept_key = kept["data"]["key_id"].as_str().unwrap();
    let secrets = Mutex::new(BTreeSet::from([secret_of(&kept)]));
    for _ in 0..3 {
        kill_under_load(server, &secrets);
        assert!(cloud.live().len() > 1, "nothing was left to clean up");
        server = Server::start(&storage);
    }
    eventually("only the key with a lease is left", SWEPT, || {
        thread::sleep(Duration::from_secs(1));
        server.http.request("POST", "team/reconcile", None);
        let live = cloud.live();
        let kept_lives = live.iter().any(|key| key["id"] == kept_key);
        assert!(kept_lives, "a key with a lease is gone");
        (live.len() == 1).then_some(())
    });
    let renewal = json!({ "lease_id": kept["lease_id"] });
    server.write("sys/leases/renew", &renewal);
    server.write(
        "sys/leases/revoke",
        &json!({ "lease_id": kept["lease_id"], "sync": true }),
    );
    cloud.wait_until_gone(kept_key);
}

fn secret_of(answer: &Value) -> String {
    answer["data"]["secret"].as_str().unwrap().to_owned()
}
