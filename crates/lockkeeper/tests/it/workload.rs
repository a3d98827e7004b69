//! `lockkeeper load -workload`: a load on mounts of its own, on our server and on
//! `OpenBao`, which are gone afterwards whatever ended the test.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::{
    BaoServer, Cli, CliOutput, Http, Launch, bin, eventually, install, require_bao, sha256,
};

use crate::own_server::{ADMIN_SECRET, OwnServer};

/// Mounts, methods and policies of load tests that are on the server.
fn left(http: &Http) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["sys/mounts", "sys/auth"] {
        let (_, answer) = http.request("GET", folder, None);
        let data = answer["data"].as_object().unwrap();
        found.extend(data.keys().cloned());
    }
    let (_, answer) = http.request("LIST", "sys/policies/acl", None);
    let policies = answer["data"]["keys"].as_array().unwrap();
    found.extend(
        policies
            .iter()
            .map(|name| name.as_str().unwrap().to_owned()),
    );
    found.retain(|name| name.starts_with("lockkeeper-load-"));
    found
}

/// A server, with our command line for it.
struct Target {
    address: String,
    http: Http,
    cli: Cli,
}

impl Target {
    fn at(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            http: Http::new(address).with_token("root"),
            cli: Cli::new(bin("lockkeeper"), address, "root"),
        }
    }

    fn load(&self, flags: &[&str]) -> CliOutput {
        let test = ["load", "-rate=200", "-requests=200", "-format=json"];
        self.cli.run(&[&test[..], flags].concat())
    }

    /// At a rate at which keys can be made.
    fn load_slowly(&self, flags: &[&str]) -> CliOutput {
        let test = ["load", "-rate=20", "-requests=40", "-format=json"];
        self.cli.run(&[&test[..], flags].concat())
    }

    fn creds_file(&self, content: &Value) {
        std::fs::write(self.cli.folder().join("creds.json"), content.to_string()).unwrap();
    }

    /// Starts a test that has no end, and waits until it sends. Its id comes along.
    fn start(&self) -> (testkit::Program, String) {
        let launch = Launch::new(bin("lockkeeper"))
            .env("VAULT_ADDR", &self.address)
            .env("VAULT_TOKEN", "root")
            .args(["load", "-workload=login:1,kv:3", "-rate=100"]);
        let mut program = launch.start();
        let line = program.wait_for_line("lockkeeper load: run ");
        let run = line.split("run ").nth(1).unwrap();
        let run = run.split(',').next().unwrap().to_owned();
        program.wait_for_line("s sent ");
        (program, run)
    }

    /// The id of a run that was killed after it had made its mounts.
    fn start_and_kill(&self) -> String {
        let (program, run) = self.start();
        program.kill();
        run
    }
}

/// Answers by target and the whole result.
fn targets(output: &CliOutput) -> Vec<(String, u64)> {
    let result: Value = serde_json::from_str(&output.stdout).unwrap();
    let targets = result["summary"]["targets"].as_array().unwrap();
    let of = |target: &Value| {
        let name = target["name"].as_str().unwrap().to_owned();
        (name, target["good"].as_u64().unwrap())
    };
    targets.iter().map(of).collect()
}

#[test]
fn a_workload_runs_on_mounts_of_its_own_and_leaves_nothing() {
    let (ours, theirs) = (OwnServer::start(), BaoServer::start(&require_bao!()));
    for target in [Target::at(&ours.address), Target::at(theirs.address())] {
        let said = target.load(&[
            "-workload=login:1,kv:8",
            "-expect=errors<0.1%",
            "-expect=kv-read:p99<20s",
        ]);
        assert_eq!(said.status, 0, "{said:?}");
        let expected = [("login", 23), ("kv-read", 132), ("kv-write", 45)];
        for ((name, good), (expected_name, about)) in targets(&said).into_iter().zip(expected) {
            assert_eq!(name, expected_name);
            assert!(good.abs_diff(about) <= 3, "{name}: {good}");
        }
        assert_eq!(left(&target.http), Vec::<String>::new());
        assert!(!format!("{said:?}").contains("root"), "{said:?}");
    }
}

