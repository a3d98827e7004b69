//! `purgeUnmanagedConfig`.

use std::collections::BTreeSet;
use std::sync::Arc;

use ops::configuration::{Plan, PlanOptions, text};
use serde_json::json;

use super::fake::{Fake, OPTIONS, Owner};

const PURGE: PlanOptions = PlanOptions {
    purge_unmanaged: true,
    ..OPTIONS
};

/// A server with objects that nobody manages, some that this program needs, and
/// one of another owner.
async fn owner() -> Owner {
    let server = Fake::new();
    server.tell_of_token(true);
    for name in [
        "stray",
        "named",
        "default",
        "root",
        "response-wrapping",
        "operator",
        "team",
        "new-built-in",
    ] {
        server.put(&format!("sys/policies/acl/{name}"), json!({"policy": ""}));
    }
    for mount in [
        "auth/token",
        "auth/login/here",
        "auth/stray",
        "auth/existing",
    ] {
        server.mount(mount, json!({"type": "userpass"}));
    }
    for mount in ["cubbyhole", "identity", "sys", "stray"] {
        server.mount(mount, json!({"type": "x"}));
    }
    let other = Owner {
        server: Arc::clone(&server),
        name: "other",
    };
    let theirs =
        "{version: 1, policies: [{name: theirs, rules: ''}], secrets: [{type: pki, path: theirs}]}";
    other.apply(theirs, &OPTIONS).await.unwrap();
    Owner {
        server,
        name: "one",
    }
}

fn file(purge: &str) -> String {
    format!(
        "{{version: 1, purgeUnmanagedConfig: {purge}, policies: [{{name: mine, rules: ''}}], auth: \
         [{{type: approle, path: existing, existing: true, roles: [{{name: a, token_policies: \
         named}}]}}]}}"
    )
}

fn deleted(plan: &Plan) -> BTreeSet<&str> {
    let deleted = plan.visible().filter(|change| change.unmanaged);
    deleted.map(|change| change.path.as_str()).collect()
}

const STRAYS: [&str; 5] = [
    "sys/auth/approle",
    "sys/auth/stray",
    "sys/mounts/stray",
    "sys/policies/acl/new-built-in",
    "sys/policies/acl/stray",
];

#[tokio::test]
async fn what_nobody_manages_is_planned_and_deleted_and_nothing_else() {
    let one = owner().await;
    let wanted = file("{enabled: true}");
    let plan = one.plan(&wanted, &PURGE).await.unwrap();
    assert_eq!(deleted(&plan), BTreeSet::from(STRAYS));
    let shown = text(&plan, false);
    assert!(
        shown.contains("- policy sys/policies/acl/stray   (managed by nobody)"),
        "{shown}"
    );
    let applied = one.apply(&wanted, &PURGE).await.unwrap();
    // A policy that is new to this program is left, and stops nothing.
    assert_eq!(applied.left, ["sys/policies/acl/new-built-in"]);
    assert!(applied.failed.is_empty(), "{applied:?}");
    let content = one.server.content();
    assert!(
        !content.contains_key("sys/policies/acl/stray"),
        "{content:?}"
    );
    for path in ["named", "operator", "team", "theirs", "mine", "default"] {
        let path = format!("sys/policies/acl/{path}");
        assert!(content.contains_key(&path), "{path}: {content:?}");
    }
    assert!(content.contains_key("sys/mounts/theirs"));
}

#[tokio::test]
async fn what_is_excluded_stays_and_so_does_all_without_the_word_of_the_operator() {
    let one = owner().await;
    let wanted = file("{enabled: true, exclude: {auth: true, secrets: true}}");
    let plan = one.plan(&wanted, &PURGE).await.unwrap();
    let policies = STRAYS.map(|path| path.starts_with("sys/policies").then_some(path));
    let policies: BTreeSet<&str> = policies.into_iter().flatten().collect();
    assert_eq!(deleted(&plan), policies);
    for (purge, options) in [("{enabled: true}", OPTIONS), ("{enabled: false}", OPTIONS)] {
        let plan = one.plan(&file(purge), &options).await.unwrap();
        assert!(deleted(&plan).is_empty());
        let is_told = plan
            .notes
            .iter()
            .any(|note| note.to_string().contains("-purge-unmanaged"));
        assert_eq!(is_told, purge == "{enabled: true}", "{:?}", plan.notes);
    }
    let plan = one.plan(&file("{enabled: false}"), &PURGE).await.unwrap();
    assert!(
        plan.problems[0]
            .to_string()
            .contains("-purge-unmanaged needs")
    );
}

#[tokio::test]
async fn a_purge_that_cannot_know_what_it_needs_or_what_is_managed_is_refused() {
    let one = owner().await;
    one.server.tell_of_token(false);
    let wanted = file("{enabled: true}");
    let plan = one.plan(&wanted, &PURGE).await.unwrap();
    let problem = plan.problems[0].to_string();
    assert!(
        problem.contains("which policies this token has"),
        "{problem}"
    );
    one.server.tell_of_token(true);
    let careful = PlanOptions {
        allow_destroy: false,
        ..PURGE
    };
    let plan = one.plan(&wanted, &careful).await.unwrap();
    let problem = plan.problems[0].to_string();
    assert!(problem.contains("-allow-destroy permits it"), "{problem}");
    one.server.break_path("secret/data/lockkeeper/other");
    let plan = one.plan(&wanted, &PURGE).await.unwrap();
    let problem = plan.problems[0].to_string();
    assert!(
        problem.contains("nobody can tell what is managed"),
        "{problem}"
    );
}
