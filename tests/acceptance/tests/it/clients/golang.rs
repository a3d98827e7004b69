//! Clients in Go: Vault's own library on everything that programs call of it, and
//! consul-template with a token that it renews.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Go, Program, eventually, require_bao, require_go};

use super::{Server, compare, lines, with_both};
use crate::hosts::on_both;
use crate::mounted::{mounted, write_role};

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn vaults_own_client_is_told_the_same_as_by_openbao() {
    let go = require_go!();
    let bao = require_bao!();
    let (ours, theirs) = on_both(&bao, |host| {
        mounted(host);
        let role = json!({ "ttl": "6s", "max_ttl": "1h", "multi_use_key": true });
        write_role(host, "brief", &role);
        let arguments = ["root", "calls", "team/creds/brief"];
        let launch = go.program("clients").args([host.http.address()]);
        lines(launch.args(arguments))
    });
    assert_eq!(ours.len(), 81);
    compare(&ours, &theirs, &[]);
}

/// How long a token of consul-template lives, in seconds, unless it is renewed.
const TOKEN_TTL: u64 = 6;

#[test]
fn consul_template_renews_its_token_and_renders_what_changes_as_at_openbao() {
    let go = require_go!();
    let bao = require_bao!();
    with_both(&bao, |server| {
        let token = set_up(server);
        let program = start(&go, server, &token);
        let renders = |text: &str| {
            let file = program.folder().join("rendered");
            eventually("the secret is rendered", PATIENCE, || {
                let rendered = fs::read_to_string(&file).ok()?;
                (rendered.trim() == text).then_some(())
            });
        };
        renders("first of orders,payments");
        put(server, "orders", "second");
        renders("second of orders,payments");
        eventually("the token outlives its TTL", PATIENCE, || {
            let body = json!({ "token": token });
            let known = server.must("POST", "auth/token/lookup", &body);
            let renewed = known["data"]["last_renewal_time"].as_u64()?;
            let created = known["data"]["creation_time"].as_u64().unwrap();
            (renewed >= created + 2 * TOKEN_TTL).then_some(())
        });
        put(server, "refunds", "new");
        renders("second of orders,payments,refunds");
    });
}

fn put(server: &Server, name: &str, password: &str) {
    let data = json!({ "data": { "password": password } });
    server.must("POST", &format!("apps/data/{name}"), &data);
}

/// Secrets, and a token that may read one and list all.
fn set_up(server: &Server) -> String {
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    server.must("POST", "sys/mounts/apps", &kv);
    put(server, "orders", "first");
    put(server, "payments", "none of its business");
    let policy = "path \"apps/data/orders\" { capabilities = [\"read\"] }\n\
                  path \"apps/metadata/\" { capabilities = [\"list\"] }";
    let policy = json!({ "policy": policy });
    server.must("PUT", "sys/policies/acl/template", &policy);
    let token = json!({ "policies": ["template"], "ttl": TOKEN_TTL });
    let made = server.must("POST", "auth/token/create", &token);
    let token: &Value = &made["auth"]["client_token"];
    token.as_str().unwrap().to_owned()
}

fn start(go: &Go, server: &Server, token: &str) -> Program {
    let launch = go.program("consul-template");
    let template = r#"{{ with secret "apps/data/orders" }}{{ .Data.data.password }}{{ end }} of {{ range $index, $name := secrets "apps/metadata/" }}{{ if $index }},{{ end }}{{ $name }}{{ end }}"#;
    fs::write(launch.folder().join("rendered.ctmpl"), template).unwrap();
    let configuration = format!(
        "vault {{\n  address = \"{}\"\n  token = \"{token}\"\n  renew_token = true\n  \
         default_lease_duration = \"2s\"\n}}\n\
         template {{\n  source = \"rendered.ctmpl\"\n  destination = \"rendered\"\n}}\n",
        server.address()
    );
    fs::write(launch.folder().join("template.hcl"), configuration).unwrap();
    launch.args(["-config=template.hcl"]).start()
}
