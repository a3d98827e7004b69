//! Logins, wrapping tokens, policies and operators, at a server of our own.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::{Cli, Launch, bin, free_port};

use crate::own_server::OwnServer;

/// A server with a role of AppRole, and the `KEY=VALUE` of its login.
fn with_role(server: &OwnServer) -> [String; 2] {
    let cli = server.cli();
    cli.ok(&["auth", "enable", "-path=ci", "approle"]);
    cli.ok(&["write", "auth/ci/role/app", "token_policies=default"]);
    let role = cli.ok(&["read", "-field=role_id", "auth/ci/role/app/role-id"]);
    let secret = [
        "write",
        "-force",
        "-field=secret_id",
        "auth/ci/role/app/secret-id",
    ];
    let secret = cli.ok(&secret);
    [format!("role_id={role}"), format!("secret_id={secret}")]
}

#[test]
fn an_approle_logs_in_by_its_path_and_the_token_is_stored_only_if_wanted() {
    let server = OwnServer::start();
    let [role, secret] = with_role(&server);
    let nobody = || Cli::new(bin("lockkeeper"), &server.address, "");
    let login = ["login", "-method=approle", "-path=ci", &role, &secret];
    let app = nobody();
    let said = app.ok(&login);
    assert!(said.contains("token_meta_role_name    app"), "{said}");
    app.ok(&["token", "lookup"]);

    let other = nobody();
    let only = other.ok(&[&login[..], &["-token-only"]].concat());
    assert!(only.starts_with("hvs.") && !only.contains(char::is_whitespace));
    assert_eq!(other.run(&["token", "lookup"]).status, 2);
    let json = other.ok(&[&login[..], &["-no-store", "-format=json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["auth"]["metadata"]["role_name"], "app");
    assert!(!other.folder().join(".vault-token").exists());

    let wrong = nobody().run(&["login", "-method=approle", "-path=ci", &role, "secret_id=x"]);
    assert_eq!(wrong.status, 2, "{wrong:?}");
    let nameless = nobody().run(&["login", "-method=userpass", "password=canary"]);
    assert_eq!(nameless.status, 1);
    assert!(nameless.stderr.contains("username=NAME"), "{nameless:?}");
}

#[test]
fn a_wrapped_login_is_unwrapped_unless_the_token_is_handed_on() {
    let server = OwnServer::start();
    let [role, secret] = with_role(&server);
    let app = Cli::new(bin("lockkeeper"), &server.address, "");
    let login = [
        "login",
        "-method=approle",
        "-path=ci",
        "-wrap-ttl=60s",
        &role,
        &secret,
    ];
    app.ok(&login);
    let policies = app.ok(&["token", "lookup", "-field=policies"]);
    assert_eq!(policies, "[default]");
    let wrapping = app.ok(&[&login[..], &["-token-only"]].concat());
    let token = app.ok(&["unwrap", "-field=token", &wrapping]);
    let holder = Cli::new(bin("lockkeeper"), &server.address, &token);
    holder.ok(&["token", "lookup"]);
    // Once.
    let again = app.run(&["unwrap", &wrapping]);
    assert_eq!(again.status, 2, "{again:?}");
    assert!(again.stderr.contains("not valid"), "{}", again.stderr);
}

#[test]
fn values_come_from_files_and_from_standard_input() {
    let server = OwnServer::start();
    let cli = server.cli();
    let file = cli.folder().join("password.txt");
    std::fs::write(&file, "two\nlines").unwrap();
    cli.ok(&["kv", "put", "secret/file", "password=@password.txt"]);
    assert_eq!(
        cli.ok(&["kv", "get", "-field=password", "secret/file"]),
        "two\nlines"
    );
    let piped = |arguments: &[&str]| {
        let status = Command::new(bin("lockkeeper"))
            .args(arguments)
            .env("VAULT_ADDR", &server.address)
            .env("VAULT_TOKEN", "root")
            .stdin(File::open(&file).unwrap())
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{arguments:?}");
    };
    piped(&["kv", "put", "secret/input", "password=-"]);
    assert_eq!(
        cli.ok(&["kv", "get", "-field=password", "secret/input"]),
        "two\nlines"
    );
    std::fs::write(&file, "path \"a\" { capabilities = [\"read\"] }").unwrap();
    piped(&["policy", "write", "input", "-"]);
    assert!(cli.ok(&["policy", "read", "input"]).contains("path \"a\""));
}

#[test]
fn a_policy_is_formatted_in_place_and_a_wrong_one_is_not_touched() {
    use std::os::unix::fs::PermissionsExt as _;

    let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let file = cli.folder().join("app.hcl");
    std::fs::write(&file, "path \"a/*\" {capabilities=[\"read\"]}").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    cli.ok(&["policy", "fmt", "app.hcl"]);
    let formatted = "path \"a/*\" {\n  capabilities = [\"read\"]\n}\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), formatted);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    for wrong in ["path \"a\" {", "path \"a\" { capabilities = [\"fly\"] }"] {
        std::fs::write(&file, wrong).unwrap();
        let said = cli.run(&["policy", "fmt", "app.hcl"]);
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.stderr.contains("failed to parse policy"), "{said:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), wrong);
    }
}

#[test]
fn an_operator_initializes_unseals_and_seals_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let config = folder.path().join("server.hcl");
    let text = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"{address}\"\n  \
         tls_disable = true\n}}\n"
    );
    std::fs::write(&config, text).unwrap();
    let flag = format!("-config={}", config.display());
    let mut program = Launch::new(bin("lockkeeper"))
        .args(["server", &flag])
        .start();
    program.wait_for_line("server started!");
    let address = format!("http://{address}");
    let anybody = Cli::new(bin("lockkeeper"), &address, "").env("VAULT_MAX_RETRIES", "0");
    assert_eq!(anybody.run(&["operator", "init", "-status"]).status, 2);
    let init = ["operator", "init", "-n=3", "-t=2", "-format=json"];
    let made: Value = serde_json::from_str(&anybody.ok(&init)).unwrap();
    assert_eq!(made["unseal_keys_hex"].as_array().unwrap().len(), 3);
    assert_eq!(made["recovery_keys_b64"], Value::Null);
    assert_eq!(anybody.run(&["operator", "init", "-status"]).status, 0);
    assert_eq!(anybody.run(&init).status, 2);
    let share = |index: usize| made["unseal_keys_b64"][index].as_str().unwrap();
    let said = anybody.ok(&["operator", "unseal", share(2)]);
    assert!(said.contains("Unseal Progress       1/2"), "{said}");
    let said = anybody.ok(&["operator", "unseal", "-reset"]);
    assert!(said.contains("Unseal Progress       0/2"), "{said}");
    anybody.ok(&["operator", "unseal", share(0)]);
    let said = anybody.ok(&["operator", "unseal", share(1)]);
    assert!(said.contains("Sealed                false"), "{said}");
    let empty = anybody.run(&["operator", "unseal"]);
    assert_eq!(empty.status, 1, "{empty:?}");

    let root = Cli::new(
        bin("lockkeeper"),
        &address,
        made["root_token"].as_str().unwrap(),
    );
    let status = root.json(&["operator", "key-status"]);
    assert_eq!(status["term"], 1);
    assert_eq!(anybody.run(&["operator", "seal"]).status, 2);
    root.ok(&["operator", "seal"]);
    root.ok(&["operator", "seal"]);
    assert_eq!(root.run(&["status"]).status, 2);
}

