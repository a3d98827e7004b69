//! What every command says of itself, compared with a committed text. After a
//! change on purpose: `LOCKKEEPER_BLESS=1 cargo test -p lockkeeper help`.

use std::path::PathBuf;

use testkit::{Cli, bin};

#[test]
fn every_command_explains_itself_with_examples() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for command in [
        "",
        "dev",
        "server",
        "simulator",
        "plugin",
        "plugin list",
        "plugin info",
        "read",
        "write",
        "patch",
        "list",
        "scan",
        "delete",
        "unwrap",
        "kv",
        "kv get",
        "kv put",
        "kv patch",
        "kv delete",
        "kv undelete",
        "kv destroy",
        "kv list",
        "kv scan",
        "kv rollback",
        "kv metadata",
        "kv metadata get",
        "kv metadata put",
        "kv metadata patch",
        "kv metadata delete",
        "kv enable-versioning",
        "render",
        "exec",
        "load",
        "validate",
        "plan",
        "apply",
        "drift",
        "import",
        "prune",
        "unlock",
        "lease",
        "lease lookup",
        "lease renew",
        "lease revoke",
        "secrets",
        "secrets list",
        "secrets enable",
        "secrets tune",
        "secrets move",
        "secrets disable",
        "audit",
        "audit list",
        "audit enable",
        "audit disable",
        "auth",
        "auth list",
        "auth enable",
        "auth tune",
        "auth move",
        "auth disable",
        "auth help",
        "approle",
        "approle rotate",
        "approle resume",
        "approle abort",
        "approle status",
        "policy",
        "policy list",
        "policy read",
        "policy write",
        "policy delete",
        "policy fmt",
        "operator",
        "operator init",
        "operator unseal",
        "operator seal",
        "operator key-status",
        "login",
        "token",
        "token create",
        "token lookup",
        "token renew",
        "token revoke",
        "token capabilities",
        "print",
        "print token",
        "path-help",
        "status",
        "version",
    ] {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        arguments.push("-help");
        check(command, &program.ok(&arguments));
    }
}

#[test]
fn the_commands_for_keys_and_backups_explain_themselves() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for command in [
        "rotate",
        "rotate-keys",
        "rekey",
        "generate-root",
        "backup",
        "restore",
    ] {
        let said = program.ok(&["operator", command, "-help"]);
        check(&format!("operator {command}"), &said);
    }
}

fn check(command: &str, said: &str) {
    let name = match command {
        "" => "lockkeeper".to_owned(),
        command => command.replace(' ', "-"),
    };
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/help/{name}.txt"));
    if std::env::var_os("LOCKKEEPER_BLESS").is_some() {
        std::fs::write(&file, said).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(said, expected, "`{}` is out of date", file.display());
}
