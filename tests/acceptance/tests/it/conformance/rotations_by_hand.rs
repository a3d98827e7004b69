//! Rotations by hand, import and the face of a KV engine on both hosts: the same
//! requests, and answers that are the same but for ids and times.

use serde_json::{Value, json};
use testkit::require_bao;

use super::answer_alike;
use crate::hosts::Host;
use crate::mounted::mounted;
use crate::transcript::Transcript;

#[test]
fn both_hosts_answer_the_same_for_rotations_by_hand_import_and_the_face_of_kv() {
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
    story.before_there_is_a_role();
    story.a_key_is_staged_and_committed();
    story.versions_are_read();
    story.what_is_wrong_is_said();
    story.a_key_is_imported();
    story.help_is_given();
    story.told.lines
}

impl Story<'_> {
    /// Sends a request, and expects a status.
    fn ask(&mut self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let host = &self.host.http;
        self.told.ask_team(host, (method, path), body, status)
    }

    fn get(&mut self, path: &str, status: u16) -> Value {
        self.ask("GET", path, &Value::Null, status)
    }

    fn post(&mut self, path: &str, status: u16) -> Value {
        self.ask("POST", path, &json!({}), status)
    }

    /// A role for the first owner and cluster that is rotated by hand.
    fn role(&self, more: &Value) -> Value {
        let mut role = json!({
            "owner": self.host.cloud.owner(), "resource": self.host.cloud.cluster().0,
            "rotation": "manual", "grace": 600, "readiness": "none",
        });
        let members = role.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        role
    }

    fn before_there_is_a_role(&mut self) {
        for path in ["data/hand", "metadata/hand"] {
            self.get(path, 404);
        }
        self.ask("LIST", "metadata", &Value::Null, 404);
        for step in ["stage", "commit", "rollback"] {
            self.post(&format!("static-role/hand/{step}"), 400);
        }
        for beside in ["pending", "previous"] {
            self.get(&format!("static-creds/hand/{beside}"), 400);
        }
    }

    fn a_key_is_staged_and_committed(&mut self) {
        let role = self.role(&json!({}));
        self.ask("POST", "static-role/hand", &role, 204);
        let first = key(&self.get("static-creds/hand", 200)["data"]);
        for step in ["commit", "rollback"] {
            self.post(&format!("static-role/hand/{step}"), 400);
        }
        for beside in ["pending", "previous"] {
            self.get(&format!("static-creds/hand/{beside}"), 400);
        }
        self.post("static-role/hand/stage", 204);
        self.post("static-role/hand/stage", 400);
        let staged = key(&self.get("static-creds/hand/pending", 200)["data"]);
        self.get("static-role/hand/status", 200);
        self.post("static-role/hand/rollback", 204);
        self.host.cloud.wait_until_gone(&staged);
        self.post("static-roles/hand/stage", 204);
        let staged = key(&self.get("static-cred/hand/pending", 200)["data"]);
        let force = json!({ "force": true });
        self.ask("POST", "static-role/hand/commit", &force, 204);
        assert_eq!(key(&self.get("static-creds/hand", 200)["data"]), staged);
        let previous = self.get("static-creds/hand/previous", 200);
        assert_eq!(key(&previous["data"]), first);
    }

    fn versions_are_read(&mut self) {
        let present = self.get("data/hand", 200);
        assert_eq!(present["data"]["metadata"]["version"], 2);
        for version in ["0", "1", "2"] {
            self.get(&format!("data/hand?version={version}"), 200);
        }
        for version in ["3", "99"] {
            self.get(&format!("data/hand?version={version}"), 404);
        }
        for version in ["-1", "abc"] {
            self.get(&format!("data/hand?version={version}"), 400);
        }
        self.get("metadata/hand", 200);
        self.ask("LIST", "metadata", &Value::Null, 200);
        self.post("static-role/hand/rollback", 204);
        let back = self.get("data/hand", 200);
        assert_eq!(back["data"]["metadata"]["version"], 3);
        let before = self.get("data/hand?version=1", 404);
        assert!(before["data"].is_null(), "{before}");
    }

    fn what_is_wrong_is_said(&mut self) {
        for method in ["POST", "PUT", "DELETE"] {
            for path in ["data/hand", "metadata/hand", "static-creds/hand/pending"] {
                self.ask(method, path, &json!({ "data": {} }), 405);
            }
        }
        for step in ["stage", "commit", "rollback"] {
            let path = format!("static-role/hand/{step}");
            self.ask("POST", &path, &json!({ "colour": "red" }), 400);
            self.get(&path, 405);
        }
        let maybe = json!({ "force": "perhaps" });
        self.ask("POST", "static-role/hand/commit", &maybe, 400);
        for path in ["data/Hand", "metadata/Hand", "static-creds/Hand/pending"] {
            self.get(path, 400);
        }
    }

    fn a_key_is_imported(&mut self) {
        let kept = self.role(&json!({ "on_delete": "keep" }));
        self.ask("POST", "static-role/kept", &kept, 204);
        let known = self.get("static-creds/kept", 200)["data"].clone();
        let id = key(&known);
        let secret = known["secret"].as_str().unwrap().to_owned();
        self.ask("DELETE", "static-role/kept", &Value::Null, 204);
        self.host.cloud.live_key(&id);
        let cut = &secret[..secret.len() - 1];
        let import = |secret: &str, output: &str| {
            json!({
                "import_key_id": id, "import_key_secret": secret, "output": output,
            })
        };
        for (secret, output) in [
            (cut, "compat"),
            ("a${b}", "spring"),
            ("a\u{0}", "kafka-java"),
        ] {
            let wrong = self.role(&import(secret, output));
            let refused = self.ask("POST", "static-role/imported", &wrong, 400);
            let text = refused["errors"].to_string();
            assert!(text.contains("`import_key_secret`"), "{text}");
            assert!(!text.contains(cut), "{text}");
            self.get("static-role/imported", 404);
        }
        let right = self.role(&import(&secret, "compat"));
        self.ask("POST", "static-role/imported", &right, 204);
        let served = self.get("static-creds/imported", 200);
        assert_eq!(key(&served["data"]), id);
        self.get("data/imported", 200);
    }

    fn help_is_given(&mut self) {
        for path in [
            "static-role/app/stage",
            "static-role/app/commit",
            "static-role/app/rollback",
            "static-creds/app/pending",
            "static-creds/app/previous",
            "data/app",
            "metadata/app",
        ] {
            let help = self.host.cli.ok(&["path-help", &format!("team/{path}")]);
            self.told.lines.push(format!("path-help {path} -> {help}"));
        }
    }
}

fn key(data: &Value) -> String {
    data["key_id"].as_str().unwrap().to_owned()
}
