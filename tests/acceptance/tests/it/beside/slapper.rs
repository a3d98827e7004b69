//! A team's shell script that loads its Vault with Slapper, run by bash with our
//! program in Slapper's place: the same answers from both servers.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use serde_json::json;
use testkit::{Http, bin, require_bao};

use super::{Pair, load};

const SCRIPT: &str = include_str!("slapper.sh");
/// Slapper runs until a key is pressed. With one worker the requests come in the
/// order of the file, so that their statuses do not depend on chance.
const WRAPPER: &str = "slapper() { command slapper \"$@\" -requests=150 -workers=1; }\n";

/// Five mounts, a role, and what the script finds in place. A token, a role id and
/// a secret id.
fn prepare(root: &Http) -> [String; 3] {
    load::stores(root);
    let [role_id, secret_id] = load::approle(root);
    let token = root
        .request("POST", "auth/token/create", Some(&json!({})))
        .1;
    let token = token["auth"]["client_token"].as_str().unwrap().to_owned();
    [token, role_id, secret_id]
}

/// The lines about statuses of the four tests of the script.
fn statuses(root: &Http) -> Vec<String> {
    let [token, role_id, secret_id] = prepare(root);
    let script = SCRIPT
        .replace("https://vaultunstable", &root.address())
        .replace("ROLE_ID", &role_id)
        .replace("SECRET_ID", &secret_id);
    let folder = tempfile::tempdir().unwrap();
    symlink(bin("lockkeeper"), folder.path().join("slapper")).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let output = Command::new("bash")
        .args(["-e", "-c", &format!("{WRAPPER}{script}")])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        .env("VAULT_TOKEN", &token)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{told}");
    for secret in [token.as_str(), &secret_id, "test_value"] {
        assert!(
            !said.contains(secret) && !told.contains(secret),
            "{said}{told}"
        );
    }
    let lines = said.lines().filter(|line| line.starts_with("statuses"));
    lines
        .map(|line| line.replace("statuses", "").trim().to_owned())
        .collect()
}

#[test]
fn the_script_of_a_load_test_gets_the_same_statuses_as_from_openbao() {
    let pair = Pair::start(&require_bao!());
    let expected = [
        "150 of 200",
        "150 of 200",
        "100 of 200, 50 of 204",
        "100 of 200, 50 of 204",
    ];
    assert_eq!(statuses(&pair.ours), expected);
    assert_eq!(statuses(&pair.theirs), expected);
}
