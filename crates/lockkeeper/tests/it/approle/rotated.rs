//! Rotations that end as they should, and such as never begin.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Cli, bin, eventually, require_bao};

use super::at_both;

const PATIENCE: Duration = Duration::from_secs(20);

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
fn several_roles_are_rotated_one_after_the_other_until_one_fails() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let names = ["orders", "payments", "stock"];
        let old = names.map(|role| rotations.role(role));
        // The file of one of them holds something else.
        std::fs::write(rotations.file("payments"), "of another").unwrap();
        let deliver = rotations.deliver("{role}");
        let rotate = ["approle", "rotate", "Orders", "payments", "stock", &deliver];
        // Names of files have a case.
        std::fs::rename(rotations.file("orders"), rotations.file("Orders")).unwrap();
        let stopped = rotations.run(&rotate);
        assert_eq!(stopped.status, 1, "{stopped:?}");
        for told in [
            "[1/3] Orders: rotated, its accessor is ",
            "[2/3] payments: ",
            "; not begun: stock",
        ] {
            assert!(stopped.stderr.contains(told), "{told}: {stopped:?}");
        }
        assert_eq!(rotations.log_in("orders", &old[0]).0, 400);
        assert_eq!(rotations.log_in("payments", &old[1]).0, 200);
        assert_eq!(rotations.held("stock"), old[2]);

        let some = rotations.run(&[&rotate[..], &["-keep-going"]].concat());
        assert_eq!(some.status, 2, "{some:?}");
        assert!(
            some.stderr.contains("1 of 3 roles were not rotated"),
            "{some:?}"
        );
        rotations.check_rotated("stock", &old[2]);
        let all = rotations.ok(&[
            "approle",
            "rotate",
            "payments",
            "stock",
            &deliver,
            "-overwrite",
        ]);
        assert_eq!(all.stdout, "Success! Rotated the secret ids of 2 roles\n");
        rotations.check_rotated("payments", &old[1]);

        let one = rotations.deliver("orders");
        for (arguments, told) in [
            (vec![&*one], "several roles would get the same target"),
            (
                vec!["-deliver=wrapped:5m", "-wait=1m"],
                "rotate one role at a time",
            ),
            (vec![&*deliver, "-journal=j"], "-journal is of one role"),
            (
                vec![&*deliver, "-evidence=e"],
                "several roles would write the same file",
            ),
            (vec![&*deliver, "STOCK"], "role `STOCK` is named twice"),
            (vec![&*deliver, "a;b"], "`a;b` has characters"),
        ] {
            let two = ["approle", "rotate", "orders", "stock"];
            let said = rotations.run(&[&two[..], &arguments].concat());
            assert_eq!(said.status, 1, "{arguments:?}: {said:?}");
            assert!(said.stderr.contains(told), "{arguments:?}: {said:?}");
        }
    });
}

#[test]
fn what_the_server_does_not_know_is_overwritten_only_on_request() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let payments = rotations.role("payments");
        let old = rotations.role("orders");
        // The file of another role, by mistake.
        let deliver = rotations.deliver("payments");
        let rotate = ["approle", "rotate", "orders", &deliver];
        let refused = rotations.run(&rotate);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains("give `-overwrite`"), "{refused:?}");
        assert_eq!(rotations.held("payments"), payments);
        assert_eq!(rotations.accessors("orders").len(), 1);
        rotations.ok(&[&rotate[..], &["-overwrite"]].concat());
        assert_eq!(
            rotations.log_in("orders", &rotations.held("payments")).0,
            200
        );
        assert_eq!(rotations.log_in("orders", &old).0, 400);
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
            (vec!["orders", "-from=list.json"], "cannot be used with"),
            (vec!["-from=list.json", "-emergency"], "cannot be used with"),
            (vec![], "required arguments"),
            (vec!["-from=none.json"], "No such file"),
            (
                vec!["orders", "-deliver=/tmp/id"],
                "write `file:PATH`, `command:COMMAND`",
            ),
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
        std::thread::sleep(Duration::from_millis(1100));
        let old = rotations.run(&["approle", "status", "ORDERS", "-max-age=1s", "-format=json"]);
        assert_eq!(old.status, 3, "{old:?}");
        let json: Value = serde_json::from_str(&old.stdout).unwrap();
        assert_eq!(json[0]["role"], "orders");
        assert_eq!(json[0]["secret_ids"][0]["is_too_old"], true);
        let none = rotations.run(&["approle", "status", "none"]);
        assert_eq!(none.status, 2, "{none:?}");
    });
}

