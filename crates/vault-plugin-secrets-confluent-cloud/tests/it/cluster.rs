//! A cluster of three: a standby forwards, and the death of the leader under
//! load leaves no key behind.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use testkit::{Bao, BaoCluster, BaoNode, Http, bin, eventually, require_bao};

use crate::cloud::Cloud;
use crate::mounted::{Creds, NAME, write_account, write_role};

/// A holder whose lease died with the leader lapses a minute after its lease,
/// and the host licenses the sweep every minute.
const SWEPT: Duration = Duration::from_mins(4);

/// A cluster with the engine at `confluent/`, its account, and roles.
fn start(bao: &Bao) -> (BaoCluster, Cloud) {
    let (cluster, cloud) = (BaoCluster::start(bao, 3), Cloud::start());
    for node in cluster.nodes() {
        node.register_plugin(&bin(NAME), NAME);
    }
    let cli = leader(&cluster).cli();
    cli.ok(&["secrets", "enable", "-path=confluent", NAME]);
    write_account(&cli, "confluent", &cloud);
    let role = |name: &str, more: &[&str]| {
        write_role(&cli, &format!("confluent/role/{name}"), &cloud, more);
    };
    role("app", &["ttl=1h"]);
    role("team", &["ttl=1h", "multi_use_key=true"]);
    role("brief", &["ttl=10s", "max_ttl=10s"]);
    role("pool", &["ttl=10s", "max_ttl=10s", "multi_use_key=true"]);
    // On a busy machine the active node may have changed meanwhile.
    cluster.wait_until_led();
    (cluster, cloud)
}

fn leader(cluster: &BaoCluster) -> &BaoNode {
    &cluster.nodes()[cluster.leader()]
}

#[test]
fn a_read_at_a_standby_is_forwarded_and_makes_exactly_one_key() {
    let bao = require_bao!();
    let (cluster, cloud) = start(&bao);
    let standby = &cluster.nodes()[cluster.standby()];
    let cli = standby.cli();
    let single = Creds::read(&cli, "confluent/creds/app");
    assert_eq!(cloud.live(), [single.key.as_str()]);

    // First readers of a shared key, at all nodes at once.
    let shared = thread::scope(|scope| {
        let readers: Vec<_> = (0..9)
            .map(|reader| {
                let node = &cluster.nodes()[reader % 3];
                scope.spawn(|| Creds::read(&node.cli(), "confluent/creds/team"))
            })
            .collect();
        let creds = readers.into_iter().map(|reader| reader.join().unwrap());
        creds.collect::<Vec<_>>()
    });
    assert!(shared.iter().all(|creds| creds.key == shared[0].key));
    assert_eq!(cloud.made().len(), 2);

    cli.ok(&["lease", "renew", &single.lease]);
    cli.ok(&["lease", "revoke", "-sync", &single.lease]);
    cloud.wait_for_live(&[&shared[0].key]);
    // What a standby may answer by itself, it does.
    let role = cli.json(&["read", "confluent/role/app"]);
    assert_eq!(role["data"]["ttl"], 3600);
}

#[test]
fn the_death_of_the_leader_under_load_leaves_no_key_without_a_lease() {
    let bao = require_bao!();
    let (mut cluster, cloud) = start(&bao);
    let first = cluster.leader();
    let mut kept: BTreeSet<Creds> = cluster.nodes().iter().map(keep).collect();
    let at: Vec<Http> = cluster.nodes().iter().map(BaoNode::http).collect();
    let (read, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let load = |reader: usize| {
        let (http, role) = (&at[reader % 3], ["brief", "pool"][reader / 3 % 2]);
        while !stop.load(Ordering::SeqCst) {
            match http.try_request("GET", &format!("confluent/creds/{role}"), None) {
                Ok((200, _)) => _ = read.fetch_add(1, Ordering::SeqCst),
                // While there is no leader, or at the node that died.
                _ => thread::sleep(Duration::from_millis(100)),
            }
        }
    };
    let wait_for_load = |more: usize| {
        let goal = read.load(Ordering::SeqCst) + more;
        eventually("keys are read", Duration::from_mins(1), || {
            (read.load(Ordering::SeqCst) >= goal).then_some(())
        });
    };
    let second = thread::scope(|scope| {
        for reader in 0..18 {
            let load = &load;
            scope.spawn(move || load(reader));
        }
        wait_for_load(200);
        cluster.crash(first);
        let second = cluster.leader();
        wait_for_load(200);
        stop.store(true, Ordering::SeqCst);
        second
    });
    assert_ne!(first, second);
    let node = &cluster.nodes()[second];
    kept.insert(keep(node));

    let keys: BTreeSet<&str> = kept.iter().map(|creds| creds.key.as_str()).collect();
    eventually("only keys with a lease are left", SWEPT, || {
        let live = cloud.live();
        let live: BTreeSet<&str> = live.iter().map(String::as_str).collect();
        assert!(live.is_superset(&keys), "a key with a lease is gone");
        (live == keys).then_some(())
    });
    for creds in &kept {
        node.cli().ok(&["lease", "renew", &creds.lease]);
    }
}

/// Credentials that stay.
fn keep(node: &BaoNode) -> Creds {
    Creds::read(&node.cli(), "confluent/creds/app")
}
