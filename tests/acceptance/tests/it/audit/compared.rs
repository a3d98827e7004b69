//! The lines of our server and of OpenBao, for the same thousand requests, member
//! by member.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::require_bao;

use super::Audited;
use super::traffic::{Client, prepare};

const REQUESTS: usize = 1000;

const CONFIG: &str = r#"
storage "inmem" {}
audit "file" "main" { options { file_path = "FOLDER/audit.log" log_raw = "false" } }
"#;

/// Where lines differ, and why: `<type> <member> <who has it>: <reason>`. The list
/// must be exact.
const DIFFERENCES: &str = include_str!("differences.txt");

/// Members whose values are never the same.
const OWN: [&str; 19] = [
    "/time",
    "/auth/entity_id",
    "/auth/token_issue_time",
    "/request/id",
    "/request/client_id",
    "/request/mount_accessor",
    "/request/mount_running_version",
    "/request/remote_port",
    "/response/auth/entity_id",
    "/response/auth/token_issue_time",
    "/response/data/creation_time",
    "/response/data/metadata/created_time",
    "/response/data/created_time",
    "/response/mount_accessor",
    "/response/mount_running_plugin_version",
    "/response/wrap_info/creation_time",
    "/response/data/expire_time",
    "/response/data/issue_time",
    "/response/data/ttl",
];

/// The members of a line by their paths; a hash is the same as any other.
fn members(line: &Value) -> BTreeMap<String, String> {
    let mut members = BTreeMap::new();
    flatten(line, String::new(), &mut members);
    members
}

fn flatten(value: &Value, path: String, members: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (name, value) in object {
                flatten(value, format!("{path}/{name}"), members);
            }
        }
        Value::String(text) if text.starts_with("hmac-sha256:") => {
            assert_eq!(text.len(), "hmac-sha256:".len() + 64, "{text}");
            members.insert(path, "a hash".to_owned());
        }
        Value::Array(list) => {
            let shown = list.iter().map(|value| match value {
                Value::String(text) if text.starts_with("hmac-sha256:") => "a hash".into(),
                other => other.clone(),
            });
            members.insert(path, shown.collect::<Value>().to_string());
        }
        _ if OWN.contains(&path.as_str()) => {
            members.insert(path, "a value of its own".to_owned());
        }
        other => {
            members.insert(path, other.to_string());
        }
    }
}

#[test]
fn a_thousand_requests_are_logged_as_openbao_logs_them() {
    let bao = require_bao!();
    let servers = [Audited::ours(CONFIG), Audited::openbao(&bao, CONFIG)];
    let [ours, theirs] = servers.each_ref().map(|server| {
        prepare(server);
        let before = server.lines("audit.log").len();
        let statuses = Client::new(server).work(REQUESTS);
        let lines = server.lines("audit.log").split_off(before);
        (statuses, lines)
    });
    assert_eq!(ours.0, theirs.0);
    assert_eq!(ours.1.len(), theirs.1.len());
    assert_eq!(ours.1.len(), 2 * ours.0.len());
    let mut differences: BTreeMap<String, String> = BTreeMap::new();
    for (ours, theirs) in ours.1.iter().zip(&theirs.1) {
        let kind = ours["type"].as_str().unwrap();
        let (mine, other) = (members(ours), members(theirs));
        for name in mine.keys().chain(other.keys()) {
            let what = match (mine.get(name), other.get(name)) {
                (Some(mine), Some(other)) if mine == other => continue,
                (Some(_), Some(_)) => "differs",
                (Some(_), None) => "is only ours",
                _ => "is only OpenBao's",
            };
            let example = format!("{ours}\n{theirs}");
            differences
                .entry(format!("{kind} {name} {what}"))
                .or_insert(example);
        }
    }
    let known: BTreeMap<&str, &str> = DIFFERENCES
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let unknown = differences
        .iter()
        .filter(|(difference, _)| !known.contains_key(difference.as_str()));
    let unknown: Vec<String> = unknown
        .map(|(difference, example)| format!("{difference}\n{example}\n"))
        .collect();
    let is_over = |known: &&&str| !differences.contains_key(**known);
    let over: Vec<_> = known.keys().filter(is_over).collect();
    assert!(
        unknown.is_empty() && over.is_empty(),
        "{}\nno longer: {over:#?}",
        unknown.concat()
    );
}
