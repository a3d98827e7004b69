//! The recipes for a timer and for a `CronJob` in the guide, run as they stand but for
//! paths and the server's address.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{CliOutput, bin, require_bao};

use super::{Rotations, at_both};

const GUIDE: &str = include_str!("../../../../../docs/rotate-secret-ids.md");

/// The block of the guide that has this line.
fn block(line: &str) -> &'static str {
    let blocks = GUIDE.split("\n```").skip(1).step_by(2);
    let mut found = blocks.filter(|block| block.lines().any(|other| other == line));
    let block = found.next().unwrap();
    assert!(found.next().is_none(), "`{line}` is in two blocks");
    // What follows the marks is the language.
    block.split_once('\n').unwrap().1
}

/// The settings of a section of a unit, in order.
fn section(unit: &'static str, name: &str) -> Vec<(&'static str, &'static str)> {
    let lines = unit.lines().map(str::trim);
    let mut is_within = false;
    let mut settings = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(section) = line.strip_prefix('[') {
            is_within = section.strip_suffix(']').unwrap() == name;
        } else if is_within {
            settings.push(line.split_once('=').unwrap());
        }
    }
    settings
}

/// Runs the program in a process that has nothing but this environment.
fn run(arguments: &[String], environment: &BTreeMap<String, String>) -> CliOutput {
    let output = std::process::Command::new(bin("lockkeeper"))
        .args(arguments)
        .env_clear()
        .envs(environment)
        .output()
        .unwrap();
    CliOutput {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Writes a list with one role that is delivered to its file.
fn write_list(rotations: &Rotations, file: &Path) {
    let target = format!("file:{}", rotations.file("orders").display());
    let list = json!([{ "role": "orders", "deliver": [target] }]);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, list.to_string()).unwrap();
}

/// Runs what a recipe runs, twice: the second time the journals are there.
fn check(rotations: &Rotations, arguments: &[String], environment: &BTreeMap<String, String>) {
    for _ in 0..2 {
        let old = rotations.held("orders");
        let said = run(arguments, environment);
        assert_eq!(said.status, 0, "{said:?}");
        rotations.check_rotated("orders", &old);
    }
    let journals = Path::new(&environment["XDG_STATE_HOME"]).join("lockkeeper/approle");
    assert!(fs::read_dir(journals).unwrap().next().is_some());
}

#[test]
fn the_service_of_the_timer_rotates_and_keeps_its_journals_where_its_state_is() {
    let bao = require_bao!();
    let unit = block("# /etc/systemd/system/rotate-orders.service");
    let settings = section(unit, "Service");
    let one = |name: &str| {
        let mut found = settings.iter().filter(|(other, _)| *other == name);
        let (_, value) = found.next().unwrap();
        assert!(found.next().is_none(), "{name}");
        *value
    };
    assert_eq!(one("Type"), "oneshot");
    let timer = section(block("# /etc/systemd/system/rotate-orders.timer"), "Timer");
    assert!(timer.contains(&("OnCalendar", "monthly")), "{timer:?}");
    let (credential, token_file) = one("LoadCredential").split_once(':').unwrap();
    at_both(&bao, |rotations| {
        rotations.role("orders");
        let here = |path: &str| {
            let path = path.strip_prefix('/').unwrap();
            rotations.file("root").join(path)
        };
        write_list(rotations, &here("/etc/rotate/roles.json"));
        fs::write(here(token_file), "root\n").unwrap();
        // What the service manager does before the start.
        let credentials = here("/run/credentials/rotate-orders.service");
        let state = here("/var/lib").join(one("StateDirectory"));
        for folder in [&credentials, &state] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::copy(here(token_file), credentials.join(credential)).unwrap();
        let mut environment = BTreeMap::new();
        for (_, value) in settings.iter().filter(|(name, _)| *name == "Environment") {
            let (name, value) = value.split_once('=').unwrap();
            let value = value
                .replace("%d", credentials.to_str().unwrap())
                .replace("%S", here("/var/lib").to_str().unwrap())
                .replace("https://vault.example:8200", &rotations.http.address());
            assert!(!value.contains('%'), "{name}={value}");
            environment.insert(name.to_owned(), value);
        }
        assert!(Path::new(&environment["XDG_STATE_HOME"]).starts_with(&state));
        let mut words = one("ExecStart").split_whitespace();
        let program = Path::new(words.next().unwrap());
        assert!(program.is_absolute() && program.ends_with("lockkeeper"));
        let arguments: Vec<String> = words
            .map(|word| word.replace("=/etc/", &format!("={}/", here("/etc").display())))
            .collect();
        check(rotations, &arguments, &environment);
    });
}

#[test]
fn the_cron_job_rotates_with_the_volumes_that_it_mounts() {
    let bao = require_bao!();
    let manifest: Value = serde_saphyr::from_str(block("kind: CronJob")).unwrap();
    assert_eq!(manifest["apiVersion"], "batch/v1");
    assert_eq!(manifest["spec"]["concurrencyPolicy"], "Forbid");
    let pod = &manifest["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let volumes: Vec<String> = pod["volumes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|volume| text(&volume["name"]))
        .collect();
    let mounts: Vec<String> = container["volumeMounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| {
            assert!(volumes.contains(&text(&mount["name"])), "{mount}");
            text(&mount["mountPath"])
        })
        .collect();
    at_both(&bao, |rotations| {
        rotations.role("orders");
        let root = rotations.file("root");
        let root = root.to_str().unwrap();
        // Whatever is read or written must be in a volume.
        let here = |word: &str| match word.find('/').filter(|_| !word.contains("://")) {
            None => word.to_owned(),
            Some(at) => {
                let (before, path) = word.split_at(at);
                assert!(
                    mounts
                        .iter()
                        .any(|mount| Path::new(path).starts_with(mount)),
                    "{word}"
                );
                format!("{before}{root}{path}")
            }
        };
        write_list(rotations, &Path::new(root).join("config/roles.json"));
        let mut environment = BTreeMap::new();
        for variable in container["env"].as_array().unwrap() {
            let name = text(&variable["name"]);
            let value = match name.as_str() {
                "VAULT_TOKEN" => {
                    assert!(variable["valueFrom"]["secretKeyRef"]["name"].is_string());
                    "root".to_owned()
                }
                _ => here(&text(&variable["value"]))
                    .replace("https://vault.example:8200", &rotations.http.address()),
            };
            environment.insert(name, value);
        }
        let arguments = container["args"].as_array().unwrap().iter();
        let arguments: Vec<String> = arguments.map(|word| here(&text(word))).collect();
        check(rotations, &arguments, &environment);
    });
}

#[test]
fn the_list_of_the_guide_is_one() {
    let line = "  { \"role\": \"orders-prod-ro-role\", \"deliver\": [\"file:/etc/orders/secret-id\"], \"consumers\": 2 },";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roles.json");
    fs::write(&file, block(line)).unwrap();
    let list = ops::approle::read_list(&file).unwrap();
    let roles: Vec<&str> = list.iter().map(|entry| entry.role.as_str()).collect();
    assert_eq!(roles, ["orders-prod-ro-role", "payments-prod-rw-role"]);
}
