//! node-vault, the client of Node.js: every call of it that our server has a path for.

use testkit::{Reader, require_bao, require_reader};

use super::{compare, lines, with_both};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/readers/node_vault.cjs");

#[test]
fn node_vault_is_told_the_same_as_by_openbao() {
    let bao = require_bao!();
    let _there = require_reader!(Reader::NodeVault);
    let (ours, theirs) = with_both(&bao, |server| {
        let launch = Reader::NodeVault.find_or_leave_out().unwrap();
        let arguments = [&server.address(), &server.root_token, &server.unseal_key];
        lines(launch.args([SCRIPT]).args(arguments))
    });
    assert_eq!(ours.len(), 79);
    compare(&ours, &theirs, &[]);
}
