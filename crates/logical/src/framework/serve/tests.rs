//! An engine as a table, from requests to answers.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::effects::Replication;
use crate::framework::{
    Field, FieldKind, Handler, SecretType, answer, generic_name, merge_patch, on_active_node, probe,
};
use crate::{ErrorClass, LeaseOptions, Secret, SystemView};

struct Engine;

impl Hooks for Engine {}

async fn echo(_: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let mut data = Object::new();
    data.insert("name".into(), call.fields.text("name").into());
    data.insert("size".into(), call.fields.integer("size").into());
    Ok(Some(Response::with_data(data)))
}

fn framework() -> Framework<Engine> {
    let thing = Path::new(format!("thing/{}", generic_name("name")))
        .fields([
            Field::new("name", FieldKind::LowerCase, "Name of the thing."),
            Field::new("size", FieldKind::Integer, "Size of the thing."),
        ])
        .on(Operation::Read, answer(echo))
        .on_write(answer(echo))
        .existence(probe(|_, call: Call| async move {
            Ok(call.fields.text("name") == "old")
        }))
        .help("Keeps a thing.", "Things have a size.");
    let secret = SecretType::new(
        "thing",
        answer(|_, call: Call| async move {
            let secret = call.request.secret;
            Ok(Some(Response {
                secret,
                ..Response::default()
            }))
        }),
        answer(|_, _| async { Ok(None) }),
    );
    let definition = Definition::new("An engine of things.")
        .paths([thing])
        .secret(secret);
    Framework::new(Arc::new(Engine), definition).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "reads better with json!")]
fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_captured_name_is_coerced_and_wins_over_the_body() {
    let request = Request::new(Operation::Update, "thing/Old").with_data(object(
        json!({"name": "other", "size": "0x10", "colour": 1}),
    ));
    let response = framework().handle(request).await.unwrap().unwrap();
    assert_eq!(response.get("name"), Some(&json!("old")));
    assert_eq!(response.get("size"), Some(&json!(16)));
    assert_eq!(
        response.warnings,
        [
            "Endpoint ignored these unrecognized parameters: [colour]",
            "Endpoint replaced the value of these parameters with the values captured from \
             the endpoint's path: [name]",
        ]
    );
}

#[tokio::test]
async fn an_unreadable_field_is_a_bad_request_that_names_it() {
    let request =
        Request::new(Operation::Update, "thing/old").with_data(object(json!({"size": "huge"})));
    let error = framework().handle(request).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains("\"size\""), "{error}");
}

#[tokio::test]
async fn unknown_paths_and_operations_are_told_apart() {
    let error = framework()
        .handle(Request::new(Operation::Read, "other"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::UnsupportedPath);
    let error = framework()
        .handle(Request::new(Operation::Delete, "thing/old"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::UnsupportedOperation);
}

#[tokio::test]
async fn who_asks_for_what_a_path_does_not_do_is_told_what_it_does() {
    let refused = |framework: Framework<Engine>, operation, path: &'static str| async move {
        let error = framework.handle(Request::new(operation, path)).await;
        let error = error.unwrap_err();
        assert_eq!(error.class(), ErrorClass::UnsupportedOperation);
        error.message().to_owned()
    };
    assert_eq!(
        refused(framework(), Operation::Delete, "thing/old").await,
        "unsupported operation: there is no `delete` of `thing/old`, but `read` and `write`"
    );
    let run = Path::new("run").on(Operation::Update, answer(echo));
    assert_eq!(
        refused(table(run).unwrap(), Operation::Read, "run").await,
        "unsupported operation: there is no `read` of `run`, but `write -force`"
    );
    let helped = Path::new("run");
    assert_eq!(
        refused(table(helped).unwrap(), Operation::Read, "run").await,
        "unsupported operation"
    );
}

#[tokio::test]
async fn the_existence_check_sees_the_coerced_name() {
    let found = framework()
        .exists(Request::new(Operation::Update, "thing/OLD"))
        .await;
    assert_eq!(found, Ok(Existence::Present));
    let missing = framework()
        .exists(Request::new(Operation::Update, "thing/new"))
        .await;
    assert_eq!(missing, Ok(Existence::Absent));
}

#[tokio::test]
async fn a_name_with_non_ascii_letters_has_no_path() {
    let error = framework()
        .handle(Request::new(Operation::Read, "thing/größe"))
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::UnsupportedPath);
}

#[tokio::test]
async fn leases_go_to_the_handler_of_their_type() {
    let lease = LeaseOptions::renewable(Duration::from_secs(1), Duration::ZERO);
    let secret = |kind: &str| Secret {
        lease: lease.clone(),
        internal_data: object(json!({"secret_type": kind})),
        lease_id: String::new(),
    };
    let renew = Request::new(Operation::Renew, "thing/old").with_secret(secret("thing"));
    let response = framework().handle(renew).await.unwrap().unwrap();
    assert_eq!(response.secret, Some(secret("thing")));
    let foreign = Request::new(Operation::Revoke, "thing/old").with_secret(secret("other"));
    let error = framework().handle(foreign).await.unwrap_err();
    assert_eq!(error.message(), "secret is unsupported by this backend");
}

