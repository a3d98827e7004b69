//! What is deleted, and what never is.

use std::sync::Arc;

use ops::configuration::PlanOptions;
use serde_json::json;

use super::fake::{Fake, OPTIONS, Owner};

fn owner() -> Owner {
    Owner {
        server: Fake::new(),
        name: "one",
    }
}

async fn refused(owner: &Owner, text: &str, options: &PlanOptions, expected: &str) {
    let plan = owner.plan(text, options).await.unwrap();
    let problems: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
    assert!(
        problems.iter().any(|problem| problem.contains(expected)),
        "{problems:?}"
    );
}

#[tokio::test]
async fn nothing_is_deleted_after_a_creation_failed() {
    let owner = owner();
    let old =
        "{version: 1, policies: [{name: old, rules: 'path \"x\" { capabilities = [\"read\"] }'}]}";
    owner.apply(old, &OPTIONS).await.unwrap();
    let new = "{version: 1, raw: [{path: secret/unknown, data: {a: b}}]}";
    let applied = owner.apply(new, &OPTIONS).await.unwrap();
    assert_eq!(applied.failed.len(), 1, "{applied:?}");
    let (path, cause) = &applied.skipped[0];
    assert_eq!(path, "sys/policies/acl/old");
    assert!(cause.contains("nothing is deleted after a failure"));
    assert!(owner.server.content().contains_key("sys/policies/acl/old"));
    // It is still managed, so that a later run deletes it.
    owner.apply("version: 1", &OPTIONS).await.unwrap();
    assert!(!owner.server.content().contains_key("sys/policies/acl/old"));
}

const MOUNT: &str = "{version: 1, secrets: [{path: team, type: kv, options: {version: 2}}]}";

#[tokio::test]
async fn a_mount_in_which_another_owner_has_something_is_not_deleted() {
    let one = owner();
    one.apply(MOUNT, &OPTIONS).await.unwrap();
    let two = Owner {
        server: Arc::clone(&one.server),
        name: "two",
    };
    let seed = "{version: 1, startupSecrets: [{path: team/data/x, data: {data: {a: b}}}]}";
    two.apply(seed, &OPTIONS).await.unwrap();
    let expected = "holds `team/data/x` of the owner `two`";
    refused(&one, "version: 1", &OPTIONS, expected).await;
}

#[tokio::test]
async fn a_mount_in_which_the_files_want_something_is_not_deleted() {
    let one = owner();
    one.apply(MOUNT, &OPTIONS).await.unwrap();
    let seed = "{version: 1, startupSecrets: [{path: team/data/x, data: {data: {a: b}}}]}";
    refused(&one, seed, &OPTIONS, "`team/data/x`, which the files want").await;
}

#[tokio::test]
async fn the_mount_with_the_record_of_the_owner_is_not_deleted() {
    let one = owner();
    let adopt = PlanOptions {
        adopt: ops::configuration::Adoption::All,
        ..OPTIONS
    };
    let mount = MOUNT.replace("team", "secret");
    one.apply(&mount, &adopt).await.unwrap();
    let expected = "the record of the owner at `secret/lockkeeper/one`";
    refused(&one, "version: 1", &OPTIONS, expected).await;
}

#[tokio::test]
async fn a_value_that_was_written_once_stays_with_who_changed_it() {
    let one = owner();
    let seed =
        "{version: 1, startupSecrets: [{path: secret/data/x, once: true, data: {data: {a: b}}}]}";
    one.apply(seed, &OPTIONS).await.unwrap();
    let changed = json!({"data": {"a": "changed"}, "metadata": {"version": 2}});
    one.server.put("secret/data/x", changed.clone());
    let plan = one.plan("version: 1", &OPTIONS).await.unwrap();
    assert!(plan.is_empty());
    assert!(plan.notes[0].to_string().contains("was written once"));
    one.apply("version: 1", &OPTIONS).await.unwrap();
    assert_eq!(one.server.content()["secret/data/x"], changed);
    // It has no owner now.
    assert!(
        one.plan("version: 1", &OPTIONS)
            .await
            .unwrap()
            .notes
            .is_empty()
    );
}

#[tokio::test]
async fn a_raw_path_that_holds_data_is_deleted_only_with_permission() {
    let careful = PlanOptions {
        allow_destroy: false,
        ..OPTIONS
    };
    for (path, data) in [
        ("sys/mounts/team", "{type: pki}"),
        ("secret/data/x", "{data: {a: b}}"),
    ] {
        let one = owner();
        let raw = format!("{{version: 1, raw: [{{path: {path}, data: {data}}}]}}");
        let applied = one.apply(&raw, &OPTIONS).await.unwrap();
        assert!(applied.failed.is_empty(), "{applied:?}");
        one.server.put(path, json!({"metadata": {"version": 1}}));
        refused(&one, "version: 1", &careful, "-allow-destroy permits it").await;
    }
}
