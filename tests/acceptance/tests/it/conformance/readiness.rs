//! Roles whose keys are tried, and spares, on both hosts: the same requests, and
//! answers that are the same but for ids and times, errors included.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{eventually, require_bao};

use super::answer_alike;
use super::story::Story;
use crate::hosts::Host;

/// Spares are made only once the host has made its periodic call, which it does
/// every minute.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn both_hosts_try_keys_and_keep_spares_with_equal_answers() {
    let bao = require_bao!();
    answer_alike(&bao, scenario);
}

fn scenario(host: &Host) -> Vec<String> {
    let mut story = Story::of(host);
    wrong_fields_are_refused(&mut story);
    fields_are_kept_until_they_are_given_again(&mut story);
    a_key_that_is_not_proven_is_refused_and_kept(&mut story);
    a_key_that_is_not_proven_comes_with_a_warning(&mut story);
    a_read_waits_for_its_key(&mut story);
    spares_are_made_taken_and_refilled(&mut story);
    a_spare_is_the_next_key_of_a_shared_role(&mut story);
    spares_go_with_their_role(&mut story);
    story.told.lines
}

/// Waits until a role has so many spares, and none is being made.
fn wait_for_spares(story: &Story<'_>, role: &str, count: u64) {
    let path = format!("team/role/{role}");
    eventually(&format!("`{role}` has {count} spares"), PATIENCE, || {
        let (_, answer) = story.host.http.request("GET", &path, None);
        let shown = (
            &answer["data"]["spares_ready"],
            &answer["data"]["spares_being_made"],
        );
        (shown == (&json!(count), &json!(0))).then_some(())
    });
}

fn wrong_fields_are_refused(story: &mut Story<'_>) {
    for wrong in [
        json!({ "readiness": "hope" }),
        json!({ "readiness": 1 }),
        json!({ "readiness": "delay", "readiness_delay": "2h" }),
        json!({ "readiness": "delay", "readiness_delay": -1 }),
        json!({ "readiness": "delay", "readiness_delay": "soon" }),
        json!({ "readiness": "probe", "readiness_timeout": 59 }),
        json!({ "readiness": "probe", "readiness_timeout": "2d" }),
        json!({ "wait_ready": 10 }),
        json!({ "readiness": "probe", "wait_ready": "90s" }),
        json!({ "readiness": "probe", "wait_ready": -1 }),
        json!({ "readiness": "probe", "not_ready": "panic" }),
        json!({ "readiness": "delay", "sharing": "entity", "spares": 1 }),
        json!({ "readiness": "delay", "sharing": "token", "spares": 1 }),
        json!({ "spares": 2 }),
        json!({ "readiness": "none", "spares": 2 }),
        json!({ "readiness": "delay", "spares": 11 }),
        json!({ "readiness": "delay", "spares": 1000 }),
        json!({ "readiness": "delay", "spares": -1 }),
        json!({ "readiness": "delay", "spares": "many" }),
        json!({ "readiness": "delay", "spares": 1, "spare_max_age": 3599 }),
        json!({ "readiness": "delay", "spares": 1, "spare_max_age": "31d" }),
        json!({ "readiness": "delay", "spare": 1 }),
    ] {
        story.ask("POST", "role/single", &wrong, 400);
    }
    let shown = story.get("role/single");
    assert_eq!(shown["data"]["readiness"], "none", "nothing was changed");
}

fn fields_are_kept_until_they_are_given_again(story: &mut Story<'_>) {
    story.write_role(
        "kept",
        &json!({
            "readiness": "probe", "readiness_delay": "3m", "readiness_timeout": "30m",
            "wait_ready": "20s", "not_ready": "refuse", "spare_max_age": "2h",
        }),
    );
    let first = story.get("role/kept")["data"].clone();
    assert_eq!(first["readiness_delay"], 180);
    assert_eq!(first["spare_max_age"], 7200);
    for (changes, field, value) in [
        (json!({ "ttl": "5m" }), "wait_ready", json!(20)),
        (json!({ "wait_ready": 5 }), "wait_ready", json!(5)),
        (json!({ "not_ready": "warn" }), "not_ready", json!("warn")),
        (
            json!({ "readiness_delay": 0 }),
            "readiness_timeout",
            json!(1800),
        ),
    ] {
        story.ask("POST", "role/kept", &changes, 204);
        assert_eq!(story.get("role/kept")["data"][field], value, "{changes}");
    }
    story.ask("POST", "role/kept", &json!({ "readiness": "none" }), 400);
    let none = json!({ "readiness": "none", "wait_ready": 0 });
    story.ask("POST", "role/kept", &none, 204);
    let cli = &story.host.cli;
    story.told.json(cli, &["read", "team/role/kept"]);
}