#[test]
fn engines_and_methods_are_moved_and_their_settings_kept() {
    let server = OwnServer::start();
    let cli = server.cli();
    let enable = [
        "secrets",
        "enable",
        "-path=a",
        "-version=2",
        "-max-lease-ttl=1h",
        "kv",
    ];
    cli.ok(&enable);
    cli.ok(&["kv", "put", "a/app", "user=orders"]);
    let said = cli.ok(&["secrets", "move", "a", "team/b"]);
    assert!(said.ends_with(|c: char| c.is_whitespace()), "{said}");
    assert!(said.contains("Success! Finished moving secrets engine a/ to team/b/"));
    assert_eq!(
        cli.ok(&["kv", "get", "-field=user", "team/b/app"]),
        "orders"
    );
    cli.ok(&["auth", "enable", "-path=ci", "-description=runs", "approle"]);
    cli.ok(&["auth", "move", "ci", "auth/cd"]);
    let methods = cli.json(&["auth", "list"]);
    assert_eq!(methods["cd/"]["description"], "runs");
    assert_eq!(cli.run(&["secrets", "move", "none", "c"]).status, 2);
    let tuned = [
        "auth",
        "tune",
        "-default-lease-ttl=10m",
        "-listing-visibility=unauth",
        "cd",
    ];
    cli.ok(&tuned);
    let detailed = cli.ok(&["auth", "list", "-detailed"]);
    let line = detailed.lines().find(|line| line.starts_with("cd/"));
    assert!(line.unwrap().contains("10m"), "{detailed}");
}
