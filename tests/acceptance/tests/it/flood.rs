//! Many leases that end at once while Confluent allows few requests: no error
//! for the operator, no lease given up, and every key gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Http, eventually, require_bao};

use crate::hosts::{Host, on_both};
use crate::mounted::{mounted, write_role};

/// How many requests a second the simulated Confluent Cloud allows.
const LIMIT: u64 = 20;
/// How many readers make the leases.
const READERS: usize = 16;

/// How many leases end: few in CI, thousands where `LOCKKEEPER_FLOOD` says so.
fn leases() -> usize {
    let given = std::env::var("LOCKKEEPER_FLOOD").ok();
    given.map_or(300, |text| text.parse().unwrap())
}

#[test]
fn a_revoked_prefix_ends_without_an_error_however_slow_confluent_is() {
    let bao = require_bao!();
    let leases = leases();
    on_both(&bao, |host| {
        mounted(host);
        // `dev` shows an example, whose key stays.
        let others = host.cloud.live().len();
        let begun = Instant::now();
        read_leases(host, "single", leases);
        let read = begun.elapsed();
        assert_eq!(host.cloud.live().len() - others, leases);
        allow_few_requests(host);
        let begun = Instant::now();
        host.cli
            .ok(&["lease", "revoke", "-prefix", "team/creds/single"]);
        let answered = begun.elapsed();
        all_end(host, leases, others);
        report(
            host,
            &format!(
                "{leases} leases read in {:.1} s; revocation answered after {:.1} s, all keys gone \
                 after {:.1} s",
                read.as_secs_f64(),
                answered.as_secs_f64(),
                begun.elapsed().as_secs_f64()
            ),
        );
        nothing_was_given_up(host);
    });
}

#[test]
fn leases_that_expire_together_end_without_an_error_however_slow_confluent_is() {
    let bao = require_bao!();
    let leases = leases();
    on_both(&bao, |host| {
        mounted(host);
        let others = host.cloud.live().len();
        // Long enough to make them all first, at fifty a second on a busy machine.
        let ttl = 10 + leases / 50;
        write_role(
            host,
            "brief",
            &json!({"ttl": format!("{ttl}s"), "max_ttl": format!("{ttl}s"), "multi_use_key": false}),
        );
        read_leases(host, "brief", leases);
        let begun = Instant::now();
        allow_few_requests(host);
        all_end(host, leases, others);
        report(
            host,
            &format!(
                "{leases} leases of {ttl} s; all keys gone {:.1} s after the last was made",
                begun.elapsed().as_secs_f64()
            ),
        );
        nothing_was_given_up(host);
    });
}

fn allow_few_requests(host: &Host) {
    let limit = format!("{LIMIT}/1s");
    host.cloud
        .change_settings(&json!({"rate_limits": {"organization": limit}}));
}

/// Waits until all keys are gone but those of others.
fn all_end(host: &Host, leases: usize, others: usize) {
    // Twice the time that the limit needs, a minute to find the pace, and the leases'
    // own time.
    let time = 2 * leases as u64 / LIMIT + 70 + leases as u64 / 50;
    eventually("every key is gone", Duration::from_secs(time), || {
        // The state of thousands of keys is only fetched for the last look.
        (deletions(host, 204) >= leases && host.cloud.live().len() == others).then_some(())
    });
}

/// No lease is irrevocable, and no revocation failed.
fn nothing_was_given_up(host: &Host) {
    let irrevocable = "sys/leases?type=irrevocable";
    let (status, answer) = host.http.request("GET", irrevocable, None);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["lease_count"], 0, "{answer}");
    let log = host.log();
    for failure in ["failed to revoke lease", "a revocation failed"] {
        let failed: Vec<&str> = log.lines().filter(|line| line.contains(failure)).collect();
        let some = &failed[..failed.len().min(5)];
        assert!(failed.is_empty(), "{} such as {some:#?}", failed.len());
    }
}

/// How many deletions Confluent has answered with a status.
fn deletions(host: &Host, status: u16) -> usize {
    let (_, counts) = Http::new(&host.cloud.address).raw("GET", "/simulator/requests", None);
    let counts: Value = serde_json::from_str(&counts).unwrap();
    let counts = counts["requests"].as_array().unwrap();
    let wanted = |count: &&Value| count["method"] == "DELETE" && count["status"] == status;
    let of_kind = counts.iter().filter(wanted);
    let total: u64 = of_kind.filter_map(|count| count["count"].as_u64()).sum();
    usize::try_from(total).unwrap()
}

/// What `docs/benchmarks.md` tells; seen with `--nocapture`.
#[allow(clippy::print_stdout, reason = "what was measured is for a person")]
fn report(host: &Host, measured: &str) {
    println!(
        "{}: {measured}; {} deletions refused by the rate limit",
        host.name(),
        deletions(host, 429),
    );
}

fn read_leases(host: &Host, role: &str, leases: usize) {
    let begun = AtomicUsize::new(0);
    let path = format!("team/creds/{role}");
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::SeqCst) < leases {
                    let (status, answer) = host.http.request("GET", &path, None);
                    assert_eq!(status, 200, "{answer}");
                }
            });
        }
    });
}
