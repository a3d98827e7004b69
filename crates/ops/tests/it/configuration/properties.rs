//! Rules of `apply`, with random files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::fake::{Fake, OPTIONS, Owner};

/// What a random file has.
#[derive(Debug, Clone)]
struct Wanted {
    policies: Vec<(u8, u8)>,
    roles: Vec<(u8, u8, u8)>,
    mounts: Vec<(u8, u8)>,
    seeds: Vec<(u8, u8)>,
}

fn unique<T>(mut items: Vec<T>, key: impl Fn(&T) -> u8) -> Vec<T> {
    items.sort_by_key(&key);
    items.dedup_by_key(|item| key(item));
    items
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let few = 0..5usize;
    let pairs = || prop::collection::vec((0..6u8, 0..3u8), few.clone());
    let roles = prop::collection::vec((0..6u8, 0..6u8, 0..3u8), 0..5usize);
    (pairs(), roles, pairs(), pairs()).prop_map(|(policies, roles, mounts, seeds)| Wanted {
        policies: unique(policies, |item| item.0),
        roles: unique(roles, |item| item.0),
        mounts: unique(mounts, |item| item.0),
        seeds: unique(seeds, |item| item.0),
    })
}

impl Wanted {
    /// The seeds that are written once.
    fn once(&self, owner: &str) -> Vec<String> {
        let seeds = self.seeds.iter().filter(|(_, level)| level % 2 == 0);
        seeds
            .map(|(name, _)| format!("secret/data/{owner}-s{name}"))
            .collect()
    }

    /// As a file, with names that begin as the owner's do.
    fn text(&self, owner: &str) -> String {
        let mut text = "version: 1\npolicies:\n".to_owned();
        for (name, level) in &self.policies {
            let capability = ["read", "list", "update"][usize::from(*level)];
            let _ = writeln!(
                text,
                "  - name: {owner}-P{name}\n    rules: 'path \"x\" {{ capabilities = [\"{capability}\"] }}'"
            );
        }
        text.push_str("auth:\n  - type: approle\n    existing: true\n    roles:\n");
        for (name, policy, ttl) in &self.roles {
            let ttl = ["60", "1m", "30m"][usize::from(*ttl)];
            let _ = writeln!(
                text,
                "      - {{name: {owner}-R{name}, token_policies: '{owner}-P{policy},B', token_ttl: {ttl}}}"
            );
        }
        text.push_str("secrets:\n");
        for (name, level) in &self.mounts {
            let _ = writeln!(
                text,
                "  - {{path: {owner}-m{name}, type: kv, options: {{version: 2}}, description: d{level}}}"
            );
        }
        text.push_str("startupSecrets:\n");
        for (name, level) in &self.seeds {
            let _ = writeln!(
                text,
                "  - {{path: secret/data/{owner}-s{name}, once: {}, data: {{data: {{v: x{level}}}}}}}",
                level % 2 == 0
            );
        }
        text
    }
}

/// Runs a test on a clock that nobody waits for.
fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_applied_is_what_is_there_and_the_next_plan_is_empty(first in wanted(), second in wanted()) {
        run(async {
            let owner = Owner { server: Fake::new(), name: "one" };
            for file in [&first, &second] {
                let text = file.text("one");
                let applied = owner.apply(&text, &OPTIONS).await.unwrap();
                assert!(applied.failed.is_empty() && applied.skipped.is_empty(), "{applied:?}");
                let plan = owner.plan(&text, &OPTIONS).await.unwrap();
                assert!(plan.is_empty() && plan.problems.is_empty(), "{:?}", plan.changes);
            }
            // On a server of its own, the second file leads to the same.
            let fresh = Owner { server: Fake::new(), name: "one" };
            fresh.apply(&second.text("one"), &OPTIONS).await.unwrap();
            // What is written once stays.
            let stays = first.once("one");
            let names = |owner: &Owner| {
                let content = owner.server.content().into_keys();
                content.filter(|path| !stays.contains(path)).collect::<Vec<_>>()
            };
            prop_assert_eq!(names(&owner), names(&fresh));
            Ok(())
        })?;
    }

    #[test]
    fn prune_returns_to_the_start_and_touches_no_other_owner(one in wanted(), two in wanted()) {
        run(async {
            let server = Fake::new();
            server.put("sys/policies/acl/by-hand", json!({"policy": "x"}));
            let [first, second] = ["one", "two"].map(|name| Owner { server: Arc::clone(&server), name });
            first.apply(&one.text("one"), &OPTIONS).await.unwrap();
            let only_one = server.content();
            second.apply(&two.text("two"), &OPTIONS).await.unwrap();
            second.apply("version: 1", &OPTIONS).await.unwrap();
            let without = |seeds: Vec<String>| {
                let content = server.content().into_iter();
                content.filter(|(path, _)| !seeds.contains(path)).collect::<BTreeMap<_, _>>()
            };
            prop_assert_eq!(without(two.once("two")), only_one);
            first.apply("version: 1", &OPTIONS).await.unwrap();
            let seeds = [one.once("one"), two.once("two")].concat();
            let left: Vec<String> = without(seeds).into_keys().collect();
            prop_assert_eq!(left, ["sys/mounts/secret", "sys/policies/acl/by-hand"]);
            Ok(())
        })?;
    }

    #[test]
    fn a_run_that_is_cut_off_anywhere_is_finished_by_the_next(first in wanted(), second in wanted(), cut in 0..40usize) {
        run(async {
            let owner = Owner { server: Fake::new(), name: "one" };
            owner.apply(&first.text("one"), &OPTIONS).await.unwrap();
            owner.server.cut_after(Some(cut));
            let text = second.text("one");
            let _ = owner.apply(&text, &OPTIONS).await;
            owner.server.cut_after(None);
            owner.unlock().await;
            let applied = owner.apply(&text, &OPTIONS).await.unwrap();
            assert!(applied.failed.is_empty() && applied.skipped.is_empty(), "{applied:?}");
            let plan = owner.plan(&text, &OPTIONS).await.unwrap();
            assert!(plan.is_empty(), "{:?}", plan.changes);
            owner.apply("version: 1", &OPTIONS).await.unwrap();
            let seeds = [first.once("one"), second.once("one")].concat();
            let left = owner.server.content().into_keys();
            let left: Vec<String> = left.filter(|path| !seeds.contains(path)).collect();
            prop_assert_eq!(left, ["sys/mounts/secret"]);
            Ok(())
        })?;
    }
}
