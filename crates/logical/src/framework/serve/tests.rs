use std::time::Duration;

use serde_json::json;

use super::*;
use crate::framework::{Field, FieldKind, answer, generic_name, probe};
use crate::{ErrorClass, LeaseOptions, Secret};

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
    let definition = Definition {
        help: "An engine of things.",
        paths: vec![thing],
        secrets: vec![secret],
        special_paths: SpecialPaths::default(),
    };
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
    let definition = Definition {
        help: "",
        paths: vec![path.on(Operation::Read, handler)],
        secrets: Vec::new(),
        special_paths: SpecialPaths::default(),
    };
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
