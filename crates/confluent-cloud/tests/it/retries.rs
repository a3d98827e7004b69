//! What is tried again, how long it takes, and what is told of it. Time passes
//! only where the client waits.

use std::sync::Arc;
use std::time::Duration;

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use confluent_cloud::{
    Budgets, Credentials, Effects, ErrorKind, KeyResource, ListFilter, NewApiKey, RetryPolicy,
};

use crate::listener::{FakeTime, SECRET, Step, Story, answer, client, nobody, story};

const CREATED: &str = include_str!("../../fixtures/api_key_created.json");
const GONE: &str = "HTTP/1.1 204 X\r\n\r\n";

fn new_key() -> NewApiKey {
    NewApiKey {
        display_name: "x".into(),
        description: String::new(),
        owner: OwnerId::new("sa-1").unwrap(),
        resource: KeyResource::from_id("lkc-1", None).unwrap(),
    }
}

fn id() -> ApiKeyId {
    ApiKeyId::new("A").unwrap()
}

fn failing(status: u16) -> Step {
    let body = match status {
        403 => include_str!("../../fixtures/error_forbidden.json"),
        404 => include_str!("../../fixtures/error_key_not_found.json"),
        _ => "",
    };
    Step::Last(answer(status, "", body))
}

fn limited(headers: &str) -> Step {
    Step::Next(answer(429, headers, ""))
}

fn lost() -> Step {
    Step::Last(String::new())
}

fn deleted() -> Step {
    Step::Last(GONE.into())
}

fn created() -> Step {
    Step::Last(answer(202, "", CREATED))
}

async fn delete(story: &Story) -> Result<(), confluent_cloud::Error> {
    story.client.delete_api_key(&id()).await
}

#[tokio::test]
async fn a_deletion_goes_on_after_failures_that_may_pass() {
    let story = story([failing(503), lost(), failing(500), deleted()]).await;
    assert_eq!(delete(&story).await, Ok(()));
    assert_eq!(story.requests().len(), 4);
    assert_eq!(story.time.waits(), [1, 1, 2]);
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    for status in [302, 400, 401, 403, 404, 409, 422, 501] {
        let story = story([failing(status), deleted()]).await;
        let error = delete(&story).await.unwrap_err();
        assert_eq!(error.status, Some(status));
        assert_eq!((error.attempts, story.requests().len()), (1, 1));
    }
}

#[tokio::test]
async fn a_limited_caller_comes_back_when_it_was_told_to() {
    for headers in [
        "Retry-After: 5\r\n",
        "X-RateLimit-Limit: 10\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 5\r\n",
        "X-RateLimit-Reset: 5\r\nRetry-After: 1\r\n",
        "X-RateLimit-Reset: 1\r\nRetry-After: 5\r\n",
    ] {
        let story = story([limited(headers), created()]).await;
        assert!(story.client.create_api_key(&new_key()).await.is_ok());
        // The five seconds, and up to half of one more.
        assert_eq!(story.time.waits(), [6], "{headers}");
    }
}

#[tokio::test]
async fn a_limited_caller_who_was_told_nothing_comes_back_soon() {
    let story = story([limited(""), limited("Retry-After: soon\r\n"), created()]).await;
    assert!(story.client.create_api_key(&new_key()).await.is_ok());
    assert_eq!(story.time.waits(), [1, 1]);
}

#[tokio::test]
async fn a_wait_beyond_the_limit_is_told_and_not_waited() {
    let story = story([limited("Retry-After: 40\r\n"), created()]).await;
    let error = story.client.create_api_key(&new_key()).await.unwrap_err();
    let retry_after = Some(Duration::from_secs(40));
    assert_eq!(error.kind, ErrorKind::RateLimited { retry_after });
    assert!(!error.outcome_unknown());
    assert!(error.to_string().contains("try again in 40 s"), "{error}");
    assert!(story.time.waits().is_empty());
}

