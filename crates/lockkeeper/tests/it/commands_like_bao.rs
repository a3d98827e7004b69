//! Wrapping, formats, and the commands for engines and tokens, beside the real
//! `bao`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use testkit::{Cli, bin, require_bao};

use crate::both::Both;

#[test]
fn a_wrapped_answer_is_shown_in_the_same_form_and_hides_its_content() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.ours.ok(&["write", "cubbyhole/x", "a=canary"]);
    let names = |text: &str| -> Vec<String> {
        let words = text.lines().filter_map(|line| line.split("  ").next());
        words.map(str::to_owned).collect()
    };
    for arguments in [
        &["read", "-wrap-ttl=60s", "cubbyhole/x"][..],
        &["list", "-wrap-ttl=60", "cubbyhole"],
    ] {
        let (ours, theirs) = both.run(arguments);
        assert_eq!(names(&ours.stdout), names(&theirs.stdout), "{ours:?}");
        assert!(!ours.stdout.contains("canary"), "{ours:?}");
        assert_eq!(ours.status, 0);
    }
    let asking = Cli::new(bin("lockkeeper"), both.address(), "root").env("VAULT_WRAP_TTL", "1m");
    let token = asking.ok(&["read", "-field=wrapping_token", "cubbyhole/x"]);
    let unwrapped = both.theirs.ok(&["unwrap", "-field=a", &token]);
    assert_eq!(unwrapped.trim(), "canary");
    // What has no content to hide works as always.
    asking.ok(&["write", "cubbyhole/y", "a=1"]);
    asking.ok(&["status"]);
    asking.ok(&["lease", "revoke", "-sync", "none"]);
}

#[test]
fn yaml_is_written_alike() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.ours.ok(&[
        "write",
        "cubbyhole/x",
        "word=two words",
        "number=1",
        "flag=true",
        "empty=",
        "list=a",
        "list=b",
        "path=/a/b.c",
        "date=2026-01-01",
        "yes=yes",
    ]);
    let lines = |text: &str| -> Vec<String> {
        // A random id may be a text that only one of them puts in quotes.
        let lines = text
            .lines()
            .filter(|line| !line.contains("request_id:") && !line.contains("uuid:"));
        lines.map(str::to_owned).collect()
    };
    for path in ["cubbyhole/x", "sys/mounts/secret", "sys/mounts"] {
        let (ours, theirs) = both.run(&["read", "-format=yaml", path]);
        assert_eq!(lines(&ours.stdout), lines(&theirs.stdout), "{path}");
    }
    both.same(&["list", "-format=yaml", "cubbyhole"]);
    both.same(&["list", "-format=yaml", "cubbyhole/none"]);
    both.same(&["read", "-format=yaml", "-field=list", "cubbyhole/x"]);
}

#[test]
fn secrets_engines_are_enabled_listed_tuned_and_disabled_in_the_same_words() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same(&["secrets", "list"]);
    // Their client drops members that it does not know, and adds some.
    let list = ["secrets", "list"];
    let (ours, theirs) = (both.ours.json(&list), both.theirs.json(&list));
    for (path, mount) in theirs.as_object().unwrap() {
        for member in ["accessor", "type", "uuid", "options", "description"] {
            assert_eq!(ours[path][member], mount[member], "{path} {member}");
        }
    }
    both.same_words(&["secrets", "tune", "-max-lease-ttl=1h", "secret/"]);
    for refused in [
        &["secrets", "enable", "no-such-engine"][..],
        &["secrets", "tune", "-max-lease-ttl=1h", "nowhere"],
    ] {
        let (ours, theirs) = both.run(refused);
        // They post where we put, which means the same.
        let expected = theirs.stderr.replace("URL: POST ", "URL: PUT ");
        assert_eq!(ours.stderr.trim(), expected.trim());
        assert_eq!(ours.status, theirs.status);
    }
    let enable = ["secrets", "enable", "-path=one", "-description=a b", "kv"];
    assert_eq!(
        both.ours.ok(&enable),
        "Success! Enabled the kv secrets engine at: one/\n"
    );
    let table = both.same(&["secrets", "list"]).stdout;
    assert!(table.contains("a b"), "{table}");
    both.same_words(&["secrets", "disable", "one"]);
    both.same_words(&["secrets", "disable", "one/"]);
    assert_eq!(both.run(&["secrets", "enable"]).0.status, 1);
    let detailed = both.ours.ok(&["secrets", "list", "-detailed"]);
    let secret = detailed.lines().find(|line| line.starts_with("secret/"));
    let secret = secret.unwrap();
    assert!(secret.contains("1h  "), "{secret}");
    assert!(secret.contains("map[version:2]"), "{secret}");
}

