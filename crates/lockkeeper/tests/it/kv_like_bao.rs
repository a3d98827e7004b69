//! `kv` beside the real `bao`, on the same server of OpenBao: the same words,
//! tables and exit codes.

use testkit::{CliOutput, require_bao};

use crate::both::Both;

/// What differs between two runs: ids, times, and the numbers of new versions.
fn masked(output: &CliOutput) -> (i32, String, String) {
    let hide = |text: &str| {
        let lines = text.trim().lines().map(|line| {
            let line = line.replace(" POST ", " PUT ");
            let line = line.replace(" returned from OpenBao:", " returned:");
            let is_new = line.trim_start().starts_with("version ") || line.contains("\"version\":");
            if is_new || line.contains("request_id") {
                return String::new();
            }
            let words = line.split(' ').map(|word| {
                if word.contains('T') && word.contains(':') && word.ends_with(['Z', ',']) {
                    "TIME"
                } else {
                    word
                }
            });
            words.collect::<Vec<_>>().join(" ")
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    (output.status, hide(&output.stdout), hide(&output.stderr))
}

const SECRET: [&str; 5] = ["kv", "put", "secret/app", "user=orders", "password=a b"];

fn same(both: &Both, line: &str) -> String {
    let arguments: Vec<&str> = line.split_whitespace().collect();
    let (ours, theirs) = both.run(&arguments);
    assert_eq!(masked(&ours), masked(&theirs), "{line}");
    ours.stdout
}

#[test]
fn secrets_of_version_2_are_written_read_deleted_and_restored_in_the_same_words() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.ours.ok(&SECRET);
    let said = same(&both, "kv get secret/app");
    assert!(
        said.starts_with("= Secret Path =\nsecret/data/app\n\n======= Metadata =======\nKey"),
        "{said}"
    );
    for line in [
        "kv put -mount=secret app user=orders",
        "kv put -cas=0 secret/app user=orders",
        "kv get -mount=secret app",
        "kv get -version=1 secret/app",
        "kv get -field=password -version=1 secret/app",
        "kv get -field=data -version=1 secret/app",
        "kv get -field=none secret/app",
        "kv get -format=json -version=1 secret/app",
        "kv get secret/none",
        "kv get secret",
        "kv get nowhere/none",
        "kv patch secret/app password=2",
        "kv patch -method=rw -remove-data=user secret/app",
        "kv patch -method=patch secret/none a=1",
        "kv patch -method=rw secret/none a=1",
        "kv get secret/app",
        "kv list secret",
        "kv list -format=json -mount=secret",
        "kv list secret/none",
        "kv scan secret",
        "kv delete secret/app",
        "kv get secret/app",
        "kv get -field=user secret/app",
        "kv delete -versions=1,2 secret/app",
        "kv undelete -versions=1,2 secret/app",
        "kv destroy -versions=2 secret/app",
        "kv rollback -version=99 secret/app",
        "kv metadata get secret/app",
        "kv metadata get -format=json secret/app",
        "kv metadata put -max-versions=9 -custom-metadata=owner=orders secret/app",
        "kv metadata patch -custom-metadata=a=b -remove-custom-metadata=owner secret/app",
        "kv metadata patch secret/none",
        "kv metadata delete secret/app",
        "kv metadata get secret/app",
    ] {
        same(&both, line);
    }
}

#[test]
fn a_rollback_makes_the_data_of_an_earlier_version_the_newest() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    for user in ["one", "two"] {
        let user = format!("user={user}");
        both.ours.ok(&["kv", "put", "secret/app", &user]);
    }
    both.ours
        .ok(&["kv", "rollback", "-version=1", "secret/app"]);
    let read = both.theirs.ok(&["kv", "get", "-field=user", "secret/app"]);
    assert_eq!(read, "one");
    both.ours.ok(&["kv", "delete", "-versions=2", "secret/app"]);
    let refused = both.run(&["kv", "rollback", "-version=2", "secret/app"]);
    assert_eq!((refused.0.status, refused.1.status), (2, 2));
}

#[test]
fn a_patch_of_a_token_without_that_capability_reads_and_writes_instead() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.ours.ok(&SECRET);
    let policy = both.ours.folder().join("app.hcl");
    let text = r#"path "secret/data/*" { capabilities = ["read", "create", "update"] }"#;
    std::fs::write(&policy, text).unwrap();
    both.ours.ok(&["policy", "write", "app", "app.hcl"]);
    let token = both
        .ours
        .ok(&["token", "create", "-policy=app", "-field=token"]);
    let app = testkit::Cli::new(testkit::bin("lockkeeper"), both.address(), &token);
    app.ok(&["kv", "patch", "secret/app", "password=new"]);
    let all = both.theirs.json(&["kv", "get", "secret/app"]);
    assert_eq!(
        all["data"]["data"],
        serde_json::json!({"user": "orders", "password": "new"})
    );
    let patch = ["kv", "patch", "-method=patch", "secret/app", "password=x"];
    assert_eq!(app.run(&patch).status, 2);
}

#[test]
fn secrets_of_version_1_have_no_history_and_are_told_apart_by_asking() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.ours.ok(&["secrets", "enable", "-path=one", "kv"]);
    for line in [
        "kv put one/app user=orders",
        "kv get one/app",
        "kv get -mount=one app",
        "kv get -format=json one/app",
        "kv get -field=user one/app",
        "kv get one/none",
        "kv list one",
        "kv patch one/app a=1",
        "kv undelete -versions=1 one/app",
        "kv destroy -versions=1 one/app",
        "kv rollback -version=1 one/app",
        "kv metadata get one/app",
        "kv delete one/app",
        "kv enable-versioning one",
        "kv enable-versioning nowhere",
    ] {
        same(&both, line);
    }
}
