//! Faults: what they do to the answer, and to the world.

use std::io::ErrorKind;
use std::time::Duration;

use confluent_simulator::{Arming, Clock, Fault, Operation, Options};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::Wire;

const KEYS: &str = "/iam/v2/api-keys";
const FAULTS: &str = "/simulator/faults";

/// Names of the keys that exist, but for the admin's.
fn names(wire: &Wire) -> Vec<String> {
    let state = wire.simulator.state();
    let live = state.live_keys().skip(1);
    live.map(|key| key.display_name.clone()).collect()
}

fn arm(wire: &Wire, fault: Fault) {
    let arming = Arming::once(Operation::CreateApiKey, fault);
    wire.simulator.arm(&arming);
}

#[tokio::test]
async fn a_fault_is_armed_shown_counted_and_cleared_over_the_network() {
    let wire = Wire::start().await;
    let body = r#"{"operation":"create-api-key","fault":"forbidden","times":2}"#;
    assert_eq!(wire.send("POST", FAULTS, "", body).await.status, 201);
    assert_eq!(wire.create("x").await.status, 403);
    let shown = wire.send("GET", FAULTS, "", "").await;
    assert_eq!(
        shown.body["faults"],
        json!([{"operation": "create-api-key", "fault": "forbidden", "times": 2,
                "delay_ms": 1000, "fired": 1}])
    );
    assert_eq!(wire.send("DELETE", FAULTS, "", "").await.status, 204);
    assert_eq!(wire.create("x").await.status, 202);
    let shown = wire.send("GET", FAULTS, "", "").await;
    assert_eq!(shown.body["faults"], json!([]));
}

#[tokio::test]
async fn a_body_that_arms_nothing_is_refused_with_the_member() {
    let wire = Wire::start().await;
    for (body, word) in [
        (r#"{"operation":"create","fault":"html"}"#, "`create`"),
        (r#"{"operation":"any"}"#, "`fault`"),
        (
            r#"{"operation":"any","fault":"html","delay":"?"}"#,
            "`delay`",
        ),
    ] {
        let answer = wire.send("POST", FAULTS, "", body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text("/errors/0/detail").contains(word), "{answer:?}");
    }
    assert!(wire.simulator.faults().is_empty());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_key_that_nobody_knows_the_secret_of() {
    let wire = Wire::start().await;
    arm(&wire, Fault::LoseAnswer);
    let bytes = wire.raw("POST", KEYS, &wire.new_key("x")).await;
    assert_eq!(bytes.unwrap(), "", "the connection ends before any answer");
    assert_eq!(names(&wire), ["x"]);
}

#[tokio::test]
async fn a_reset_connection_changes_nothing() {
    let wire = Wire::start().await;
    arm(&wire, Fault::Reset);
    let error = wire.raw("POST", KEYS, &wire.new_key("x")).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(names(&wire).is_empty());
    assert_eq!(wire.create("y").await.status, 202);
}

#[tokio::test]
async fn failures_come_before_or_after_the_work() {
    let wire = Wire::start().await;
    arm(&wire, Fault::FailBefore);
    assert_eq!(wire.create("before").await.status, 500);
    assert!(names(&wire).is_empty());
    arm(&wire, Fault::FailAfter);
    let answer = wire.create("after").await;
    assert_eq!((answer.status, answer.code()), (500, Some("out_of_gas")));
    assert_eq!(names(&wire), ["after"]);
}

#[tokio::test]
async fn refusals_change_nothing_and_look_like_the_services() {
    let wire = Wire::start().await;
    arm(&wire, Fault::Forbidden);
    let answer = wire.create("x").await;
    assert_eq!(
        (answer.status, answer.code()),
        (403, Some("forbidden_access"))
    );
    wire.simulator.arm(&Arming {
        delay: Some(Duration::from_secs(7)),
        ..Arming::once(Operation::CreateApiKey, Fault::RateLimit)
    });
    let answer = wire.create("x").await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), Some("7"));
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(answer.header("x-ratelimit-reset"), Some("7"));
    arm(&wire, Fault::Html);
    let answer = wire.create("x").await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert!(answer.body.as_str().unwrap().starts_with("<html>"));
    assert!(names(&wire).is_empty());
}

#[tokio::test]
async fn a_delayed_request_waits_for_the_clock() {
    let wire = Wire::with(Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        ..Options::default()
    })
    .await;
    wire.simulator.arm(&Arming {
        delay: Some(Duration::from_secs(2)),
        ..Arming::once(Operation::Any, Fault::Delay)
    });
    let wait = async {
        // Until the request waits, however long it takes to arrive.
        while wire.simulator.faults()[0].fired == 0 {
            tokio::task::yield_now().await;
        }
        assert!(names(&wire).is_empty());
        loop {
            wire.simulator.advance(Duration::from_secs(2)).unwrap();
            tokio::task::yield_now().await;
            if !names(&wire).is_empty() {
                break;
            }
        }
    };
    let (answer, ()) = tokio::join!(wire.create("x"), wait);
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn a_stale_list_lacks_new_keys_and_shows_deleted_ones() {
    let wire = Wire::with(Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        ..Options::default()
    })
    .await;
    let old = wire.create("old").await;
    wire.simulator.advance(Duration::from_secs(100)).unwrap();
    wire.simulator.delete_key(old.text("/id")).unwrap();
    wire.create("new").await;
    wire.simulator
        .arm(&Arming::once(Operation::ListApiKeys, Fault::StaleList));
    let listed = async || {
        let answer = wire.ask("GET", KEYS, Value::Null).await;
        let data = answer.body["data"].as_array().unwrap().clone();
        data.iter()
            .map(|key| key["spec"]["display_name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["admin", "old"]);
    assert_eq!(listed().await, ["admin", "new"]);
}

#[tokio::test]
async fn a_fault_waits_for_its_operation_below_api_too() {
    let wire = Wire::start().await;
    let created = wire.create("x").await;
    let path = format!("/api{KEYS}/{}", created.text("/id"));
    let arming = Arming::once(Operation::DeleteApiKey, Fault::FailAfter);
    wire.simulator.arm(&arming);
    assert_eq!(wire.ask("GET", &path, Value::Null).await.status, 200);
    assert_eq!(wire.ask("DELETE", &path, Value::Null).await.status, 500);
    assert!(names(&wire).is_empty());
}

#[tokio::test]
async fn any_request_but_the_simulators_own_is_hit() {
    let wire = Wire::start().await;
    wire.simulator.arm(&Arming {
        times: 9,
        ..Arming::once(Operation::Any, Fault::FailBefore)
    });
    for path in ["/org/v2/environments", "/subjects", "/nowhere", KEYS] {
        assert_eq!(wire.ask("GET", path, Value::Null).await.status, 500);
    }
    assert_eq!(
        wire.send("GET", "/simulator/state", "", "").await.status,
        200
    );
    assert_eq!(wire.simulator.faults()[0].fired, 4);
}