#[test]
fn a_command_delivers_tries_and_waits_and_gets_the_id_on_its_input() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let old = rotations.role("orders");
        let file = rotations.file("orders").display().to_string();
        let tried = rotations.file("tried").display().to_string();
        rotations.ok(&[
            "approle",
            "rotate",
            "orders",
            &format!("-deliver=command:cat > {file}"),
            &format!("-canary-command=test \"$(cat)\" = \"$(cat {file})\" && echo . >> {tried}"),
            &format!("-wait-command=test -s {file}"),
        ]);
        rotations.check_rotated("orders", &old);
        assert_eq!(fs::read_to_string(&tried).unwrap(), ".\n.\n");
        fs::remove_file(&tried).unwrap();
        rotations.check_no_secret(&[&old, &rotations.held("orders")]);
    });
}

#[test]
fn out_of_time_the_old_id_is_valid_and_the_rotation_goes_on_later() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let old = rotations.role("orders");
        let late = rotations.run(&[
            "approle",
            "rotate",
            "orders",
            &rotations.deliver("orders"),
            "-consumers=1",
            "-wait-limit=1s",
        ]);
        assert_eq!(late.status, 3, "{late:?}");
        assert!(late.stderr.contains("0 of 1 tokens"), "{late:?}");
        assert!(
            late.stderr.contains("lockkeeper approle resume"),
            "{late:?}"
        );
        assert_eq!(rotations.log_in("orders", &old).0, 200);
        rotations.log_in("orders", &rotations.held("orders"));
        // The token of the login above is of the old one, and idle.
        let resumed = rotations.ok(&["approle", "resume", "orders", "-quiet=1s", "-wait-limit=1m"]);
        assert!(resumed.stderr.contains("revoked 1 tokens"), "{resumed:?}");
        rotations.check_rotated("orders", &old);
    });
}

#[test]
fn a_field_of_a_kv_secret_gets_the_id_and_others_stay() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        for version in ["1", "2"] {
            let old = rotations.role("orders");
            let kv = json!({ "type": "kv", "options": { "version": version } });
            rotations.post(&format!("sys/mounts/team{version}"), &kv);
            let api = match version {
                "1" => "team1/app",
                _ => "team2/data/app",
            };
            let fields = json!({ "role": "orders", "secret_id": old });
            let body = match version {
                "1" => fields,
                _ => json!({ "data": fields }),
            };
            let kv_is_ready = || rotations.http.request("POST", api, Some(&body)).0 < 300;
            eventually("the engine is ready", PATIENCE, || {
                kv_is_ready().then_some(())
            });
            let deliver = format!("-deliver=kv:team{version}/app#secret_id");
            rotations.ok(&["approle", "rotate", "orders", &deliver]);
            let (_, answer) = rotations.http.request("GET", api, None);
            let fields = match version {
                "1" => &answer["data"],
                _ => &answer["data"]["data"],
            };
            assert_eq!(fields["role"], "orders");
            let held = fields["secret_id"].as_str().unwrap();
            fs::write(rotations.file("orders"), held).unwrap();
            rotations.check_rotated("orders", &old);
            rotations.check_no_secret(&[&old, held]);
        }
    });
}

