//! The stages, from a client's point of view.

use std::sync::{Arc, Mutex};

use logical::{Metrics, Operation};
use serde_json::{Value, json};

use virtual_world::Fault;

use crate::tests::{Does, World, ask, ask_as};
use crate::{Answer, ClientRequest, ClientToken, Core};

#[tokio::test(start_paused = true)]
async fn a_path_that_needs_no_token_is_open_even_to_a_bad_one() {
    let core = World::new().mounted().await;
    let tokens = &core.active().unwrap().tokens;
    let powerless = tokens.create(None, &["no-such-policy"]).await.unwrap();
    for (token, name) in [
        (None, ""),
        (Some("stranger"), ""),
        (Some("root"), "token"),
        (Some(powerless.expose()), "token"),
    ] {
        let seen = ask_as(&core, token, Operation::Read, "puppet/open", Value::Null).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        assert_eq!(seen.body["data"]["unauthenticated"], true);
        assert_eq!(seen.body["data"]["name"], name);
        assert_eq!(seen.body["data"]["type"], "puppet");
    }
    let closed = ask_as(&core, None, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!(closed.status, 403);
}

#[tokio::test(start_paused = true)]
async fn a_path_that_needs_no_token_is_open_while_tokens_cannot_be_read() {
    let (world, disk) = (World::new(), virtual_world::World::new());
    let core = world.mounted_with(world.effects_of(&disk)).await;
    disk.storage
        .fail_if(|call| call.touches("sys/token/").then_some(Fault::Lost));
    let stranger = Some("stranger");
    let open = ask_as(&core, stranger, Operation::Read, "puppet/open", Value::Null).await;
    assert_eq!(open.status, 200, "{open:?}");
    let closed = ask_as(
        &core,
        stranger,
        Operation::Read,
        "puppet/asker",
        Value::Null,
    )
    .await;
    assert_eq!(closed.status, 500, "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_path_that_needs_sudo_takes_more_than_the_operation() {
    let core = World::new().mounted().await;
    let rooted = ask(&core, Operation::Read, "puppet/rooted", Value::Null).await;
    assert_eq!(rooted.status, 200);
    let tokens = &core.active().unwrap().tokens;
    let token = tokens.create(None, &["default"]).await.unwrap();
    // Help is for everybody who has a token, but not there.
    for (path, status) in [("puppet/asker", 404), ("puppet/rooted", 403)] {
        let token = Some(token.expose());
        let seen = ask_as(&core, token, Operation::Help, path, Value::Null).await;
        assert_eq!(seen.status, status, "{path}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_from_a_secrets_engine_is_an_error_that_says_so() {
    let core = World::new().mounted().await;
    let seen = ask(&core, Operation::Read, "puppet/login", Value::Null).await;
    assert_eq!(
        (seen.status, seen.error()),
        (
            500,
            "the engine at `puppet/` answered with a login, which only auth methods may"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_panics_costs_its_request_and_nothing_else() {
    let world = World::new();
    let core = world.mounted().await;
    world.puppet.on("handle", Does::Panic);
    let seen = ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!((seen.status, seen.error()), (500, "internal error"));
    world.puppet.on("handle", Does::Work);
    let seen = ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!(seen.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_core_that_was_stopped_answers_nothing() {
    let world = World::new();
    let core = world.mounted().await;
    core.seal().await;
    let seen = ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!((seen.status, seen.error()), (503, "Vault is sealed"));
    let root = core.create_root_token(None).await.unwrap_err();
    assert_eq!(root.message(), "Vault is sealed");
}

#[tokio::test(start_paused = true)]
async fn what_still_runs_when_the_core_is_sealed_cannot_write() {
    let world = World::new();
    let core = world.mounted().await;
    let active = core.active().unwrap();
    core.seal().await;
    let written = active.tokens.create(None, &["root"]).await;
    assert_eq!(written.unwrap_err().message(), "Vault is sealed");
    assert!(active.router.all().is_empty());
}

#[derive(Default)]
struct Counted(Mutex<Vec<String>>);

impl Metrics for Counted {
    fn count(&self, name: &'static str, labels: &[(&'static str, &str)], amount: u64) {
        let labels: Vec<&str> = labels.iter().map(|(_, value)| *value).collect();
        let line = format!("{name} {} {amount}", labels.join(" "));
        self.0.lock().unwrap().push(line);
    }

    fn gauge(&self, _: &'static str, _: &[(&'static str, &str)], _: f64) {}

    fn observe(&self, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}

#[tokio::test(start_paused = true)]
async fn requests_are_counted_by_mount_type_operation_and_class() {
    let mut world = World::new();
    let counted = Arc::new(Counted::default());
    world.metrics = Arc::clone(&counted) as _;
    let core = world.mounted().await;
    ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
    ask(&core, Operation::Update, "puppet/thing", json!({})).await;
    ask(&core, Operation::Read, "nowhere", Value::Null).await;
    ask_as(&core, None, Operation::Read, "sys/mounts", Value::Null).await;
    assert_eq!(
        *counted.0.lock().unwrap(),
        [
            "core_requests_total puppet read success 1",
            "core_requests_total puppet create success 1",
            "core_requests_total  read client_error 1",
            "core_requests_total system read client_error 1",
        ]
    );
}

/// Reads a path of the puppet with two headers.
async fn with_headers(core: &Core, path: &str) -> Answer {
    let mut request =
        ClientRequest::new(Operation::Read, path).with_token(Some(ClientToken::new("root")));
    for name in ["x-asked", "x-kept-back"] {
        request
            .headers
            .insert(name.to_owned(), vec!["a".to_owned(), "b".to_owned()]);
    }
    core.handle(request).await
}

fn seen_headers(answer: &Answer) -> Vec<(&str, &str)> {
    let headers = answer.headers().iter();
    headers
        .map(|(name, value)| (name.as_ref(), value.as_str()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn headers_go_to_and_from_an_engine_as_its_mount_is_tuned() {
    let core = World::new().mounted().await;
    let answer = with_headers(&core, "puppet/headers").await;
    let body: Value = serde_json::from_slice(&answer.body().unwrap()).unwrap();
    assert_eq!((&body["data"], seen_headers(&answer)), (&json!({}), vec![]));
    let tuned = json!({
        "passthrough_request_headers": ["X-Asked"],
        "allowed_response_headers": ["X-Answered"],
    });
    let seen = ask(&core, Operation::Update, "sys/mounts/puppet/tune", tuned).await;
    assert_eq!(seen.status, 204, "{seen:?}");
    let answer = with_headers(&core, "puppet/headers").await;
    let body: Value = serde_json::from_slice(&answer.body().unwrap()).unwrap();
    assert_eq!(body["data"], json!({"x-asked": ["a", "b"]}));
    assert_eq!(
        seen_headers(&answer),
        [("x-answered", "one"), ("x-answered", "two")]
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_can_send_its_client_to_another_address() {
    let core = World::new().mounted().await;
    let answer = with_headers(&core, "puppet/elsewhere").await;
    assert_eq!(answer.status(), 307);
    assert!(answer.body().is_none());
    let expected = [("location", "https://elsewhere.example/v1/there")];
    assert_eq!(seen_headers(&answer), expected);
}
