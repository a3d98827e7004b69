//! When a new key works, told by itself.

use std::time::Duration;

use confluent_cloud::ids::{ApiKeyId, ResourceId};
use confluent_cloud::{ApiSecret, Endpoint, ErrorKind, KeyResource, NewApiKey, Readiness};
use confluent_simulator::{Clock, Options, Propagation};
use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::listener::{SECRET, Step, Story, answer, story};

const NEW_SECRET: &str = "new-canary";

async fn slow_cloud() -> Cloud {
    Cloud::with(&Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        propagation: Propagation::Real,
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn a_kafka_key_is_ready_once_the_cluster_knows_it() {
    let cloud = slow_cloud().await;
    let made = cloud.client.create_api_key(&cloud.new_key("x")).await;
    let made = made.unwrap();
    let known = &cloud.state().kafka_clusters[0];
    let cluster = ResourceId::new(&*known.id).unwrap();
    let address = Endpoint::parse(&known.http_endpoint).unwrap();
    let probe = || {
        cloud
            .client
            .probe_kafka_key(&address, &cluster, &made.key.id, &made.secret)
    };
    assert_eq!(probe().await, Ok(Readiness::NotYet));
    cloud.simulator.advance(Duration::from_mins(10)).unwrap();
    assert_eq!(probe().await, Ok(Readiness::Ready));
}

#[tokio::test]
async fn a_cloud_key_is_ready_once_the_control_plane_knows_it() {
    let cloud = slow_cloud().await;
    let key = NewApiKey {
        resource: KeyResource::Cloud,
        ..cloud.new_key("x")
    };
    let made = cloud.client.create_api_key(&key).await.unwrap();
    let probe = || cloud.client.probe_cloud_key(&made.key.id, &made.secret);
    assert_eq!(probe().await, Ok(Readiness::NotYet));
    cloud.simulator.advance(Duration::from_mins(1)).unwrap();
    assert_eq!(probe().await, Ok(Readiness::Ready));
}

async fn probe(story: &Story) -> Result<Readiness, confluent_cloud::Error> {
    let address = Endpoint::parse(&story.url).unwrap();
    let cluster = ResourceId::new("lkc-1").unwrap();
    let id = ApiKeyId::new("NEW").unwrap();
    let secret = ApiSecret::new(NEW_SECRET);
    let probing = story
        .client
        .probe_kafka_key(&address, &cluster, &id, &secret);
    probing.await
}

#[tokio::test]
async fn a_cluster_sees_the_new_key_and_never_that_of_the_account() {
    let story = story([Step::Last(answer(200, "", "{}"))]).await;
    assert_eq!(probe(&story).await, Ok(Readiness::Ready));
    let request = &story.requests()[0];
    assert!(request.starts_with("GET /kafka/v3/clusters/lkc-1/topics HTTP/1.1\r\n"));
    // `NEW:new-canary` in base64.
    assert!(request.contains("authorization: Basic TkVXOm5ldy1jYW5hcnk=\r\n"));
    assert!(!request.contains(SECRET) && !request.contains("QURNSU4"));
}

#[tokio::test]
async fn a_refusal_of_the_key_means_not_yet() {
    for (status, body) in [
        (401, include_str!("../../fixtures/error_page.html")),
        (401, r#"{"error_code":40101,"message":"Unauthorized"}"#),
        (403, include_str!("../../fixtures/error_kafka_rest.json")),
    ] {
        let story = story([Step::Last(answer(status, "", body))]).await;
        assert_eq!(probe(&story).await, Ok(Readiness::NotYet), "{body}");
        assert_eq!(story.requests().len(), 1);
    }
}

#[tokio::test]
async fn another_refusal_is_told_without_the_new_secret() {
    let body = format!(r#"{{"error_code":404,"message":"no {NEW_SECRET}"}}"#);
    let story = story([Step::Last(answer(404, "", &body))]).await;
    let Ok(Readiness::Refused(error)) = probe(&story).await else {
        panic!("it is refused");
    };
    assert_eq!((error.status, error.detail.as_deref()), (Some(404), None));
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[tokio::test]
async fn a_cluster_that_fails_tells_nothing_of_the_key() {
    let page = "<html><head><title>Too Many Requests</title></head></html>";
    for (status, kind) in [
        (429, ErrorKind::RateLimited { retry_after: None }),
        (503, ErrorKind::Upstream),
    ] {
        let step = Step::Last(answer(status, "", page));
        let story = story(std::iter::repeat_n(step, 5)).await;
        assert_eq!(probe(&story).await.unwrap_err().kind, kind);
        assert_eq!(story.requests().len(), 5);
    }
}