#[tokio::test]
async fn a_create_is_not_sent_with_too_little_time_for_its_answer() {
    let in_time = story([limited("Retry-After: 18\r\n"), created()]).await;
    assert!(in_time.client.create_api_key(&new_key()).await.is_ok());
    let late = story([limited("Retry-After: 20\r\n"), created()]).await;
    let error = late.client.create_api_key(&new_key()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::RateLimited { .. }));
    assert_eq!(late.requests().len(), 1);
    // A question may be asked until the end.
    let asking = story([limited("Retry-After: 29\r\n"), failing(404)]).await;
    let error = asking.client.read_api_key(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_create_that_may_have_been_carried_out_is_not_repeated() {
    for step in [
        failing(500),
        failing(503),
        lost(),
        Step::Last("HTTP/1.1 2".into()),
    ] {
        let story = story([step.clone(), created()]).await;
        let error = story.client.create_api_key(&new_key()).await.unwrap_err();
        assert!(error.outcome_unknown(), "{step:?}");
        assert_eq!(story.requests().len(), 1, "{step:?}");
    }
}

#[tokio::test]
async fn a_create_is_repeated_where_nothing_was_sent() {
    let time = Arc::new(FakeTime::default());
    let client = nobody()
        .await
        .with_retries(RetryPolicy::attempts(3))
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>);
    let error = client.create_api_key(&new_key()).await.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::Unreachable, 3));
    assert!(!error.outcome_unknown());
    assert_eq!(time.waits(), [1, 1]);
    assert!(error.to_string().contains("(after 3 attempts)"), "{error}");
}

#[tokio::test]
async fn a_deletion_that_is_refused_after_a_lost_answer_stays_open() {
    for (status, kind) in [(403, ErrorKind::Forbidden), (404, ErrorKind::NotFound)] {
        let story = story([lost(), failing(status)]).await;
        let error = delete(&story).await.unwrap_err();
        assert_eq!((error.kind, error.attempts), (kind, 2));
        assert!(error.outcome_unknown());
    }
}

#[tokio::test]
async fn no_later_error_hides_that_a_deletion_may_have_been_carried_out() {
    let story = story([lost(), limited("Retry-After: 60\r\n")]).await;
    let error = delete(&story).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::RateLimited { .. }));
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn a_question_that_failed_before_leaves_nothing_open() {
    let story = story([failing(500), failing(404)]).await;
    let error = story.client.read_api_key(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn a_service_that_stays_down_is_given_up_within_the_time_of_the_call() {
    let down = || std::iter::repeat_n(failing(500), 100);
    let often = RetryPolicy::attempts(1000);
    let deleting = story(down()).await;
    let client = deleting.client.clone().with_retries(often);
    let error = client.delete_api_key(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Upstream);
    assert!(deleting.time.passed() <= Duration::from_secs(9));
    let listing = story(down()).await;
    let client = listing.client.clone().with_retries(often);
    let error = client.list_api_keys(&ListFilter::default()).await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::Upstream);
    assert!(listing.time.passed() <= Duration::from_secs(30));
    assert!(listing.time.passed() > Duration::from_secs(20));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_only_so_long() {
    let story = story([Step::Silence, deleted()]).await;
    // Beginning, left: 0.03 s of 9 s remain.
    story.time.slow_down(Duration::from_millis(8970));
    let error = delete(&story).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut);
    assert!(error.outcome_unknown());
}

fn refused() -> Step {
    let body = include_str!("../../fixtures/error_wrong_key.json");
    Step::Next(answer(401, "", body))
}

#[tokio::test]
async fn a_key_that_was_made_seconds_ago_proves_itself_after_some_refusals() {
    let key = Step::Next(answer(200, "", CREATED));
    let story = story([refused(), refused(), key]).await;
    assert!(story.client.read_own_key().await.is_ok());
    assert_eq!(story.time.waits(), [2, 2]);
    assert!(story.requests()[2].starts_with("GET /iam/v2/api-keys/ADMIN "));
}

#[tokio::test]
async fn a_wrong_key_is_refused_after_some_seconds_and_at_once_the_next_time() {
    let story = story(std::iter::repeat_n(refused(), 20)).await;
    let error = story.client.read_own_key().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.to_string().contains("half a minute"), "{error}");
    assert!(story.time.passed() < Duration::from_secs(8));
    assert_eq!(story.requests().len(), 4);
    let again = story.client.read_own_key().await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Unauthorized);
    assert_eq!(story.requests().len(), 5);
    // Another key is none of its own.
    story.client.read_api_key(&id()).await.unwrap_err();
    assert_eq!(story.requests().len(), 6);
}

