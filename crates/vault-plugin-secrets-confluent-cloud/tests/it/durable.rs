//! A server that keeps its data and crashes: leases are honoured afterwards, and
//! nothing is left behind.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::{BaoNode, bin, eventually, processes_of, require_bao};

use crate::cloud::Cloud;
use crate::mounted::{Creds, NAME, write_account, write_role};

#[test]
fn leases_outlive_a_server_that_was_killed() {
    let bao = require_bao!();
    let (mut node, cloud) = (BaoNode::start(&bao), Cloud::start());
    node.register_plugin(&bin(NAME), NAME);
    let cli = node.cli();
    cli.ok(&["secrets", "enable", "-path=confluent", NAME]);
    write_account(&cli, "confluent", &cloud);
    let role = |name: &str, more: &[&str]| {
        write_role(&cli, &format!("confluent/role/{name}"), &cloud, more);
    };
    role("app", &["ttl=10m"]);
    role("team", &["ttl=10m", "multi_use_key=true"]);
    role("brief", &["ttl=2s", "max_ttl=2s"]);
    let single = Creds::read(&cli, "confluent/creds/app");
    let shared = Creds::read(&cli, "confluent/creds/team");
    let brief = Creds::read(&cli, "confluent/creds/brief");

    node.crash();
    assert!(cloud.live().contains(&brief.key), "nobody could delete it");
    node.restart();
    // What ran out meanwhile goes, the rest goes on.
    cloud.wait_for_live(&[&single.key, &shared.key]);
    let again = Creds::read(&cli, "confluent/creds/team");
    assert_eq!((&again.key, &again.secret), (&shared.key, &shared.secret));
    cli.ok(&["lease", "renew", &single.lease]);
    cli.ok(&["lease", "revoke", "-sync", &single.lease]);
    cli.ok(&["lease", "revoke", "-sync", &shared.lease]);
    cloud.wait_for_live(&[&again.key]);
    cli.ok(&["lease", "revoke", "-sync", &again.lease]);
    cloud.wait_for_live(&[]);
    assert_eq!(processes_of(&node.plugin(NAME)).len(), 1);
    let log = node.log();
    assert!(
        !log.contains("the host's transactions do not work"),
        "{log}"
    );
}

/// A holder whose lease died with the server lapses a minute after its lease.
const SWEPT: Duration = Duration::from_mins(4);

#[test]
fn a_server_killed_three_times_under_load_leaves_no_key_without_a_lease_and_no_secret_on_its_disk()
{
    let bao = require_bao!();
    let (mut node, cloud) = (BaoNode::start(&bao), Cloud::start());
    node.register_plugin(&bin(NAME), NAME);
    let cli = node.cli();
    cli.ok(&["secrets", "enable", "-path=confluent", NAME]);
    write_account(&cli, "confluent", &cloud);
    for (name, more) in [
        ("app", &["ttl=1h"][..]),
        ("brief", &["ttl=10s", "max_ttl=10s"]),
        ("pool", &["ttl=10s", "max_ttl=10s", "multi_use_key=true"]),
    ] {
        write_role(&cli, &format!("confluent/role/{name}"), &cloud, more);
    }
    let kept = Creds::read(&cli, "confluent/creds/app");
    let secrets = Mutex::new(BTreeSet::from([cloud.admin().1, kept.secret.clone()]));
    for _ in 0..3 {
        let stop = AtomicBool::new(false);
        let http = node.http();
        let goal = secrets.lock().unwrap().len() + 40;
        thread::scope(|scope| {
            for reader in 0..6 {
                let (http, stop, secrets) = (&http, &stop, &secrets);
                let path = ["confluent/creds/brief", "confluent/creds/pool"][reader % 2];
                scope.spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        match http.try_request("GET", path, None) {
                            Ok((200, answer)) => {
                                let secret = Creds::of(&answer).secret;
                                secrets.lock().unwrap().insert(secret);
                            }
                            _ => thread::sleep(Duration::from_millis(100)),
                        }
                    }
                });
            }
            eventually("keys are read", Duration::from_mins(1), || {
                (secrets.lock().unwrap().len() >= goal).then_some(())
            });
            node.crash();
            stop.store(true, Ordering::SeqCst);
        });
        node.restart();
    }
    eventually("only the key with a lease is left", SWEPT, || {
        thread::sleep(Duration::from_secs(2));
        node.http().request("POST", "confluent/reconcile", None);
        let live = cloud.live();
        assert!(live.contains(&kept.key), "a key with a lease is gone");
        (live == [kept.key.as_str()]).then_some(())
    });
    node.cli().ok(&["lease", "renew", &kept.lease]);
    for (file, bytes) in node.files() {
        let text = String::from_utf8_lossy(&bytes);
        for secret in secrets.lock().unwrap().iter() {
            assert!(!text.contains(secret), "{} shows a secret", file.display());
        }
    }
}
