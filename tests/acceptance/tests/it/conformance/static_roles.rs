//! Static roles on both hosts: the same requests, and answers that are the same
//! but for ids and times, errors included.

use serde_json::{Value, json};
use testkit::require_bao;

use super::answer_alike;
use super::story::Story;
use crate::hosts::Host;

#[test]
fn both_hosts_answer_the_same_for_every_path_of_static_roles() {
    let bao = require_bao!();
    answer_alike(&bao, scenario);
}

fn scenario(host: &Host) -> Vec<String> {
    let mut story = Story::of(host);
    wrong_roles_are_refused(&mut story);
    roles_are_written_read_and_listed(&mut story);
    every_reader_gets_one_key(&mut story);
    a_key_that_is_not_proven_is_not_told(&mut story);
    a_rotation_keeps_the_old_key(&mut story);
    old_keys_wait_for_silence(&mut story);
    keys_are_taken_over(&mut story);
    what_is_wrong_is_said(&mut story);
    help_is_given(&mut story);
    a_deleted_role_leaves_its_key_and_takes_it_back(&mut story);
    story.told.lines
}

/// Settings of a role for the first owner and cluster whose keys nobody tries.
fn settings(story: &Story<'_>, more: &Value) -> Value {
    let usual = json!({ "rotation_period": "24h", "readiness": "none" });
    story.of_first(&usual, more)
}

fn wrong_roles_are_refused(story: &mut Story<'_>) {
    for wrong in [
        json!({ "owner": null }),
        json!({ "owner": "somebody" }),
        json!({ "resource": "lkc" }),
        json!({ "rotation_period": null }),
        json!({ "rotation_period": 0 }),
        json!({ "rotation_period": -1 }),
        json!({ "rotation_period": "1y" }),
        json!({ "rotation_period": "11y" }),
        json!({ "rotation_period": 100_000 * 86_400_u64 }),
        json!({ "rotation_schedule": "0 2 * * SAT" }),
        json!({ "rotation_period": null, "rotation_window": "1h" }),
        json!({ "rotation_period": null, "rotation_schedule": "0 0 2 * * SAT" }),
        json!({ "rotation_period": null, "rotation_schedule": "0 2 31 2 *" }),
        json!({ "rotation_period": null, "rotation_schedule": "61 2 * * *" }),
        json!({
            "rotation_period": null, "rotation_schedule": "0 2 * * *",
            "rotation_timezone": "Mars/Phobos",
        }),
        json!({ "rotation_period": null, "rotation": "sometimes" }),
        json!({ "grace": "48h" }),
        json!({ "grace": 10 }),
        json!({ "grace": 600, "refresh": 600 }),
        json!({ "refresh": 1 }),
        json!({ "readiness": "hope" }),
        json!({ "readiness_timeout": 1 }),
        json!({ "colour": "red" }),
    ] {
        let body = settings(story, &wrong);
        story.ask("POST", "static-role/orders", &body, 400);
    }
    let body = settings(story, &json!({}));
    let long = format!("static-role/{}", "n".repeat(300));
    for path in ["static-role/Orders", "static-role/a%20b", &long] {
        story.ask("POST", path, &body, 400);
    }
    story.ask("GET", "static-role/orders", &Value::Null, 404);
    story.ask("LIST", "static-role", &Value::Null, 404);
    assert_eq!(story.made(), 0, "nothing was made");
}

fn roles_are_written_read_and_listed(story: &mut Story<'_>) {
    let role = settings(story, &json!({}));
    story.ask("POST", "static-role/orders", &role, 204);
    let manual = settings(
        story,
        &json!({ "rotation_period": null, "rotation": "manual" }),
    );
    story.ask("PUT", "static-roles/billing", &manual, 204);
    let weekly = settings(
        story,
        &json!({
            "rotation_period": null, "rotation_schedule": "0 2 * * SAT",
            "rotation_timezone": "Europe/Berlin", "rotation_window": "3h",
        }),
    );
    story.ask("POST", "static-role/weekly", &weekly, 204);
    let cloud = settings(story, &json!({ "resource": null }));
    story.ask("POST", "static-role/cloud", &cloud, 200);
    for name in ["orders", "billing", "weekly", "cloud"] {
        let one = story.get(&format!("static-role/{name}"));
        let other = story.get(&format!("static-roles/{name}"));
        assert_eq!(one["data"], other["data"]);
        story.get(&format!("static-role/{name}/status"));
        story.get(&format!("static-roles/{name}/status"));
    }
    let cli = &story.host.cli;
    story.told.json(cli, &["read", "team/static-role/orders"]);
    story.told.json(cli, &["list", "team/static-role"]);
    story.told.json(cli, &["list", "team/static-roles"]);
    story.ask("POST", "static-role/orders", &json!({ "grace": "2h" }), 204);
    let changed = story.get("static-role/orders");
    assert_eq!(changed["data"]["grace"], 7200);
    assert_eq!(changed["data"]["rotation_period"], 86_400);
}

