//! A record of another owner that cannot be read keeps back only what it might name.

use ops::configuration::{Action, PlanOptions};
use serde_json::json;

use super::fake::{Fake, OPTIONS, Owner};

fn policy(name: &str) -> String {
    format!(
        "{{version: 1, policies: [{{name: {name}, rules: 'path \"x\" {{ capabilities = [\"read\"] }}'}}]}}"
    )
}

const NEIGHBOUR: &str = "secret/data/lockkeeper/other";

/// A server on which one owner has a policy, and another a record that is broken
/// in one of two ways.
async fn owners() -> [Owner; 2] {
    let broken = || Owner {
        server: Fake::new(),
        name: "one",
    };
    let (unreadable, newer) = (broken(), broken());
    let record = |format: u32| json!({"data": {"format": format}, "metadata": {"version": 1}});
    unreadable.server.put(NEIGHBOUR, record(1));
    newer.server.put(NEIGHBOUR, record(2));
    for owner in [&unreadable, &newer] {
        owner.apply(&policy("mine"), &OPTIONS).await.unwrap();
    }
    unreadable.server.break_path(NEIGHBOUR);
    [unreadable, newer]
}

#[tokio::test]
async fn an_unreadable_record_of_a_neighbour_is_told_and_stops_nothing_of_ones_own() {
    for one in owners().await {
        let plan = one.plan(&policy("new"), &OPTIONS).await.unwrap();
        assert!(plan.problems.is_empty(), "{:?}", plan.problems);
        let note = plan.notes[0].to_string();
        assert!(
            note.starts_with("the record at `secret/lockkeeper/other` cannot be read"),
            "{note}"
        );
        let actions: Vec<Action> = plan.visible().map(|change| change.action).collect();
        assert_eq!(actions, [Action::Create, Action::Delete]);
        let applied = one.apply(&policy("new"), &OPTIONS).await.unwrap();
        assert_eq!((applied.done, applied.failed.len()), (2, 0), "{applied:?}");
    }
}

#[tokio::test]
async fn what_an_unreadable_record_may_name_is_neither_adopted_nor_deleted_with_its_mount() {
    for one in owners().await {
        one.server
            .put("sys/policies/acl/theirs", json!({"policy": ""}));
        let adopt = PlanOptions {
            adopt: ops::configuration::Adoption::All,
            ..OPTIONS
        };
        let plan = one.plan(&policy("theirs"), &adopt).await.unwrap();
        let problem = plan.problems[0].to_string();
        assert!(
            problem.contains("is not adopted, because the record at"),
            "{problem}"
        );
        let mount = "{version: 1, secrets: [{path: team, type: pki}]}";
        one.apply(mount, &OPTIONS).await.unwrap();
        let plan = one.plan("version: 1", &OPTIONS).await.unwrap();
        let problem = plan.problems[0].to_string();
        assert!(
            problem.contains("`sys/mounts/team` cannot be deleted: it holds perhaps what"),
            "{problem}"
        );
    }
}
