//! One pace for all clients of an organization. Time passes only where a client
//! waits.

use std::sync::Arc;
use std::time::Duration;

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use confluent_cloud::{
    ApiSecret, Budgets, Client, Credentials, Effects, Error, ErrorKind, KeyResource, NewApiKey,
    Purpose, Rate, RetryPolicy,
};

use crate::listener::{FakeTime, Step, answer, client, story};

const CREATED: &str = include_str!("../../fixtures/api_key_created.json");

fn key(id: &str) -> Credentials {
    Credentials::Basic {
        key_id: ApiKeyId::new(id).unwrap(),
        secret: ApiSecret::new("secret"),
    }
}

async fn create(client: &Client) -> Result<(), Error> {
    let new = NewApiKey {
        display_name: "x".into(),
        description: String::new(),
        owner: OwnerId::new("sa-1").unwrap(),
        resource: KeyResource::from_id("lkc-1", None).unwrap(),
    };
    let client = client.clone().for_purpose(Purpose::Create);
    client.create_api_key(&new).await.map(|_| ())
}

async fn delete(client: &Client) -> Result<(), Error> {
    let client = client.clone().for_purpose(Purpose::Removal);
    client.delete_api_key(&ApiKeyId::new("A").unwrap()).await
}

fn created() -> Step {
    Step::Next(answer(202, "", CREATED))
}

fn deleted() -> Step {
    Step::Next("HTTP/1.1 204 X\r\n\r\n".into())
}

fn limited(seconds: u32) -> Step {
    Step::Last(answer(429, &format!("Retry-After: {seconds}\r\n"), ""))
}

#[tokio::test]
async fn on_loopback_nothing_is_held_back_unless_told() {
    let story = story(std::iter::repeat_n(created(), 100)).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    for _ in 0..100 {
        create(&client).await.unwrap();
    }
    assert!(story.time.waits().is_empty());
}

#[tokio::test]
async fn creations_wait_for_their_turn_and_deletions_do_not() {
    let mut steps = vec![created(); 9];
    steps.push(deleted());
    let story = story(steps).await;
    let budgets = Budgets::with_rate(Rate::new(1, 10));
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
async fn a_turn_that_would_come_too_late_is_told_and_nothing_is_sent() {
    let story = story([limited(40)]).await;
    let client = story.client.clone().with_budgets(&Budgets::default());
    create(&client).await.unwrap_err();
    let error = delete(&client).await.unwrap_err();
    let retry_after = Some(Duration::from_secs(40));
    assert_eq!(error.kind, ErrorKind::RateLimited { retry_after });
    assert_eq!((error.attempts, error.status), (0, None));
    assert!(!error.outcome_unknown());
    let text = error.to_string();
    assert!(
        text.contains("try again in 40 s") && text.contains("not sent"),
        "{text}"
    );
    assert_eq!(story.requests().len(), 1);
}

#[tokio::test]
async fn a_limit_that_one_client_met_holds_back_all_of_its_organization() {
    let told = Step::Last(answer(200, "", CREATED));
    let gone = Step::Last("HTTP/1.1 204 X\r\n\r\n".into());
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
    assert_eq!(time.waits(), [5]);
    // A new client of the same key knows at once.
    create(&of("ONE")).await.unwrap_err();
}

#[tokio::test]
async fn what_an_account_used_before_its_organization_was_told_counts() {
    let told = Step::Last(answer(200, "", CREATED));
    let gone = || Step::Last("HTTP/1.1 204 X\r\n\r\n".into());
    let mut steps: Vec<Step> = std::iter::repeat_with(gone).take(9).collect();
    steps.push(told.clone());
    steps.push(told);
    let story = story(steps).await;
    let client = story
        .client
        .clone()
        .with_budgets(&Budgets::with_rate(Rate::new(1, 10)));
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
