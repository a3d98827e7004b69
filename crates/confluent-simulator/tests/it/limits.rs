//! Rate limits, and the counts that a load test reads.

use std::time::Duration;

use confluent_simulator::{
    Arming, Clock, Fault, LimitBy, NewKey, Operation, Options, Rate, RateLimits,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::Wire;

const KEYS: &str = "/iam/v2/api-keys";
const SETTINGS: &str = "/simulator/settings";

async fn limited(limits: RateLimits) -> Wire {
    Wire::with(Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        rate_limits: limits,
        ..Options::default()
    })
    .await
}

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

/// The status that another principal's request is answered with.
async fn other(wire: &Wire) -> u16 {
    let created = wire.simulator.create_key(&NewKey {
        owner: wire.simulator.state().service_accounts[0].id.clone(),
        ..NewKey::default()
    });
    let created = created.unwrap();
    let (id, secret) = (created.key.id.as_str(), created.secret.expose());
    wire.ask_as(id, secret, "GET", KEYS, Value::Null)
        .await
        .status
}

#[tokio::test]
async fn a_rate_limit_is_told_on_success_and_refuses_until_it_is_reset() {
    let wire = limited(RateLimits::by(LimitBy::Principal, rate("2/30s"))).await;
    let first = wire.ask("GET", KEYS, Value::Null).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(first.header("retry-after"), None);
    wire.ask("GET", KEYS, Value::Null).await;
    wire.simulator.advance(Duration::from_secs(10)).unwrap();
    let refused = wire.ask("GET", KEYS, Value::Null).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("20"));
    assert_eq!(refused.header("x-ratelimit-reset"), Some("20"));
    let stranger = wire.send("GET", KEYS, "", "").await;
    assert_eq!(stranger.status, 401, "counted apart");
    let state = wire.send("GET", "/simulator/state", "", "").await;
    assert_eq!(state.status, 200);
    wire.simulator.advance(Duration::from_secs(20)).unwrap();
    assert_eq!(wire.ask("GET", KEYS, Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_limit_is_counted_by_principal_or_by_organization() {
    for (by, status) in [(LimitBy::Principal, 200), (LimitBy::Organization, 429)] {
        let wire = limited(RateLimits::by(by, rate("1/1s"))).await;
        assert_eq!(wire.ask("GET", KEYS, Value::Null).await.status, 200);
        assert_eq!(wire.ask("GET", KEYS, Value::Null).await.status, 429);
        assert_eq!(other(&wire).await, status, "{by:?}");
    }
}

#[tokio::test]
async fn a_limit_may_be_silent() {
    let limits = RateLimits {
        headers: false,
        ..RateLimits::by(LimitBy::Organization, rate("1/1s"))
    };
    let wire = limited(limits).await;
    for status in [200, 429] {
        let answer = wire.ask("GET", KEYS, Value::Null).await;
        assert_eq!(answer.status, status);
        for header in ["limit", "remaining", "reset"] {
            assert_eq!(answer.header(&format!("x-ratelimit-{header}")), None);
        }
        assert_eq!(answer.header("retry-after"), None);
    }
}

#[tokio::test]
async fn a_refused_request_is_not_done() {
    let wire = limited(RateLimits::by(LimitBy::Organization, rate("1/1s"))).await;
    assert_eq!(wire.create("a").await.status, 202);
    assert_eq!(wire.create("b").await.status, 429);
    assert_eq!(wire.simulator.state().live_keys().count(), 2);
}

#[tokio::test]
async fn data_planes_have_a_limit_of_their_own_which_is_none_here() {
    let wire = limited(RateLimits::by(LimitBy::Organization, rate("1/1s"))).await;
    let created = wire.create("x").await;
    for _ in 0..3 {
        let probe = wire.ask_with(&created, &wire.topics()).await;
        assert_eq!(probe.status, 200);
    }
    assert_eq!(wire.ask("GET", KEYS, Value::Null).await.status, 429);
}

#[tokio::test]
async fn limits_are_set_while_it_runs_and_each_by_itself() {
    let wire = limited(RateLimits::default()).await;
    let limits = async || wire.send("GET", SETTINGS, "", "").await.body["rate_limits"].clone();
    let usual = json!({"principal": "none", "organization": "none", "headers": true});
    assert_eq!(limits().await, usual);
    for (change, expected) in [
        (
            json!({"organization": "1/30s"}),
            json!({"principal": "none", "organization": "1/30s", "headers": true}),
        ),
        (
            json!({"principal": "5/500ms", "headers": false}),
            json!({"principal": "5/500ms", "organization": "1/30s", "headers": false}),
        ),
    ] {
        let change = json!({ "rate_limits": change }).to_string();
        let answer = wire.send("POST", SETTINGS, "", &change).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body["rate_limits"], expected);
    }
    assert_eq!(wire.ask("GET", KEYS, Value::Null).await.status, 200);
    assert_eq!(wire.ask("GET", KEYS, Value::Null).await.status, 429);
    let lift = json!({"rate_limits": {"organization": "none"}}).to_string();
    wire.send("POST", SETTINGS, "", &lift).await;
    assert_eq!(wire.ask("GET", KEYS, Value::Null).await.status, 200);
    assert_eq!(
        wire.simulator.rate_limits().per_principal,
        Some(rate("5/500ms"))
    );
    wire.simulator.set_rate_limits(RateLimits::default());
    assert_eq!(limits().await, usual);
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_with_what_can() {
    let wire = Wire::start().await;
    for (body, word) in [
        (
            json!({"rate_limits": {"principal": "20"}}),
            "REQUESTS/PERIOD",
        ),
        (
            json!({"rate_limits": {"organization": "0/1s"}}),
            "1 or more",
        ),
        (json!({"rate_limits": {"account": "20/1s"}}), "`principal`"),
        (json!({"rate_limits": {"headers": "yes"}}), "boolean"),
        (json!({"rate_limit": {}}), "`rate_limits`"),
    ] {
        let answer = wire.send("POST", SETTINGS, "", &body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.text("/errors/0/detail").contains(word), "{answer:?}");
    }
    assert_eq!(wire.simulator.rate_limits(), RateLimits::default());
}

#[tokio::test]
async fn requests_are_counted_by_method_path_and_status() {
    let wire = limited(RateLimits::by(LimitBy::Principal, rate("3/1m"))).await;
    let created = wire.create("a").await;
    wire.simulator
        .arm(&Arming::once(Operation::CreateApiKey, Fault::LoseAnswer));
    wire.raw("POST", KEYS, &wire.new_key("b")).await.unwrap();
    let one = format!("/api{KEYS}/{}", created.text("/id"));
    wire.ask("DELETE", &one, Value::Null).await;
    for _ in 0..2 {
        wire.ask("DELETE", &one, Value::Null).await;
    }
    wire.ask_with(&created, &wire.topics()).await;
    wire.ask("GET", "/nowhere", Value::Null).await;
    wire.send("GET", "/simulator/state", "", "").await;
    let counts = wire.send("GET", "/simulator/requests", "", "").await.body;
    let keys = |method: &str, path: &str, status: Value, count: u64| json!({"method": method, "path": path, "status": status, "count": count});
    let expected = json!({"requests": [
        keys("DELETE", "/iam/v2/api-keys/{id}", json!(204), 1),
        keys("DELETE", "/iam/v2/api-keys/{id}", json!(429), 2),
        keys("GET", "/kafka/v3/clusters/{id}/topics", json!(401), 1),
        keys("GET", "other", json!(404), 1),
        keys("POST", "/iam/v2/api-keys", Value::Null, 1),
        keys("POST", "/iam/v2/api-keys", json!(202), 1),
    ]});
    assert_eq!(counts, expected);
    let in_process = serde_json::to_value(wire.simulator.request_counts()).unwrap();
    assert_eq!(in_process, expected["requests"]);
    let reset = wire.send("DELETE", "/simulator/requests", "", "").await;
    assert_eq!(reset.status, 204);
    assert!(wire.simulator.request_counts().is_empty());
}