fn a_key_that_is_not_proven_is_refused_and_kept(story: &mut Story<'_>) {
    let slow = json!({
        "readiness": "delay", "readiness_delay": "10m", "not_ready": "refuse",
    });
    story.write_role("slow", &slow);
    let made = story.host.cloud.made();
    for _ in 0..2 {
        let refused = story.ask("GET", "creds/slow", &Value::Null, 503);
        assert!(refused.to_string().contains("is being proven"), "{refused}");
    }
    assert_eq!(story.host.cloud.made(), made + 1, "one key, which is kept");
    story
        .told
        .refused(&story.host.cli, &["read", "team/creds/slow"]);
    story.ask("DELETE", "role/slow", &Value::Null, 204);
}

fn a_key_that_is_not_proven_comes_with_a_warning(story: &mut Story<'_>) {
    for (name, shared) in [("warned", false), ("team", true)] {
        story.write_role(
            name,
            &json!({
                "readiness": "delay", "readiness_delay": "10m", "multi_use_key": shared,
            }),
        );
        for _ in 0..2 {
            let warned = story.get(&format!("creds/{name}"));
            let warnings = warned["warnings"].to_string();
            assert!(warnings.contains("is new and works from"), "{warned}");
        }
    }
}

fn a_read_waits_for_its_key(story: &mut Story<'_>) {
    let assumed = json!({ "readiness": "delay", "readiness_delay": 1 });
    let probed = json!({ "readiness": "probe", "resource": story.host.cloud.registry() });
    for (name, readiness, proven) in [("assumed", assumed, "assumed"), ("probed", probed, "probe")]
    {
        let mut role = readiness;
        role["wait_ready"] = "50s".into();
        role["not_ready"] = "refuse".into();
        story.write_role(name, &role);
        let answer = story.get(&format!("creds/{name}"));
        assert_eq!(answer["warnings"], Value::Null, "{answer}");
        let key = text(&answer["data"]["key_id"]);
        story.told.ids.push((key.clone(), name));
        let record = story.get(&format!("keys/{key}"));
        assert_eq!(record["data"]["proven"], proven);
    }
}

fn spares_are_made_taken_and_refilled(story: &mut Story<'_>) {
    let batch = json!({
        "readiness": "delay", "readiness_delay": 1, "not_ready": "refuse", "spares": 2,
    });
    story.write_role("batch", &batch);
    wait_for_spares(story, "batch", 2);
    story.get("role/batch");
    let spares = keys_on_record(story, "batch");
    assert_eq!(spares.len(), 2);
    let answer = story.get("creds/batch");
    assert_eq!(answer["warnings"], Value::Null, "{answer}");
    let key = text(&answer["data"]["key_id"]);
    assert!(spares.contains(&key), "it was made before");
    story.told.ids.push((key.clone(), "TAKEN"));
    let record = story.get(&format!("keys/{key}"));
    assert_eq!(record["data"]["proven"], "assumed");
    wait_for_spares(story, "batch", 2);
    assert_eq!(keys_on_record(story, "batch").len(), 3);
    story.ask("POST", "role/batch", &json!({ "spares": 1 }), 204);
    wait_for_spares(story, "batch", 1);
    story.get("role/batch");
    story.ask("POST", "role/batch", &json!({ "readiness": "none" }), 400);
    story.host.cloud.live_key(&key);
}

/// The keys of a role that are on record.
fn keys_on_record(story: &Story<'_>, role: &str) -> Vec<String> {
    let path = format!("team/role/{role}/keys");
    let (status, listed) = story.host.http.request("LIST", &path, None);
    assert_eq!(status, 200, "{listed}");
    listed["data"]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(text)
        .collect()
}

fn a_spare_is_the_next_key_of_a_shared_role(story: &mut Story<'_>) {
    story.write_role(
        "replicas",
        &json!({
            "readiness": "delay", "readiness_delay": 1, "not_ready": "refuse",
            "spares": 1, "multi_use_key": true,
        }),
    );
    wait_for_spares(story, "replicas", 1);
    let spare = keys_on_record(story, "replicas");
    for _ in 0..2 {
        let answer = story.get("creds/replicas");
        assert_eq!(answer["warnings"], Value::Null, "{answer}");
        assert_eq!([text(&answer["data"]["key_id"])], spare[..]);
    }
    wait_for_spares(story, "replicas", 1);
    story.get("role/replicas");
}

fn spares_go_with_their_role(story: &mut Story<'_>) {
    let none = json!({ "spares": 0 });
    story.ask("POST", "role/replicas", &none, 204);
    let shown = story.get("role/replicas");
    assert_eq!(shown["data"]["spares_ready"], Value::Null);
    story.write_role(
        "leaving",
        &json!({
            "readiness": "delay", "readiness_delay": 1, "spares": 1,
        }),
    );
    wait_for_spares(story, "leaving", 1);
    let spares = keys_on_record(story, "leaving");
    story.ask("DELETE", "role/leaving", &Value::Null, 204);
    for spare in &spares {
        story.host.cloud.wait_until_gone(spare);
    }
    story.ask("GET", "creds/leaving", &Value::Null, 400);
    story.ask("GET", "role/leaving", &Value::Null, 404);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
