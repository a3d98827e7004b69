//! One pace for all clients of an organization. Time passes only where a client
//! waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use confluent_cloud::{
    ApiSecret, Budgets, Class, Client, Credentials, Effects, Error, ErrorKind, Flow, KeyResource,
    NewApiKey, Rate, RemovalBy, RetryPolicy, Sleep,
};
use tokio::sync::watch;

use crate::listener::{FakeTime, Step, Story, answer, client, story};

const CREATED: &str = include_str!("../../fixtures/api_key_created.json");
const GONE: &str = "HTTP/1.1 204 X\r\n\r\n";

fn key(id: &str) -> Credentials {
    Credentials::Basic {
        key_id: ApiKeyId::new(id).unwrap(),
        secret: ApiSecret::new("secret"),
    }
}

async fn create(client: &Client) -> Result<(), Error> {
    create_named(client, "x").await
}

async fn create_named(client: &Client, name: &str) -> Result<(), Error> {
    let new = NewApiKey {
        display_name: name.into(),
        description: String::new(),
        owner: OwnerId::new("sa-1").unwrap(),
        resource: KeyResource::from_id("lkc-1", None).unwrap(),
    };
    let flow = Flow::new("orders", "somebody");
    let client = client.clone().on_behalf_of(Class::Reader, flow);
    client.create_api_key(&new).await.map(|_| ())
}

async fn delete_by(by: RemovalBy, client: &Client) -> Result<(), Error> {
    let flow = Flow::new("sa-1", "");
    let client = client.clone().on_behalf_of(Class::Removal(by), flow);
    client.delete_api_key(&ApiKeyId::new("A").unwrap()).await
}

async fn delete(client: &Client) -> Result<(), Error> {
    delete_by(RemovalBy::Host, client).await
}

fn created() -> Step {
    Step::Next(answer(202, "", CREATED))
}

fn deleted() -> Step {
    Step::Next(GONE.into())
}

fn limited(seconds: u32) -> Step {
    Step::Last(answer(429, &format!("Retry-After: {seconds}\r\n"), ""))
}

#[tokio::test]
async fn on_loopback_nothing_waits_until_the_first_429() {
    let mut steps = vec![created(); 100];
    steps.extend([limited(3), created(), created()]);
    let story = story(steps).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    assert_eq!(client.pace().unwrap().requests_per_second, None);
    for _ in 0..100 {
        create(&client).await.unwrap();
    }
    assert!(story.time.waits().is_empty());
    // The request that was refused is sent again when the pace opens, after a
    // tenth more than was asked for, and has the first token.
    create(&client).await.unwrap();
    let passed = story.time.passed();
    assert!((3300..3500).contains(&passed.as_millis()), "{passed:?}");
    let learned = client.pace().unwrap().requests_per_second.unwrap();
    assert!((20.0..80.0).contains(&learned), "{learned}");
    create(&client).await.unwrap();
    assert!(story.time.passed() > passed);
}

#[tokio::test]
async fn creations_wait_for_their_turn_and_deletions_do_not() {
    let mut steps = vec![created(); 9];
    steps.push(deleted());
    let story = story(steps).await;
    let budgets = Budgets::starting_at(Rate::new(1, 10));
    let client = story.client.clone().with_budgets(&budgets);
    for _ in 0..9 {
        create(&client).await.unwrap();
    }
    // Seven of ten are for all.
    assert_eq!(story.time.waits(), [1, 1]);
    delete(&client).await.unwrap();
    assert_eq!(story.time.waits(), [1, 1]);
}

