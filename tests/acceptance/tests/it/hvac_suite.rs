//! hvac's own tests of what our server has, as they are published: each class gets
//! a server of its own, for development or, where the seal or the audit log is tested,
//! on disk.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use testkit::{Reader, bin, eventually, require_reader};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/readers/hvac_suite.py");

/// The modules below `tests.integration_tests`.
const MODULES: [&str; 16] = [
    "api.auth_methods.test_approle",
    "api.auth_methods.test_token",
    "api.secrets_engines.test_kv_v1",
    "api.secrets_engines.test_kv_v2",
    "api.system_backend.test_audit",
    "api.system_backend.test_auth",
    "api.system_backend.test_health",
    "api.system_backend.test_init",
    "api.system_backend.test_key",
    "api.system_backend.test_leader",
    "api.system_backend.test_mount",
    "api.system_backend.test_policies",
    "api.system_backend.test_policy",
    "api.system_backend.test_seal",
    "api.system_backend.test_wrapping",
    "v1.test_approle",
];

const PATIENCE: Duration = Duration::from_mins(3);

/// What does not pass, and why. The list must be exact: what passes by now is taken
/// off it.
const LEFT_OUT: &str = include_str!("../../readers/hvac_left_out.txt");

/// How many tests of each module pass.
const PASSED: &str = include_str!("../../readers/hvac_passed.txt");

#[derive(Deserialize)]
struct Told {
    passed: Vec<String>,
    failed: BTreeMap<String, String>,
    /// Those that skip themselves.
    skipped: Vec<String>,
}

#[test]
fn hvacs_own_tests_pass_but_for_those_that_are_left_out_with_a_reason() {
    let _there = require_reader!(Reader::HvacTests);
    let launch = Reader::HvacTests.find_or_leave_out().unwrap();
    let source = format!(
        "{}/hvac-2.4.0",
        std::env::var("LOCKKEEPER_HVAC_TESTS").unwrap()
    );
    let modules = MODULES.map(|module| format!("tests.integration_tests.{module}"));
    let mut program = launch
        .env("LOCKKEEPER", bin("lockkeeper"))
        .args([SCRIPT, &source])
        .args(modules)
        .start();
    let status = eventually("hvac's tests are done", PATIENCE, || program.ended());
    let printed = program.stdout();
    assert!(status.success(), "{printed}{}", program.stderr());
    let told: Told = serde_json::from_str(&printed).unwrap();
    let left_out: BTreeMap<&str, &str> = LEFT_OUT
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    for (test, error) in &told.failed {
        assert!(left_out.contains_key(test.as_str()), "{test}: {error}");
    }
    for test in &told.skipped {
        assert!(left_out.contains_key(test.as_str()), "{test} skips itself");
    }
    for test in left_out.keys() {
        let is_left_out =
            told.failed.contains_key(*test) || told.skipped.iter().any(|name| name == test);
        assert!(is_left_out, "{test} passes by now");
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for test in &told.passed {
        let module = test.split('.').next().unwrap();
        *counts.entry(module).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(module, count)| format!("{module} {count}"))
        .collect();
    let passed: Vec<&str> = PASSED.lines().collect();
    assert_eq!(counts, passed, "as many as the list says");
}
