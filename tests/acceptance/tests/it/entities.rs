//! Who logs in is an entity, for the engine as well, on both hosts.

use serde_json::{Value, json};
use testkit::{Http, require_bao};

use crate::hosts::on_both;
use crate::mounted::{mounted, write_role};

#[test]
fn all_logins_of_an_approle_share_the_key_of_their_entity_on_both_hosts() {
    let bao = require_bao!();
    on_both(&bao, |host| {
        mounted(host);
        write_role(host, "own", &json!({ "sharing": "entity" }));
        let root = &host.http;
        let write = |path: &str, body: Value| {
            let (status, answer) = root.request("POST", path, Some(&body));
            assert!(status < 300, "{path}: {answer}");
            answer
        };
        let policy = r#"path "team/creds/own" { capabilities = ["read"] }"#;
        write("sys/policies/acl/own", json!({ "policy": policy }));
        write("sys/auth/approle", json!({ "type": "approle" }));
        let key = |role: &str| {
            let role = format!("auth/approle/role/{role}");
            write(&role, json!({ "token_policies": "own" }));
            let (_, role_id) = root.request("GET", &format!("{role}/role-id"), None);
            let secret_id = write(&format!("{role}/secret-id"), json!({}));
            let ids = json!({
                "role_id": role_id["data"]["role_id"],
                "secret_id": secret_id["data"]["secret_id"],
            });
            let login = write("auth/approle/login", ids);
            let token = login["auth"]["client_token"].as_str().unwrap();
            let client = Http::new(&root.address()).with_token(token);
            let (status, answer) = client.request("GET", "team/creds/own", None);
            assert_eq!(status, 200, "{answer}");
            answer["data"]["key_id"].as_str().unwrap().to_owned()
        };
        let first = key("orders");
        assert_eq!(key("orders"), first, "another login of the same role");
        assert_ne!(key("payments"), first, "a login of another role");
    });
}
