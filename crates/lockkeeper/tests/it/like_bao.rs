//! The command line beside the real `bao`, on the same server: what one prints
//! the other prints, and their exit codes are the same.

use serde_json::{Value, json};
use testkit::{Cli, CliOutput, Http, Launch, bin, free_port, require_bao};

use crate::both::Both;

#[test]
fn values_are_written_read_listed_and_deleted_in_the_same_words() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let path = "cubbyhole/a/thing";
    let said = both.same(&[
        "write",
        path,
        "b=2",
        "a=one two",
        "list=x",
        "list=y",
        "empty=",
    ]);
    assert_eq!(said.stdout, "Success! Data written to: cubbyhole/a/thing\n");
    let said = both.same(&["read", path]);
    assert!(
        said.stdout
            .starts_with("Key      Value\n---      -----\na        one two\n")
    );
    both.same(&["read", &format!("/{path}/")]);
    both.same(&["read", "-field=a", path]);
    both.same(&["read", "--field", "list", path]);
    both.same(&["read", "-field=list", "-format=json", path]);
    both.same(&["list", "cubbyhole/a"]);
    both.same(&["list", "-format=json", "cubbyhole/a"]);
    both.same(&["delete", path]);
    both.same_words(&["read", path]);
    both.same_words(&["list", "cubbyhole/a"]);
    both.same(&["list", "-format=json", "cubbyhole/a"]);
}

#[test]
fn a_list_in_detail_tells_the_same_of_each_name() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["write", "cubbyhole/x", "a=1"]);
    both.same(&["list", "-detailed", "cubbyhole"]);
    both.ours.ok(&["write", "sys/mounts/ssh", "type=ssh"]);
    both.ours.ok(&[
        "write",
        "ssh/roles/code",
        "key_type=otp",
        "default_user=a",
        "cidr_list=10.0.0.0/8",
    ]);
    both.ours.ok(&[
        "write",
        "ssh/roles/a",
        "key_type=ca",
        "allow_user_certificates=true",
    ]);
    for name in ["one", "two"] {
        both.ours
            .ok(&["write", "identity/entity", &format!("name={name}")]);
    }
    for path in ["ssh/roles", "identity/entity/id"] {
        both.same(&["list", path]);
        let said = both.same(&["list", "-detailed", path]);
        assert!(said.stdout.starts_with("Keys  "), "{}", said.stdout);
        let [ours, theirs] = both.without_id(&["list", "-detailed", "-format=json", path]);
        assert_eq!(ours, theirs);
        assert!(
            ours.iter().any(|line| line.contains("key_info")),
            "{ours:?}"
        );
    }
    both.same(&["list", "-detailed", "cubbyhole/none"]);
    both.same(&["list", "-detailed", "-format=json", "cubbyhole/none"]);
}

#[test]
fn an_answer_in_json_has_the_same_members_in_the_same_order() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["write", "cubbyhole/x", "a=1"]);
    let [ours, theirs] = both.without_id(&["read", "-format=json", "cubbyhole/x"]);
    assert_eq!(ours, theirs);
}

#[test]
fn durations_lists_and_missing_values_are_shown_alike() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["read", "auth/token/lookup-self"]);
    both.same(&["read", "-field=policies", "auth/token/lookup-self"]);
    both.same(&["read", "-field=secret/", "sys/mounts"]);
    both.same_words(&["read", "-field=nothing", "auth/token/lookup-self"]);
}

#[test]
fn nested_values_are_shown_member_by_member() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let (ours, theirs) = both.run(&["read", "sys/mounts"]);
    assert!(theirs.stdout.contains("map["), "{}", theirs.stdout);
    assert!(!ours.stdout.contains("map["), "{}", ours.stdout);
    let line = ours
        .stdout
        .lines()
        .find(|line| line.starts_with("secret/.options.version "));
    let value = line.and_then(|line| line.split_whitespace().last());
    assert_eq!(value, Some("2"), "{}", ours.stdout);
}

#[test]
fn a_path_that_leads_nowhere_is_told_with_the_servers_reason_and_a_remedy() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    for (arguments, reason, remedy) in [
        (
            ["read", "nowhere/x"],
            "no handler for route",
            "secrets list",
        ),
        (
            ["list", "nowhere/x"],
            "no handler for route",
            "secrets list",
        ),
        (
            ["read", "v1/cubbyhole/x"],
            "no handler for route",
            "use `cubbyhole/x`",
        ),
        (["read", "sys/odd"], "unsupported path", "path-help sys"),
        (["path-help", "nowhere/x"], "no handler", "secrets list"),
    ] {
        let (ours, theirs) = both.run(&arguments);
        assert_eq!(ours.status, theirs.status, "{arguments:?}");
        let error = &ours.stderr;
        assert!(error.starts_with("No value found at "), "{error}");
        assert!(error.contains(reason) && error.contains(remedy), "{error}");
    }
    // What scripts look for stays the beginning.
    let (ours, theirs) = both.run(&["read", "nowhere/x"]);
    assert!(ours.stderr.starts_with(theirs.stderr.trim()));
}

