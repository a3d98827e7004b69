//! Shared keys on both hosts: who gets the same key, how old it may get, and how
//! many leases there may be, with answers that are the same but for ids and times.

use serde_json::{Value, json};
use testkit::{Http, require_bao};

use super::answer_alike;
use super::story::Story;
use crate::hosts::Host;

#[test]
fn both_hosts_share_keys_by_role_and_token_and_limit_leases_with_equal_answers() {
    let bao = require_bao!();
    answer_alike(&bao, scenario);
}

fn scenario(host: &Host) -> Vec<String> {
    let mut story = Story::of(host);
    wrong_fields_are_refused(&mut story);
    both_fields_say_the_same(&mut story);
    each_token_has_its_key(&mut story);
    leases_are_limited(&mut story);
    story.told.lines
}

fn ask_as(
    story: &mut Story<'_>,
    http: &Http,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let body = (!body.is_null()).then_some(body);
    story
        .told
        .request(http, method, &format!("team/{path}"), body)
}

/// The key that a token of its own gets.
fn key_of(story: &mut Story<'_>, http: &Http, path: &str) -> String {
    let (status, answer) = ask_as(story, http, "GET", path, &Value::Null);
    assert_eq!(status, 200, "{answer}");
    answer["data"]["key_id"].as_str().unwrap().to_owned()
}

fn another_token(story: &Story<'_>) -> Http {
    let body = json!({ "policies": ["root"], "ttl": "1h" });
    let asked = story
        .host
        .http
        .request("POST", "auth/token/create", Some(&body));
    let token = asked.1["auth"]["client_token"].as_str().unwrap();
    story.host.http.clone().with_token(token)
}

fn wrong_fields_are_refused(story: &mut Story<'_>) {
    for wrong in [
        json!({ "sharing": "everybody" }),
        json!({ "sharing": "lease", "multi_use_key": true }),
        json!({ "sharing": "entity", "multi_use_key": false }),
        json!({ "max_age": "1h" }),
        json!({ "sharing": "role", "max_age": 599 }),
        json!({ "sharing": "role", "max_age": -1 }),
        json!({ "sharing": "role", "max_age": "1y" }),
        json!({ "max_active": -1 }),
        json!({ "max_active_per_requester": "many" }),
    ] {
        story.ask("POST", "role/single", &wrong, 400);
    }
}

fn both_fields_say_the_same(story: &mut Story<'_>) {
    for (fields, sharing, multi) in [
        (
            json!({ "sharing": "entity", "max_age": "7d" }),
            "entity",
            true,
        ),
        (json!({ "multi_use_key": true }), "entity", true),
        (json!({ "sharing": "role", "max_age": 0 }), "role", true),
        (json!({ "multi_use_key": false }), "lease", false),
    ] {
        story.write_role("both", &fields);
        let shown = story.ask("GET", "role/both", &Value::Null, 200);
        assert_eq!(shown["data"]["sharing"], sharing);
        assert_eq!(shown["data"]["multi_use_key"], multi);
    }
    story.write_role("entities", &json!({ "sharing": "entity" }));
    let refused = story.ask("GET", "creds/entities", &Value::Null, 400);
    assert!(refused.to_string().contains("belongs to none"), "{refused}");
}

fn each_token_has_its_key(story: &mut Story<'_>) {
    story.write_role("tokens", &json!({ "sharing": "token", "max_age": "1h" }));
    let (own, other) = (story.host.http.clone(), another_token(story));
    let mine = key_of(story, &own, "creds/tokens");
    let theirs = key_of(story, &other, "creds/tokens");
    assert_ne!(mine, theirs, "a key of another token");
    assert_eq!(key_of(story, &own, "creds/tokens"), mine);
    assert_eq!(key_of(story, &other, "creds/tokens"), theirs);
}

fn leases_are_limited(story: &mut Story<'_>) {
    story.write_role("few", &json!({ "sharing": "role", "max_active": 2 }));
    let first = story.ask("GET", "creds/few", &Value::Null, 200);
    story.ask("GET", "creds/few", &Value::Null, 200);
    story.ask("GET", "creds/few", &Value::Null, 400);
    let lease = json!({ "lease_id": first["lease_id"], "sync": true });
    let revoked = story
        .host
        .http
        .request("POST", "sys/leases/revoke", Some(&lease));
    assert_eq!(revoked.0, 204, "{}", revoked.1);
    story.ask("GET", "creds/few", &Value::Null, 200);
    story.write_role("mine", &json!({ "max_active_per_requester": 1 }));
    let (own, other) = (story.host.http.clone(), another_token(story));
    key_of(story, &own, "creds/mine");
    story.ask("GET", "creds/mine", &Value::Null, 400);
    key_of(story, &other, "creds/mine");
}
