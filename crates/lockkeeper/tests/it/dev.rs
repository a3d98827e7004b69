//! `lockkeeper dev` and `lockkeeper simulator` as processes.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Cli, Http, Launch, Program, bin, free_port};

fn dev(server: u16, cloud: u16) -> Launch {
    Launch::new(bin("lockkeeper")).args([
        "dev".to_owned(),
        format!("-listen=127.0.0.1:{server}"),
        format!("-simulator-listen=127.0.0.1:{cloud}"),
        "-root-token=root".to_owned(),
    ])
}

fn keys(cloud: u16) -> Vec<Value> {
    let address = format!("http://127.0.0.1:{cloud}");
    let (status, state) = Http::new(&address).raw("GET", "/simulator/state", None);
    assert_eq!(status, 200);
    let state: Value = serde_json::from_str(&state).unwrap();
    state["api_keys"].as_array().unwrap().clone()
}

fn alive(cloud: u16, id: &str) -> bool {
    let keys = keys(cloud);
    let key = keys.iter().find(|key| key["id"] == id).unwrap();
    key["deleted_at"].is_null()
}

fn value_of<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with(name))
        .unwrap_or_else(|| panic!("no `{name}` in {text}"));
    line.trim_start()[name.len()..].trim()
}

#[test]
fn one_command_shows_a_credential_that_the_cloud_lists_as_alive() {
    let (server, cloud) = (free_port(), free_port());
    let mut program = dev(server, cloud).start();
    program.wait_for_line("Ctrl-C");
    let said = program.stdout();
    let key = value_of(&said, "key_id");
    assert!(alive(cloud, key), "{said}");
    let lease = value_of(&said, "lease ").split(',').next().unwrap();
    let cli = Cli::new(
        bin("lockkeeper"),
        &format!("http://127.0.0.1:{server}"),
        "root",
    );
    let other = cli.ok(&["read", "-field=key_id", "confluent/creds/app"]);
    assert_ne!(other, key);
    let shared = cli.ok(&["read", "-field=key_id", "confluent/creds/shared"]);
    assert_eq!(
        shared,
        cli.ok(&["read", "-field=key_id", "confluent/creds/shared"])
    );
    cli.ok(&["lease", "revoke", "-sync", lease]);
    assert!(!alive(cloud, key));
    assert!(alive(cloud, &other));
    assert_eq!(program.stderr(), "");
}

#[test]
fn told_to_end_it_ends_in_order() {
    let mut program = dev(free_port(), free_port()).start();
    program.wait_for_line("Ctrl-C");
    let start = Instant::now();
    assert_eq!(program.stop().code(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for arguments in [
        [
            "dev".to_owned(),
            format!("-listen={address}"),
            "-simulator-listen=127.0.0.1:0".into(),
        ],
        [
            "dev".to_owned(),
            "-listen=127.0.0.1:0".into(),
            format!("-simulator-listen={address}"),
        ],
        [
            "simulator".to_owned(),
            format!("-listen={address}"),
            "-seed=1".into(),
        ],
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let said = program.run(&arguments);
        assert_eq!(said.status, 1, "{said:?}");
        let expected = format!("cannot listen at {address}");
        assert!(said.stderr.contains(&expected), "{}", said.stderr);
        assert!(said.stderr.contains("listen=ADDRESS"), "{}", said.stderr);
    }
}

#[test]
fn what_other_machines_could_reach_is_refused_with_flags_that_exist() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for (command, has_flag) in [("dev", false), ("simulator", true)] {
        let said = program.run(&[command, "-listen=0.0.0.0:0"]);
        assert_eq!(said.status, 1, "{said:?}");
        let error = &said.stderr;
        assert!(error.contains("-listen=127.0.0.1:0"), "{error}");
        assert_eq!(error.contains("-allow-remote"), has_flag, "{error}");
        assert!(!error.contains("expressly"), "{error}");
    }
}

#[test]
fn localhost_is_an_address_and_other_names_are_not_looked_up() {
    let cloud = free_port();
    let launch = Launch::new(bin("lockkeeper"))
        .args(["simulator".to_owned(), format!("-listen=localhost:{cloud}")]);
    let mut program = launch.start();
    program.wait_for_line("Ctrl-C");
    assert!(
        program
            .stdout()
            .contains(&format!("http://127.0.0.1:{cloud}"))
    );
    let other = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let said = other.run(&["dev", "-listen=vault.example:8200"]);
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("`localhost`"), "{}", said.stderr);
}