#[test]
fn the_v1_of_an_address_is_accepted() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.ours.ok(&["write", "cubbyhole/x", "a=1"]);
    let address = format!("{}/v1/", both.address());
    let with_v1 = Cli::new(bin("lockkeeper"), &address, "root");
    assert_eq!(with_v1.ok(&["read", "-field=a", "cubbyhole/x"]), "1");
}

#[test]
fn refusals_of_the_server_are_told_alike() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same_words(&["write", "sys/mounts/x", "type=none"]);
    both.same_words(&["delete", "sys/mounts/cubbyhole"]);
    both.same_words(&["lease", "lookup", "none"]);
    both.same_words(&["lease", "renew", "none"]);
    let said = both.same_words(&["write", "cubbyhole/x"]);
    assert_eq!(said.trim(), "Must supply data or use -force");
}

#[test]
fn leases_are_revoked_with_the_same_words() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["lease", "revoke", "none"]);
    both.same(&["lease", "revoke", "-sync", "none"]);
    both.same(&["lease", "revoke", "-prefix", "none"]);
    both.same(&["lease", "revoke", "-prefix", "-sync", "none"]);
    both.same(&["lease", "revoke", "-force", "-prefix", "none"]);
    both.same_words(&["lease", "revoke", "-force", "none"]);
}

#[test]
fn a_revocation_is_done_when_it_is_answered_unless_the_client_says_otherwise() {
    let bao = require_bao!();
    let theirs = testkit::BaoServer::start(&bao);
    let address = format!("127.0.0.1:{}", free_port());
    let launch = Launch::new(bin("lockkeeper")).args([
        "dev".to_owned(),
        format!("-listen={address}"),
        "-simulator-listen=127.0.0.1:0".into(),
        "-root-token=root".into(),
    ]);
    let mut ours = launch.start();
    ours.wait_for_line("Ctrl-C");
    let ours = Http::new(&format!("http://{address}")).with_token("root");
    for path in [
        "sys/leases/revoke",
        "sys/leases/revoke-prefix/cubbyhole",
        "sys/leases/revoke-force/cubbyhole",
    ] {
        for body in [
            json!({"lease_id": "none"}),
            json!({"lease_id": "none", "sync": true}),
            json!({"lease_id": "none", "sync": false}),
        ] {
            // node-vault sends no `sync`, and takes 200 and 204 only.
            let expected = theirs.http().request("PUT", path, Some(&body)).0;
            let answered = ours.request("PUT", path, Some(&body)).0;
            assert_eq!(answered, expected, "{path} {body}");
        }
    }
}

#[test]
fn the_state_of_a_server_is_told_alike() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let (ours, theirs) = both.run(&["status", "-format=json"]);
    let members = |output: &CliOutput| -> Value {
        let mut state: Value = serde_json::from_str(&output.stdout).unwrap();
        // OpenBao alone tells it.
        state["commit_date"] = json!(null);
        state
    };
    assert_eq!(members(&ours), members(&theirs));
    let table = both.ours.ok(&["status"]);
    for line in both.theirs.ok(&["status"]).lines() {
        let told_by_openbao_alone = line.starts_with("Commit Date");
        assert!(
            told_by_openbao_alone || table.contains(line),
            "{line}\n{table}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_told_with_a_remedy() {
    let nobody =
        Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "root").env("VAULT_MAX_RETRIES", "0");
    let said = nobody.run(&["read", "cubbyhole/x"]);
    assert_eq!(said.status, 2);
    assert!(
        said.stderr.contains("http://127.0.0.1:1"),
        "{}",
        said.stderr
    );
    assert_eq!(nobody.run(&["status"]).status, 1);
    assert_eq!(nobody.run(&["read"]).status, 1);
    assert_eq!(nobody.run(&["no-such-command"]).status, 1);
}

#[test]
fn what_is_no_text_is_refused_and_nothing_panics() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let said = std::process::Command::new(bin("lockkeeper"))
        .args([OsStr::new("read"), OsStr::from_bytes(b"a\xff")])
        .output()
        .unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("UTF-8"));
    let odd = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "").env("BAO_FORMAT", "xml");
    let said = odd.run(&["read", "a"]);
    assert!(
        said.stderr.contains("BAO_FORMAT is `xml`"),
        "{}",
        said.stderr
    );
}
