//! The guide shows what is compiled and tested, and nothing else.

use testkit::{BaoServer, require_bao};

use crate::example;

const GUIDE: &str = include_str!("../../../../docs/write-a-vault-plugin.md");
const EXAMPLE: &str = include_str!("../../examples/key_value.rs");

#[test]
fn every_snippet_of_rust_in_the_guide_is_in_the_example() {
    let snippets: Vec<&str> = GUIDE
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(snippets.len() >= 4, "{snippets:?}");
    for snippet in snippets {
        assert!(EXAMPLE.contains(snippet), "not in the example:\n{snippet}");
    }
}

#[test]
fn the_example_is_as_short_as_the_guide_says() {
    assert!(EXAMPLE.lines().count() < 100);
}

/// Commands after `$ bao`, each with what it prints.
fn session() -> Vec<(&'static str, &'static str)> {
    let session = GUIDE.split("```console\n").nth(1).unwrap();
    let session = session.split("```").next().unwrap();
    let commands = session.split("$ ").skip(1);
    commands
        .map(|command| command.split_once('\n').unwrap_or((command, "")))
        .filter_map(|(command, prints)| Some((command.strip_prefix("bao ")?, prints)))
        .collect()
}

#[test]
fn what_the_guide_types_prints_what_it_shows() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    server.register_plugin(&example(), "key_value");
    let cli = server.cli();
    let session = session();
    assert!(session.len() >= 7, "{session:?}");
    for (command, prints) in session {
        let arguments: Vec<&str> = command.split(' ').collect();
        let printed = cli.ok(&arguments);
        assert_eq!(printed.trim_end(), prints.trim_end(), "bao {command}");
    }
}