#[test]
fn credentials_of_a_workload_end_with_its_mount() {
    let (ours, theirs) = (OwnServer::start(), BaoServer::start(&require_bao!()));
    let alive = ours.alive();
    let flags = ["-workload=creds:1,kv:1", "-creds=@creds.json"];
    let file = ours.creds_file();
    let target = Target::at(&ours.address);
    target.creds_file(&file);
    let said = target.load_slowly(&flags);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        targets(&said).contains(&("creds".to_owned(), 20)),
        "{said:?}"
    );
    assert!(!format!("{said:?}").contains(ADMIN_SECRET), "{said:?}");
    assert_eq!(left(&target.http), Vec::<String>::new());
    assert_eq!(ours.alive(), alive);

    let target = Target::at(theirs.address());
    target.creds_file(&file);
    let refused = target.load_slowly(&flags);
    assert_eq!(refused.status, 2, "{refused:?}");
    let told = "`creds` needs the plugin `vault-plugin-secrets-confluent-cloud` of the type \
                `secret`, which this server does not have";
    assert!(refused.stderr.contains(told), "{refused:?}");
    assert!(
        !refused.stderr.contains("lockkeeper load: run"),
        "{refused:?}"
    );

    let place = theirs.plugin("lockkeeper");
    let program = install(&bin("lockkeeper"), place.parent().unwrap(), "lockkeeper");
    let plugin = json!({ "command": "lockkeeper", "args": ["plugin"], "sha256": sha256(&program) });
    let path = "sys/plugins/catalog/secret/lockkeeper";
    let registered = target.http.request("POST", path, Some(&plugin));
    assert!(registered.0 < 300, "{registered:?}");
    let mut file = file;
    file["engine"] = "lockkeeper".into();
    target.creds_file(&file);
    let said = target.load_slowly(&flags);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        targets(&said).contains(&("creds".to_owned(), 20)),
        "{said:?}"
    );
    assert_eq!(left(&target.http), Vec::<String>::new());
    assert_eq!(ours.alive(), alive);
}

#[test]
fn mounts_of_a_workload_are_removed_when_a_signal_ends_it() {
    let (ours, theirs) = (OwnServer::start(), BaoServer::start(&require_bao!()));
    for target in [Target::at(&ours.address), Target::at(theirs.address())] {
        let (mut program, _) = target.start();
        assert_eq!(left(&target.http).len(), 3, "{}", target.address);
        let pid = Pid::from_raw(i32::try_from(program.pid()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
        program.wait_for_line("response time");
        let ended = eventually("the end", Duration::from_mins(1), || program.ended());
        assert_eq!(ended.code(), Some(0));
        assert_eq!(left(&target.http), Vec::<String>::new());
    }
}

#[test]
fn what_a_killed_workload_has_left_is_recognised_and_removed() {
    let (ours, theirs) = (OwnServer::start(), BaoServer::start(&require_bao!()));
    for target in [Target::at(&ours.address), Target::at(theirs.address())] {
        let other = "lockkeeper-load-team-kv/";
        let mount = json!({ "type": "kv" });
        let path = format!("sys/mounts/{other}");
        target
            .http
            .request("POST", path.trim_end_matches('/'), Some(&mount));
        let run = target.start_and_kill();
        let unknown = if run == "00000000" {
            "00000001"
        } else {
            "00000000"
        };
        let remove = |which: &str| {
            let flag = format!("-remove-leftovers={which}");
            let said = target.cli.run(&["load", &flag]);
            assert_eq!(said.status, 0, "{said:?}");
            said.stdout
        };
        assert_eq!(remove(unknown), "Success! Removed what 0 runs had left\n");
        assert_eq!(left(&target.http).len(), 4);
        assert_eq!(remove(&run), "Success! Removed what 1 run had left\n");
        assert_eq!(left(&target.http), [other]);
        target.start_and_kill();
        target.start_and_kill();
        assert_eq!(remove("all"), "Success! Removed what 2 runs had left\n");
        assert_eq!(left(&target.http), [other]);
    }
}

#[test]
fn a_workload_that_cannot_be_made_is_removed_and_says_why() {
    let server = OwnServer::start();
    let target = Target::at(&server.address);
    let mut file = server.creds_file();
    file["role"]["resource"] = "lkc-nowhere/..".into();
    target.creds_file(&file);
    let failed = target.load(&["-workload=kv:1,creds:1", "-creds=@creds.json"]);
    assert_eq!(failed.status, 2, "{failed:?}");
    assert!(failed.stderr.contains("-creds/role/load"), "{failed:?}");
    assert!(!failed.stderr.contains(ADMIN_SECRET), "{failed:?}");
    assert_eq!(left(&target.http), Vec::<String>::new());
}

#[test]
fn flags_of_a_workload_that_make_no_sense_are_refused() {
    let target = Target::at("http://127.0.0.1:1");
    let file = json!({ "config": { "ccloud_api_key_secret": ADMIN_SECRET }, "role": 7 });
    target.creds_file(&file);
    for (flags, told) in [
        (&["-workload=kv:0"][..], "from 1 to 100"),
        (&["-workload=creds:1"], "`creds` needs -creds=@FILE"),
        (&["-workload=kv:1", "-creds=creds.json"], "write `@FILE`"),
        (&["-workload=kv:1", "-creds=@none"], "`none`: No such file"),
        (&["-workload=kv:1", "-creds=@creds.json"], "both objects"),
        (&["-workload=kv:1", "-targets=a"], "cannot be used with"),
        (
            &["-workload=kv:1", "-H", "x-vault-token: a"],
            "take `X-Vault-Token` away",
        ),
        (
            &["-workload=kv:1", "-expect=login:p99<1s"],
            "no target is called `login`",
        ),
        (&["-remove-leftovers=mine"], "`mine` is not the id of a run"),
    ] {
        let refused = target.load(flags);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains(told), "{refused:?}");
        assert!(!refused.stderr.contains(ADMIN_SECRET), "{refused:?}");
    }
}
