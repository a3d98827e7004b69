//! What asks for protection is honoured or refused, by our own server too.

use serde_json::Value;
use testkit::{Cli, Http, Launch, Program, bin, free_port};

/// `lockkeeper dev`, and a command line for it as root.
struct Dev {
    _program: Program,
    address: String,
    cloud: String,
}

impl Dev {
    fn start() -> Self {
        let (server, cloud) = (free_port(), free_port());
        let launch = Launch::new(bin("lockkeeper")).args([
            "dev".to_owned(),
            format!("-listen=127.0.0.1:{server}"),
            format!("-simulator-listen=127.0.0.1:{cloud}"),
            "-root-token=root".to_owned(),
        ]);
        let mut program = launch.start();
        program.wait_for_line("Ctrl-C");
        Self {
            _program: program,
            address: format!("http://127.0.0.1:{server}"),
            cloud: format!("http://127.0.0.1:{cloud}"),
        }
    }

    fn cli(&self) -> Cli {
        Cli::new(bin("lockkeeper"), &self.address, "root")
    }

    fn keys(&self) -> usize {
        let (_, state) = Http::new(&self.cloud).raw("GET", "/simulator/state", None);
        let state: Value = serde_json::from_str(&state).unwrap();
        state["api_keys"].as_array().unwrap().len()
    }
}

#[test]
fn a_secret_that_is_to_be_wrapped_is_printed_only_once_it_is_unwrapped() {
    let dev = Dev::start();
    let before = dev.keys();
    let read = ["read", "-format=json", "confluent/creds/app"];
    let asking = [
        dev.cli().env("VAULT_WRAP_TTL", "60s").run(&read),
        dev.cli().env("BAO_WRAP_TTL", "1m").run(&read),
        dev.cli()
            .run(&[&["read", "-wrap-ttl=60"], &read[1..]].concat()),
    ];
    for said in &asking {
        assert_eq!(said.status, 0, "{said:?}");
        let wrapped: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(wrapped["data"], Value::Null);
        let token = wrapped["wrap_info"]["token"].as_str().unwrap();
        let holder = Cli::new(bin("lockkeeper"), &dev.address, token);
        let unwrapped = holder.json(&["write", "-force", "sys/wrapping/unwrap"]);
        let secret = unwrapped["data"]["secret"].as_str().unwrap();
        assert!(!said.stdout.contains(secret));
    }
    let odd = dev.cli().env("VAULT_WRAP_TTL", "soon").run(&read);
    assert_eq!((odd.status, odd.stdout.as_str()), (1, ""), "{odd:?}");
    assert_eq!(dev.keys(), before + asking.len());
}

#[test]
fn what_cannot_be_done_for_a_connection_is_refused_before_anything_is_sent() {
    let dev = Dev::start();
    let before = dev.keys();
    for (name, value) in [
        ("VAULT_SRV_LOOKUP", "true"),
        ("VAULT_CACERT", "/no/such/file"),
        ("BAO_CAPATH", "/no/such/folder"),
        ("VAULT_CLIENT_CERT", "/c.pem"),
        ("VAULT_PROXY_ADDR", "socks5://127.0.0.1:1"),
        ("VAULT_FORMAT", "raw"),
    ] {
        let said = dev
            .cli()
            .env(name, value)
            .run(&["read", "confluent/creds/app"]);
        assert_eq!((said.status, said.stdout.as_str()), (1, ""), "{said:?}");
    }
    assert_eq!(dev.keys(), before);
    let elsewhere = dev.cli().env("VAULT_NAMESPACE", "team");
    let said = elsewhere.run(&["read", "confluent/creds/app"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.contains("VAULT_NAMESPACE"), "{}", said.stderr);
    assert_eq!(dev.keys(), before);
}

#[test]
fn every_command_that_is_offered_works_with_our_own_server() {
    let dev = Dev::start();
    let cli = dev.cli();
    for arguments in [
        &["secrets", "list"][..],
        &["secrets", "list", "-detailed"],
        &["secrets", "tune", "-max-lease-ttl=12h", "confluent"],
        &["path-help", "confluent"],
        &["path-help", "confluent/role/app"],
        &["token", "lookup"],
        &["token", "lookup", "root"],
        &["token", "capabilities", "confluent/creds/app"],
        &["token", "capabilities", "root", "confluent/creds/app"],
        &["list", "-detailed", "confluent/keys"],
        &["login", "root"],
        &["print", "token"],
        &["status", "-format=yaml"],
        &["version"],
    ] {
        assert_ne!(cli.ok(arguments), "", "{arguments:?}");
    }
    // By the plugin's name as on every server, or by the engine's own.
    for kind in ["vault-plugin-secrets-confluent-cloud", "confluent-cloud"] {
        cli.ok(&["secrets", "enable", "-path=two", kind]);
        assert!(cli.ok(&["secrets", "list"]).contains("two/"));
        cli.ok(&["secrets", "disable", "two"]);
    }
    let renewed = cli.run(&["token", "renew"]);
    assert!(renewed.stderr.contains("not renewable"), "{renewed:?}");
    cli.ok(&["token", "revoke", "-self"]);
    assert_eq!(cli.run(&["token", "lookup"]).status, 2);
}