fn every_reader_gets_one_key(story: &mut Story<'_>) {
    let first = story.get("static-creds/orders");
    assert_eq!(first["lease_id"], "", "there is no lease");
    assert_eq!(first["lease_duration"], 0);
    for path in ["static-cred/orders", "static-creds/orders"] {
        assert_eq!(story.get(path)["data"], first["data"]);
    }
    let cli = &story.host.cli;
    let shown = story.told.json(cli, &["read", "team/static-creds/orders"]);
    assert_eq!(shown["data"], first["data"]);
    for name in ["billing", "cloud"] {
        story.get(&format!("static-creds/{name}"));
    }
    assert_eq!(story.made(), 4, "a key for each role");
}

fn a_key_that_is_not_proven_is_not_told(story: &mut Story<'_>) {
    let slow = settings(
        story,
        &json!({ "readiness": "delay", "readiness_delay": "10m" }),
    );
    let answer = story.ask("POST", "static-role/slow", &slow, 200);
    assert!(answer["warnings"].to_string().contains("is being proven"));
    story.ask("GET", "static-creds/slow", &Value::Null, 503);
    story.get("static-role/slow/status");
    story.ask("DELETE", "static-role/slow", &Value::Null, 204);
}

fn a_rotation_keeps_the_old_key(story: &mut Story<'_>) {
    let old = key(&story.get("static-creds/orders"));
    story.ask("POST", "rotate-role/orders", &json!({ "wait": "50s" }), 204);
    let new = key(&story.get("static-creds/orders"));
    assert_ne!(new, old);
    story.host.cloud.live_key(&old);
    story.host.cloud.live_key(&new);
    let status = story.get("static-role/orders/status");
    assert_eq!(status["data"]["previous_key_id"], old.as_str());
    let now = json!({ "grace": 0, "wait": 50 });
    story.ask("POST", "rotate-role/orders", &now, 204);
    story.host.cloud.wait_until_gone(&new);
    story.host.cloud.live_key(&old);
    let cli = &story.host.cli;
    let force = ["write", "-force", "-format=json", "team/rotate-role/orders"];
    let printed = cli.ok(&force);
    assert!(
        printed.contains("goes on") || printed.is_empty(),
        "{printed}"
    );
}

fn old_keys_wait_for_silence(story: &mut Story<'_>) {
    let quiet = settings(
        story,
        &json!({ "retire_when": "quiet", "rotation_period": "30d" }),
    );
    story.ask("GET", "usage", &Value::Null, 404);
    story.ask("POST", "static-role/audited", &quiet, 400);
    let watermark = "2026-01-01T10:00:00Z";
    for (report, status) in [
        (json!({}), 400),
        (json!({ "watermark": "soon" }), 400),
        (json!({ "watermark": "2096-01-01T10:00:00Z" }), 400),
        (
            json!({ "watermark": watermark, "keys": { "K7": "soon" } }),
            400,
        ),
        (
            json!({ "watermark": watermark, "keys": { "K/7": watermark } }),
            400,
        ),
        (json!({ "watermark": watermark, "key": {} }), 400),
        (
            json!({ "watermark": watermark, "source": "reader", "offsets": "0:17" }),
            204,
        ),
        (
            json!({ "watermark": watermark, "keys": { "K7": watermark } }),
            204,
        ),
        (json!({ "watermark": "2026-01-01T09:00:00Z" }), 400),
    ] {
        story.ask("POST", "usage", &report, status);
    }
    let read = story.get("usage");
    assert_eq!(read["data"]["offsets"], "0:17");
    for wrong in [
        json!({ "retire_when": "never" }),
        json!({ "quiet": "1h" }),
        json!({ "retire_when": "quiet", "max_overlap": "1y" }),
        json!({ "retire_when": "quiet", "quiet": "8d" }),
        json!({ "retire_when": "quiet", "quiet": 1 }),
    ] {
        let body = settings(story, &wrong);
        story.ask("POST", "static-role/audited", &body, 400);
    }
    story.ask("POST", "static-role/audited", &quiet, 204);
    story.ask(
        "POST",
        "rotate-role/audited",
        &json!({ "wait": "50s" }),
        204,
    );
    story.get("static-role/audited");
    let status = story.get("static-role/audited/status");
    let waiting = status["data"]["waiting_keys"].as_array().unwrap();
    story
        .host
        .cloud
        .live_key(waiting[0]["key_id"].as_str().unwrap());
}

