//! What probes tell of a new key, and where it is sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use confluent_cloud::ids::{ApiKeyId, EnvironmentId, OrganizationId, ResourceId};
use confluent_cloud::{
    ApiSecret, Budgets, CreatedApiKey, Endpoint, KeyResource, NewApiKey, ProbeAt, Probed, Prober,
    Rate,
};
use confluent_simulator::{Clock, DataPlaneRights, KeySpread, Options, Propagation, Switches};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::cloud::Cloud;
use crate::listener::{SECRET, Step, Story, answer, basic, client, hear, story};

const NEW_SECRET: &str = "new-canary";
const NOT_YET: &str = include_str!("../../fixtures/error_page.html");
const NO_RIGHTS: &str = include_str!("../../fixtures/error_kafka_rest.json");

/// A simulator whose keys take as long as the vendor's, with these switches.
async fn slow_cloud(switches: Switches) -> Cloud {
    Cloud::with(&Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        propagation: Propagation::Real,
        switches,
        ..Options::default()
    })
    .await
}

impl Cloud {
    /// Every kind of key that can be tried: what it is made for, and where.
    fn places(&self) -> Vec<(KeyResource, ProbeAt)> {
        let state = self.state();
        let address = |text: &str| Endpoint::parse(text).unwrap();
        let (kafka, registry) = (&state.kafka_clusters[0], &state.schema_registries[0]);
        let environment = EnvironmentId::new(&*state.environments[0].id).unwrap();
        let resource = |id: &str| {
            let environment = Some(environment.clone());
            KeyResource::from_id(id, environment).unwrap()
        };
        vec![
            (
                resource(&kafka.id),
                ProbeAt::Kafka {
                    address: address(&kafka.http_endpoint),
                    cluster: ResourceId::new(&*kafka.id).unwrap(),
                },
            ),
            (
                resource(&registry.id),
                ProbeAt::SchemaRegistry {
                    address: address(&registry.http_endpoint),
                },
            ),
            (
                resource("aws.us-east-1"),
                ProbeAt::Flink {
                    address: address(&self.running.url()),
                    organization: OrganizationId::new(&*state.organization).unwrap(),
                    environment: environment.clone(),
                },
            ),
            (resource("tableflow"), ProbeAt::Tableflow),
            (resource("cloud"), ProbeAt::ControlPlane),
            (resource("global"), ProbeAt::ControlPlane),
        ]
    }

    async fn key_for(&self, resource: KeyResource) -> CreatedApiKey {
        let key = NewApiKey {
            resource,
            ..self.new_key("x")
        };
        self.client.create_api_key(&key).await.unwrap()
    }

    async fn probe(&self, at: &ProbeAt, made: &CreatedApiKey) -> Probed {
        let prober = Prober::default();
        prober
            .probe(&self.client, at, &made.key.id, &made.secret)
            .await
    }
}

#[tokio::test]
async fn every_kind_of_key_is_refused_until_it_has_arrived() {
    let cloud = slow_cloud(Switches::default()).await;
    for (resource, at) in cloud.places() {
        let made = cloud.key_for(resource).await;
        let early = cloud.probe(&at, &made).await;
        assert!(matches!(early, Probed::NotYet(_)), "{at:?}: {early:?}");
        cloud.simulator.advance(Duration::from_mins(3)).unwrap();
        assert_eq!(cloud.probe(&at, &made).await, Probed::LoggedIn, "{at:?}");
        let deleted = cloud.client.delete_api_key(&made.key.id).await;
        deleted.unwrap();
        let late = cloud.probe(&at, &made).await;
        assert!(matches!(late, Probed::NotYet(_)), "{at:?}: {late:?}");
    }
}

