//! A server that keeps its data and crashes: leases are honoured afterwards.

use testkit::{BaoNode, bin, processes_of, require_bao};

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
}