fn keys_are_taken_over(story: &mut Story<'_>) {
    let team = json!({
        "owner": story.host.cloud.owner(), "resource": story.host.cloud.cluster().0,
        "multi_use_key": true,
    });
    story.ask("POST", "role/crew", &team, 204);
    let adopting = settings(story, &json!({ "adopt_role": "crew" }));
    story.ask("POST", "static-role/adopted", &adopting, 400);
    let shared = key(&story.get("creds/crew"));
    for wrong in [
        json!({ "adopt_role": "nobody" }),
        json!({ "adopt_role": "crew", "resource": "lkc-000000" }),
        json!({ "adopt_role": "crew", "import_key_id": "K7Q2M4ZB6RXN3TWD" }),
        json!({ "import_key_id": "K7Q2M4ZB6RXN3TWD" }),
        json!({ "import_key_id": "K7Q2M4ZB6RXN3TWD", "import_key_secret": "wrong" }),
    ] {
        let body = settings(story, &wrong);
        story.ask("POST", "static-role/adopted", &body, 400);
    }
    story.ask("POST", "static-role/adopted", &adopting, 204);
    story.ask("POST", "static-role/adopted", &adopting, 400);
    assert_eq!(key(&story.get("static-creds/adopted")), shared);
    assert_ne!(key(&story.get("creds/crew")), shared);
    story.told.ids.push((shared.clone(), "ADOPTED"));
    story.get(&format!("keys/{shared}"));
}

fn what_is_wrong_is_said(story: &mut Story<'_>) {
    for (method, path, body, status) in [
        ("GET", "static-role/nobody", Value::Null, 404),
        ("GET", "static-role/nobody/status", Value::Null, 404),
        ("GET", "static-creds/nobody", Value::Null, 400),
        ("GET", "static-cred/nobody", Value::Null, 400),
        ("GET", "static-creds/Orders", Value::Null, 400),
        ("GET", "static-creds/crowd", Value::Null, 400),
        ("GET", "creds/orders", Value::Null, 400),
        ("GET", "static-creds", Value::Null, 404),
        ("POST", "static-creds/orders", json!({}), 405),
        ("DELETE", "static-creds/orders", Value::Null, 405),
        ("POST", "static-role/orders/status", json!({}), 405),
        ("GET", "rotate-role/orders", Value::Null, 405),
        ("POST", "rotate-role/nobody", json!({}), 400),
        ("POST", "rotate-role/orders", json!({ "wait": "90s" }), 400),
        ("POST", "rotate-role/orders", json!({ "wait": "soon" }), 400),
        ("POST", "rotate-role/orders", json!({ "grace": "11y" }), 400),
        ("POST", "rotate-role/orders", json!({ "grace": -1 }), 400),
        ("POST", "rotate-role/orders", json!({ "graec": 1 }), 400),
        ("POST", "static-role", json!({}), 405),
        ("DELETE", "static-role/nobody", Value::Null, 204),
    ] {
        story.ask(method, path, &body, status);
    }
}

fn help_is_given(story: &mut Story<'_>) {
    for path in [
        "static-role",
        "static-role/app",
        "static-role/app/status",
        "static-creds/app",
        "static-cred/app",
        "rotate-role/app",
        "usage",
    ] {
        let help = story.host.cli.ok(&["path-help", &format!("team/{path}")]);
        story.told.lines.push(format!("path-help {path} -> {help}"));
    }
}

fn a_deleted_role_leaves_its_key_and_takes_it_back(story: &mut Story<'_>) {
    let kept = key(&story.get("static-creds/billing"));
    let shown = story.get("static-role/billing")["data"].clone();
    story.ask("DELETE", "static-roles/billing", &Value::Null, 204);
    story.host.cloud.live_key(&kept);
    story.ask("GET", "static-creds/billing", &Value::Null, 400);
    story.ask("GET", "static-role/billing", &Value::Null, 404);
    let manual = settings(
        story,
        &json!({ "rotation_period": null, "rotation": "manual" }),
    );
    story.ask("POST", "static-role/billing", &manual, 204);
    assert_eq!(key(&story.get("static-creds/billing")), kept);
    assert_eq!(story.get("static-role/billing")["data"], shown);
    story.host.cli.ok(&["secrets", "disable", "team"]);
    story.ask("GET", "static-creds/billing", &Value::Null, 404);
    // Nobody's application stops with the mount: the log names the key.
    story.host.cloud.live_key(&kept);
}

fn key(answer: &Value) -> String {
    answer["data"]["key_id"].as_str().unwrap().to_owned()
}