fn one_path(field: Field, handler: Handler<Engine>) -> Result<Framework<Engine>, Error> {
    let path = Path::new("thing").fields([field]);
    let definition = Definition::new("").paths([path.on(Operation::Read, handler)]);
    Framework::new(Arc::new(Engine), definition)
}

#[tokio::test]
async fn a_default_shows_only_to_who_asks_for_defaults() {
    let ttl = Field::new("ttl", FieldKind::DurationSeconds, "").default_value("1h");
    let read = answer(|_, call: Call| async move {
        assert_eq!(call.fields.duration("ttl"), None);
        assert!(!call.fields.given("ttl"));
        let filled = call.fields.with_defaults();
        assert_eq!(filled.duration("ttl"), Some(Duration::from_hours(1)));
        Ok(None)
    });
    let framework = one_path(ttl.clone(), read).unwrap();
    let request = Request::new(Operation::Read, "thing");
    assert_eq!(framework.handle(request.clone()).await, Ok(None));

    let read = answer(|_, call: Call| async move {
        let filled = call.fields.with_defaults();
        assert_eq!(filled.duration("ttl"), Some(Duration::from_secs(5)));
        Ok(None)
    });
    let framework = one_path(ttl, read).unwrap();
    let given = request.with_data(object(json!({"ttl": 5})));
    assert_eq!(framework.handle(given).await, Ok(None));
}

#[test]
fn a_default_that_its_field_cannot_hold_is_found_at_once() {
    let ttl = Field::new("ttl", FieldKind::DurationSeconds, "").default_value("soon");
    let error = one_path(ttl, answer(echo)).err().unwrap();
    assert_eq!(error.class(), ErrorClass::Internal);
    assert!(error.message().contains("`thing`"), "{error}");
    assert!(error.message().contains("\"ttl\""), "{error}");
}

#[tokio::test]
async fn help_marks_a_field_that_should_not_be_used_any_more() {
    let old = Field::new("old", FieldKind::Float, "Was used once.").deprecated();
    let framework = one_path(old, answer(echo)).unwrap();
    let help = framework
        .handle(Request::new(Operation::Help, "thing"))
        .await
        .unwrap()
        .unwrap();
    let text = help.get("help").unwrap().as_str().unwrap();
    assert!(
        text.contains("old (float)\n        (DEPRECATED) Was used once."),
        "{text}"
    );
}

#[tokio::test]
async fn help_shows_the_paths_and_the_fields_of_one() {
    let root = framework()
        .handle(Request::new(Operation::Help, ""))
        .await
        .unwrap()
        .unwrap();
    let text = root.get("help").unwrap().as_str().unwrap();
    assert!(text.contains("^thing/"), "{text}");
    assert!(text.contains("Keeps a thing."), "{text}");
    let one = framework()
        .handle(Request::new(Operation::Help, "thing/a"))
        .await
        .unwrap()
        .unwrap();
    let text = one.get("help").unwrap().as_str().unwrap();
    assert!(
        text.contains("size (int)\n        Size of the thing."),
        "{text}"
    );
}

fn table(path: Path<Engine>) -> Result<Framework<Engine>, Error> {
    let definition = Definition::new("")
        .paths([path])
        .secret(SecretType::not_renewable("fixed", answer(nothing)));
    Framework::new(Arc::new(Engine), definition)
}

async fn nothing(_: Arc<Engine>, _: Call) -> Result<Option<Response>, Error> {
    Ok(None)
}

#[test]
fn a_pattern_that_captures_what_is_no_field_is_found_at_once() {
    let path = Path::new(format!("thing/{}", generic_name("name")));
    let error = table(path).err().unwrap();
    assert!(error.message().contains("captures `name`"), "{error}");
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_says_so_and_can_be_revoked() {
    let framework = table(Path::new("thing")).unwrap();
    let secret = Secret {
        lease: LeaseOptions::renewable(Duration::from_secs(1), Duration::ZERO),
        internal_data: object(json!({"secret_type": "fixed"})),
        lease_id: String::new(),
    };
    let ask = |operation| Request::new(operation, "thing").with_secret(secret.clone());
    let error = framework.handle(ask(Operation::Renew)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UnsupportedOperation);
    assert_eq!(framework.handle(ask(Operation::Revoke)).await, Ok(None));
    let without = Request::new(Operation::Revoke, "thing");
    let error = framework.handle(without).await.unwrap_err();
    assert_eq!(error.message(), "request has no secret");
    assert_eq!(error.class(), ErrorClass::Internal);
}

#[tokio::test]
async fn an_engine_without_periodic_work_says_exactly_that() {
    let request = Request::new(Operation::Rollback, "");
    let error = framework().handle(request).await.unwrap_err();
    assert_eq!(error, Error::unsupported_operation());
}

#[tokio::test]
async fn only_writes_are_checked_for_existence() {
    let request = Request::new(Operation::Read, "thing/old");
    let error = framework().exists(request).await.unwrap_err();
    assert!(error.message().contains("read"), "{error}");
    let request = Request::new(Operation::Update, "elsewhere");
    let error = framework().exists(request).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UnsupportedPath);
    let request =
        Request::new(Operation::Update, "thing/old").with_data(object(json!({"size": []})));
    let error = framework().exists(request).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
}