#[tokio::test]
async fn a_key_whose_owner_has_no_rights_logs_in_all_the_same() {
    let cloud = Cloud::with(&Options {
        switches: Switches {
            data_plane_rights: DataPlaneRights::Roles,
            ..Switches::default()
        },
        ..Options::default()
    })
    .await;
    // The control plane lists environments for everybody.
    for (resource, at) in cloud.places().into_iter().take(4) {
        let made = cloud.key_for(resource).await;
        let told = cloud.probe(&at, &made).await;
        let Probed::LoggedInWithoutRights(words) = told else {
            panic!("{at:?}: {told:?}");
        };
        assert!(words.contains(": 403 "), "{words}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_reached_is_told_apart_from_a_refusal() {
    let cloud = Cloud::start().await;
    let state = cloud.state();
    let (kafka, registry) = (&state.kafka_clusters[0], &state.schema_registries[0]);
    let gone = [
        kafka.id.clone(),
        registry.id.clone(),
        "aws.us-east-1".into(),
    ];
    let set = cloud
        .simulator
        .world()
        .set_unreachable(BTreeSet::from(gone));
    set.unwrap();
    for (resource, at) in cloud.places().into_iter().take(3) {
        let made = cloud.key_for(resource).await;
        let told = cloud.probe(&at, &made).await;
        assert!(matches!(told, Probed::Unreachable(_)), "{at:?}: {told:?}");
    }
}

#[tokio::test]
async fn brokers_that_learn_of_a_key_one_after_the_other_answer_in_turns() {
    let cloud = slow_cloud(Switches {
        key_spread: KeySpread::Alternating,
        ..Switches::default()
    })
    .await;
    let (resource, at) = cloud.places().swap_remove(0);
    let made = cloud.key_for(resource).await;
    let mut told = Vec::new();
    for _ in 0..6 {
        told.push(cloud.probe(&at, &made).await == Probed::LoggedIn);
    }
    assert_eq!(told, [false, true, false, true, false, true]);
}

fn kafka(url: &str) -> ProbeAt {
    ProbeAt::Kafka {
        address: Endpoint::parse(url).unwrap(),
        cluster: ResourceId::new("lkc-1").unwrap(),
    }
}

fn registry(url: &str) -> ProbeAt {
    let address = Endpoint::parse(url).unwrap();
    ProbeAt::SchemaRegistry { address }
}

fn flink(url: &str) -> ProbeAt {
    ProbeAt::Flink {
        address: Endpoint::parse(url).unwrap(),
        organization: OrganizationId::new("0f0f").unwrap(),
        environment: EnvironmentId::new("env-1").unwrap(),
    }
}

async fn probe(story: &Story, at: &ProbeAt) -> Probed {
    probe_with(&story.client, at).await
}

async fn probe_with(client: &confluent_cloud::Client, at: &ProbeAt) -> Probed {
    let id = ApiKeyId::new("NEW").unwrap();
    let secret = ApiSecret::new(NEW_SECRET);
    Prober::default().probe(client, at, &id, &secret).await
}

/// What a Kafka cluster's only answer tells.
async fn told(status: u16, headers: &str, body: &str) -> Probed {
    let story = story([Step::Last(answer(status, headers, body))]).await;
    let told = probe(&story, &kafka(&story.url)).await;
    // One probe is one request, whatever comes of it.
    assert_eq!(story.requests().len(), 1);
    told
}

#[tokio::test]
async fn every_place_sees_the_new_key_and_never_that_of_the_account() {
    for (at, path, body) in [
        (
            kafka as fn(&str) -> ProbeAt,
            "/kafka/v3/clusters/lkc-1/topics",
            "{}",
        ),
        (registry, "/subjects?limit=1", "[]"),
        (
            flink,
            "/sql/v1/organizations/0f0f/environments/env-1/statements?page_size=1",
            "{}",
        ),
        (
            |_| ProbeAt::Tableflow,
            "/tableflow/v1/regions?page_size=1",
            "{}",
        ),
        (
            |_| ProbeAt::ControlPlane,
            "/org/v2/environments?page_size=1",
            "{}",
        ),
    ] {
        let story = story([Step::Last(answer(200, "", body))]).await;
        assert_eq!(probe(&story, &at(&story.url)).await, Probed::LoggedIn);
        let request = &story.requests()[0];
        assert!(
            request.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{request}"
        );
        // `NEW:new-canary` in base64.
        assert!(request.contains("authorization: Basic TkVXOm5ldy1jYW5hcnk=\r\n"));
        assert!(!request.contains(SECRET) && !request.contains("QURNSU4"));
    }
}

#[tokio::test]
async fn a_401_in_any_form_means_not_yet() {
    for body in [
        NOT_YET,
        r#"{"error_code":40101,"message":"Unauthorized"}"#,
        r#"{"errors":[{"status":"401","detail":"Unauthorized"}]}"#,
        "",
    ] {
        let told = told(401, "", body).await;
        assert!(matches!(told, Probed::NotYet(_)), "{told:?}");
    }
    let invalid = r#"{"error":{"code":403,"message":"invalid API key"}}"#;
    let told = told(403, "", invalid).await;
    assert!(matches!(told, Probed::NotYet(_)), "{told:?}");
}

#[tokio::test]
async fn only_a_403_of_the_service_itself_is_a_login() {
    let without_rights = told(403, "", NO_RIGHTS).await;
    let Probed::LoggedInWithoutRights(words) = without_rights else {
        panic!("{without_rights:?}");
    };
    assert!(words.contains(": 403 40301, saying"), "{words}");
    for body in [
        "<html><title>Access denied by the proxy</title></html>",
        r#"{"errors":["permission denied"]}"#,
        r#"{"message":"Forbidden"}"#,
        r#"{"errors":[{"status":"403","code":"forbidden_access"}]}"#,
        r#"{"error_code":40302,"message":"no"}"#,
        r#"{"error_code":"40301","message":"no"}"#,
        "",
    ] {
        let told = told(403, "", body).await;
        assert!(matches!(told, Probed::Unreachable(_)), "{body}: {told:?}");
    }
    let denied = r#"{"error_code":40301,"message":"User is denied"}"#;
    let control_plane = r#"{"errors":[{"status":"403","code":"forbidden_access"}]}"#;
    for (at, body) in [
        (registry as fn(&str) -> ProbeAt, denied),
        (flink, control_plane),
        (|_| ProbeAt::Tableflow, control_plane),
    ] {
        let story = story([Step::Last(answer(403, "", body))]).await;
        let told = probe(&story, &at(&story.url)).await;
        assert!(matches!(told, Probed::LoggedInWithoutRights(_)), "{told:?}");
    }
}

#[tokio::test]
async fn other_answers_tell_nothing_of_the_key() {
    let page = "<html><title>Sign in to the hotel's network</title></html>";
    for (status, body) in [
        (200, page),
        (200, "[]"),
        (200, ""),
        (204, ""),
        (404, r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#),
        (404, page),
        (400, r#"{"error_code":40002,"message":"bad"}"#),
        (500, ""),
        (503, page),
    ] {
        let told = told(status, "", body).await;
        assert!(matches!(told, Probed::Unreachable(_)), "{status}: {told:?}");
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{".to_owned();
    let story = story([Step::Last(cut)]).await;
    let told = probe(&story, &kafka(&story.url)).await;
    assert!(matches!(told, Probed::Unreachable(_)), "{told:?}");
}

#[tokio::test]
async fn a_cluster_that_nobody_answers_for_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let told = probe_with(&client(&url, basic()), &kafka(&url)).await;
    let Probed::Unreachable(words) = told else {
        panic!("{told:?}");
    };
    let place = format!("`GET /kafka/v3/clusters/lkc-1/topics` at `{url}`: no answer, saying");
    assert!(words.starts_with(&place), "{words}");
}

#[tokio::test]
async fn a_cluster_that_is_silent_or_stops_in_its_answer_is_unreachable() {
    let beginning = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{".to_owned();
    for steps in [vec![Step::Silence], vec![Step::Next(beginning)]] {
        let story = story(steps).await;
        let prober = Prober::default().with_limit(Duration::from_millis(300));
        let id = ApiKeyId::new("NEW").unwrap();
        let secret = ApiSecret::new(NEW_SECRET);
        let at = kafka(&story.url);
        let told = prober.probe(&story.client, &at, &id, &secret);
        // Without a limit of its own it would end here.
        let told = tokio::time::timeout(Duration::from_secs(8), told).await;
        assert!(matches!(told, Ok(Probed::Unreachable(_))), "{told:?}");
    }
}

#[tokio::test]
async fn a_service_that_limits_the_rate_is_left_alone_for_as_long_as_it_says() {
    let page = "<html><head><title>Too Many Requests</title></head></html>";
    assert_eq!(
        told(429, "Retry-After: 7\r\n", page).await,
        Probed::HeldBack(Duration::from_secs(7))
    );
    let unsaid = told(429, "", page).await;
    assert_eq!(unsaid, Probed::HeldBack(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_redirect_takes_the_key_nowhere() {
    let elsewhere = story([Step::Last(answer(200, "", "{}"))]).await;
    let location = format!("Location: {}/\r\n", elsewhere.url);
    for status in [301, 302, 307, 308] {
        let told = told(status, &location, "").await;
        assert!(matches!(told, Probed::Unreachable(_)), "{told:?}");
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_foreign_address_gets_no_key() {
    let listener = story([Step::Last(answer(200, "", "{}"))]).await;
    let remote = client("https://api.confluent.cloud", basic());
    for at in [kafka, registry, flink] {
        let at = at(&listener.url);
        let told = probe_with(&remote, &at).await;
        assert!(matches!(told, Probed::ForeignAddress(_)), "{told:?}");
    }
    assert_eq!(listener.connections(), 0);
    let told = probe(&listener, &kafka("https://example.org")).await;
    let Probed::ForeignAddress(words) = told else {
        panic!("{told:?}");
    };
    assert!(words.contains("`https://example.org`"), "{words}");
}

#[tokio::test]
async fn neither_words_nor_debug_repeat_the_new_secret() {
    let echo = format!(r#"{{"error_code":404,"message":"no {NEW_SECRET}"}}"#);
    for status in [401, 403, 404, 500] {
        let told = told(status, &format!("X-Request-Id: {NEW_SECRET}\r\n"), &echo).await;
        assert!(!format!("{told:?}").contains("canary"), "{told:?}");
    }
}

#[tokio::test]
async fn a_long_list_of_topics_is_read_in_part() {
    let topics = format!(r#"{{"data":["{}"]}}"#, "x".repeat(9 << 20));
    assert_eq!(told(200, "", &topics).await, Probed::LoggedIn);
}

#[tokio::test]
async fn each_probe_makes_a_connection_of_its_own() {
    let step = Step::Next(answer(200, "", "{}"));
    let story = story(std::iter::repeat_n(step, 3)).await;
    for _ in 0..3 {
        assert_eq!(probe(&story, &kafka(&story.url)).await, Probed::LoggedIn);
    }
    assert_eq!(story.connections(), 3);
}

#[tokio::test]
async fn the_control_planes_own_probes_count_in_its_pace() {
    let step = Step::Next(answer(200, "", "{}"));
    let story = story(std::iter::repeat_n(step, 20)).await;
    let budgets = Budgets::starting_at(Rate::new(1, 10));
    let hurried = story
        .client
        .clone()
        .with_budgets(&budgets)
        .with_patience(Duration::ZERO);
    // Seven of ten are for all.
    for at in [ProbeAt::ControlPlane, ProbeAt::Tableflow]
        .into_iter()
        .cycle()
        .take(7)
    {
        assert_eq!(probe_with(&hurried, &at).await, Probed::LoggedIn);
    }
    for at in [ProbeAt::ControlPlane, ProbeAt::Tableflow] {
        let told = probe_with(&hurried, &at).await;
        assert!(matches!(told, Probed::HeldBack(_)), "{told:?}");
    }
    assert_eq!(story.requests().len(), 7);
    for _ in 0..10 {
        let told = probe_with(&hurried, &kafka(&story.url)).await;
        assert_eq!(told, Probed::LoggedIn);
    }
}

#[tokio::test]
async fn a_host_gets_two_probes_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (serving, peak) = (Arc::clone(&now), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (serving, peak) = (Arc::clone(&serving), Arc::clone(&peak));
            tokio::spawn(async move {
                hear(&mut stream).await.unwrap();
                peak.fetch_max(serving.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Others get the time to arrive.
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
                serving.fetch_sub(1, Ordering::SeqCst);
                let ok = answer(200, "", "{}");
                stream.write_all(ok.as_bytes()).await.unwrap();
            });
        }
    });
    let prober = Prober::default();
    let probes = (0..8).map(|_| {
        let (prober, client, at) = (prober.clone(), client(&url, basic()), kafka(&url));
        tokio::spawn(async move {
            let id = ApiKeyId::new("NEW").unwrap();
            let secret = ApiSecret::new(NEW_SECRET);
            prober.probe(&client, &at, &id, &secret).await
        })
    });
    for probe in probes.collect::<Vec<_>>() {
        assert_eq!(probe.await.unwrap(), Probed::LoggedIn);
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
}
