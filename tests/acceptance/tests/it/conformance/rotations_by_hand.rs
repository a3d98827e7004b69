//! Rotations by hand, import and the face of a KV engine on both hosts: the same
//! requests, and answers that are the same but for ids and times.

use serde_json::{Value, json};
use testkit::require_bao;

use super::answer_alike;
use super::story::Story;
use crate::hosts::Host;

#[test]
fn both_hosts_answer_the_same_for_rotations_by_hand_import_and_the_face_of_kv() {
    let bao = require_bao!();
    answer_alike(&bao, scenario);
}

fn scenario(host: &Host) -> Vec<String> {
    let mut story = Story::of(host);
    before_there_is_a_role(&mut story);
    a_key_is_staged_and_committed(&mut story);
    versions_are_read(&mut story);
    what_is_wrong_is_said(&mut story);
    a_key_is_imported(&mut story);
    help_is_given(&mut story);
    story.told.lines
}

fn get(story: &mut Story<'_>, path: &str, status: u16) -> Value {
    story.ask("GET", path, &Value::Null, status)
}

fn post(story: &mut Story<'_>, path: &str, status: u16) -> Value {
    story.ask("POST", path, &json!({}), status)
}

/// Settings of a role for the first owner and cluster that is rotated by hand.
fn settings(story: &Story<'_>, more: &Value) -> Value {
    let usual = json!({ "rotation": "manual", "grace": 600, "readiness": "none" });
    story.of_first(&usual, more)
}

fn before_there_is_a_role(story: &mut Story<'_>) {
    for path in ["data/hand", "metadata/hand"] {
        get(story, path, 404);
    }
    story.ask("LIST", "metadata", &Value::Null, 404);
    for step in ["stage", "commit", "rollback"] {
        post(story, &format!("static-role/hand/{step}"), 400);
    }
    for beside in ["pending", "previous"] {
        get(story, &format!("static-creds/hand/{beside}"), 400);
    }
}

fn a_key_is_staged_and_committed(story: &mut Story<'_>) {
    let role = settings(story, &json!({}));
    story.ask("POST", "static-role/hand", &role, 204);
    let first = key(&get(story, "static-creds/hand", 200)["data"]);
    for step in ["commit", "rollback"] {
        post(story, &format!("static-role/hand/{step}"), 400);
    }
    for beside in ["pending", "previous"] {
        get(story, &format!("static-creds/hand/{beside}"), 400);
    }
    post(story, "static-role/hand/stage", 204);
    post(story, "static-role/hand/stage", 400);
    let staged = key(&get(story, "static-creds/hand/pending", 200)["data"]);
    get(story, "static-role/hand/status", 200);
    post(story, "static-role/hand/rollback", 204);
    story.host.cloud.wait_until_gone(&staged);
    post(story, "static-roles/hand/stage", 204);
    let staged = key(&get(story, "static-cred/hand/pending", 200)["data"]);
    let force = json!({ "force": true });
    story.ask("POST", "static-role/hand/commit", &force, 204);
    assert_eq!(key(&get(story, "static-creds/hand", 200)["data"]), staged);
    let previous = get(story, "static-creds/hand/previous", 200);
    assert_eq!(key(&previous["data"]), first);
}

fn versions_are_read(story: &mut Story<'_>) {
    let present = get(story, "data/hand", 200);
    assert_eq!(present["data"]["metadata"]["version"], 2);
    for version in ["0", "1", "2"] {
        get(story, &format!("data/hand?version={version}"), 200);
    }
    for version in ["3", "99"] {
        get(story, &format!("data/hand?version={version}"), 404);
    }
    for version in ["-1", "abc"] {
        get(story, &format!("data/hand?version={version}"), 400);
    }
    get(story, "metadata/hand", 200);
    story.ask("LIST", "metadata", &Value::Null, 200);
    post(story, "static-role/hand/rollback", 204);
    let back = get(story, "data/hand", 200);
    assert_eq!(back["data"]["metadata"]["version"], 3);
    let before = get(story, "data/hand?version=1", 404);
    assert!(before["data"].is_null(), "{before}");
}

fn what_is_wrong_is_said(story: &mut Story<'_>) {
    for method in ["POST", "PUT", "DELETE"] {
        for path in ["data/hand", "metadata/hand", "static-creds/hand/pending"] {
            story.ask(method, path, &json!({ "data": {} }), 405);
        }
    }
    for step in ["stage", "commit", "rollback"] {
        let path = format!("static-role/hand/{step}");
        story.ask("POST", &path, &json!({ "colour": "red" }), 400);
        get(story, &path, 405);
    }
    let maybe = json!({ "force": "perhaps" });
    story.ask("POST", "static-role/hand/commit", &maybe, 400);
    for path in ["data/Hand", "metadata/Hand", "static-creds/Hand/pending"] {
        get(story, path, 400);
    }
}

fn a_key_is_imported(story: &mut Story<'_>) {
    let kept = settings(story, &json!({ "on_delete": "keep" }));
    story.ask("POST", "static-role/kept", &kept, 204);
    let known = get(story, "static-creds/kept", 200)["data"].clone();
    let id = key(&known);
    let secret = known["secret"].as_str().unwrap().to_owned();
    story.ask("DELETE", "static-role/kept", &Value::Null, 204);
    story.host.cloud.live_key(&id);
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
        let wrong = settings(story, &import(secret, output));
        let refused = story.ask("POST", "static-role/imported", &wrong, 400);
        let text = refused["errors"].to_string();
        assert!(text.contains("`import_key_secret`"), "{text}");
        assert!(!text.contains(cut), "{text}");
        get(story, "static-role/imported", 404);
    }
    let right = settings(story, &import(&secret, "compat"));
    story.ask("POST", "static-role/imported", &right, 204);
    let served = get(story, "static-creds/imported", 200);
    assert_eq!(key(&served["data"]), id);
    get(story, "data/imported", 200);
}

fn help_is_given(story: &mut Story<'_>) {
    for path in [
        "static-role/app/stage",
        "static-role/app/commit",
        "static-role/app/rollback",
        "static-creds/app/pending",
        "static-creds/app/previous",
        "data/app",
        "metadata/app",
    ] {
        let help = story.host.cli.ok(&["path-help", &format!("team/{path}")]);
        story.told.lines.push(format!("path-help {path} -> {help}"));
    }
}

fn key(data: &Value) -> String {
    data["key_id"].as_str().unwrap().to_owned()
}
