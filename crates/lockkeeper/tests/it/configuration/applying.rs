//! Plans, and what applying them does.

use serde_json::json;
use testkit::{Cli, bin, require_bao};

use super::{ALL_KINDS, FIRST_PASSWORD, Target, both, with_password};

#[test]
fn a_plan_after_an_apply_is_empty_for_every_kind() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        target.ends(2, &["plan", "-f", &file]);
        let applied = target.ends(0, &["apply", "-f", &file]);
        assert!(
            applied.stdout.ends_with("Done: 8 changes.\n"),
            "{applied:?}"
        );
        let again = target.ends(0, &["plan", "-f", &file]);
        assert!(
            again.stdout.starts_with("Nothing to do: 8 objects are"),
            "{again:?}"
        );
        let role = target.data("auth/machines/role/worker");
        assert_eq!(role["secret_id_num_uses"], json!(3));
        assert_eq!(role["token_ttl"], json!(1200));
    }
}

#[test]
fn no_secret_is_shown_or_kept_in_the_record() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        let mut said = String::new();
        let plan = target.ours.folder().join("x.plan");
        let out = format!("-out={}", plan.display());
        for arguments in [
            vec!["plan", "-f", &file, &out],
            vec!["plan", "-f", &file, "-format=json"],
            vec!["apply", plan.to_str().unwrap()],
            vec!["plan", "-f", &file, "-format=json"],
            vec!["drift", "-f", &file],
        ] {
            let output = target.ours.run(&arguments);
            said.push_str(&output.stdout);
            said.push_str(&output.stderr);
        }
        said.push_str(&std::fs::read_to_string(&plan).unwrap());
        said.push_str(&target.data("secret/data/lockkeeper/everything").to_string());
        assert!(said.contains("team/data/first"), "{said}");
        assert!(!said.contains(FIRST_PASSWORD), "{said}");
        let there = target.data("team/data/first");
        assert_eq!(there["data"]["password"], json!(FIRST_PASSWORD));
    }
}

#[test]
fn a_secret_that_was_rotated_stays_until_the_file_has_a_new_one() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        target.ends(0, &["apply", "-f", &file]);
        target.send(
            "PUT",
            "team/data/first",
            json!({"data": {"password": "rotated"}}),
        );
        let applied = target.ends(0, &["apply", "-f", &file]);
        assert!(applied.stdout.starts_with("Nothing to do"), "{applied:?}");
        assert_eq!(
            target.data("team/data/first")["data"]["password"],
            json!("rotated")
        );
        let target = Target {
            ours: target.ours.env("FIRST_PASSWORD", "the-new-password"),
            ..target
        };
        target.ends(0, &["apply", "-f", &file]);
        let now = &target.data("team/data/first")["data"]["password"];
        assert_eq!(*now, json!("the-new-password"));
    }
}

#[test]
fn what_somebody_else_has_changed_is_drift_and_is_set_back() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        target.ends(0, &["apply", "-f", &file]);
        target.ends(0, &["drift", "-f", &file]);
        target.send(
            "POST",
            "auth/machines/role/worker",
            json!({"token_ttl": "5m"}),
        );
        target.send(
            "POST",
            "sys/mounts/team/tune",
            json!({"description": "another"}),
        );
        target
            .http
            .request("DELETE", "sys/policies/acl/reader", None);
        let drift = target.ends(3, &["drift", "-f", &file]);
        for line in [
            "!~ role auth/machines/role/worker   (changed by somebody else)",
            "   !  token_ttl: 300 → \"20m\"",
            "   !  description: \"another\" → \"of the team\"",
            "!+ policy sys/policies/acl/reader   (deleted by somebody else)",
            "Changed by somebody else: 3.",
        ] {
            assert!(drift.stdout.contains(line), "{line}\n{}", drift.stdout);
        }
        target.ends(0, &["apply", "-f", &file]);
        target.ends(0, &["drift", "-f", &file]);
        assert_eq!(
            target.data("auth/machines/role/worker")["token_ttl"],
            json!(1200)
        );
    }
}

