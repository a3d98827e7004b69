//! What a client reports of its requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use confluent_cloud::ids::{ApiKeyId, OrganizationId};
use confluent_cloud::{
    Budgets, Class, Effects, Flow, PaceStatus, Rate, Recorder, RemovalBy, RequestReport, TurnReport,
};

use crate::listener::{SECRET, Step, Story, answer, story};

const KEY: &str = include_str!("../../fixtures/api_key_created.json");

/// The reports so far, one line for each.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn starting_with(&self, beginning: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        let wanted = lines.iter().filter(|line| line.starts_with(beginning));
        wanted.cloned().collect()
    }
}

impl Recorder for Lines {
    fn request(&self, request: &RequestReport) {
        let RequestReport {
            method,
            endpoint,
            outcome,
            took,
            ..
        } = request;
        let (outcome, took) = (outcome.word(), took.as_secs());
        self.add(format!("request {method} {endpoint} {outcome} {took}s"));
    }

    fn turn(&self, turn: &TurnReport) {
        let TurnReport {
            class,
            granted,
            waited,
            ..
        } = turn;
        let (class, waited) = (class.word(), waited.as_secs());
        self.add(format!("turn {class} {granted} {waited}s"));
    }

    fn pace(&self, organization: &OrganizationId, pace: &PaceStatus) {
        let (rate, in_flight) = (pace.requests_per_second, pace.in_flight);
        self.add(format!("pace {organization} {rate:?} {in_flight}"));
    }
}

fn id() -> ApiKeyId {
    ApiKeyId::new("CANARYKEY").unwrap()
}

/// The client of a story with a recorder, in the pace of one request a second.
fn recorded(story: &Story) -> (confluent_cloud::Client, Arc<Lines>) {
    let lines = Arc::new(Lines::default());
    let client = story
        .client
        .clone()
        .with_budgets(&Budgets::starting_at(Rate::new(1, 10)))
        .with_recorder(Arc::clone(&lines) as Arc<dyn Recorder>);
    (client, lines)
}

#[tokio::test]
async fn every_attempt_is_reported_with_its_outcome_and_without_what_it_names() {
    let forbidden = include_str!("../../fixtures/error_forbidden.json");
    let story = story([
        Step::Last(answer(503, "", "")),
        Step::Last(answer(200, "", KEY)),
        Step::Last(answer(403, "", forbidden)),
    ])
    .await;
    let (client, lines) = recorded(&story);
    client.read_api_key(&id()).await.unwrap();
    client.delete_api_key(&id()).await.unwrap_err();
    assert_eq!(
        lines.starting_with("request"),
        [
            "request GET /iam/v2/api-keys/{id} upstream 0s",
            "request GET /iam/v2/api-keys/{id} succeeded 0s",
            "request DELETE /iam/v2/api-keys/{id} forbidden 0s",
        ]
    );
    // The first answer names the organization.
    let pace = lines.starting_with("pace");
    let organization = "0f0f0f0f-1111-2222-3333-444444444444";
    assert_eq!(pace[0], format!("pace {organization} Some(1.0) 1"));
    assert_eq!(
        pace[pace.len() - 1],
        format!("pace {organization} Some(1.0) 0")
    );
    let all = lines.starting_with("").join("\n");
    for hidden in ["CANARYKEY", SECRET, "sa-abc123", "ADMIN"] {
        assert!(!all.contains(hidden), "{all}");
    }
}

#[tokio::test]
async fn a_rate_limit_and_the_wait_for_a_turn_are_reported() {
    let story = story([
        Step::Next(answer(429, "Retry-After: 7\r\n", "")),
        Step::Last(answer(200, "", KEY)),
    ])
    .await;
    let (client, lines) = recorded(&story);
    let client = client.on_behalf_of(Class::Removal(RemovalBy::Host), Flow::default());
    client.read_api_key(&id()).await.unwrap();
    let requests = lines.starting_with("request");
    assert!(requests[0].ends_with(" rate_limited 0s"), "{requests:?}");
    let turns = lines.starting_with("turn");
    assert_eq!(turns[0], "turn removal true 0s");
    let waited: u64 = turns[1]
        .strip_prefix("turn removal true ")
        .and_then(|rest| rest.strip_suffix('s')?.parse().ok())
        .unwrap();
    assert!((7..=20).contains(&waited), "{turns:?}");
    let held_back = client.with_patience(Duration::ZERO);
    for _ in 0..20 {
        let _ = held_back.delete_api_key(&id()).await;
    }
    let turns = lines.starting_with("turn removal false");
    assert!(!turns.is_empty(), "{turns:?}");
}

#[tokio::test]
async fn a_request_that_its_caller_gives_up_is_reported_and_no_longer_in_flight() {
    let story = story([Step::Last(answer(200, "", KEY)), Step::Silence]).await;
    let (client, lines) = recorded(&story);
    client.read_api_key(&id()).await.unwrap();
    let key = id();
    let asking = tokio::spawn(async move { client.read_api_key(&key).await });
    while story.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    let in_flight = |lines: &Lines| lines.starting_with("pace").pop().unwrap();
    assert!(in_flight(&lines).ends_with(" 1"));
    asking.abort();
    asking.await.unwrap_err();
    let requests = lines.starting_with("request");
    assert_eq!(requests.len(), 2);
    assert!(requests[1].contains(" abandoned "), "{requests:?}");
    assert!(in_flight(&lines).ends_with(" 0"));
    assert!(
        story.time.passed() < Duration::from_secs(1),
        "{:?}",
        story.time.now()
    );
}
