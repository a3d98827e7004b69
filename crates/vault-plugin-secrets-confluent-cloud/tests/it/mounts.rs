//! Several mounts, their settings and their end, and what a host shows of
//! them.

use std::time::Duration;

use testkit::{assert_openapi_is_whole, eventually, processes_of, require_bao};

use crate::mounted::{Mounted, NAME};

#[test]
fn two_mounts_share_a_process_and_nothing_else() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    mounted.enable("second");
    let process = mounted.process();
    mounted.role("confluent/role/app", &["ttl=10m"]);
    let unknown = mounted.cli.run(&["read", "second/creds/app"]);
    assert_eq!(unknown.status, 2, "{}", unknown.stdout);

    let more = &["ttl=10m", "multi_use_key=true"];
    mounted.role("confluent/role/team", more);
    mounted.role("second/role/team", more);
    let first = mounted.creds("confluent/creds/team");
    let second = mounted.creds("second/creds/team");
    assert_ne!(first.key, second.key);
    assert_eq!(mounted.process(), process);

    mounted.cli.ok(&["secrets", "disable", "confluent"]);
    mounted.cloud.wait_for_live(&[&second.key]);
    mounted.cli.ok(&["lease", "renew", &second.lease]);
    assert_eq!(mounted.creds("second/creds/team").key, second.key);
}

#[test]
fn a_mount_that_is_disabled_takes_all_its_keys_along() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    mounted.role("confluent/role/app", &["ttl=10m"]);
    mounted.role("confluent/role/team", &["ttl=10m", "multi_use_key=true"]);
    for path in ["app", "app", "team", "team"] {
        mounted.creds(&format!("confluent/creds/{path}"));
    }
    assert_eq!(mounted.cloud.live().len(), 3);

    mounted.cli.ok(&["secrets", "disable", "confluent"]);
    mounted.cloud.wait_for_live(&[]);
    let limit = Duration::from_secs(10);
    eventually("no plugin is left without a mount", limit, || {
        let left = processes_of(&mounted.server.plugin(NAME));
        left.is_empty().then_some(())
    });
}

#[test]
fn a_role_without_times_takes_those_that_the_mount_was_tuned_to() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    let cli = &mounted.cli;
    mounted.role("confluent/role/app", &[]);
    let early = cli.json(&["read", "confluent/creds/app"]);
    assert_eq!(early["lease_duration"], 768 * 3600, "the server's default");

    cli.ok(&[
        "secrets",
        "tune",
        "-default-lease-ttl=90s",
        "-max-lease-ttl=5m",
        "confluent",
    ]);
    let late = cli.json(&["read", "confluent/creds/app"]);
    assert_eq!(late["lease_duration"], 90);
    let lease = late["lease_id"].as_str().unwrap();
    let renewed = cli.json(&["lease", "renew", "-increment=1h", lease]);
    let granted = renewed["lease_duration"].as_u64().unwrap();
    assert!(
        (290..=300).contains(&granted),
        "the mount's most: {granted}"
    );
}

#[test]
fn a_lease_that_runs_out_takes_its_key_along() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    mounted.role("confluent/role/brief", &["ttl=2s", "max_ttl=2s"]);
    mounted.role("confluent/role/app", &["ttl=10m"]);
    let kept = mounted.creds("confluent/creds/app");
    let brief = mounted.creds("confluent/creds/brief");
    assert!(mounted.cloud.live().contains(&brief.key));
    mounted.cloud.wait_for_live(&[&kept.key]);
}

#[test]
fn every_path_explains_itself_and_is_in_the_servers_openapi() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    let cases = [
        ("confluent", "creds/"),
        ("confluent/config", "ccloud_api_key_secret"),
        ("confluent/role/app", "multi_use_key"),
        ("confluent/creds/app", "lease"),
    ];
    for (path, part) in cases {
        let help = mounted.cli.ok(&["path-help", path]);
        assert!(help.contains(part), "{path}: {help}");
    }

    let http = mounted.server.http();
    let (status, document) = http.request("GET", "sys/internal/specs/openapi", None);
    assert_eq!(status, 200);
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/sys/health"), "the document is whole");
    let ours = paths.keys().filter(|path| path.contains("confluent"));
    let ours: Vec<&str> = ours.map(String::as_str).collect();
    let at = |path: &str| {
        let found = ours.iter().find(|ours| ours.ends_with(path));
        &paths[*found.unwrap_or_else(|| panic!("`{path}` is not among {ours:?}"))]
    };
    assert!(at("/role/{name}")["post"].is_object());
    assert!(at("/roles/{name}")["delete"].is_object());
    assert!(at("/creds/{name}")["get"].is_object());
    let body = &at("/config")["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["properties"]["url"]["type"], "string", "{body}");
    assert_openapi_is_whole(&http, "confluent");
}
