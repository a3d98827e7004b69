//! Lists in pages.

use serde_json::Value;

use crate::wire::{Answer, Wire};

const KEYS: &str = "/iam/v2/api-keys";

/// What follows the address of the simulator in the link to the next page.
fn next(wire: &Wire, answer: &Answer) -> String {
    let link = answer.text("/metadata/next");
    link.strip_prefix(&wire.running.url()).unwrap().to_owned()
}

fn names(answer: &Answer) -> Vec<&str> {
    let data = answer.body["data"].as_array().unwrap();
    data.iter()
        .map(|key| key["spec"]["display_name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_page_has_ten_objects_unless_told_and_the_last_no_next() {
    let wire = Wire::start().await;
    for number in 0..24 {
        wire.create(&number.to_string()).await;
    }
    let first = wire.ask("GET", KEYS, Value::Null).await;
    assert_eq!(names(&first).len(), 10);
    assert_eq!(first.body["metadata"]["total_size"], 25);
    let second = wire.ask("GET", &next(&wire, &first), Value::Null).await;
    let third = wire.ask("GET", &next(&wire, &second), Value::Null).await;
    assert_eq!(names(&third), ["19", "20", "21", "22", "23"]);
    assert!(third.body["metadata"].get("next").is_none());
}

#[tokio::test]
async fn the_link_to_the_next_page_keeps_the_filters() {
    let wire = Wire::start().await;
    for number in 0..3 {
        wire.create(&number.to_string()).await;
    }
    let owner = &wire.simulator.state().service_accounts[0].id;
    let path = format!("{KEYS}?page_size=2&spec.owner={owner}&spec.resource=");
    let first = wire.ask("GET", &path, Value::Null).await;
    assert_eq!(names(&first), ["0", "1"]);
    let link = next(&wire, &first);
    assert!(link.contains(&format!("spec.owner={owner}")), "{link}");
    let second = wire.ask("GET", &link, Value::Null).await;
    assert_eq!(names(&second), ["2"]);
}

#[tokio::test]
async fn a_key_that_goes_between_two_pages_hides_no_other() {
    let wire = Wire::start().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(
            wire.create(&number.to_string())
                .await
                .text("/id")
                .to_owned(),
        );
    }
    let owner = &wire.simulator.state().service_accounts[0].id;
    let path = format!("{KEYS}?page_size=2&spec.owner={owner}");
    let first = wire.ask("GET", &path, Value::Null).await;
    for id in [&ids[0], &ids[2]] {
        wire.simulator.delete_key(id).unwrap();
    }
    let second = wire.ask("GET", &next(&wire, &first), Value::Null).await;
    assert_eq!(names(&second), ["3"]);
}

#[tokio::test]
async fn empty_filters_mean_no_filter_and_full_ones_choose() {
    let wire = Wire::start().await;
    wire.create("x").await;
    let state = wire.simulator.state();
    let (owner, other) = (&state.service_accounts[0].id, &state.service_accounts[1].id);
    let cluster = &state.kafka_clusters[0].id;
    for (query, count) in [
        ("spec.owner=&spec.resource=".to_owned(), 2),
        (format!("spec.owner={owner}"), 1),
        (format!("spec.owner={other}"), 0),
        (format!("spec.resource={cluster}"), 1),
        (format!("spec.owner={owner}&spec.resource=CLOUD"), 0),
        ("spec.resource=cloud".to_owned(), 1),
    ] {
        let answer = wire
            .ask("GET", &format!("{KEYS}?{query}"), Value::Null)
            .await;
        assert_eq!(names(&answer).len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_wrong_page_is_refused_with_the_parameter() {
    let wire = Wire::start().await;
    wire.create("x").await;
    let first = wire
        .ask("GET", &format!("{KEYS}?page_size=1"), Value::Null)
        .await;
    let of_another_query = format!("{}&spec.owner=sa-x", next(&wire, &first));
    for (path, parameter) in [
        (format!("{KEYS}?page_size=0"), "page_size"),
        (format!("{KEYS}?page_size=101"), "page_size"),
        (format!("{KEYS}?page_token=x"), "page_token"),
        (of_another_query, "page_token"),
    ] {
        let answer = wire.ask("GET", &path, Value::Null).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, Some("invalid_filter"))
        );
        assert_eq!(answer.text("/errors/0/source/parameter"), parameter);
    }
}
