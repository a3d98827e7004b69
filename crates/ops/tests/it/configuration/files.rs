//! What is wrong in a file is told with file and line.

use std::path::PathBuf;

use ops::configuration::{Desired, Problem, Surroundings, interpret, read};

fn interpreted(text: &str) -> Result<Desired, Vec<Problem>> {
    let sources = read(&[PathBuf::from("-")], || Ok(text.to_owned()))?;
    let environment = |name: &str| (name == "SET").then(|| "value".to_owned());
    let surroundings = Surroundings {
        environment: &environment,
        address: None,
        server: None,
        owner: None,
        allow_literal_secrets: false,
    };
    interpret(&sources, &surroundings)
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let Err(problems) = interpreted(text) else {
        panic!("it was accepted: {text}");
    };
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        lines.iter().any(|line| line.starts_with(expected)),
        "{expected}\n{lines:#?}"
    );
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    refused(
        "version: 2\n",
        "-:1: `version: 2` is not known to this program",
    );
    refused("owner: x\n", "-:1: `owner` needs `version: 1`");
    refused("policies: []\nraw: []\n", "-:2: `raw` needs `version: 1`");
}

#[test]
fn unknown_keys_are_refused_with_the_one_that_was_meant() {
    refused(
        "policy: []\n",
        "-:1: unknown key `policy`; did you mean `policies`?",
    );
    refused(
        "policies:\n  - name: a\n    rule: x\n",
        "-:3: a policy has no `rule`; did you mean `rules`?",
    );
}

#[test]
fn what_is_to_be_purged_stands_at_the_top_and_excludes_kinds_that_exist() {
    refused(
        "version: 1\nblocks:\n  - purgeUnmanagedConfig: {enabled: true}\n",
        "-:3: `purgeUnmanagedConfig` stands at the top of a file",
    );
    refused(
        "purgeUnmanagedConfig:\n  enabled: true\n  exclude: {secret: true}\n",
        "-:3: `exclude` has no `secret`; did you mean `secrets`?",
    );
    interpreted("purgeUnmanagedConfig: {enabled: true, exclude: {auth: true}}\n").unwrap();
}

#[test]
fn what_is_not_done_names_its_replacement() {
    for (text, expected) in [
        (
            "secrets:\n  - type: database\n    configuration:\n      config:\n        - {name: a, rotate: true}\n",
            "-:5: `rotate` is not supported: rotate the credential once by hand",
        ),
        (
            "secrets:\n  - type: pki\n    configuration:\n      root/generate:\n        - name: internal\n          save_to: secret/data/x\n",
            "-:6: `save_to` is not supported",
        ),
        (
            "startupSecrets:\n  - path: a/data/b\n    data:\n      data: {secretKeyRef: {name: x}}\n",
            "-:4: `secretKeyRef` is not supported",
        ),
        (
            "auth:\n  - type: kubernetes\n",
            "-:2: a `kubernetes` method without `kubernetes_host` is not supported",
        ),
        (
            "policies:\n  - name: a\n    rules: ${upper \"x\"}\n",
            "-:3: `${upper …}` is not supported",
        ),
    ] {
        refused(text, expected);
    }
}

#[test]
fn a_variable_that_is_not_set_is_an_error_and_not_empty() {
    refused(
        "policies:\n  - name: a\n    rules: ${env \"UNSET\"}\n",
        "-:3: the environment has no `UNSET`",
    );
    let text = "policies:\n  - name: ${env \"SET\"}\n    rules: ''\n";
    assert_eq!(interpreted(text).unwrap().count(), 1);
}

#[test]
fn a_cycle_of_variables_is_refused() {
    refused(
        "version: 1\nvars:\n  a: ${b}\n  b: ${a}\npolicies:\n  - {name: '${a}', rules: ''}\n",
        "-:3: a cycle: `a` needs `b` needs `a`",
    );
}

