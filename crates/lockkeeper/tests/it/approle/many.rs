//! `approle rotate -from`: many roles at once, and what is seen of them.

use std::fs;
use std::time::Duration;

use serde_json::json;
use testkit::{Launch, bin, eventually, require_bao};

use super::at_both;

#[test]
fn four_roles_are_rotated_at_once_and_what_each_still_waits_for_is_told() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let roles: Vec<String> = (0..5).map(|number| format!("role-{number}")).collect();
        let old: Vec<String> = roles.iter().map(|role| rotations.role(role)).collect();
        let list = roles.iter().map(|role| {
            let file = format!("file:{}", rotations.file(role).display());
            json!({ "role": role, "deliver": [file], "consumers": 1, "quiet_seconds": 1 })
        });
        let file = rotations.file("list.json");
        let list: Vec<_> = list.collect();
        fs::write(&file, json!(list).to_string()).unwrap();
        let mut program = Launch::new(bin("lockkeeper"))
            .env("VAULT_ADDR", rotations.http.address())
            .env("VAULT_TOKEN", "root")
            .env("XDG_STATE_HOME", rotations.file("state"))
            .args(["approle", "rotate"])
            .args([format!("-from={}", file.display())])
            .start();
        let waits = |role: &str| {
            format!("{role}: waiting: 0 of 1 tokens of the new secret id, none of an old one")
        };
        let waiting = |said: &str| {
            let of = |role: &&String| said.lines().any(|line| line == waits(role));
            roles.iter().filter(of).cloned().collect::<Vec<_>>()
        };
        let four = eventually("four roles wait", Duration::from_mins(1), || {
            let waiting = waiting(&program.stderr());
            (waiting.len() == 4).then_some(waiting)
        });
        let fifth = roles.iter().position(|role| !four.contains(role)).unwrap();
        assert_eq!(rotations.held(&roles[fifth]), old[fifth]);
        for role in &four {
            assert_eq!(rotations.log_in(role, &rotations.held(role)).0, 200);
        }
        program.wait_for_line(&waits(&roles[fifth]));
        let held = rotations.held(&roles[fifth]);
        assert_eq!(rotations.log_in(&roles[fifth], &held).0, 200);
        program.wait_for_line("Success! Rotated the secret ids of 5 roles");
        let said = program.stderr();
        for (role, old) in roles.iter().zip(&old) {
            rotations.check_rotated(role, old);
            // Once, and not at each look.
            assert_eq!(said.matches(&waits(role)).count(), 1, "{said}");
            assert!(
                said.contains(&format!("{role}: rotated, its accessor is ")),
                "{said}"
            );
            assert!(!said.contains(old.as_str()), "{said}");
        }
        assert!(!said.contains(&held) && !said.contains('\x1b'), "{said}");
    });
}
