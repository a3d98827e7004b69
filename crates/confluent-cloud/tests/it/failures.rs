//! What goes wrong, and whether the request may have been carried out.

use std::time::Duration;

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use confluent_cloud::{Error, ErrorKind, KeyResource, ListFilter, NewApiKey};

use crate::listener::{SECRET, Step, answer, answering, nobody, story};

const CREATED: &str = include_str!("../../fixtures/api_key_created.json");

fn new_key() -> NewApiKey {
    NewApiKey {
        display_name: "x".into(),
        description: String::new(),
        owner: OwnerId::new("sa-1").unwrap(),
        resource: KeyResource::from_id("lkc-1", None).unwrap(),
    }
}

/// The error of a create that is answered with these bytes.
async fn failed_create(bytes: String) -> Error {
    let scripted = answering(bytes).await;
    let result = scripted.client.create_api_key(&new_key()).await;
    let error = result.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    error
}

#[tokio::test]
async fn a_create_is_accepted_with_each_status_of_success() {
    for status in [200, 201, 202] {
        let scripted = answering(answer(status, "", CREATED)).await;
        let created = scripted.client.create_api_key(&new_key()).await.unwrap();
        assert_eq!(created.key.id.as_str(), "K7Q2M4ZB6RXN3TWD");
        assert!(created.secret.verify().is_ok());
    }
}

#[tokio::test]
async fn a_request_says_who_sends_it_and_with_which_key() {
    let scripted = answering(answer(202, "", CREATED)).await;
    scripted.client.create_api_key(&new_key()).await.unwrap();
    let request = scripted.request.await.unwrap();
    assert!(request.starts_with("POST /iam/v2/api-keys HTTP/1.1\r\n"));
    let agent = format!("user-agent: lockkeeper/{}\r\n", env!("CARGO_PKG_VERSION"));
    assert!(request.contains(&agent), "{request}");
    // `ADMIN:canary-secret` in base64.
    assert!(request.contains("authorization: Basic QURNSU46Y2FuYXJ5LXNlY3JldA==\r\n"));
}

