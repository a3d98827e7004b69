//! The program as a person meets it who starts it by hand. How it serves is
//! tried in the acceptance tests.

use testkit::{Cli, bin};

fn program() -> Cli {
    Cli::new(bin("vault-plugin-secrets-confluent-cloud"), "", "")
}

#[test]
fn started_by_hand_it_says_how_to_register_it() {
    let said = program().run(&[]);
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("plugin register"), "{}", said.stderr);
    assert!(said.stdout.is_empty());
}

#[test]
fn it_tells_its_version_and_takes_the_flags_of_go_plugins() {
    let said = program().ok(&["-ca-cert", "/nowhere", "-tls-skip-verify", "--version"]);
    let expected = concat!(
        "vault-plugin-secrets-confluent-cloud ",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(said.trim_end(), expected);
}
