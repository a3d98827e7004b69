//! Files from a live server, commands of `vault`, and plans for programs.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::require_bao;

use super::{ALL_KINDS, FIRST_PASSWORD, Target, both, with_password};

#[test]
fn a_plan_over_an_import_is_empty() {
    let bao = require_bao!();
    for target in both(&bao).map(with_password) {
        let file = target.file("all.yaml", ALL_KINDS);
        target.ends(0, &["apply", "-f", &file]);
        let odd = "# a ${comment}\npath \"a\" {\n  capabilities = [\"read\"]\n}\n";
        target.send("PUT", "sys/policies/acl/odd", json!({"policy": odd}));
        let empty = target.file("empty.yaml", "version: 1\nowner: everything\n");
        // Leaves the objects on the server without an owner.
        let record = "secret/metadata/lockkeeper/everything";
        target.http.request("DELETE", record, None);
        target.ends(0, &["plan", "-f", &empty]);

        let out = target.ours.folder().join("imported.yaml");
        let out = out.to_str().unwrap();
        target.ends(0, &["import", "-owner=new", &format!("-out={out}")]);
        let text = std::fs::read_to_string(out).unwrap();
        for part in [
            "name: \"reader\"",
            "token_ttl: 1200",
            "description: \"of the team\"",
            "# a $${comment}",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let plan = target.ends(0, &["plan", "-f", out, "-adopt"]);
        assert!(plan.stdout.starts_with("Nothing to do"), "{plan:?}");
        let refused = target.ends(1, &["import", "-owner=new", &format!("-out={out}")]);
        assert!(
            refused.stderr.contains("imported.yaml`: File exists"),
            "{refused:?}"
        );
        let other = target.ours.folder().join("other.yaml");
        let other = other.to_str().unwrap();
        let arguments = [
            "import",
            "-owner=new",
            "-only=policies,approle",
            &format!("-out={other}"),
            "-adopt",
        ];
        target.ends(0, &arguments);
        target.ends(0, &["plan", "-f", other]);
        let record = target.data("secret/data/lockkeeper/new");
        assert!(
            record["data"]["objects"]["sys/policies/acl/odd"].is_object(),
            "{record}"
        );
    }
}

/// Objects that only `OpenBao` has.
const MORE_KINDS: &str = r#"
version: 1
owner: more
auth:
  - type: userpass
    path: people
    users:
      - {username: Alice, password: "${env "FIRST_PASSWORD"}", token_policies: [default], token_ttl: 15m}
  - type: jwt
    path: ci
    config: {jwt_validation_pubkeys: [KEY], bound_issuer: "https://ci.example", default_role: builds}
    roles:
      - {name: builds, role_type: jwt, user_claim: sub, bound_audiences: [vault], bound_claims: {team: payments}, token_policies: [default]}
  - type: cert
    roles: []
  - type: token
    roles:
      - {name: jobs, allowed_policies: [default], orphan: true, renewable: false}
groups:
  - {name: payments, type: external, policies: [default], metadata: {team: payments}}
group-aliases:
  - {name: payments-team, mountpath: ci, group: payments}
"#;

#[test]
fn whatever_a_file_can_have_is_imported_and_a_plan_over_it_is_empty() {
    let bao = require_bao!();
    for (number, target) in both(&bao).map(with_password).into_iter().enumerate() {
        let mut files = vec![target.file("all.yaml", ALL_KINDS)];
        let mut parts = vec![
            "max_versions: 5",
            "delete_version_after: ",
            "name: \"worker\"",
            "name: \"logins\"",
            "path: \"sys/policies/password/long\"",
        ];
        if number == 0 {
            let key = rcgen::KeyPair::generate().unwrap().public_key_pem();
            let more = MORE_KINDS.replace("KEY", &json!(key).to_string());
            files.push(target.file("more.yaml", &more));
            parts.extend([
                "username: \"alice\"",
                "bound_issuer: \"https://ci.example\"",
                "name: \"builds\"",
                "name: \"jobs\"",
                "name: \"payments-team\"",
                "mountpath: \"ci\"",
            ]);
        }
        for file in &files {
            target.ends(0, &["apply", "-f", file]);
        }
        let records = target
            .http
            .request("LIST", "secret/metadata/lockkeeper", None)
            .1;
        for record in records["data"]["keys"].as_array().unwrap() {
            let path = format!("secret/metadata/lockkeeper/{}", record.as_str().unwrap());
            target.http.request("DELETE", &path, None);
        }
        let out = target.ours.folder().join("imported.yaml");
        let out = out.to_str().unwrap();
        target.ends(0, &["import", "-owner=new", &format!("-out={out}")]);
        let text = std::fs::read_to_string(out).unwrap();
        for part in parts {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(
            !text.contains(FIRST_PASSWORD) && !text.contains("accessor"),
            "{text}"
        );
        let plan = target.ends(0, &["plan", "-f", out, "-adopt"]);
        assert!(plan.stdout.starts_with("Nothing to do"), "{plan:?}\n{text}");
        target.ends(0, &["apply", "-f", out, "-adopt"]);
        target.ends(0, &["drift", "-f", out]);

        let only = target
            .ends(0, &["import", "-owner=new", "-only=quotas,passwords"])
            .stdout;
        assert!(only.contains("quotas:") && only.contains("raw:"), "{only}");
        assert!(
            !only.contains("auth:") && !only.contains("policies:"),
            "{only}"
        );
    }
}

#[test]
fn the_commands_of_vault_for_a_plan_do_the_same_and_show_no_secret() {
    let bao = require_bao!();
    let target = with_password(Target::openbao(&bao));
    let file = target.file("all.yaml", ALL_KINDS);
    let printed = target
        .ends(0, &["apply", "-f", &file, "-vault-commands"])
        .stdout;
    assert!(!printed.contains(FIRST_PASSWORD), "{printed}");
    assert_eq!(
        target
            .http
            .request("GET", "sys/policies/acl/reader", None)
            .0,
        404
    );
    // The real command line takes them.
    let script = printed.replace("vault ", "\"$BAO\" ");
    let ran = std::process::Command::new("bash")
        .args(["-e", "-c", &script])
        .env("BAO", bao.path())
        .env("VAULT_ADDR", &target.address)
        .env("BAO_ADDR", &target.address)
        .env("BAO_TOKEN", "root")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}\n{script}");
    let plan = target.ends(0, &["plan", "-f", &file, "-adopt"]);
    assert!(plan.stdout.starts_with("Nothing to do"), "{plan:?}");
}

#[test]
fn a_policy_that_is_nowhere_and_a_mount_below_another_are_told() {
    let target = Target::our_own();
    target.send("POST", "sys/auth/approle", json!({"type": "approle"}));
    let role = "version: 1\nowner: x\nauth: [{type: approle, existing: true, roles: [{name: a, token_policies: nowhere}]}]\n";
    let file = target.file("role.yaml", role);
    let plan = target.ends(2, &["plan", "-f", &file]);
    assert!(
        plan.stderr
            .contains("the policy `nowhere`, which is neither in the files nor on the server"),
        "{plan:?}"
    );
    let below = target.file(
        "below.yaml",
        "version: 1\nowner: x\nsecrets: [{type: kv, path: secret/team}]\n",
    );
    let refused = target.ends(1, &["plan", "-f", &below]);
    assert!(
        refused.stderr.contains("cannot be mounted beside `secret`"),
        "{refused:?}"
    );
}

/// Whether a value is as a schema says, as far as our schema goes.
fn check_schema(schema: &Value, value: &Value, at: &str) {
    let is_type = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some(other) => panic!("the schema has the type {other}"),
    };
    assert!(is_type, "{at}: {value}");
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            value.get(name.as_str().unwrap()).is_some(),
            "{at}: {name} is missing"
        );
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        if let Some(known) = schema["properties"].as_object() {
            let known = known
                .get(name)
                .unwrap_or_else(|| panic!("{at}: {name} is not known"));
            check_schema(known, member, &format!("{at}.{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        check_schema(&schema["items"], item, &format!("{at}[]"));
    }
}

#[test]
fn a_plan_in_json_is_as_its_schema_says() {
    let schema =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration-plan.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let target = with_password(Target::our_own());
    let file = target.file("all.yaml", ALL_KINDS);
    let check = |arguments: &[&str]| {
        let output = target.ours.run(arguments);
        let plan: Value = serde_json::from_str(&output.stdout).unwrap();
        check_schema(&schema, &plan, "plan");
        plan
    };
    let plan = check(&["plan", "-f", &file, "-format=json"]);
    assert_eq!(plan["changes"].as_array().unwrap().len(), 8);
    target.ends(0, &["apply", "-f", &file]);
    target.send(
        "POST",
        "auth/machines/role/worker",
        json!({"token_ttl": "5m"}),
    );
    let drift = check(&["drift", "-f", &file, "-format=json"]);
    assert_eq!(drift["changes"][0]["fields"][0]["from"], json!(300));
    let empty = target.file("empty.yaml", "version: 1\nowner: everything\n");
    let pruned = check(&["plan", "-f", &empty, "-prune", "-format=json"]);
    assert_eq!(pruned["problems"].as_array().unwrap().len(), 1);
}
