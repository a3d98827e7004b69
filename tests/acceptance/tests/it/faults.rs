//! What Confluent can do wrong, on both hosts: every answer tells what to do,
//! and nothing is left behind.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{eventually, require_bao};

use crate::hosts::{Host, on_both};
use crate::mounted::{mounted, write_role};

/// Faults of a creation, and what the reader is answered. A creation is never
/// sent twice unless nothing can have been done.
const CREATING: [(&str, u16); 8] = [
    ("lose-answer", 503),
    ("fail-before", 503),
    ("fail-after", 503),
    ("reset", 503),
    ("html", 503),
    ("forbidden", 400),
    ("rate-limit", 200),
    ("delay", 200),
];

/// Faults of a deletion.
const DELETING: [&str; 8] = [
    "lose-answer",
    "fail-before",
    "fail-after",
    "reset",
    "html",
    "forbidden",
    "rate-limit",
    "delay",
];

/// A lost answer is looked for after 60 s at the latest, a lost lease lapses a
/// minute after its time, and hosts try again to end a lease.
const SETTLED: Duration = Duration::from_mins(4);

#[test]
fn whatever_confluent_does_wrong_nothing_is_left_behind_on_both_hosts() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        let earlier = host.cloud.live();
        for (name, shared) in [("pool", true), ("brief", false)] {
            write_role(
                host,
                name,
                &json!({"ttl": "5s", "max_ttl": "10s", "multi_use_key": shared}),
            );
        }
        for (fault, expected) in CREATING {
            for role in ["pool", "brief"] {
                host.cloud.arm("create-api-key", fault, 1);
                let (status, answer) = creds(host, role);
                assert_eq!(status, expected, "{fault}: {answer}");
                end(host, &answer);
            }
        }
        // Twice: the client tries a deletion again by itself.
        for fault in DELETING {
            let (status, answer) = creds(host, "brief");
            assert_eq!(status, 200, "{answer}");
            host.cloud.arm("delete-api-key", fault, 2);
            end(host, &answer);
        }
        // A lost answer, and a list that is too old to have its key.
        host.cloud.arm("list-api-keys", "stale-list", 2);
        host.cloud.arm("create-api-key", "lose-answer", 1);
        creds(host, "brief");
        let report = eventually("nothing is left behind", SETTLED, || {
            let (status, report) = host.http.request("POST", "team/reconcile", None);
            assert!(status == 200 || status == 503, "{report}");
            let settled = status == 200 && !report.to_string().contains("to be deleted");
            (settled && host.cloud.live() == earlier).then_some(report)
        });
        assert!(host.cloud.all_faults_fired());
        // The keys of other mounts are nobody's business here.
        let strangers = report["data"]["unrecorded_keys"].as_object().unwrap();
        let others: Vec<&str> = earlier
            .iter()
            .filter_map(|key| key["id"].as_str())
            .collect();
        assert!(
            strangers.keys().all(|key| others.contains(&key.as_str())),
            "{report}"
        );
        let (status, answer) = creds(host, "pool");
        assert_eq!(status, 200, "{answer}");
    });
}

fn creds(host: &Host, role: &str) -> (u16, Value) {
    let path = format!("team/creds/{role}");
    host.http.request("GET", &path, None)
}

/// Ends the lease of an answer, if it has one, and waits for it. The host goes
/// on by itself when that fails.
fn end(host: &Host, answer: &Value) {
    let lease = answer["lease_id"].as_str().unwrap_or_default();
    if !lease.is_empty() {
        let body = json!({"lease_id": lease, "sync": true});
        host.http.request("POST", "sys/leases/revoke", Some(&body));
    }
}