#[test]
fn a_root_token_that_nobody_could_send_is_refused_and_not_repeated() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    // With an address that is taken, so that it ends in any case.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("-listen={}", taken.local_addr().unwrap());
    for token in ["", " ", "canary token", "canäry"] {
        let flag = format!("-root-token={token}");
        let said = program.run(&["dev", &listen, "-simulator-listen=127.0.0.1:0", &flag]);
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.stderr.starts_with("-root-token: "), "{}", said.stderr);
        assert!(!said.stderr.contains("canary"), "{}", said.stderr);
    }
}

#[test]
fn the_admin_key_of_dev_is_shown_so_that_config_can_be_tried() {
    let (server, cloud) = (free_port(), free_port());
    let mut program = dev(server, cloud).start();
    program.wait_for_line("Ctrl-C");
    let said = program.stdout();
    let line = said
        .lines()
        .find(|line| line.contains("lockkeeper write confluent/config"))
        .unwrap();
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
    let address = format!("http://127.0.0.1:{server}");
    let cli = Cli::new(bin("lockkeeper"), &address, "root");
    cli.ok(&arguments);
    assert!(said.contains("made up for the simulated cloud"), "{said}");
}

#[test]
fn dev_and_a_simulator_do_not_use_the_same_ports_by_default() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let defaults = |command: &str| -> Vec<String> {
        let help = program.ok(&[command, "-help"]);
        let found = help.split("[default: 127.0.0.1:").skip(1);
        found.map(|rest| rest[..4].to_owned()).collect()
    };
    let (dev, simulator) = (defaults("dev"), defaults("simulator"));
    assert_eq!(dev, ["8200", "8210"]);
    assert_eq!(simulator, ["8090"]);
}

fn simulator(arguments: &[&str]) -> (Program, String) {
    let launch = Launch::new(bin("lockkeeper"))
        .args(["simulator", "-listen=127.0.0.1:0"])
        .args(arguments);
    let mut program = launch.start();
    program.wait_for_line("Ctrl-C");
    let said = program.stdout();
    (program, said)
}

#[test]
fn a_simulator_serves_the_world_that_was_asked_for() {
    let organization = "0f0f0f0f-1111-2222-3333-444444444444";
    let given = format!("-organization={organization}");
    let (program, said) = simulator(&["-environments=env-aaaaaa,env-bbbbbb", &given]);
    let address = value_of(&said, "A simulated Confluent Cloud listens at");
    let (_, state) = Http::new(address).raw("GET", "/simulator/state", None);
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["organization"], organization);
    assert_eq!(state["environments"][1]["id"], "env-bbbbbb");
    let admin = value_of(&said, "Cloud API key:");
    assert!(
        state["api_keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["id"] == admin)
    );
    assert_eq!(program.stop().code(), Some(0));
}

#[test]
fn a_world_from_a_file_has_its_own_clock_and_propagation() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    let world = r#"{"environments": [{"id": "env-abc12"}],
        "service_accounts": [{"id": "sa-abc123", "display_name": "orders"}]}"#;
    std::fs::write(&file, world).unwrap();
    let given = format!("-world={}", file.display());
    let (_program, said) = simulator(&[&given, "-clock=virtual", "-propagation=90s"]);
    let address = value_of(&said, "A simulated Confluent Cloud listens at");
    let http = Http::new(address);
    let (_, state) = http.raw("GET", "/simulator/state", None);
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["service_accounts"][0]["id"], "sa-abc123");
    let advance = serde_json::json!({"advance": "120s"});
    let (status, answer) = http.raw("POST", "/simulator/clock", Some(&advance));
    assert_eq!(status, 200, "{answer}");
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for flag in ["-world=/no/such/file", "-clock=odd", "-propagation=odd"] {
        let refused = program.run(&["simulator", "-listen=127.0.0.1:0", flag]);
        assert_eq!(refused.status, 1, "{refused:?}");
        let name = flag.split('=').next().unwrap();
        assert!(refused.stderr.starts_with(name), "{}", refused.stderr);
    }
}

#[test]
fn the_same_seed_makes_the_same_world() {
    let world = |seed: &str| {
        let (_program, said) = simulator(&[seed]);
        (
            value_of(&said, "Cloud API key:").to_owned(),
            value_of(&said, "Secret:").to_owned(),
        )
    };
    assert_eq!(world("-seed=7"), world("-seed=7"));
    assert_ne!(world("-seed=7"), world("-seed=8"));
}

#[test]
fn a_wrong_admin_key_is_refused_without_repeating_it() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let said = program.run(&["simulator", "-admin-key=canary", "-listen=127.0.0.1:0"]);
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("ID:SECRET"), "{}", said.stderr);
    assert!(!said.stderr.contains("canary"), "{}", said.stderr);
}