#[tokio::test]
async fn a_request_that_would_be_sent_too_late_is_held_back_and_nothing_is_sent() {
    let story = story([limited(40)]).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    let refused = create(&client).await.unwrap_err();
    assert!(matches!(refused.kind, ErrorKind::RateLimited { .. }));
    let error = delete(&client).await.unwrap_err();
    let ErrorKind::HeldBack { wait } = error.kind else {
        panic!("{error}");
    };
    // Forty seconds, a tenth more, and the first token.
    assert!((44..48).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!((error.attempts, error.status), (0, None));
    assert!(!error.outcome_unknown());
    let text = error.to_string();
    assert!(
        text.starts_with("Lockkeeper keeps the pace of the organization of key ADMIN")
            && text.contains("was not sent")
            && text.contains("more; try again then")
            && !text.contains("Confluent"),
        "{text}"
    );
    assert!(story.time.waits().is_empty());
    assert_eq!(story.requests().len(), 1);
}

#[tokio::test]
async fn a_caller_may_wait_for_less_than_its_call_could() {
    let mut steps = vec![deleted(); 12];
    steps.push(deleted());
    let story = story(steps).await;
    let budgets = Budgets::starting_at(Rate::new(1, 10));
    let client = story.client.clone().with_budgets(&budgets);
    for _ in 0..9 {
        delete(&client).await.unwrap();
    }
    let hasty = client.clone().with_patience(Duration::from_millis(100));
    let error = delete(&hasty).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::HeldBack { .. }), "{error}");
    assert_eq!(story.requests().len(), 9);
    delete(&client).await.unwrap();
}

/// A client with a patience of five seconds, after so many requests that its rate
/// stays above some a second, and before these steps.
async fn hasty(steps: impl IntoIterator<Item = Step>) -> (Story, Client) {
    let before = std::iter::repeat_with(created).take(100);
    let story = story(before.chain(steps)).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    for _ in 0..100 {
        create(&client).await.unwrap();
    }
    let client = client.with_patience(Duration::from_secs(5));
    (story, client)
}

#[tokio::test]
async fn a_retry_after_a_429_does_not_wait_beyond_the_patience_of_its_caller() {
    for (retry_after, waits) in [(3, true), (6, false)] {
        let (story, client) = hasty([limited(retry_after), deleted()]).await;
        let deleted = delete(&client).await;
        assert_eq!(deleted.is_ok(), waits, "{retry_after}: {deleted:?}");
        assert_eq!(story.requests().len(), 101 + usize::from(waits));
        // One that would wait longer ends at once.
        assert_eq!(story.time.waits().is_empty(), !waits, "{retry_after}");
    }
}

#[tokio::test]
async fn two_retries_after_429_share_the_patience_of_their_caller() {
    let (story, client) = hasty([limited(3), limited(3), deleted()]).await;
    let error = delete(&client).await.unwrap_err();
    assert_eq!(error.status, Some(429), "{error}");
    assert_eq!(story.requests().len(), 102);
    let passed = story.time.passed();
    assert!(passed < Duration::from_secs(4), "{passed:?}");
}

#[tokio::test]
async fn a_retry_that_need_not_wait_is_sent_after_the_patience_of_its_caller() {
    let failed = || Step::Last(answer(503, "Retry-After: 6\r\n", ""));
    let (story, client) = hasty([failed(), deleted()]).await;
    delete(&client).await.unwrap();
    assert_eq!(story.requests().len(), 102);
}

#[tokio::test]
async fn a_deletion_of_the_sweep_has_a_minute_to_be_sent() {
    let story = story([limited(40), deleted()]).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    create(&client).await.unwrap_err();
    delete(&client).await.unwrap_err();
    assert_eq!(story.requests().len(), 1);
    delete_by(RemovalBy::Sweep, &client).await.unwrap();
    assert_eq!(story.requests().len(), 2);
    let passed = story.time.passed().as_secs();
    assert!((44..48).contains(&passed), "{passed}");
}

#[tokio::test]
async fn a_limit_that_one_client_met_holds_back_all_of_its_organization() {
    let told = Step::Last(answer(200, "", CREATED));
    let gone = Step::Last(GONE.into());
    let story = story([told.clone(), told, limited(5), gone.clone(), gone]).await;
    let time: Arc<FakeTime> = Arc::clone(&story.time);
    let budgets = Budgets::default();
    let of = |id: &str| {
        client(&story.url, key(id))
            .with_retries(RetryPolicy::never())
            .with_effects(Arc::clone(&time) as Arc<dyn Effects>)
            .with_budgets(&budgets)
    };
    let (one, other, stranger) = (of("ONE"), of("OTHER"), of("STRANGER"));
    for client in [&one, &other] {
        client
            .read_api_key(&ApiKeyId::new("A").unwrap())
            .await
            .unwrap();
    }
    assert_eq!(one.organization(), other.organization());
    assert!(one.organization().is_some());
    create(&one).await.unwrap_err();
    delete(&stranger).await.unwrap();
    assert!(time.waits().is_empty());
    delete(&other).await.unwrap();
    let passed = time.passed();
    assert!(passed >= Duration::from_millis(5500), "{passed:?}");
    // A new client of the same key knows at once.
    assert!(of("ONE").pace().unwrap().requests_per_second.is_some());
    assert_eq!(stranger.pace().unwrap().requests_per_second, None);
}

