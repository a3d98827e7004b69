//! A day's work, from a seed: the same requests to two servers.

use serde_json::{Value, json};
use testkit::Http;

use super::super::policies::random::Random;
use super::Audited;

/// Mounts, policies and roles that the requests are about.
pub(super) fn prepare(server: &Audited) {
    server.put(
        "sys/mounts/kv1",
        &json!({"type": "kv", "options": {"version": "1"}}),
    );
    server.put(
        "sys/mounts/kv2",
        &json!({"type": "kv", "options": {"version": "2"}}),
    );
    let shown = json!({
        "audit_non_hmac_request_keys": ["user"], "audit_non_hmac_response_keys": ["user"],
    });
    server.put("sys/mounts/kv1/tune", &shown);
    let reader = json!({"policy": "path \"kv1/*\" { capabilities = [\"read\", \"list\"] }"});
    server.put("sys/policies/acl/reader", &reader);
    server.put("sys/auth/approle", &json!({"type": "approle"}));
    let role = json!({"token_policies": "reader", "token_ttl": "1h"});
    server.put("auth/approle/role/app", &role);
    // The replacement of an engine by its second version takes a moment.
    testkit::eventually("kv2 answers", std::time::Duration::from_secs(30), || {
        let (status, _) = server.root().request("GET", "kv2/config", None);
        (status == 200).then_some(())
    });
}

/// One client, who remembers what it was given.
pub(super) struct Client<'a> {
    server: &'a Audited,
    random: Random,
    /// With the policy `reader`.
    token: String,
    wrapping: String,
    statuses: Vec<(String, u16)>,
}

const NAMES: [&str; 4] = ["a", "b", "deep/c", "none"];

impl<'a> Client<'a> {
    pub(super) fn new(server: &'a Audited) -> Self {
        Self {
            server,
            random: Random::new(20),
            token: String::new(),
            wrapping: String::new(),
            statuses: Vec::new(),
        }
    }

    /// Makes so many requests; what was asked, with the statuses.
    pub(super) fn work(mut self, requests: usize) -> Vec<(String, u16)> {
        while self.statuses.len() < requests {
            self.step();
        }
        self.statuses
    }

    fn ask(&mut self, http: &Http, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = http.request(method, path, body);
        self.statuses.push((format!("{method} {path}"), status));
        answer
    }

    fn step(&mut self) {
        let root = self.server.root();
        let name = self.random.one_of(&NAMES);
        let secret = json!({"user": "bob", "pin": "0000", "n": 7, "list": ["x", true, null]});
        match self.random.below(24) {
            0 | 1 => drop(self.ask(&root, "PUT", &format!("kv1/{name}"), Some(&secret))),
            2..=4 => drop(self.ask(&root, "GET", &format!("kv1/{name}"), None)),
            5 => drop(self.ask(&root, "DELETE", &format!("kv1/{name}"), None)),
            6 => drop(self.ask(&root, "LIST", "kv1", None)),
            7 | 8 => {
                let body = json!({"data": secret, "options": {}});
                self.ask(&root, "PUT", &format!("kv2/data/{name}"), Some(&body));
            }
            9 => drop(self.ask(&root, "GET", &format!("kv2/data/{name}"), None)),
            10 => drop(self.ask(&root, "LIST", "kv2/metadata", None)),
            11 => {
                let body = json!({"policies": ["reader"], "ttl": "1h", "num_uses": 30, "meta": {"a": "b"}});
                let made = self.ask(&root, "PUT", "auth/token/create", Some(&body));
                made["auth"]["client_token"]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut self.token);
            }
            12 | 13 => {
                let http = self.reader();
                self.ask(&http, "GET", &format!("kv1/{name}"), None);
            }
            14 => {
                let http = self.reader();
                self.ask(&http, "PUT", &format!("kv1/{name}"), Some(&secret));
            }
            15 => {
                let http = self.reader();
                self.ask(&http, "GET", "auth/token/lookup-self", None);
            }
            16 => self.log_in(),
            17 => {
                let wrapping = root.with_header("X-Vault-Wrap-TTL", "60s");
                let made = self.ask(&wrapping, "PUT", "sys/wrapping/wrap", Some(&secret));
                made["wrap_info"]["token"]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut self.wrapping);
            }
            18 if !self.wrapping.is_empty() => {
                // Once: what a second one is told is logged another way.
                let body = json!({"token": std::mem::take(&mut self.wrapping)});
                self.ask(&root, "PUT", "sys/wrapping/unwrap", Some(&body));
            }
            19 => drop(self.ask(&root, "GET", "nowhere/at/all", None)),
            20 => {
                let stranger = self.server.anybody().with_token("stranger");
                self.ask(&stranger, "GET", "kv1/a", None);
            }
            21 => {
                let body = json!({"path": "kv1/a"});
                self.ask(&root, "PUT", "sys/capabilities-self", Some(&body));
            }
            22 => drop(self.ask(&root, "GET", "sys/policies/acl/reader", None)),
            _ => {
                let body = json!({"type": "nonsense"});
                self.ask(&root, "PUT", "sys/mounts/other", Some(&body));
            }
        }
    }

    /// With the token that was made last, if there is one.
    fn reader(&self) -> Http {
        let token = if self.token.is_empty() {
            &self.server.token
        } else {
            &self.token
        };
        self.server.anybody().with_token(token)
    }

    fn log_in(&mut self) {
        let root = self.server.root();
        let anybody = self.server.anybody();
        let role = self.ask(&root, "GET", "auth/approle/role/app/role-id", None);
        let path = "auth/approle/role/app/secret-id";
        let secret = self.ask(&root, "PUT", path, Some(&json!({})));
        let mut ids = json!({
            "role_id": role["data"]["role_id"], "secret_id": secret["data"]["secret_id"],
        });
        if self.random.chance(25) {
            ids["secret_id"] = "wrong".into();
        }
        self.ask(&anybody, "PUT", "auth/approle/login", Some(&ids));
    }
}
