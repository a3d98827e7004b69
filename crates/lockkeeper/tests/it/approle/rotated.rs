//! Rotations that end as they should, and such as never begin.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use testkit::{Cli, bin, require_bao};

use super::at_both;

#[test]
fn a_secret_id_is_rotated_in_a_file_and_proven_both_ways() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let old = rotations.role("orders");
        let another = rotations.secret_id("orders");
        let token = rotations.log_in("orders", &old).1;
        let file = rotations.file("orders");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let evidence = rotations.file("evidence.json");
        let said = rotations.ok(&[
            "approle",
            "rotate",
            // In any case, as the server takes it.
            "Orders",
            &rotations.deliver("orders"),
            "-canary-read=auth/token/lookup-self",
            "-revoke-tokens=now",
            &format!("-evidence={}", evidence.display()),
        ]);
        assert!(said.stdout.starts_with("Success! Rotated"), "{said:?}");
        rotations.check_rotated("orders", &old);
        assert_eq!(rotations.log_in("orders", &another).0, 400);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);

        let accessor = &token["auth"]["accessor"];
        let body = json!({ "accessor": accessor });
        let (status, _) = rotations
            .http
            .request("POST", "auth/token/lookup-accessor", Some(&body));
        assert_ne!(status, 200, "the old token is revoked");

        let text = fs::read_to_string(&evidence).unwrap();
        let evidence: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(evidence["stage"], "done");
        assert_eq!(evidence["revoked_token_accessors"], json!([accessor]));
        assert_eq!(evidence["destroyed_accessors"].as_array().unwrap().len(), 2);
        assert_eq!(
            evidence["new_accessor"],
            json!(rotations.accessors("orders")[0])
        );
        let refused = evidence["proofs"][1]["found"].as_str().unwrap();
        assert!(refused.contains("invalid role or secret ID"), "{refused}");
        let new = rotations.held("orders");
        rotations.check_no_secret(&[&old, &another, &new]);
    });
}

#[test]
fn in_an_emergency_the_old_ids_and_their_tokens_end_first() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let old = rotations.role("orders");
        rotations.log_in("orders", &old);
        let deliver = rotations.deliver("orders");
        let said = rotations.ok(&["approle", "rotate", "orders", &deliver, "-emergency"]);
        rotations.check_rotated("orders", &old);
        let place = |what: &str| said.stderr.find(what).unwrap();
        assert!(place("destroyed accessor") < place("made the secret id"));
        assert!(said.stderr.contains("revoked 1 tokens"), "{said:?}");
    });
}

#[test]
fn a_rotation_that_is_aborted_leaves_the_old_id_and_what_was_delivered() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let old = rotations.role("orders");
        let rotate = [
            "approle",
            "rotate",
            "orders",
            &rotations.deliver("orders"),
            "-canary-read=sys/raw/none",
        ];
        let failed = rotations.run(&rotate);
        assert_eq!(failed.status, 2, "{failed:?}");
        assert!(failed.stderr.contains("may not read `sys/raw/none`"));
        assert_eq!(rotations.held("orders"), old, "put back");
        let again = rotations.run(&rotate);
        assert_eq!(again.status, 1, "{again:?}");
        assert!(again.stderr.contains("is under way since"), "{again:?}");
        let aborted = rotations.ok(&["approle", "abort", "orders"]);
        assert!(aborted.stderr.contains("accessor"), "{aborted:?}");
        assert_eq!(rotations.log_in("orders", &old).0, 200);
        let nothing = rotations.run(&["approle", "resume", "orders"]);
        assert_eq!(nothing.status, 1, "{nothing:?}");
        assert!(nothing.stderr.contains("has ended"), "{nothing:?}");
    });
}

#[test]
fn what_cannot_be_rotated_is_told_before_anything_is_made() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        rotations.role("orders");
        rotations.post(
            "auth/approle/role/bound",
            &json!({ "bind_secret_id": false, "token_bound_cidrs": "127.0.0.0/8" }),
        );
        let deliver = rotations.deliver("orders");
        let folder = format!("-deliver=file:{}", rotations.folder.path().display());
        for (arguments, told) in [
            (vec!["orders"], "give `-deliver`"),
            (vec!["orders", "-deliver=/tmp/id"], "write `file:PATH`"),
            (vec!["orders", &folder], "is a directory"),
            (vec!["none", &deliver], "there is no role `none`"),
            (vec!["bound", &deliver], "bind_secret_id=false"),
            (vec!["a/b", &deliver], "not the name of a role"),
            (
                vec!["orders", &deliver, "-revoke-tokens=soon"],
                "is not `now`",
            ),
        ] {
            let said = rotations.run(&[&["approle", "rotate"], &arguments[..]].concat());
            assert_eq!(said.status, 1, "{arguments:?}: {said:?}");
            assert!(said.stderr.contains(told), "{arguments:?}: {said:?}");
        }
        let policy =
            json!({ "policy": "path \"auth/approle/role/orders\" { capabilities = [\"read\"] }" });
        rotations.post("sys/policies/acl/weak", &policy);
        let weak = rotations.post(
            "auth/token/create",
            &json!({ "policies": ["weak", "default"] }),
        );
        let weak = weak["auth"]["client_token"].as_str().unwrap();
        let said = Cli::new(bin("lockkeeper"), &rotations.http.address(), weak)
            .run(&["approle", "rotate", "orders", &deliver]);
        assert_eq!(said.status, 1, "{said:?}");
        let needs = "`update` on `auth/approle/role/orders/secret-id`";
        assert!(said.stderr.contains(needs), "{said:?}");
        assert!(
            !said
                .stderr
                .contains("`read` on `auth/approle/role/orders`,")
        );
        assert_eq!(rotations.accessors("orders").len(), 1);
    });
}

#[test]
fn status_tells_ages_and_ends_with_3_when_one_is_too_old() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        rotations.role("orders");
        rotations.post(
            "auth/approle/role/short",
            &json!({ "policies": "default", "secret_id_ttl": "1h", "secret_id_num_uses": 5 }),
        );
        rotations.secret_id("short");
        let fine = rotations.ok(&["approle", "status"]);
        let row = |role: &str, said: &str| {
            let line = said.lines().find(|line| line.starts_with(role)).unwrap();
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let orders = row("orders", &fine.stdout);
        assert_eq!(orders[1], rotations.accessors("orders")[0]);
        assert_eq!(orders[3..], ["none", "unlimited"]);
        let short = row("short", &fine.stdout);
        assert_eq!(short[4..], ["5", "ends", "soon"]);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let old = rotations.run(&["approle", "status", "ORDERS", "-max-age=1s", "-format=json"]);
        assert_eq!(old.status, 3, "{old:?}");
        let json: Value = serde_json::from_str(&old.stdout).unwrap();
        assert_eq!(json[0]["role"], "orders");
        assert_eq!(json[0]["secret_ids"][0]["is_too_old"], true);
        let none = rotations.run(&["approle", "status", "none"]);
        assert_eq!(none.status, 2, "{none:?}");
    });
}
