//! The program as a person meets it who starts it by hand.

use testkit::{Cli, bin};

use crate::mounted::NAME;

fn program() -> Cli {
    Cli::new(bin(NAME), "", "")
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

#[test]
fn asked_for_help_it_tells_what_it_is_and_takes() {
    for flag in ["-h", "-help", "--help"] {
        let help = program().ok(&[flag]);
        for part in ["plugin register", "-tls-skip-verify", "-version"] {
            assert!(help.contains(part), "{flag}: {help}");
        }
    }
}
