//! Many leases that end at once while Confluent allows few requests: no error
//! for the operator, no lease given up, and every key gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::{eventually, require_bao};

use crate::hosts::Host;
use crate::mounted::{mounted, on_both};

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
        read_leases(host, leases);
        assert_eq!(host.cloud.live().len() - others, leases);
        let limit = format!("{LIMIT}/1s");
        host.cloud
            .change_settings(&json!({"rate_limits": {"organization": limit}}));
        host.cli
            .ok(&["lease", "revoke", "-prefix", "team/creds/single"]);
        // Twice the time that the limit needs, and a minute to find the pace.
        let time = 2 * leases as u64 / LIMIT + 60;
        eventually("every key is gone", Duration::from_secs(time), || {
            (host.cloud.live().len() == others).then_some(())
        });
        let irrevocable = "sys/leases?type=irrevocable";
        let (status, answer) = host.http.request("GET", irrevocable, None);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["lease_count"], 0, "{answer}");
        let log = host.log();
        for failure in ["failed to revoke lease", "a revocation failed"] {
            assert_eq!(log.matches(failure).count(), 0, "{failure}");
        }
    });
}

fn read_leases(host: &Host, leases: usize) {
    let begun = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..READERS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::SeqCst) < leases {
                    let (status, answer) = host.http.request("GET", "team/creds/single", None);
                    assert_eq!(status, 200, "{answer}");
                }
            });
        }
    });
}