#[tokio::test]
async fn every_shape_of_error_tells_its_kind() {
    let limited = ErrorKind::RateLimited {
        retry_after: Some(Duration::from_secs(7)),
    };
    for (status, headers, body, kind) in [
        (
            402,
            "",
            include_str!("../../fixtures/error_quota.json"),
            ErrorKind::QuotaExceeded,
        ),
        (
            401,
            "",
            include_str!("../../fixtures/error_wrong_key.json"),
            ErrorKind::Unauthorized,
        ),
        (
            403,
            "",
            r#"{"error_code":40301,"message":"no"}"#,
            ErrorKind::Forbidden,
        ),
        (
            422,
            "",
            include_str!("../../fixtures/error_invalid_member.json"),
            ErrorKind::Rejected,
        ),
        (409, "", r#"{"message":"no"}"#, ErrorKind::Conflict),
        (429, "Retry-After: 7\r\n", "", limited),
        (
            403,
            "",
            r#"{"message":"Forbidden"}"#,
            ErrorKind::NotConfluent,
        ),
        (
            503,
            "",
            "<html><title>Down</title><body>canary</body></html>",
            ErrorKind::Upstream,
        ),
        (
            400,
            "",
            r#"{"status":400,"error":{"code":"BAD","message":"no"}}"#,
            ErrorKind::Rejected,
        ),
    ] {
        let error = failed_create(answer(status, headers, body)).await;
        assert_eq!(error.kind, kind, "{body}");
        assert_eq!(error.status, Some(status));
        let unknown = status >= 500 || kind == ErrorKind::NotConfluent;
        assert_eq!(error.outcome_unknown(), unknown);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

/// A proxy that waited for the service gives up with it.
#[tokio::test]
async fn a_create_that_a_proxy_gave_up_leaves_the_outcome_open() {
    let error = failed_create(answer(408, "", "")).await;
    assert_eq!(error.kind, ErrorKind::TimedOut);
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn a_service_that_repeats_the_secret_is_not_repeated() {
    let body = format!(r#"{{"message":"not with {SECRET}"}}"#);
    let error = failed_create(answer(401, "", &body)).await;
    assert_eq!(error.detail, None);
}

#[tokio::test]
async fn without_a_listener_nothing_was_done() {
    let error = nobody().await.create_api_key(&new_key()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(!error.outcome_unknown());
    assert!(error.to_string().contains("check `url`"), "{error}");
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_open() {
    for bytes in ["", "HTTP/1.1 202 X\r\nContent-Length: 99\r\n\r\n{\"id\":"] {
        let error = failed_create(bytes.into()).await;
        assert_eq!(error.kind, ErrorKind::Malformed, "{bytes}");
        assert!(error.outcome_unknown());
    }
}

#[tokio::test]
async fn a_success_without_a_secret_names_the_key_that_was_made() {
    let body = CREATED.replace("\"cflt", "\"\",\"was\":\"cflt");
    let error = failed_create(answer(202, "X-Request-Id: r-1\r\n", &body)).await;
    assert!(error.outcome_unknown());
    assert_eq!(error.request_id.as_deref(), Some("r-1"));
    assert!(error.to_string().contains("`K7Q2M4ZB6RXN3TWD`"), "{error}");
}

#[tokio::test]
async fn a_success_that_is_no_key_leaves_the_outcome_open() {
    for body in ["", "[]", "{}", r#"{"id":"a/b","spec":{"secret":"s"}}"#] {
        let error = failed_create(answer(200, "", body)).await;
        assert_eq!(error.kind, ErrorKind::Malformed, "{body}");
        assert!(error.outcome_unknown());
    }
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_credential_elsewhere() {
    let elsewhere = answering(answer(200, "", CREATED)).await;
    let location = format!("Location: {}/\r\n", elsewhere.url);
    let error = failed_create(answer(307, &location, "")).await;
    assert_eq!(error.status, Some(307));
    assert!(!elsewhere.request.is_finished());
}

#[tokio::test]
async fn a_list_whose_next_page_cannot_be_asked_for_is_not_complete() {
    for (next, complete) in [
        ("null", true),
        (r#""""#, true),
        (r#""https://x/iam/v2/api-keys""#, false),
        (r#""https://x/iam/v2/api-keys?page_token=""#, false),
    ] {
        let body = format!(r#"{{"metadata":{{"next":{next}}},"data":[{{"id":"A","spec":{{}}}}]}}"#);
        let scripted = answering(answer(200, "", &body)).await;
        let listing = scripted.client.list_api_keys(&ListFilter::default()).await;
        let listing = listing.unwrap();
        assert_eq!(
            (listing.items.len(), listing.complete),
            (1, complete),
            "{next}"
        );
    }
}

#[tokio::test]
async fn a_list_without_data_is_no_empty_list() {
    let scripted = answering(answer(200, "", "{}")).await;
    let error = scripted.client.list_api_keys(&ListFilter::default()).await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::Malformed);
}

#[tokio::test]
async fn any_success_of_a_delete_will_do() {
    for status in [200, 202, 204] {
        let bytes = format!("HTTP/1.1 {status} X\r\n\r\n");
        let scripted = answering(bytes).await;
        let id = ApiKeyId::new("A").unwrap();
        assert_eq!(scripted.client.delete_api_key(&id).await, Ok(()));
        let request = scripted.request.await.unwrap();
        assert!(request.starts_with("DELETE /iam/v2/api-keys/A "));
    }
}

#[tokio::test]
async fn a_list_whose_pages_come_again_is_given_up_as_incomplete() {
    let page = |token: &str| {
        let next = format!("https://elsewhere.example/x?page_token={token}");
        let body =
            format!(r#"{{"metadata":{{"next":"{next}"}},"data":[{{"id":"A","spec":{{}}}}]}}"#);
        Step::Next(answer(200, "", &body))
    };
    let circle = story([page("a"), page("b"), page("a"), page("b")]).await;
    let listing = circle.client.list_api_keys(&ListFilter::default()).await;
    let listing = listing.unwrap();
    assert_eq!((listing.items.len(), listing.complete), (3, false));
    let endless = story((0..40).map(|number| page(&number.to_string()))).await;
    let listing = endless.client.list_api_keys(&ListFilter::default()).await;
    assert!(!listing.unwrap().complete);
    assert_eq!(endless.requests().len(), 20);
    assert!(
        endless.requests()[19]
            .starts_with("GET /iam/v2/api-keys?page_size=100&page_token=18 HTTP/1.1\r\n")
    );
}
