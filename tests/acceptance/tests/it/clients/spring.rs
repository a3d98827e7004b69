//! Spring Vault, with which programs on Spring read secrets and renew leases.

use std::path::Path;

use serde_json::{Value, json};
use testkit::{require_bao, require_kafka};

use super::{compare, lines};
use crate::hosts::{Host, on_both};
use crate::mounted::{mounted, write_role};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/spring/SpringVault.java");

#[test]
fn spring_vault_is_told_the_same_as_by_openbao() {
    // Its jars are among those that come with Kafka's.
    let java = require_kafka!();
    let bao = require_bao!();
    let (ours, theirs) = on_both(&bao, |host| {
        mounted(host);
        let role = json!({ "ttl": "6s", "max_ttl": "1h", "multi_use_key": true });
        write_role(host, "brief", &role);
        let secret_id = approle(host);
        let launch = java.java();
        java.compile(Path::new(PROGRAM), &launch);
        let address = host.http.address();
        let arguments = ["SpringVault", &address, "spring", &secret_id];
        lines(launch.args(arguments).args(["team/creds/brief"]))
    });
    assert_eq!(ours.len(), 29);
    compare(&ours, &theirs, &[]);
}

/// A role whose tokens live for nine seconds and may do everything; a secret id of it.
fn approle(host: &Host) -> String {
    let must = |method: &str, path: &str, body: &Value| {
        let (status, answer) = host.http.request(method, path, Some(body));
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    };
    let rule = "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"patch\", \"delete\", \"list\", \"sudo\"] }";
    must("PUT", "sys/policies/acl/all", &json!({ "policy": rule }));
    must("POST", "sys/auth/approle", &json!({ "type": "approle" }));
    let role = json!({ "token_policies": "all", "token_ttl": "9s", "role_id": "spring" });
    must("POST", "auth/approle/role/spring", &role);
    let made = must("POST", "auth/approle/role/spring/secret-id", &json!({}));
    made["data"]["secret_id"].as_str().unwrap().to_owned()
}
