//! The project of document 002: what its program makes, and what our example makes.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::require_bao;

use super::{Target, both};

/// The project of document 002, as its program creates it.
const PROJECT: &str = "timelessExampleProject";

fn example() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("examples/document-002/lockkeeper.yaml");
    file.to_str().unwrap().to_owned()
}

/// The mounts of document 002 and the method that its program expects.
fn prepare(target: &Target) {
    for environment in ["prod", "stag", "devel", "ci", "common"] {
        let path = format!("sys/mounts/v1/{environment}/kv");
        target.send(
            "POST",
            &path,
            json!({"type": "kv", "options": {"version": "2"}}),
        );
    }
    target.send("POST", "sys/auth/approle", json!({"type": "approle"}));
}

/// What the document's program sends, one request after another.
fn send_as_the_program(target: &Target, is_production: bool) {
    for environment in ["devel", "stag", "prod", "integ"] {
        let is_integration = environment == "integ";
        if is_integration && is_production {
            continue;
        }
        let path = format!("v1/{environment}/kv/data/{PROJECT}/configs");
        if !is_integration {
            let keys = json!({"data": {"key_sets": [], "active_kid": -1}, "options": {"cas": 0}});
            target.send("PUT", &path, keys);
        }
        for (kind, capabilities) in [("ro", r#"["read"]"#), ("rw", r#"["read", "update"]"#)] {
            let policy = format!("{PROJECT}-{environment}-{kind}");
            let rules = format!("path \"{path}\" {{ capabilities = {capabilities} }} ");
            target.send(
                "PUT",
                &format!("sys/policies/acl/{policy}"),
                json!({"policy": rules}),
            );
            let role = format!("auth/approle/role/{policy}-role");
            target.send("POST", &role, json!({"policies": policy}));
        }
        if is_integration {
            let path = format!("v1/ci/kv/data/{PROJECT}/vault-integ-test/*");
            let capabilities = r#"["create", "read", "update", "delete"]"#;
            let rules = format!("path \"{path}\" {{ capabilities = {capabilities} }} ");
            let policy = "sys/policies/acl/integ-auth-service-read-write";
            target.send("PUT", policy, json!({"policy": rules}));
        }
    }
}

/// The paths of the document's objects, in the server's lower case.
fn paths_of_the_document(is_production: bool) -> Vec<String> {
    let mut paths = Vec::new();
    let folded = PROJECT.to_lowercase();
    for environment in ["devel", "stag", "prod", "integ"] {
        let is_integration = environment == "integ";
        if is_integration && is_production {
            continue;
        }
        for kind in ["ro", "rw"] {
            paths.push(format!("sys/policies/acl/{folded}-{environment}-{kind}"));
            paths.push(format!(
                "auth/approle/role/{folded}-{environment}-{kind}-role"
            ));
        }
        if is_integration {
            paths.push("sys/policies/acl/integ-auth-service-read-write".to_owned());
        } else {
            paths.push(format!("v1/{environment}/kv/data/{PROJECT}/configs"));
        }
    }
    paths
}

fn same_policy(value: &mut Value) {
    if let Some(Value::String(text)) = value.get_mut("policy") {
        *text = text.trim_end().to_owned();
    }
}

#[test]
fn the_example_of_document_002_makes_what_its_program_makes() {
    let bao = require_bao!();
    for (is_production, count) in [(false, 20), (true, 15)] {
        for (by_program, by_apply) in both(&bao).into_iter().zip(both(&bao)) {
            prepare(&by_program);
            prepare(&by_apply);
            send_as_the_program(&by_program, is_production);
            let server = if is_production {
                "-server=prod"
            } else {
                "-server=nonprod"
            };
            let example = example();
            let plan = by_apply.ends(2, &["plan", "-f", &example, server]);
            let expected = format!("To create: {count}, to change: 0, to delete: 0.");
            assert!(plan.stdout.ends_with(&format!("{expected}\n")), "{plan:?}");
            by_apply.ends(0, &["apply", "-f", &example, server]);
            let again = by_apply.ends(0, &["plan", "-f", &example, server]);
            assert!(again.stdout.starts_with("Nothing to do"), "{again:?}");

            let paths = paths_of_the_document(is_production);
            assert_eq!(paths.len(), count);
            for path in paths {
                let (mut program, mut apply) = (by_program.data(&path), by_apply.data(&path));
                same_policy(&mut program);
                same_policy(&mut apply);
                assert!(!program.is_null(), "{path}");
                assert_eq!(program, apply, "{path}");
            }
        }
    }
}

#[test]
fn an_unknown_server_is_refused_so_that_tests_do_not_reach_production() {
    let target = Target::our_own();
    let refused = target.ends(1, &["apply", "-f", &example()]);
    assert!(
        refused.stderr.contains("is that of none of the `servers`"),
        "{refused:?}"
    );
}

#[test]
fn a_key_set_that_its_owner_has_changed_is_left_alone() {
    let bao = require_bao!();
    for target in both(&bao) {
        prepare(&target);
        let example = example();
        target.ends(0, &["apply", "-f", &example, "-server=nonprod"]);
        let path = format!("v1/prod/kv/data/{PROJECT}/configs");
        let changed = json!({"data": {"key_sets": [{"kid": 7}], "active_kid": 7}});
        target.send("PUT", &path, changed);
        let deleted = format!("v1/stag/kv/data/{PROJECT}/configs");
        target.http.request("DELETE", &deleted, None);
        target.ends(0, &["apply", "-f", &example, "-server=nonprod"]);
        let now = target.data(&path);
        assert_eq!(
            now["data"],
            json!({"key_sets": [{"kid": 7}], "active_kid": 7})
        );
        assert_eq!(now["metadata"]["version"], json!(2));
        assert_eq!(target.data(&deleted)["data"], Value::Null);
        target.ends(0, &["drift", "-f", &example, "-server=nonprod"]);
    }
}
