//! One scenario on both hosts, through the unmodified command line. Both must
//! do the same, and answer the same but for ids and times.

mod readiness;
mod rotations_by_hand;
mod sharing;
mod static_roles;
mod story;

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Bao, assert_openapi_is_whole, require_bao};

use crate::hosts::{ENGINE, Host, on_both};
use crate::transcript::Transcript;

#[test]
fn both_hosts_make_share_renew_and_revoke_keys_with_equal_answers() {
    let bao = require_bao!();
    answer_alike(&bao, scenario);
}

/// Tells a story on both hosts. Each line of what they answered must be the same.
fn answer_alike(bao: &Bao, scenario: fn(&Host) -> Vec<String>) {
    let (ours, theirs) = on_both(bao, scenario);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "left: our server, right: OpenBao");
    }
    assert_eq!(ours.len(), theirs.len());
}

/// The whole story of a mount, from its account to its end.
fn scenario(host: &Host) -> Vec<String> {
    let mut told = Transcript::of(&host.cloud);
    let earlier = host.cloud.live().len();
    host.cli.ok(&["secrets", "enable", "-path=team", ENGINE]);
    an_account_is_proven_and_never_shown(host, &mut told);
    roles_are_written_read_and_listed(host, &mut told);
    a_single_use_key_lives_as_long_as_its_lease(host, &mut told);
    a_lease_of_two_seconds_runs_out(host, &mut told);
    eight_first_readers_share_one_key(host, &mut told);
    an_operator_looks_at_keys_and_ends_them(host, &mut told);
    what_is_wrong_is_said(host, &mut told);
    help_is_given(host, &mut told);
    a_removed_mount_takes_its_keys_along(host, &mut told);
    assert_eq!(host.cloud.live().len(), earlier, "no key is left behind");
    told.lines
}

fn an_account_is_proven_and_never_shown(host: &Host, told: &mut Transcript) {
    let key = format!("ccloud_api_key_id={}", host.cloud.admin_key);
    let url = format!("url={}", host.cloud.address);
    let wrong =
        "ccloud_api_key_secret=not-the-secret-but-of-the-same-length-as-a-secret-is-0123456";
    let refused = told.refused(&host.cli, &["write", "team/config", &key, wrong, &url]);
    assert!(refused.contains("Code: 400"), "{refused}");
    assert!(
        refused.contains("Cloud API key"),
        "the remedy is told: {refused}"
    );
    told.request(&host.http, "GET", "team/config", None);
    let secret = format!("ccloud_api_key_secret={}", host.cloud.admin_secret);
    host.cli.ok(&["write", "team/config", &key, &secret, &url]);
    let shown = told.json(&host.cli, &["read", "team/config"]);
    assert_eq!(shown["data"]["ccloud_api_key_id"], host.cloud.admin_key);
}

fn roles_are_written_read_and_listed(host: &Host, told: &mut Transcript) {
    let owner = format!("owner={}", host.cloud.owner());
    let (cluster, environment) = host.cloud.cluster();
    let resource = format!("resource={cluster}");
    let environment = format!("resource_env={environment}");
    let write = |name: &str, more: &[&str]| {
        let path = format!("team/role/{name}");
        let mut arguments = vec!["write", &path, &owner, &resource, &environment];
        arguments.extend(more);
        host.cli.ok(&arguments);
    };
    write("single", &["ttl=1h", "max_ttl=2h"]);
    write("shared", &["ttl=600", "multi_use_key=true"]);
    write("brief", &["ttl=2s", "max_ttl=2s"]);
    told.json(&host.cli, &["read", "team/role/single"]);
    told.json(&host.cli, &["read", "team/roles/shared"]);
    told.json(&host.cli, &["list", "team/role"]);
    told.json(&host.cli, &["list", "team/roles"]);
}

fn a_single_use_key_lives_as_long_as_its_lease(host: &Host, told: &mut Transcript) {
    let answer = told.json(&host.cli, &["read", "team/creds/single"]);
    let (key, lease) = (text(&answer["data"]["key_id"]), text(&answer["lease_id"]));
    assert!(lease.starts_with("team/creds/single/"), "{lease}");
    told.ids.push((lease.clone(), "LEASE"));
    let live = host.cloud.live_key(&key);
    assert_eq!(live["owner"], host.cloud.owner().as_str());
    assert_eq!(live["resource"], host.cloud.cluster().0.as_str());
    told.json(&host.cli, &["lease", "renew", &lease]);
    told.json(&host.cli, &["lease", "renew", "-increment=30s", &lease]);
    host.cloud.live_key(&key);
    host.cli.ok(&["lease", "revoke", "-sync", &lease]);
    host.cloud.wait_until_gone(&key);
    told.refused(&host.cli, &["lease", "renew", &lease]);
}

fn a_lease_of_two_seconds_runs_out(host: &Host, told: &mut Transcript) {
    let answer = told.json(&host.cli, &["read", "team/creds/brief"]);
    assert_eq!(answer["lease_duration"], 2);
    let key = text(&answer["data"]["key_id"]);
    host.cloud.live_key(&key);
    host.cloud.wait_until_gone(&key);
}

