//! `lockkeeper dev -storage=sqlite:FILE`: what an earlier start left is there.

use std::path::Path;

use testkit::{Cli, Launch, Program, bin, free_port};

/// A development server on this store.
struct OnDisk {
    program: Program,
    cli: Cli,
}

impl OnDisk {
    fn start(store: &Path, more: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let mut program = launch(store, &address).args(more).start();
        program.wait_for_line("Ctrl-C");
        let token = value_of(&program.stdout(), "Root token");
        let cli = Cli::new(bin("lockkeeper"), &format!("http://{address}"), &token);
        Self { program, cli }
    }

    fn says(&self, name: &str) -> String {
        value_of(&self.program.stdout(), name)
    }
}

fn launch(store: &Path, address: &str) -> Launch {
    Launch::new(bin("lockkeeper")).args([
        "dev".to_owned(),
        format!("-storage=sqlite:{}", store.display()),
        format!("-listen={address}"),
        "-simulator-listen=127.0.0.1:0".to_owned(),
    ])
}

fn value_of(text: &str, name: &str) -> String {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with(name));
    let line = line.unwrap_or_else(|| panic!("no `{name}` in {text}"));
    line.trim_start()[name.len()..].trim().to_owned()
}

#[test]
fn a_later_start_unseals_itself_and_goes_on_where_the_last_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("dev.db");
    let first = OnDisk::start(&store, &[]);
    first.cli.ok(&["kv", "put", "secret/app", "user=orders"]);
    first.cli.ok(&["write", "confluent/role/app", "ttl=2h"]);
    let read = ["read", "-field=ttl", "confluent/role/app"];
    let (ttl, token) = (first.cli.ok(&read), first.says("Root token"));
    let key = first.says("key_id");
    let lease = first.says("lease ").split(',').next().unwrap().to_owned();
    assert_eq!(first.program.stop().code(), Some(0));

    let second = OnDisk::start(&store, &[]);
    assert_eq!(second.says("Root token"), token);
    let read_secret = ["kv", "get", "-field=user", "secret/app"];
    assert_eq!(second.cli.ok(&read_secret), "orders");
    assert_eq!(second.cli.ok(&read), ttl);
    assert_ne!(second.says("key_id"), key);
    // A role that was spoiled is no reason not to start.
    let spoil = ["write", "confluent/role/app", "owner=sa-000000"];
    second.cli.ok(&spoil);
    second.cli.ok(&["lease", "revoke", "-sync", &lease]);
    let admin = value_of(&second.program.stdout(), "Admin key");
    // What was cut off is no worse off.
    second.program.kill();
    let third = OnDisk::start(&store, &["-root-token=another"]);
    assert_eq!(third.says("Root token"), "another");
    assert_eq!(value_of(&third.program.stdout(), "Admin key"), admin);
    assert_eq!(third.cli.ok(&read_secret), "orders");
    let said = third.program.stdout();
    assert!(said.contains("gives no credential"), "{said}");
    let status = third.cli.json(&["status"]);
    assert_eq!(status["storage_type"], "sqlite");
}

#[test]
fn the_key_that_dev_shows_unseals_it() {
    let folder = tempfile::tempdir().unwrap();
    let dev = OnDisk::start(&folder.path().join("dev.db"), &[]);
    dev.cli.ok(&["operator", "seal"]);
    assert_eq!(dev.cli.run(&["status"]).status, 2);
    dev.cli.ok(&["operator", "unseal", &dev.says("Unseal key")]);
    assert_eq!(dev.cli.run(&["status"]).status, 0);
}

/// Whether or not the server could say good-bye.
#[test]
fn a_store_whose_shares_were_replaced_is_unsealed_with_the_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("dev.db");
    let mut dev = OnDisk::start(&store, &[]);
    dev.cli.ok(&["kv", "put", "secret/app", "user=orders"]);
    for (shares, threshold) in [("3", "2"), ("1", "1")] {
        let old = dev.says("Unseal key");
        let shares = format!("-key-shares={shares}");
        let threshold = format!("-key-threshold={threshold}");
        let init = ["operator", "rotate-keys", "-init", &shares, &threshold];
        dev.cli.ok(&init);
        for share in old.split(',') {
            if dev.cli.run(&["operator", "rotate-keys", share]).status != 0 {
                break;
            }
        }
        if shares.ends_with('3') {
            dev.program.kill();
        } else {
            dev.program.stop();
        }
        dev = OnDisk::start(&store, &[]);
        assert_ne!(dev.says("Unseal key"), old);
        let read = ["kv", "get", "-field=user", "secret/app"];
        assert_eq!(dev.cli.ok(&read), "orders");
    }
    assert!(!dev.says("Unseal key").contains(','));
}

#[test]
fn a_store_whose_key_is_not_beside_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("dev.db");
    OnDisk::start(&store, &[]).program.stop();
    let keys = folder.path().join("dev.db.dev.json");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&keys).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::rename(&keys, folder.path().join("elsewhere")).unwrap();
    let flag = format!("-storage=sqlite:{}", store.display());
    let listen = ["-listen=127.0.0.1:0", "-simulator-listen=127.0.0.1:0"];
    let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let said = cli.run(&["dev", &flag, listen[0], listen[1]]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.stderr.contains("dev.db.dev.json"), "{}", said.stderr);
    std::fs::rename(folder.path().join("elsewhere"), &keys).unwrap();
    OnDisk::start(&store, &[]).program.stop();

    // Nor are the keys of a store that is elsewhere.
    let kept = std::fs::read(&keys).unwrap();
    std::fs::rename(&store, folder.path().join("moved.db")).unwrap();
    let said = cli.run(&["dev", &flag, listen[0], listen[1]]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(
        said.stderr.contains("put the store back"),
        "{}",
        said.stderr
    );
    assert_eq!(std::fs::read(&keys).unwrap(), kept);
}

#[test]
fn a_storage_that_dev_does_not_have_is_refused_with_those_that_it_has() {
    let cli = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for storage in ["raft:x", "sqlite:", "sqlite", ""] {
        let said = cli.run(&["dev", &format!("-storage={storage}")]);
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.stderr.contains("sqlite:FILE"), "{}", said.stderr);
    }
}