#[tokio::test]
async fn a_caller_without_retries_is_told_of_a_refusal_at_once() {
    let story = story([refused(), refused()]).await;
    let client = story.client.clone().with_retries(RetryPolicy::never());
    client.read_own_key().await.unwrap_err();
    assert_eq!(story.requests().len(), 1);
}

#[tokio::test]
async fn all_pages_of_a_list_share_one_limit() {
    let page = |number: u32| {
        Step::Next(answer(
            200,
            "",
            &format!(r#"{{"metadata":{{"next":"/x?page_token={number}"}},"data":[]}}"#),
        ))
    };
    let story = story((0..20).map(page)).await;
    story.time.slow_down(Duration::from_secs(7));
    let error = story.client.list_api_keys(&ListFilter::default()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut);
    assert!(error.to_string().contains("no time was left"), "{error}");
    assert_eq!(story.requests().len(), 4);
}

#[tokio::test]
async fn who_tries_again_himself_is_told_at_once() {
    let story = story([failing(503), deleted()]).await;
    let client = story.client.clone().with_retries(RetryPolicy::never());
    let error = client.delete_api_key(&id()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Upstream);
    assert_eq!(story.requests().len(), 1);
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let key = CREATED.replace("\"cflt", "\"\",\"was\":\"cflt");
    let story = story(std::iter::repeat_n(Step::Next(answer(200, "", &key)), 20)).await;
    for _ in 0..20 {
        assert!(story.client.clone().read_api_key(&id()).await.is_ok());
    }
    assert_eq!((story.requests().len(), story.connections()), (20, 1));
}

#[tokio::test]
async fn a_token_is_sent_as_one_and_not_repeated_in_errors() {
    let echo =
        format!(r#"{{"errors":[{{"id":"{SECRET}","code":"{SECRET}","detail":"no {SECRET}"}}]}}"#);
    let headers = format!("X-Request-Id: {SECRET}\r\n");
    let story = story([Step::Last(answer(401, &headers, &echo))]).await;
    let client = client(&story.url, Credentials::Bearer(SECRET.to_owned().into()));
    let error = client.delete_api_key(&id()).await.unwrap_err();
    let request = &story.requests()[0];
    assert!(request.contains(&format!("authorization: Bearer {SECRET}\r\n")));
    let told = format!("{error} {error:?} {client:?}");
    assert!(!told.contains(SECRET), "{told}");
    assert_eq!(error.kind, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_proxy_that_gave_up_is_asked_again_where_that_does_no_harm() {
    let story = story([failing(408), deleted()]).await;
    delete(&story).await.unwrap();
    assert_eq!(story.requests().len(), 2);
    let story = crate::listener::story([failing(408), created()]).await;
    let error = story.client.create_api_key(&new_key()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut);
    assert!(error.outcome_unknown());
    assert_eq!(story.requests().len(), 1);
}

#[tokio::test]
async fn any_patience_is_accepted() {
    let story = story([deleted()]).await;
    let budgets = Budgets::default();
    let client = story.client.with_budgets(&budgets);
    let client = client.with_patience(Duration::MAX);
    client.delete_api_key(&id()).await.unwrap();
}