fn eight_first_readers_share_one_key(host: &Host, told: &mut Transcript) {
    let answers: Vec<Value> = thread::scope(|scope| {
        let readers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| host.cli.json(&["read", "team/creds/shared"])))
            .collect();
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    let key = text(&answers[0]["data"]["key_id"]);
    assert!(
        answers
            .iter()
            .all(|answer| answer["data"] == answers[0]["data"])
    );
    assert!(answers.iter().all(|answer| answer["lease_duration"] == 600));
    let ours = |live: &&Value| {
        live["resource"] == host.cloud.cluster().0.as_str()
            && live["display_name"]
                .as_str()
                .is_some_and(|name| name.ends_with("shared"))
    };
    assert_eq!(host.cloud.live().iter().filter(ours).count(), 1);
    let (last, others) = answers.split_last().unwrap();
    for answer in others {
        host.cli
            .ok(&["lease", "revoke", "-sync", &text(&answer["lease_id"])]);
        host.cloud.live_key(&key);
    }
    host.cli
        .ok(&["lease", "revoke", "-sync", &text(&last["lease_id"])]);
    host.cloud.wait_until_gone(&key);
    told.json(&host.cli, &["read", "team/creds/shared"]);
}

fn an_operator_looks_at_keys_and_ends_them(host: &Host, told: &mut Transcript) {
    told.json(&host.cli, &["read", "team/config/check"]);
    let single = text(&host.cli.json(&["read", "team/creds/single"])["data"]["key_id"]);
    let shared = text(&host.cli.json(&["read", "team/creds/shared"])["data"]["key_id"]);
    told.ids.push((single.clone(), "SINGLE"));
    told.ids.push((shared.clone(), "SHARED"));
    told.json(&host.cli, &["list", "team/role/single/keys"]);
    told.json(&host.cli, &["read", &format!("team/keys/{shared}")]);
    host.cli.ok(&["delete", &format!("team/keys/{single}")]);
    host.cloud.wait_until_gone(&single);
    let report = told.json(&host.cli, &["write", "-force", "team/reconcile"]);
    assert!(!report.to_string().contains("to be deleted"), "{report}");
    host.cli.ok(&["delete", "team/role/shared/keys"]);
    host.cloud.wait_until_gone(&shared);
    let fresh = host.cli.json(&["read", "team/creds/shared"]);
    assert_ne!(fresh["data"]["key_id"], shared.as_str());
    let admin = format!("team/keys/{}", host.cloud.admin_key);
    let refused = told.refused(&host.cli, &["delete", &admin]);
    assert!(refused.contains("marker"), "{refused}");
    told.json(&host.cli, &["read", "team/info"]);
}

fn what_is_wrong_is_said(host: &Host, told: &mut Transcript) {
    let unknown = told.refused(&host.cli, &["read", "team/creds/nobody"]);
    assert!(unknown.contains("Code: 400"), "{unknown}");
    let requests = [
        ("GET", "team/role/nobody", json!(null), 404),
        ("GET", "team/creds/nobody", json!(null), 400),
        ("POST", "team/role/app", json!({}), 400),
        (
            "POST",
            "team/role/app",
            json!({"owner": "sa-1", "ttl": "soon"}),
            400,
        ),
        ("POST", "team/role/app", json!({"owner": ["sa-1"]}), 400),
        (
            "POST",
            "team/role/app",
            json!({"owner": "sa-1", "cc_key_id": "K"}),
            400,
        ),
        ("GET", "team/nothing", json!(null), 404),
        ("DELETE", "team/creds/single", json!(null), 405),
        ("GET", "team/reconcile", json!(null), 405),
        ("GET", "team/keys", json!(null), 405),
        ("POST", "team/status", json!({}), 405),
        ("DELETE", "team/keys/NOSUCHKEY", json!(null), 400),
        (
            "POST",
            "team/role/single",
            json!({"ttl": 1800, "colour": "red"}),
            400,
        ),
        ("GET", "team/creds/Single", json!(null), 400),
        ("POST", "team/role/a%20b", json!({"owner": "sa-1"}), 400),
        ("DELETE", "team/role/nobody", json!(null), 204),
        ("DELETE", "team/config", json!(null), 400),
    ];
    // Key ids differ: what is still in use is named in the last answer.
    for live in host.cloud.live() {
        told.ids.push((text(&live["id"]), "KEY"));
    }
    for (method, path, body, expected) in requests {
        let body = (!body.is_null()).then_some(&body);
        let (status, answer) = told.request(&host.http, method, path, body);
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
}

fn help_is_given(host: &Host, told: &mut Transcript) {
    for path in [
        "team",
        "team/config",
        "team/config/check",
        "team/role/app",
        "team/role/app/keys",
        "team/creds/app",
        "team/keys",
        "team/keys/K",
        "team/reconcile",
        "team/status",
        "team/info",
    ] {
        let help = host.cli.ok(&["path-help", path]);
        told.lines.push(format!("path-help {path} -> {help}"));
    }
    let document = assert_openapi_is_whole(&host.http, "team");
    told.lines.push(format!("openapi -> {document}"));
}

fn a_removed_mount_takes_its_keys_along(host: &Host, told: &mut Transcript) {
    let answer = told.json(&host.cli, &["read", "team/creds/single"]);
    let key = text(&answer["data"]["key_id"]);
    host.cli.ok(&["secrets", "disable", "team"]);
    host.cloud.wait_until_gone(&key);
    thread::sleep(Duration::from_millis(200));
    told.request(&host.http, "GET", "team/config", None);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