#[test]
fn the_roles_of_a_list_are_rotated_and_one_that_fails_stops_no_other() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let roles: Vec<String> = (0..6).map(|number| format!("role-{number}")).collect();
        let old: Vec<String> = roles.iter().map(|role| rotations.role(role)).collect();
        let entry = |role: &String| {
            let file = format!("file:{}", rotations.file(role).display());
            json!({ "role": role, "deliver": [file] })
        };
        let mut list: Vec<Value> = roles.iter().map(entry).collect();
        list[2]["canary_read"] = json!(["sys/raw/none"]);
        let file = rotations.file("list.json");
        let from = format!("-from={}", file.display());
        fs::write(&file, json!(list).to_string()).unwrap();
        let said = rotations.run(&["approle", "rotate", &from]);
        assert_eq!(said.status, 2, "{said:?}");
        let told = "role-2: the new secret id failed its trial";
        assert!(said.stderr.contains(told), "{said:?}");
        assert!(said.stderr.contains("1 of 6 roles"), "{said:?}");
        for (index, role) in roles.iter().enumerate() {
            if index == 2 {
                assert_eq!(rotations.held(role), old[index]);
            } else {
                rotations.check_rotated(role, &old[index]);
            }
        }
        rotations.ok(&["approle", "abort", "role-2"]);
        fs::write(&file, json!([entry(&roles[2])]).to_string()).unwrap();
        rotations.ok(&["approle", "rotate", &from]);
        rotations.check_rotated("role-2", &old[2]);
    });
}

#[test]
fn a_wrapped_id_is_printed_as_a_token_with_the_path_that_made_it() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let old = rotations.role("orders");
        let said = rotations.ok(&[
            "approle",
            "rotate",
            "orders",
            "-deliver=wrapped:5m",
            "-wait=1s",
        ]);
        let value = |name: &str| {
            let line = said.stdout.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        assert_eq!(
            value("wrapping_token_creation_path:"),
            "auth/approle/role/orders/secret-id"
        );
        assert_eq!(value("wrapping_token_ttl:"), "300s");
        let token = value("wrapping_token:");
        let http = testkit::Http::new(&rotations.http.address()).with_token(&token);
        let (status, answer) = http.request("POST", "sys/wrapping/unwrap", None);
        assert_eq!(status, 200, "{answer}");
        let new = answer["data"]["secret_id"].as_str().unwrap();
        fs::write(rotations.file("orders"), new).unwrap();
        rotations.check_rotated("orders", &old);
    });
}

#[test]
fn a_journal_in_a_kv_secret_is_resumed_from_anywhere() {
    let bao = require_bao!();
    at_both(&bao, |rotations| {
        let old = rotations.role("orders");
        let kv = json!({ "type": "kv", "options": { "version": "2" } });
        rotations.post("sys/mounts/ops", &kv);
        eventually("the engine is ready", PATIENCE, || {
            let path = "ops/data/ready";
            let body = json!({ "data": {} });
            (rotations.http.request("POST", path, Some(&body)).0 < 300).then_some(())
        });
        let journal = "-journal=kv:ops/rotations/orders";
        let deliver = rotations.deliver("orders");
        let late = rotations.run(&[
            "approle",
            "rotate",
            "orders",
            &deliver,
            journal,
            "-wait-command=false",
            "-wait-limit=0s",
        ]);
        assert_eq!(late.status, 3, "{late:?}");
        let again = rotations.run(&["approle", "rotate", "orders", &deliver, journal]);
        assert_eq!(again.status, 1, "{again:?}");
        assert!(again.stderr.contains("is under way since"), "{again:?}");
        rotations.ok(&["approle", "resume", "orders", journal, "-wait-command=true"]);
        rotations.check_rotated("orders", &old);
        let path = "ops/data/rotations/orders";
        let (_, answer) = rotations.http.request("GET", path, None);
        let text = answer.to_string();
        assert!(text.contains("done"), "{text}");
        for secret in [&old, &rotations.held("orders")] {
            assert!(!text.contains(secret.as_str()), "{text}");
        }
    });
}
