//! Secrets are not shown, not kept, and not written twice.

use ops::configuration::{
    Action, PlanOptions, Reading, Server, text, vault_commands, write_private,
};
use serde_json::{Value, json};

use super::fake::{Fake, OPTIONS, Owner};

fn owner() -> Owner {
    Owner {
        server: Fake::new(),
        name: "one",
    }
}

async fn record(owner: &Owner) -> String {
    let record = owner.server.read("secret/data/lockkeeper/one").await;
    match record.unwrap() {
        Reading::Found(record) => Value::Object(record).to_string(),
        other => panic!("no record: {other:?}"),
    }
}

#[tokio::test]
async fn what_the_server_refused_to_make_is_not_claimed() {
    let one = owner();
    let raw = "{version: 1, raw: [{path: a/b, data: {x: y}}]}";
    let applied = one.apply(raw, &OPTIONS).await.unwrap();
    assert_eq!(applied.failed.len(), 1, "{applied:?}");
    assert!(!record(&one).await.contains("a/b"));
    // Somebody else makes it: it is not this owner's.
    one.server.put("a/b", json!({"x": "z"}));
    let plan = one.plan(raw, &OPTIONS).await.unwrap();
    let problem = plan.problems[0].to_string();
    assert!(problem.contains("exists and has no owner"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_written_is_on_record_before_the_next_change() {
    let one = owner();
    let seeds = "{version: 1, startupSecrets: [{path: secret/data/a, data: {data: {a: b}}}, \
                 {path: secret/data/b, data: {data: {a: b}}}]}";
    let options = PlanOptions {
        parallel: 1,
        ..OPTIONS
    };
    // The lock, the claim, the first value, the record.
    one.server.cut_after(Some(4));
    let applied = one.apply(seeds, &options).await.unwrap();
    assert_eq!(applied.done, 1, "{applied:?}");
    one.server.cut_after(None);
    one.unlock().await;
    let plan = one.plan(seeds, &options).await.unwrap();
    let changes = plan
        .visible()
        .map(|change| (change.path.as_str(), change.action));
    let changes: Vec<_> = changes.collect();
    assert_eq!(changes, [("secret/data/b", Action::Create)]);
}

#[tokio::test]
async fn a_secret_that_the_server_quotes_is_not_told_in_any_form() {
    for secret in ["first line\\nsecond line\\n", "hun\\\"ter\\\"two"] {
        let one = owner();
        let raw = format!("{{version: 1, raw: [{{path: a/b, data: {{password: \"{secret}\"}}}}]}}");
        let applied = one.apply(&raw, &OPTIONS).await.unwrap();
        let reason = &applied.failed[0].reason;
        assert!(reason.contains("no handler"), "{reason}");
        for part in ["first", "second", "hun", "ter", "two"] {
            assert!(!reason.contains(part), "{reason}");
        }
    }
}

#[tokio::test]
async fn commands_show_no_secret_of_a_mount_and_end_where_their_text_ends() {
    let one = owner();
    let file = "
version: 1
secrets: [{path: team, type: pki, config: {token: hunter2}}]
policies:
  - name: a
    rules: |
      # A comment:
      /*
      EOF
      */
";
    let plan = one.plan(file, &OPTIONS).await.unwrap();
    let commands = vault_commands(&plan);
    assert!(
        !commands.contains("hunter2") && commands.contains("-token="),
        "{commands}"
    );
    let (_, policy) = commands.split_once("<<'EOF_'\n").unwrap();
    assert!(policy.ends_with("EOF\n*/\nEOF_"), "{commands}");
}

#[tokio::test]
async fn what_goes_into_a_kv_engine_is_a_secret_whatever_the_way() {
    let one = owner();
    let file = "
version: 1
secrets: [{path: old, type: kv, options: {version: 2}}]
raw:
  - {path: secret/data/x, data: {data: {a: hunter2}}}
  - {path: old/data/x, data: {data: {a: hunter2}}}
";
    let plan = one.plan(file, &OPTIONS).await.unwrap();
    let shown = text(&plan, false);
    assert!(
        shown.contains("old/data/x") && !shown.contains("hunter2"),
        "{shown}"
    );
    let applied = one.apply(file, &OPTIONS).await.unwrap();
    assert!(applied.failed.is_empty(), "{applied:?}");
    let record = record(&one).await;
    assert!(
        record.contains("old/data/x") && !record.contains("hunter2"),
        "{record}"
    );
}

#[tokio::test]
async fn what_only_the_server_has_in_a_field_is_neither_shown_nor_kept() {
    let one = owner();
    let file = |text: &str| {
        format!(
            "{{version: 1, secrets: [{{path: team, type: pki, description: {text}, config: {{max_lease_ttl: 1h}}}}]}}"
        )
    };
    one.apply(&file("a"), &OPTIONS).await.unwrap();
    let tune = json!({"config": {"max_lease_ttl": "2h", "other": "hunter2"}});
    let tune = tune.as_object().unwrap();
    one.server
        .write("sys/mounts/team/tune", tune)
        .await
        .unwrap();
    let plan = one.plan(&file("a"), &OPTIONS).await.unwrap();
    let shown = text(&plan, false);
    assert!(
        shown.contains("2h") && !shown.contains("hunter2"),
        "{shown}"
    );
    let tune = json!({"config": {"max_lease_ttl": "1h", "other": "hunter2"}});
    let tune = tune.as_object().unwrap();
    one.server
        .write("sys/mounts/team/tune", tune)
        .await
        .unwrap();
    let applied = one.apply(&file("b"), &OPTIONS).await.unwrap();
    assert_eq!(applied.done, 1, "{applied:?}");
    assert!(!record(&one).await.contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_could_read_is_replaced_by_one_that_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    write_private(&path, "new").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
