//! A mount of the Go plugin in a real OpenBao: its entries are put into the
//! server's storage by hand, since that plugin is not at hand, and the program
//! is loaded under its name.

use serde_json::{Value, json};
use testkit::{BaoNode, bin, require_bao};

use crate::cloud::Cloud;
use crate::mounted::{Creds, NAME};

/// The name that the Go plugin's guide registers it under.
const THEIRS: &str = "ccloud-secrets-engine";

#[test]
fn a_mount_of_the_go_plugin_is_taken_over_under_its_name() {
    let bao = require_bao!();
    let (mut node, cloud) = (BaoNode::start(&bao), Cloud::start());
    node.register_plugin(&bin(NAME), THEIRS);
    let cli = node.cli();
    cli.ok(&["secrets", "enable", "-path=ccloud", THEIRS]);
    let (key, secret) = cloud.make_key();
    let (admin, admin_secret) = cloud.admin();
    let config = json!({
        "api_key_id": admin, "api_key_secret": admin_secret, "url": cloud.url(),
    });
    put(&node, "config", &config);
    let role = json!({
        "owner": cloud.owner(), "owner_env": "env-1", "resource": cloud.cluster(),
        "resource_env": "", "ttl": 600_000_000_000_i64, "multi_use_key": true,
        "usage_count": -1, "cc_key_id": key, "cc_key_secret": secret, "key_description": "",
    });
    put(&node, "role/team", &role);
    cli.ok(&["plugin", "reload", &format!("-plugin={THEIRS}")]);

    let config = cli.json(&["read", "ccloud/config"]);
    assert_eq!(config["data"]["ccloud_api_key_id"], admin.as_str());
    assert!(!config.to_string().contains(&admin_secret));
    let role = cli.json(&["read", "ccloud/role/team"]);
    assert_eq!(role["data"]["ttl"], 600);
    assert!(!role.to_string().contains(&secret));
    let creds = Creds::read(&cli, "ccloud/creds/team");
    assert_eq!((&creds.key, &creds.secret), (&key, &secret));
    cli.ok(&["write", "-force", "ccloud/config"]);
    let check = cli.json(&["read", "ccloud/config/check"]);
    assert_eq!(check["data"]["ready"], true, "{check}");

    // Others may hold it; a crash of the server changes nothing.
    cli.ok(&["lease", "revoke", "-sync", &creds.lease]);
    node.crash();
    node.restart();
    let again = Creds::read(&node.cli(), "ccloud/creds/team");
    assert_eq!(again.key, key);
    assert_eq!(cloud.live(), [key.as_str()]);
    node.cli().ok(&["delete", "ccloud/role/team/keys"]);
    cloud.wait_for_live(&[]);
}

/// Writes an entry of the mount past its plugin.
fn put(node: &BaoNode, key: &str, value: &Value) {
    let (_, mounts) = node.http().request("GET", "sys/mounts", None);
    let uuid = mounts["data"]["ccloud/"]["uuid"].as_str().unwrap();
    let path = format!("sys/raw/logical/{uuid}/{key}");
    let body = json!({"value": value.to_string()});
    let (status, answer) = node.http().request("PUT", &path, Some(&body));
    assert!(status < 300, "{status} {answer}");
}
