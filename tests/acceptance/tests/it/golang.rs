//! Clients written in Go, as they are published: Vault's own library on the face of
//! a KV engine, and consul-template on static credentials.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Go, Program, eventually, require_bao, require_go};

use crate::agent::{TEMPLATE, post, static_role};
use crate::hosts::{Host, on_both};

const PATIENCE: Duration = Duration::from_mins(1);
const ROTATIONS: usize = 2;
/// What consul-template logs when it writes the file.
const RENDERS: &str = "(runner) rendered";

#[test]
fn vaults_own_client_reads_a_static_role_as_a_secret_of_kv() {
    let go = require_go!();
    let bao = require_bao!();
    on_both(&bao, |host| {
        static_role(host);
        let (_, first) = host.http.request("GET", "team/static-creds/orders", None);
        let (status, answer) = post(host, "rotate-role/orders", &json!({ "wait": 50 }));
        assert_eq!(status, 204, "{answer}");
        let (_, second) = host.http.request("GET", "team/static-creds/orders", None);

        let told = read_kv(&go, host);
        for (read, creds) in [("before", &first), ("secret", &second)] {
            let (read, creds) = (&told[read], &creds["data"]);
            assert_eq!(read["Data"]["secret"], creds["secret"]);
            let created = time(&read["VersionMetadata"]["CreatedTime"]);
            assert_eq!(created, time(&creds["last_vault_rotation"]));
        }
        let metadata = &told["metadata"];
        assert_eq!(metadata["CurrentVersion"], 2);
        assert_eq!(metadata["OldestVersion"], 1);
        assert_eq!(told["versions"].as_array().unwrap().len(), 2);
        assert_eq!(told["absent"], true);
    });
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn read_kv(go: &Go, host: &Host) -> Value {
    let address = host.http.address();
    let mut program = go
        .program("clients")
        .args([address.as_str(), "root", "static-role", "team", "orders"])
        .start();
    let status = eventually("the client is done", PATIENCE, || program.ended());
    assert!(status.success(), "{}", program.stderr());
    serde_json::from_str(&program.stdout()).unwrap()
}

#[test]
fn consul_template_renders_every_new_key_and_nothing_in_between() {
    let go = require_go!();
    let bao = require_bao!();
    on_both(&bao, |host| {
        static_role(host);
        let program = consul_template(&go, host);
        let mut key = rendered(&program, "");
        for count in 1..=ROTATIONS {
            let (id, secret) = key.split_once(':').unwrap();
            assert_eq!(host.cloud.log_in(id, secret), 200);
            assert_eq!(renders(&program), count, "it rendered at rotations only");
            let (status, answer) = post(host, "rotate-role/orders", &json!({ "wait": 50 }));
            assert_eq!(status, 204, "{answer}");
            // Whoever has the old key goes on with it until the file is new.
            let next = rendered(&program, &key);
            assert_eq!(host.cloud.log_in(id, secret), 200);
            eventually("it logs what it rendered", PATIENCE, || {
                (renders(&program) > count).then_some(())
            });
            key = next;
        }
        let log = program.stderr();
        assert!(log.contains("set lease duration to 5 seconds"), "{log}");
    });
}

fn consul_template(go: &Go, host: &Host) -> Program {
    let launch = go.program("consul-template");
    let configuration = format!(
        "vault {{\n  address     = \"{}\"\n  token       = \"root\"\n  renew_token = false\n}}\n\
         log_level = \"TRACE\"\n{TEMPLATE}",
        host.http.address()
    );
    fs::write(launch.folder().join("template.hcl"), configuration).unwrap();
    launch.args(["-config=template.hcl"]).start()
}

/// What was rendered, once it is something else than that.
fn rendered(program: &Program, than: &str) -> String {
    let file = program.folder().join("rendered");
    eventually("a key is rendered", PATIENCE, || {
        let text = fs::read_to_string(&file).ok()?;
        let text = text.trim();
        (!text.is_empty() && text != than).then(|| text.to_owned())
    })
}

fn renders(program: &Program) -> usize {
    let log = program.stdout() + &program.stderr();
    log.matches(RENDERS).count()
}
