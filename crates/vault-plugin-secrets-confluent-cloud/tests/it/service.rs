//! The whole of an operator's day in a real OpenBao, and what may happen to
//! the plugin's process meanwhile.

use std::time::Duration;

use testkit::{BaoServer, bin, crash, eventually, processes_of, require_bao, terminate};

use crate::cloud::Cloud;
use crate::mounted::{Creds, Mounted, NAME, write_account, write_role};

const SECONDS: Duration = Duration::from_secs(10);

#[test]
fn a_key_lives_from_its_first_read_until_its_lease_is_revoked() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    let cli = &mounted.cli;
    mounted.role("confluent/role/app", &["ttl=10m", "max_ttl=1h"]);
    assert_eq!(mounted.cloud.live(), Vec::<String>::new());

    let creds = mounted.creds("confluent/creds/app");
    assert_eq!(mounted.cloud.live(), [creds.key.as_str()]);
    assert!(creds.secret.starts_with("cflt"), "a secret of Confluent's");

    let renewed = cli.json(&["lease", "renew", "-increment=20m", &creds.lease]);
    assert_eq!(renewed["lease_duration"], 20 * 60);
    cli.ok(&["lease", "revoke", "-sync", &creds.lease]);
    assert_eq!(mounted.cloud.live(), Vec::<String>::new());
}

#[test]
fn a_reload_of_the_plugin_costs_no_lease() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    mounted.role("confluent/role/app", &["ttl=10m"]);
    mounted.role("confluent/role/team", &["ttl=10m", "multi_use_key=true"]);
    let single = mounted.creds("confluent/creds/app");
    let shared = mounted.creds("confluent/creds/team");
    let before = mounted.process();

    mounted.cli.ok(&["plugin", "reload", "-plugin", NAME]);
    leases_go_on(&mounted, &single, &shared);
    assert_ne!(mounted.process(), before);
}

#[test]
fn a_crash_of_the_plugin_costs_neither_a_lease_nor_the_next_request() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    mounted.role("confluent/role/app", &["ttl=10m"]);
    mounted.role("confluent/role/team", &["ttl=10m", "multi_use_key=true"]);
    let single = mounted.creds("confluent/creds/app");
    let shared = mounted.creds("confluent/creds/team");
    let before = mounted.process();

    crash(before);
    eventually("the plugin's process is gone", SECONDS, || {
        let left = processes_of(&mounted.server.plugin(NAME));
        (!left.contains(&before)).then_some(())
    });
    leases_go_on(&mounted, &single, &shared);
}

/// Readers share the same key as before, and old leases are renewed and end.
fn leases_go_on(mounted: &Mounted, single: &Creds, shared: &Creds) {
    let again = mounted.creds("confluent/creds/team");
    assert_eq!((&again.key, &again.secret), (&shared.key, &shared.secret));
    mounted.cli.ok(&["lease", "renew", &single.lease]);
    let revoke = |creds: &Creds| {
        let lease = creds.lease.as_str();
        mounted.cli.ok(&["lease", "revoke", "-sync", lease]);
    };
    revoke(single);
    revoke(shared);
    mounted.cloud.wait_for_live(&[&again.key]);
    revoke(&again);
    mounted.cloud.wait_for_live(&[]);
}

#[test]
fn no_process_outlives_a_server_that_was_killed() {
    let bao = require_bao!();
    let mut mounted = Mounted::start(&bao);
    mounted.process();
    crash(mounted.server.program().pid());
    eventually("the plugin ends after its server", SECONDS, || {
        let left = processes_of(&mounted.server.plugin(NAME));
        left.is_empty().then_some(())
    });
}

/// A service manager signals the whole group: OpenBao and the plugin at the same
/// time.
#[test]
fn an_ordinary_stop_logs_no_error() {
    let bao = require_bao!();
    let mut mounted = Mounted::start(&bao);
    mounted.role("confluent/role/app", &["ttl=10m"]);
    mounted.creds("confluent/creds/app");
    let plugin = mounted.process();
    terminate(plugin);
    terminate(mounted.server.program().pid());
    eventually("server and plugin end", SECONDS, || {
        mounted.server.program().ended()?;
        processes_of(&mounted.server.plugin(NAME))
            .is_empty()
            .then_some(())
    });
    let log = mounted.server.log();
    let errors: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("[ERROR]"))
        .collect();
    assert_eq!(errors, Vec::<&str>::new());
}

#[test]
fn no_secret_reaches_the_log() {
    let bao = require_bao!();
    let mounted = Mounted::start(&bao);
    mounted.role("confluent/role/app", &["ttl=10m"]);
    let creds = mounted.creds("confluent/creds/app");
    let wrong =
        "ccloud_api_key_secret=canary-canary-canary-canary-canary-canary-canary-canary-canary-0";
    let refused = mounted.cli.run(&["write", "confluent/config", wrong]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    mounted.cli.ok(&["lease", "revoke", "-sync", &creds.lease]);

    let log = mounted.server.log();
    assert!(log.contains(NAME), "the log is that of this server");
    let admin = mounted.cloud.admin().1;
    for secret in [creds.secret.as_str(), &admin, "canary"] {
        assert!(!log.contains(secret), "a secret is in the log");
        assert!(!refused.stderr.contains(secret), "a secret is in an answer");
    }
}

#[test]
fn it_serves_under_any_name_and_with_the_flags_of_go_plugins() {
    let bao = require_bao!();
    let (server, cloud) = (BaoServer::start(&bao), Cloud::start());
    let name = "openbao-plugin-secrets-confluent-cloud";
    let hash = server.register_plugin(&bin(NAME), name);
    let cli = server.cli();
    cli.ok(&[
        "plugin",
        "register",
        &format!("-sha256={hash}"),
        "-args=-tls-skip-verify",
        "-args=-ca-cert=/nowhere",
        "secret",
        name,
    ]);
    cli.ok(&["secrets", "enable", "-path=confluent", name]);
    write_account(&cli, "confluent", &cloud);
    write_role(&cli, "confluent/role/app", &cloud, &["ttl=10m"]);
    let creds = Creds::read(&cli, "confluent/creds/app");
    assert_eq!(cloud.live(), [creds.key]);
}