#[test]
fn a_plan_in_a_file_is_refused_when_the_server_has_changed() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        target.ends(0, &["apply", "-f", &file]);
        let role = ALL_KINDS.replace("token_ttl: 20m", "token_ttl: 21m");
        let file = target.file("all.yaml", &role);
        let plan = target.ours.folder().join("change.plan");
        let plan = plan.to_str().unwrap();
        target.ends(2, &["plan", "-f", &file, &format!("-out={plan}")]);
        target.send(
            "POST",
            "auth/machines/role/worker",
            json!({"token_ttl": "5m"}),
        );
        let refused = target.ends(1, &["apply", plan]);
        assert!(
            refused
                .stderr
                .contains("have changed since this plan was made"),
            "{refused:?}"
        );
        target.ends(2, &["plan", "-f", &file, &format!("-out={plan}")]);
        target.ends(0, &["apply", plan]);
        assert_eq!(
            target.data("auth/machines/role/worker")["token_ttl"],
            json!(1260)
        );
    }
}

#[test]
fn a_failure_stops_what_depends_on_it_and_the_rest_goes_on() {
    let bao = require_bao!();
    for target in both(&bao) {
        let file = target.file(
            "half.yaml",
            r#"
version: 1
owner: half
policies:
  - {name: good, rules: 'path "x" { capabilities = ["read"] }'}
secrets:
  - {path: broken, type: no-such-engine, configuration: {config: [{x: 1}]}}
"#,
        );
        let stopped = target.ends(4, &["apply", "-f", &file]);
        for part in [
            "created sys/policies/acl/good",
            "failed sys/mounts/broken: PUT /v1/sys/mounts/broken was answered with 400",
            "not begun broken/config: it depends on sys/mounts/broken",
            "1 done, 1 failed, 1 not begun",
        ] {
            assert!(stopped.stderr.contains(part), "{part}: {stopped:?}");
        }
        let fixed = target.file("half.yaml", "version: 1\nowner: half\npolicies:\n  - {name: good, rules: 'path \"x\" { capabilities = [\"read\"] }'}\n");
        target.ends(0, &["apply", "-f", &fixed, "-prune"]);
    }
}

#[test]
fn a_run_that_was_killed_is_continued_by_the_next_one() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        let mut is_cut_off = false;
        for pause in [60, 110, 160, 220, 300, 400] {
            let mut run = std::process::Command::new(bin("lockkeeper"))
                .args(["apply", "-f", &file, "-parallel=1"])
                .env("VAULT_ADDR", &target.address)
                .env("VAULT_TOKEN", "root")
                .env("FIRST_PASSWORD", FIRST_PASSWORD)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(std::time::Duration::from_millis(pause));
            let _ = run.kill();
            is_cut_off |= !run.wait().unwrap().success();
            target.ours.run(&["unlock", "-force", "-owner=everything"]);
        }
        assert!(is_cut_off);
        target.ends(0, &["apply", "-f", &file]);
        target.ends(0, &["plan", "-f", &file]);
        let there = target.data("team/data/first");
        assert_eq!(there["data"]["password"], json!(FIRST_PASSWORD));
    }
}

#[test]
fn a_token_without_rights_on_half_the_paths_changes_nothing() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let rules = "path \"sys/mounts\" { capabilities = [\"read\"] }\n\
                     path \"sys/auth\" { capabilities = [\"read\", \"sudo\"] }\n\
                     path \"secret/*\" { capabilities = [\"create\", \"read\", \"update\", \"list\"] }";
        target.send("PUT", "sys/policies/acl/half", json!({"policy": rules}));
        let (_, made) = target.http.request(
            "POST",
            "auth/token/create",
            Some(&json!({"policies": ["half"]})),
        );
        let token = made["auth"]["client_token"].as_str().unwrap();
        let file = target.file("all.yaml", ALL_KINDS);
        let limited =
            Cli::new(bin("lockkeeper"), &target.address, token).env("FIRST_PASSWORD", "x");
        let refused = limited.run(&["apply", "-f", &file]);
        assert_eq!(refused.status, 1, "{refused:?}");
        for part in [
            "all.yaml:5: GET /v1/sys/policies/acl/reader was answered with 403",
            "GET /v1/auth/machines/role/worker was answered with 403",
        ] {
            assert!(refused.stderr.contains(part), "{part}: {refused:?}");
        }
        assert_eq!(target.http.request("GET", "sys/mounts/team", None).0, 400);
    }
}