#[tokio::test]
async fn a_path_may_explain_itself_even_for_a_request_that_cannot_be_read() {
    let help = answer(|_, call: Call| async move {
        assert!(!call.fields.given("size"));
        Ok(Some(Response::default().warn("mine")))
    });
    let size = Field::new("size", FieldKind::Integer, "");
    let framework = table(Path::new("thing").fields([size]).on(Operation::Help, help)).unwrap();
    let request = Request::new(Operation::Help, "thing").with_data(object(json!({"size": "huge"})));
    let answer = framework.handle(request).await.unwrap().unwrap();
    assert_eq!(answer.warnings, ["mine"]);
}

#[tokio::test]
async fn a_null_is_not_said_to_be_replaced() {
    let request =
        Request::new(Operation::Update, "thing/old").with_data(object(json!({"name": null})));
    let response = framework().handle(request).await.unwrap().unwrap();
    assert_eq!(response.warnings, [""; 0]);
}

#[tokio::test]
async fn a_path_of_any_input_does_not_warn_of_it() {
    let echo = answer(|_, _| async { Ok(Some(Response::default())) });
    let path = Path::new("thing").on(Operation::Update, echo).any_input();
    let request = Request::new(Operation::Update, "thing").with_data(object(json!({"colour": 1})));
    let response = table(path).unwrap().handle(request).await.unwrap().unwrap();
    assert_eq!(response.warnings, [""; 0]);
}

#[tokio::test]
async fn a_write_of_any_input_has_no_parameters_of_queries() {
    let size = Field::new("size", FieldKind::Integer, "").query();
    let name = Field::new("name", FieldKind::Text, "");
    let path = Path::new("thing")
        .on(Operation::Read, answer(echo))
        .on(Operation::Update, answer(echo))
        .fields([size, name])
        .any_input();
    let framework = table(path).unwrap();
    let ask = async |operation, body| {
        let request = Request::new(operation, "thing").with_data(object(body));
        let response = framework.handle(request).await?;
        Ok::<_, Error>(response.and_then(|response| response.data))
    };
    let given = json!({"size": "large", "name": 7});
    let written = ask(Operation::Update, given.clone()).await.unwrap();
    assert_eq!(written, Some(object(json!({"size": null, "name": "7"}))));
    assert!(ask(Operation::Read, given).await.is_err());
    let read = ask(Operation::Read, json!({"size": "5"})).await.unwrap();
    assert_eq!(read, Some(object(json!({"size": 5, "name": ""}))));
}

#[tokio::test]
async fn a_patch_merges_its_fields_and_nothing_else() {
    let patch = answer(|_, call: Call| async move {
        let mut stored = object(json!({"ttl": 60, "note": "old", "tags": {"a": "1", "b": "2"}}));
        merge_patch(&mut stored, &call.fields.to_object());
        Ok(Some(Response::with_data(stored)))
    });
    let path = Path::new("thing").on(Operation::Patch, patch).fields([
        Field::new("ttl", FieldKind::DurationSeconds, ""),
        Field::new("note", FieldKind::Text, ""),
        Field::new("tags", FieldKind::Map, ""),
    ]);
    let request = Request::new(Operation::Patch, "thing").with_data(object(json!({
        "ttl": "1h",
        "note": null,
        "tags": {"a": null, "c": "3"},
        "colour": "red",
    })));
    let response = table(path).unwrap().handle(request).await.unwrap().unwrap();
    let expected = json!({"ttl": 3600, "note": "", "tags": {"b": "2", "c": "3"}});
    assert_eq!(Value::Object(response.data.unwrap()), expected);
    let unknown = "Endpoint ignored these unrecognized parameters: [colour]";
    assert_eq!(response.warnings, [unknown]);
}

/// A host in some role of a cluster.
struct Role {
    bits: u32,
    local: bool,
}

#[async_trait]
impl SystemView for Role {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(Duration::ZERO)
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(Duration::ZERO)
    }

    async fn tainted(&self) -> Result<bool, Error> {
        Ok(false)
    }

    async fn replication(&self) -> Result<Replication, Error> {
        Ok(Replication(self.bits))
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        Ok(self.local)
    }
}

#[tokio::test]
async fn what_belongs_on_the_active_node_is_forwarded_from_every_other() {
    let single = 12288;
    for (bits, local, here) in [
        (single, false, true),
        (single + 16384, false, false),
        (single + 16384, true, false),
        (single + 64, false, false),
        (single + 64, true, true),
    ] {
        let system: Arc<dyn SystemView> = Arc::new(Role { bits, local });
        let read = on_active_node(&system, answer(nothing));
        let framework = table(Path::new("thing").on(Operation::Read, read)).unwrap();
        let answer = framework
            .handle(Request::new(Operation::Read, "thing"))
            .await;
        let expected = if here {
            Ok(None)
        } else {
            Err(Error::read_only())
        };
        assert_eq!(answer, expected, "{bits} local: {local}");
    }
}
