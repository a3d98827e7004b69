//! Both hosts with a mount `team/` that has an account and two roles.

use serde_json::{Value, json};

use crate::hosts::{ENGINE, Host};

/// A mount `team/` with an account, a shared role `crowd` and a role `single`.
pub(crate) fn mounted(host: &Host) {
    host.cli.ok(&["secrets", "enable", "-path=team", ENGINE]);
    set_up(host);
}

/// The account and the roles of the mount.
pub(crate) fn set_up(host: &Host) {
    set_up_at(host, "team");
    for (name, shared) in [("crowd", true), ("single", false)] {
        write_role(
            host,
            name,
            &json!({"ttl": "10m", "max_ttl": "1h", "multi_use_key": shared}),
        );
    }
}

/// The account of a mount.
pub(crate) fn set_up_at(host: &Host, mount: &str) {
    let (status, answer) = host.http.request(
        "POST",
        &format!("{mount}/config"),
        Some(&host.cloud.account()),
    );
    assert!(status < 300, "{status} {answer}");
}

/// Writes a role for the first owner and cluster.
pub(crate) fn write_role(host: &Host, name: &str, more: &Value) {
    let mut body = more.clone();
    body["owner"] = host.cloud.owner().into();
    body["resource"] = host.cloud.cluster().0.into();
    let path = format!("team/role/{name}");
    let (status, answer) = host.http.request("POST", &path, Some(&body));
    assert_eq!(status, 204, "{answer}");
}
