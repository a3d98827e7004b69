//! OpenBao's command line initializes, unseals and seals our server, whose state
//! is on disk.

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Bao, Cli, free_port, require_bao};

use crate::on_disk::start;

/// `bao status`: the exit code, and what it says.
fn status(cli: &Cli) -> (i32, Value) {
    let said = cli.run(&["status", "-format=json"]);
    let shown = serde_json::from_str(&said.stdout);
    (said.status, shown.unwrap_or_else(|_| panic!("{said:?}")))
}

fn unseal(cli: &Cli, keys: &[Value]) {
    for key in keys {
        cli.ok(&["operator", "unseal", key.as_str().unwrap()]);
    }
}

#[test]
fn bao_initializes_unseals_and_seals_a_server_that_keeps_its_state() {
    let bao: Bao = require_bao!();
    let (folder, port) = (TempDir::new().unwrap(), free_port());
    let address = format!("http://127.0.0.1:{port}");
    let anybody = bao.cli(&address, "");
    let program = start(folder.path(), port);
    let (code, said) = status(&anybody);
    assert_eq!((code, &said["initialized"]), (2, &false.into()));
    assert_eq!(anybody.run(&["operator", "init", "-status"]).status, 2);

    let init = ["operator", "init", "-key-shares=5", "-key-threshold=3"];
    let made = anybody.json(&init);
    let keys = made["unseal_keys_b64"].as_array().unwrap();
    assert_eq!(keys.len(), 5);
    let root = bao.cli(&address, made["root_token"].as_str().unwrap());
    assert_eq!(anybody.run(&["operator", "init", "-status"]).status, 0);
    assert_ne!(anybody.run(&init).status, 0);

    unseal(&anybody, &keys[..2]);
    let (code, said) = status(&anybody);
    assert_eq!(
        (code, &said["progress"], &said["t"]),
        (2, &2.into(), &3.into())
    );
    unseal(&anybody, &keys[4..]);
    let (code, said) = status(&anybody);
    assert_eq!((code, &said["storage_type"]), (0, &"sqlite".into()));
    root.ok(&["secrets", "enable", "-path=kv", "-version=2", "kv"]);
    root.ok(&["kv", "put", "-mount=kv", "app", "password=canary"]);
    root.ok(&["policy", "read", "default"]);
    let key_status = root.json(&["operator", "key-status"]);
    assert_eq!(key_status["term"], 1);

    root.ok(&["operator", "seal"]);
    assert_eq!(status(&anybody).0, 2);
    assert!(
        root.run(&["kv", "get", "-mount=kv", "app"])
            .stderr
            .contains("Vault is sealed")
    );
    let read = || root.json(&["kv", "get", "-mount=kv", "app"])["data"]["data"]["password"].clone();
    // The shares in another order, and in hexadecimal.
    let hex = made["unseal_keys_hex"].as_array().unwrap();
    unseal(&anybody, &[hex[3].clone(), keys[1].clone(), hex[0].clone()]);
    assert_eq!(read(), "canary");

    program.stop();
    let program = start(folder.path(), port);
    assert_eq!(status(&anybody).0, 2);
    unseal(&anybody, &keys[2..]);
    assert_eq!(read(), "canary");
    program.kill();
    let program = start(folder.path(), port);
    unseal(&anybody, &keys[..3]);
    assert_eq!(read(), "canary");
    program.stop();
}