#[tokio::test]
async fn a_held_back_request_names_the_organization_where_it_is_known() {
    let key = Step::Last(answer(200, "", CREATED));
    let story = story([key, limited(40)]).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    let id = ApiKeyId::new("A").unwrap();
    client.read_api_key(&id).await.unwrap();
    create(&client).await.unwrap_err();
    let text = delete(&client).await.unwrap_err().to_string();
    let organization = client.organization().unwrap();
    let whose = format!("keeps the pace of organization `{organization}`");
    assert!(text.contains(&whose), "{text}");
}

#[tokio::test]
async fn what_an_account_used_before_its_organization_was_known_counts() {
    let told = Step::Last(answer(200, "", CREATED));
    let gone = || Step::Last(GONE.into());
    let mut steps: Vec<Step> = std::iter::repeat_with(gone).take(9).collect();
    steps.push(told.clone());
    steps.push(told);
    let story = story(steps).await;
    let client = story
        .client
        .clone()
        .with_budgets(&Budgets::starting_at(Rate::new(1, 10)));
    for _ in 0..9 {
        delete(&client).await.unwrap();
    }
    assert!(story.time.waits().is_empty());
    for _ in 0..2 {
        let id = ApiKeyId::new("A").unwrap();
        client.read_api_key(&id).await.unwrap();
    }
    // Nothing is left of either part, before and after the answer.
    assert_eq!(story.time.waits().len(), 2);
}

#[tokio::test]
async fn a_group_of_paths_that_is_used_up_waits_for_its_reset() {
    let headers = "X-RateLimit-Limit: 10\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 7\r\n";
    let used_up = Step::Next(answer(202, headers, CREATED));
    let list = Step::Next(answer(200, "", r#"{"data":[]}"#));
    let story = story([used_up, list, created()]).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    create(&client).await.unwrap();
    client.list_environments().await.unwrap();
    assert!(story.time.waits().is_empty());
    create(&client).await.unwrap();
    assert_eq!(story.time.waits(), [7]);
}

/// A time that passes only when the test says so.
#[derive(Debug)]
struct ManualTime {
    began: Instant,
    passed: watch::Sender<Duration>,
}

impl Effects for ManualTime {
    fn now(&self) -> Instant {
        self.began + *self.passed.borrow()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let mut passed = self.passed.subscribe();
        let until = *passed.borrow() + time;
        Box::pin(async move {
            let _ = passed.wait_for(|passed| *passed >= until).await;
        })
    }

    fn random(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn a_request_that_met_a_429_is_sent_again_before_those_that_wait() {
    let mut steps = vec![created(); 6];
    steps.extend([limited(1), created(), created(), created()]);
    let story = story(steps).await;
    let time = Arc::new(ManualTime {
        began: Instant::now(),
        passed: watch::Sender::new(Duration::ZERO),
    });
    let client = story
        .client
        .clone()
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>)
        .with_budgets(&Budgets::starting_at(Rate::new(1, 10)));
    for _ in 0..6 {
        create(&client).await.unwrap();
    }
    let asks = async |name: &str| create_named(&client, name).await.unwrap();
    let passes = async || {
        // Two that wait from the beginning, and the one that is refused.
        while client.pace().unwrap().waiting.readers < 3 {
            tokio::task::yield_now().await;
        }
        while client.pace().unwrap().oldest.is_some() {
            time.passed
                .send_modify(|passed| *passed += Duration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(asks("refused"), asks("waiting"), asks("waiting"), passes());
    assert!(story.requests()[6].contains("refused"));
    assert!(story.requests()[7].contains("refused"));
}