#[test]
fn a_secret_in_a_file_of_ours_is_an_error_and_in_one_of_bank_vaults_a_warning() {
    let users = "auth:\n  - type: userpass\n    users:\n      - username: sally\n        password: literal\n";
    let warned = interpreted(users).unwrap();
    assert!(
        warned.warnings[0]
            .to_string()
            .starts_with("-:5: `password` holds a secret")
    );
    refused(
        &format!("version: 1\n{users}"),
        "-:6: `password` holds a secret",
    );
    let outside = users.replace("literal", "${env \"SET\"}");
    interpreted(&format!("version: 1\n{outside}")).unwrap();
}

#[test]
fn secrets_in_lists_and_in_addresses_are_secrets_that_stand_in_the_file() {
    for (data, name) in [
        ("{users: [{password: hunter2}]}", "password"),
        (
            "{connection_url: 'postgresql://root:hunter2@db/x'}",
            "connection_url",
        ),
        ("{token: hunter2}", "token"),
    ] {
        refused(
            &format!("version: 1\nraw:\n  - path: a/b\n    data: {data}\n"),
            &format!("-:4: `{name}` holds a secret that stands in the file"),
        );
    }
}

#[test]
fn the_same_object_twice_is_refused_with_both_places() {
    refused(
        "policies:\n  - {name: a, rules: ''}\n  - {name: A, rules: ''}\n",
        "-:3: `sys/policies/acl/a` is already defined at -:2",
    );
    let method = "auth: [{type: approle}]";
    let text = format!("version: 1\nblocks:\n  - {method}\n  - {method}\n");
    assert_eq!(interpreted(&text).unwrap().count(), 1);
}

#[test]
fn servers_are_known_by_name() {
    refused(
        "version: 1\nblocks:\n  - on: [prd]\n    policies: []\n",
        "-:3: `servers` has no `prd`",
    );
}

#[test]
fn a_wrong_policy_is_refused_and_a_large_one_is_not() {
    refused(
        "policies:\n  - name: a\n    rules: 'path \"x\" {'\n",
        "-:3: the rules of `a`: ",
    );
    let path = format!(
        "path \"{}\" {{ capabilities = [\"read\"] }}\n",
        "x".repeat(60)
    );
    let large = path.repeat(12_000);
    let text = serde_json::json!({"policies": [{"name": "a", "rules": large}]});
    assert_eq!(interpreted(&text.to_string()).unwrap().count(), 1);
}

#[test]
fn paths_that_no_server_has_are_refused() {
    for path in ["a//b", "a/../b", "a/./b"] {
        let text = format!("version: 1\nraw:\n  - path: {path}\n");
        refused(&text, &format!("-:3: `{path}` is not a valid path"));
    }
}

#[track_caller]
fn warned(text: &str, expected: &str) {
    let warnings = interpreted(text).unwrap().warnings;
    let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(
        lines.iter().any(|line| line.contains(expected)),
        "{expected}\n{lines:#?}"
    );
}

fn policy_with(path: &str, capabilities: &str) -> String {
    format!(
        "policies:\n  - name: a\n    rules: 'path \"{path}\" {{ capabilities = [{capabilities}] }}'\n\
         secrets:\n  - {{path: team/kv, type: kv-v2}}\n"
    )
}

#[test]
fn what_a_server_accepts_and_nobody_means_is_told() {
    refused(
        &policy_with("x", "\"raed\""),
        "-:2: policy `a`, `x`: unknown capability `raed`; did you mean `read`?",
    );
    refused(
        "secrets:\n  - {path: a, type: kv}\n  - {path: a/b, type: kv}\n",
        "-:3: `sys/mounts/a/b` is below `sys/mounts/a`",
    );
    warned(
        &policy_with("team/kv/app", "\"read\""),
        "`team/kv` is a KV engine of version 2",
    );
    warned(&policy_with("*", "\"update\""), "it allows everything");
    warned(
        &policy_with("sys/raw/*", "\"sudo\""),
        "it allows what only root may",
    );
    warned(
        &policy_with("auth/approle/role/app/secret-id", "\"update\""),
        "it makes secret ids",
    );
    for path in [
        "team/kv/data/app",
        "team/kv/*",
        "team/kv/+/app",
        "other/app",
    ] {
        let quiet = interpreted(&policy_with(path, "\"read\""))
            .unwrap()
            .warnings;
        assert!(quiet.is_empty(), "{path}: {quiet:?}");
    }
}
