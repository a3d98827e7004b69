//! Endpoints that replace the whole object keep the secrets that the files name.

use ops::configuration::text;
use serde_json::json;

use super::fake::{Fake, OPTIONS, Owner};

fn owner() -> Owner {
    let server = Fake::new();
    server.mount("auth/cluster", json!({"type": "kubernetes"}));
    server.mount("aws", json!({"type": "aws"}));
    server.mount("old", json!({"type": "kv", "options": {"version": "1"}}));
    Owner {
        server,
        name: "one",
    }
}

fn cluster(issuer: &str, jwt: &str) -> String {
    format!(
        "{{version: 1, auth: [{{type: kubernetes, path: cluster, existing: true, config: \
         {{kubernetes_host: 'https://x', issuer: {issuer}{jwt}}}}}]}}"
    )
}

#[tokio::test]
async fn a_secret_goes_with_a_change_of_another_field_and_the_next_plan_is_empty() {
    let one = owner();
    let jwt = ", token_reviewer_jwt: hunter2";
    one.apply(&cluster("a", jwt), &OPTIONS).await.unwrap();
    let plan = one.plan(&cluster("b", jwt), &OPTIONS).await.unwrap();
    let shown = text(&plan, false);
    assert!(
        shown.contains("token_reviewer_jwt: (secret) → (secret)"),
        "{shown}"
    );
    let applied = one.apply(&cluster("b", jwt), &OPTIONS).await.unwrap();
    assert_eq!(applied.done, 1, "{applied:?}");
    let stored = one.server.stored("auth/cluster/config");
    assert_eq!(stored["token_reviewer_jwt"], "hunter2", "{stored}");
    let plan = one.plan(&cluster("b", jwt), &OPTIONS).await.unwrap();
    assert!(plan.is_empty(), "{}", text(&plan, false));
}

#[tokio::test]
async fn a_secret_that_the_files_do_not_name_is_not_wiped() {
    let one = owner();
    one.apply(&cluster("a", ""), &OPTIONS).await.unwrap();
    let by_hand =
        json!({"kubernetes_host": "https://x", "issuer": "a", "token_reviewer_jwt": "hunter2"});
    one.server.put("auth/cluster/config", by_hand);
    assert!(
        one.plan(&cluster("a", ""), &OPTIONS)
            .await
            .unwrap()
            .is_empty()
    );
    let plan = one.plan(&cluster("b", ""), &OPTIONS).await.unwrap();
    let problem = plan.problems[0].to_string();
    assert!(
        problem.contains("has a `token_reviewer_jwt` for `auth/cluster/config`"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_credential_that_may_have_been_rotated_is_not_written_over() {
    let one = owner();
    let root = |region: &str, key: &str| {
        format!(
            "{{version: 1, secrets: [{{type: aws, existing: true, configuration: {{config/root: \
             [{{access_key: a, secret_key: {key}, region: {region}}}]}}}}]}}"
        )
    };
    one.apply(&root("a", "hunter2"), &OPTIONS).await.unwrap();
    let plan = one.plan(&root("b", "hunter2"), &OPTIONS).await.unwrap();
    let problem = plan.problems[0].to_string();
    assert!(
        problem.contains("`secret_key` may have been rotated"),
        "{problem}"
    );
    one.apply(&root("b", "hunter3"), &OPTIONS).await.unwrap();
    assert_eq!(
        one.server.stored("aws/config/root")["secret_key"],
        "hunter3"
    );
}

#[tokio::test]
async fn one_value_of_a_kv_path_changes_and_the_others_stay() {
    let one = owner();
    let seed = |a: &str| {
        format!("{{version: 1, startupSecrets: [{{path: old/x, data: {{a: {a}, b: c}}}}]}}")
    };
    one.apply(&seed("first"), &OPTIONS).await.unwrap();
    one.apply(&seed("second"), &OPTIONS).await.unwrap();
    assert_eq!(one.server.stored("old/x"), json!({"a": "second", "b": "c"}));
}
