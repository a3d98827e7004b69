//! Servers that keep their data: what was written is there after a crash, and
//! in a cluster after the crash of another.

use testkit::{BaoCluster, BaoNode, require_bao};

#[test]
fn what_was_written_outlives_the_crash_of_a_node() {
    let bao = require_bao!();
    let mut node = BaoNode::start(&bao);
    let cli = node.cli();
    cli.ok(&["secrets", "enable", "-version=1", "-path=notes", "kv"]);
    cli.ok(&["write", "notes/a", "b=c"]);
    node.crash();
    assert_eq!(node.http().health(), None);
    node.restart();
    assert_eq!(cli.ok(&["read", "-field=b", "notes/a"]).trim_end(), "c");
}

#[test]
fn a_cluster_has_another_leader_after_the_crash_of_the_first() {
    let bao = require_bao!();
    let mut cluster = BaoCluster::start(&bao, 3);
    let first = cluster.leader();
    let cli = cluster.nodes()[first].cli();
    cli.ok(&["secrets", "enable", "-version=1", "-path=notes", "kv"]);
    cli.ok(&["write", "notes/a", "b=c"]);
    cluster.crash(first);
    let second = cluster.leader();
    assert_ne!(first, second);
    let cli = cluster.nodes()[second].cli();
    assert_eq!(cli.ok(&["read", "-field=b", "notes/a"]).trim_end(), "c");
}
