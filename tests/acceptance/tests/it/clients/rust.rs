//! Clients in Rust: the calls of vaultrs, and the tests that `hashicorp_vault` brings
//! along.

use std::time::Duration;

use serde_json::json;
use testkit::{RustClients, eventually, require_bao, require_rust_clients};

use super::{Server, compare, lines, with_both};

/// What vaultrs makes of the answers of OpenBao that it does not make of ours.
const DIFFER: [(&str, &str); 4] = [
    (
        "sys::policy::set of a wrong one",
        "each server words errors of policies for itself",
    ),
    (
        "sys::health",
        "OpenBao sends no `performance_standby`, without which vaultrs reads nothing",
    ),
    (
        "client.status",
        "it is made of the health, which vaultrs cannot read there",
    ),
    (
        "sys::unseal",
        "it has the name and the version of the server",
    ),
];

#[test]
fn vaultrs_is_told_the_same_as_by_openbao() {
    let bao = require_bao!();
    let clients = require_rust_clients!();
    let (ours, theirs) = with_both(&bao, |server| {
        let launch = clients.program("clients");
        lines(launch.args([&server.address(), &server.root_token, &server.unseal_key]))
    });
    assert_eq!(ours.len(), 100);
    compare(&ours, &theirs, &DIFFER);
}

/// The root token and the mount that the tests of the crate expect.
const ITS_TOKEN: &str = "test12345";
/// Tests that need what we do not have.
const LEFT_OUT: [(&str, &str); 1] = [(
    "tests::it_can_encrypt_decrypt_transit",
    "there is no engine `transit`",
)];

#[test]
fn the_tests_of_hashicorp_vault_pass_but_for_those_that_are_left_out_with_a_reason() {
    let clients = require_rust_clients!();
    let failed = failures(&clients, &Server::ours());
    let left_out: Vec<&str> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    assert_eq!(failed, left_out);
}

/// Runs the tests; the names of those that failed.
fn failures(clients: &RustClients, server: &Server) -> Vec<String> {
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    server.must("POST", "sys/mounts/secret", &kv);
    let token = json!({ "id": ITS_TOKEN, "policies": ["root"] });
    server.must("POST", "auth/token/create", &token);
    // One of the tests counts tokens that it did not make.
    for _ in 0..3 {
        server.must("POST", "auth/token/create", &json!({}));
    }
    // The address of a server is a constant of the tests, and the library goes where
    // the environment sends it.
    let launch = clients.program("hashicorp_vault-tests");
    let mut program = launch.env("http_proxy", server.address()).start();
    eventually("its tests are done", Duration::from_mins(1), || {
        program.ended()
    });
    let printed = program.stdout();
    assert!(printed.contains("running 16 tests"), "{printed}");
    let failed = printed.lines().filter_map(|line| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.to_owned())
    });
    let failed: Vec<String> = failed.collect();
    let passed = printed.lines().filter(|line| line.ends_with(" ... ok"));
    assert_eq!(passed.count() + failed.len(), 16, "{printed}");
    failed
}
