//! Shared keys on both hosts: who gets the same key, how old it may get, and how
//! many leases there may be, with answers that are the same but for ids and times.

use serde_json::{Value, json};
use testkit::{Http, require_bao};

use super::answer_alike;
use crate::hosts::Host;
use crate::mounted::mounted;
use crate::transcript::Transcript;

#[test]
fn both_hosts_share_keys_by_role_and_token_and_limit_leases_with_equal_answers() {
    let bao = require_bao!();
    answer_alike(&bao, scenario);
}

/// A mount, and what it answered so far.
struct Story<'a> {
    host: &'a Host,
    told: Transcript,
}

fn scenario(host: &Host) -> Vec<String> {
    mounted(host);
    let mut story = Story {
        host,
        told: Transcript::of(&host.cloud),
    };
    story.wrong_fields_are_refused();
    story.both_fields_say_the_same();
    story.each_token_has_its_key();
    story.leases_are_limited();
    story.told.lines
}

impl Story<'_> {
    fn ask_as(&mut self, http: &Http, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = (!body.is_null()).then_some(body);
        self.told
            .request(http, method, &format!("team/{path}"), body)
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let host = &self.host.http;
        self.told.ask_team(host, (method, path), body, status)
    }

    fn role(&mut self, name: &str, more: &Value) {
        let mut role = json!({
            "owner": self.host.cloud.owner(), "resource": self.host.cloud.cluster().0,
            "ttl": "10m", "max_ttl": "1h",
        });
        let members = role.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.ask("POST", &format!("role/{name}"), &role, 204);
    }

    /// The key that a token of its own gets.
    fn key_of(&mut self, http: &Http, path: &str) -> String {
        let (status, answer) = self.ask_as(http, "GET", path, &Value::Null);
        assert_eq!(status, 200, "{answer}");
        answer["data"]["key_id"].as_str().unwrap().to_owned()
    }

    fn another_token(&self) -> Http {
        let body = json!({ "policies": ["root"], "ttl": "1h" });
        let asked = self
            .host
            .http
            .request("POST", "auth/token/create", Some(&body));
        let token = asked.1["auth"]["client_token"].as_str().unwrap();
        self.host.http.clone().with_token(token)
    }

    fn wrong_fields_are_refused(&mut self) {
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
            self.ask("POST", "role/single", &wrong, 400);
        }
    }

    fn both_fields_say_the_same(&mut self) {
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
            self.role("both", &fields);
            let shown = self.ask("GET", "role/both", &Value::Null, 200);
            assert_eq!(shown["data"]["sharing"], sharing);
            assert_eq!(shown["data"]["multi_use_key"], multi);
        }
        self.role("entities", &json!({ "sharing": "entity" }));
        let refused = self.ask("GET", "creds/entities", &Value::Null, 400);
        assert!(refused.to_string().contains("belongs to none"), "{refused}");
    }

    fn each_token_has_its_key(&mut self) {
        self.role("tokens", &json!({ "sharing": "token", "max_age": "1h" }));
        let (own, other) = (self.host.http.clone(), self.another_token());
        let mine = self.key_of(&own, "creds/tokens");
        let theirs = self.key_of(&other, "creds/tokens");
        assert_ne!(mine, theirs, "a key of another token");
        assert_eq!(self.key_of(&own, "creds/tokens"), mine);
        assert_eq!(self.key_of(&other, "creds/tokens"), theirs);
    }

    fn leases_are_limited(&mut self) {
        self.role("few", &json!({ "sharing": "role", "max_active": 2 }));
        let first = self.ask("GET", "creds/few", &Value::Null, 200);
        self.ask("GET", "creds/few", &Value::Null, 200);
        self.ask("GET", "creds/few", &Value::Null, 400);
        let lease = json!({ "lease_id": first["lease_id"], "sync": true });
        let revoked = self
            .host
            .http
            .request("POST", "sys/leases/revoke", Some(&lease));
        assert_eq!(revoked.0, 204, "{}", revoked.1);
        self.ask("GET", "creds/few", &Value::Null, 200);
        self.role("mine", &json!({ "max_active_per_requester": 1 }));
        let (own, other) = (self.host.http.clone(), self.another_token());
        self.key_of(&own, "creds/mine");
        self.ask("GET", "creds/mine", &Value::Null, 400);
        self.key_of(&other, "creds/mine");
    }
}