#[test]
fn options_of_an_engine_are_passed_on() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let options = "-options=version=2";
    both.ours
        .ok(&["secrets", "enable", "-path=two", options, "kv"]);
    let mounts = both.theirs.json(&["secrets", "list"]);
    assert_eq!(mounts["two/"]["options"], json!({"version": "2"}));
}

#[test]
fn tokens_are_looked_up_renewed_and_revoked_in_the_same_words() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same_words(&["token", "lookup"]);
    both.same_words(&["token", "lookup", "root"]);
    both.same(&["token", "lookup", "-field=policies"]);
    both.same_words(&["token", "renew"]);
    both.same_words(&["token", "capabilities", "sys/mounts"]);
    both.same_words(&["token", "capabilities", "root", "sys/mounts"]);
    both.same_words(&["print", "token"]);
    assert_eq!(both.run(&["token", "revoke"]).0.status, 1);
    let made = || {
        let made = [
            "token",
            "create",
            "-ttl=1h",
            "-policy=default",
            "-field=token",
        ];
        both.theirs.ok(&made).trim().to_owned()
    };
    let ours = Cli::new(bin("lockkeeper"), both.address(), &made());
    let theirs = bao.cli(both.address(), &made());
    let masked = |cli: &Cli, arguments: &[&str]| {
        let said = cli.ok(arguments);
        let lines = said
            .lines()
            .filter(|line| !line.starts_with("token ") && !line.starts_with("token_accessor"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for arguments in [
        &["token", "renew", "-increment=30m"][..],
        &["token", "capabilities", "auth/token/lookup-self"],
        &["token", "capabilities", "sys/mounts"],
        &["token", "revoke", "-self"],
    ] {
        assert_eq!(masked(&ours, arguments), masked(&theirs, arguments));
    }
    assert_eq!(ours.run(&["token", "lookup"]).status, 2);
}

#[test]
fn a_login_leaves_its_token_where_both_find_it() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let ours = Cli::new(bin("lockkeeper"), both.address(), "");
    let theirs = bao.cli(both.address(), "");
    let table = |text: &str| text[text.find("Key ").unwrap()..].to_owned();
    let (said, expected) = (ours.ok(&["login", "root"]), theirs.ok(&["login", "root"]));
    assert_eq!(table(&said), table(&expected));
    assert_eq!(ours.ok(&["print", "token"]), "root\n");
    ours.ok(&["read", "sys/mounts"]);
    let refused = ours.run(&["login", "wrong"]);
    assert_eq!(refused.status, theirs.run(&["login", "wrong"]).status);
    assert_eq!(ours.ok(&["print", "token"]), "root\n");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let chosen = Cli::new(bin("lockkeeper"), both.address(), "")
        .env("BAO_TOKEN_PATH", file.to_str().unwrap());
    assert_eq!(chosen.ok(&["login", "-no-store", "-no-print", "root"]), "");
    assert!(!file.exists());
    chosen.ok(&["login", "root"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "root");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_token_helper_is_not_bypassed_by_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("vault-config");
    std::fs::write(&config, "token_helper = \"/bin/keyring\"").unwrap();
    let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "")
        .env("VAULT_CONFIG_PATH", config.to_str().unwrap());
    let said = cli.run(&["login", "root"]);
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("token_helper"), "{}", said.stderr);
}

#[test]
fn a_curl_command_is_printed_that_works_and_has_no_token_in_it() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    let canary = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "canary");
    for arguments in [
        &["read", "-output-curl-string", "cubbyhole/x"][..],
        &["status", "-output-curl-string"],
        &["lease", "lookup", "-output-curl-string", "l"],
        &["secrets", "disable", "-output-curl-string", "x"],
        &["token", "revoke", "-self", "-output-curl-string"],
    ] {
        let said = canary.run(arguments);
        assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{said:?}");
        assert!(said.stdout.starts_with("curl "), "{}", said.stdout);
        assert!(!said.stdout.contains("canary"), "{}", said.stdout);
    }
    let write = ["write", "-output-curl-string", "cubbyhole/x", "a=it's"];
    let (ours, theirs) = both.run(&write);
    let words = |text: &str| {
        let mut words: Vec<String> = text
            .split(" -")
            .map(|word| word.trim().to_owned())
            .collect();
        words.sort();
        words.len()
    };
    assert_eq!(words(&ours.stdout), words(&theirs.stdout));
    assert_eq!(both.ours.run(&["read", "cubbyhole/x"]).status, 2);
}

#[test]
fn the_help_of_a_path_is_the_servers() {
    let bao = require_bao!();
    let both = Both::start(&bao);
    both.same_words(&["path-help", "cubbyhole"]);
    both.same_words(&["path-help", "sys/mounts"]);
}
