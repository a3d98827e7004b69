//! Guides, followed line by line as a reader would: every command of a page is
//! typed into a shell, and what it prints is what the page shows. Building is
//! stood in for by what the test run has built, ports and folders by free ones.

mod page;
mod sample;
mod terminal;

use serde_json::Value;
use testkit::{Bao, BaoNode, Launch, Program, Reader, free_port, require_bao, require_reader};

use self::page::Page;
use self::terminal::Terminal;
use crate::cloud::Cloud;
use crate::hosts::ENGINE;

/// Programs of this package that stand in for others.
const ANOTHER_VERSION: &str = env!("CARGO_BIN_EXE_another-version");
const GO_PLUGIN: &str = env!("CARGO_BIN_EXE_go-plugin-stand-in");
/// What the guides call the version that the reader has built.
const OUR_VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));
const VERSION_OF_THE_GUIDES: &str = "v0.1.0";
const ADMIN_KEY: &str = "ABCDEFGHIJKLMNOP";
const ADMIN_SECRET: &str = "guide-admin-secret-0123456789-0123456789-0123456789-0123456789-a";

#[test]
fn the_readmes_first_steps_work_as_they_are_written() {
    let bao = require_bao!();
    let mut terminal = Terminal::open(&bao);
    let (server, simulator) = (terminal.port(8200), terminal.port(8210));
    terminal.replace(
        "-- dev",
        &format!("-- dev -listen=127.0.0.1:{server} -simulator-listen=127.0.0.1:{simulator}"),
    );
    terminal.follow(&Page::read("README.md").section("Try it"));
}

#[test]
fn the_readmes_plugin_works_as_it_is_written() {
    let bao = require_bao!();
    let mut terminal = Terminal::open(&bao);
    terminal.port(8220);
    let simulator = terminal.port(8230);
    terminal.follow(&Page::read("README.md").section("In OpenBao or Vault"));
    let cloud = cloud(simulator, "ZSXOWWKXUKMPZD4I");
    let read = terminal.meanings.get("5C5HAKKCXVTUCIM3").to_owned();
    assert!(
        cloud.made() > 1 && cloud.live().is_empty(),
        "`{read}` is gone"
    );
}

#[test]
fn the_secrets_of_a_service_are_kept_and_rotated_as_the_guide_says() {
    let bao = require_bao!();
    let mut terminal = Terminal::open(&bao);
    terminal.port(8200);
    terminal.follow(&Page::read("docs/secrets-of-a-service.md"));
}

#[test]
fn what_can_be_moved_from_another_server_is_moved_as_the_guide_says() {
    let bao = require_bao!();
    let _python = require_reader!(Reader::Python);
    let mut terminal = Terminal::open(&bao);
    terminal.port(8200);
    terminal.port(8300);
    terminal.follow(&Page::read("docs/moving-from-vault.md"));
}

/// A real server with a plugin folder, a simulated cloud, and a shell for both.
struct Desk {
    node: BaoNode,
    cloud: Cloud,
    terminal: Terminal,
    _simulator: Program,
}

impl Desk {
    fn set_up(bao: &Bao) -> Self {
        let port = free_port();
        let mut simulator = Launch::new(testkit::bin("lockkeeper"))
            .args(["simulator", &format!("-listen=127.0.0.1:{port}")])
            .args([format!("-admin-key={ADMIN_KEY}:{ADMIN_SECRET}")])
            .start();
        simulator.wait_for_line("127.0.0.1");
        let (node, cloud) = (BaoNode::start(bao), cloud(port, ADMIN_KEY));
        let mut terminal = Terminal::open(bao);
        let plugins = node.plugin("");
        terminal.replace("/etc/openbao/plugins/", &plugins.display().to_string());
        terminal.replace(VERSION_OF_THE_GUIDES, OUR_VERSION);
        terminal.type_in(&format!(
            "export BAO_ADDR={} BAO_TOKEN={}",
            node.address(),
            node.root_token()
        ));
        terminal.type_in("cargo xtask dist");
        Self {
            node,
            cloud,
            terminal,
            _simulator: simulator,
        }
    }

    /// Puts a program into the plugin folder and registers it without a version.
    fn register(&mut self, program: &str, file: &str, name: &str) {
        let terminal = &mut self.terminal;
        terminal.type_in(&format!("cp {program} /etc/openbao/plugins/{file}"));
        terminal.type_in(&format!(
            "bao plugin register -command={file} -sha256=\"$(sha256sum \
             /etc/openbao/plugins/{file} | cut -d' ' -f1)\" secret {name}"
        ));
    }

    /// Installs the plugin, with the account and the roles `orders` and `payments`.
    fn mounted(&mut self) {
        let address = self.node.address().to_owned();
        self.terminal.replace("http://127.0.0.1:8200", &address);
        self.register(&testkit::bin(ENGINE).display().to_string(), ENGINE, ENGINE);
        self.terminal
            .type_in(&format!("bao secrets enable -path=confluent {ENGINE}"));
        self.write_roles("confluent");
        for role in ["orders", "payments"] {
            self.terminal.type_in(&format!(
                "bao write confluent/role/{role} owner=sa-abc123 resource=lkc-xyz789 ttl=1h"
            ));
        }
    }

    /// Writes the account and two roles, `app` and the shared `team`.
    fn write_roles(&mut self, mount: &str) {
        let (cluster, environment) = self.cloud.cluster();
        let owner = self.cloud.owner();
        let target = format!(
            "owner={owner} owner_env={environment} resource={cluster} \
             resource_env={environment} ttl=1h"
        );
        for command in [
            format!(
                "bao write {mount}/config ccloud_api_key_id={ADMIN_KEY} \
                 ccloud_api_key_secret={ADMIN_SECRET} url={}",
                self.cloud.address
            ),
            format!("bao write {mount}/role/app {target}"),
            format!("bao write {mount}/role/team {target} multi_use_key=true"),
        ] {
            self.terminal.type_in(&command);
        }
        self.terminal.meanings.set("sa-abc123", &owner);
        self.terminal.meanings.set("lkc-xyz789", &cluster);
        self.terminal.meanings.set("env-abc123", &environment);
    }

    fn read(&self, path: &str) -> Creds {
        Creds(self.node.cli().json(&["read", path]))
    }

    fn live(&self) -> Vec<String> {
        let live = self.cloud.live();
        live.iter().map(|key| text(&key["id"])).collect()
    }
}

#[test]
fn the_policies_of_the_reference_allow_what_it_says_and_nothing_else() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal
        .follow(&Page::read("docs/reference/policies.md"));
}

#[test]
fn an_agent_renders_a_configuration_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    let guide = Page::read("docs/clients.md");
    desk.terminal
        .follow(&Page::read("docs/reference/policies.md").section("Applications"));
    desk.terminal.follow(&guide.section("AppRole"));
    desk.terminal.follow(&guide.section("Agent and proxy"));
    let rendered = desk.terminal.type_in("cat client.properties");
    let live = desk.live();
    assert!(
        live.iter().any(|key| rendered.contains(key.as_str())),
        "{rendered}"
    );

    let guide = Page::read("docs/administrator.md");
    desk.terminal
        .follow(&guide.section("… an AppRole secret id leaked"));
    let live = desk.live();
    assert!(
        live.iter().all(|key| !rendered.contains(key.as_str())),
        "the key that was rendered is gone: {live:?}"
    );
}

#[test]
fn kafka_clients_are_fed_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    let registry = desk.cloud.registry();
    desk.terminal.meanings.set("lsrc-xyz789", &registry);
    desk.terminal.follow(&Page::read("docs/kafka-clients.md"));
    let live = desk.live();
    assert_eq!(live.len(), 2, "what was rendered lives: {live:?}");
}

#[test]
fn a_static_role_rotates_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal
        .follow(&Page::read("docs/rotation.md").section("The fewest commands"));
    let live = desk.live();
    assert_eq!(live.len(), 1, "the old key was ended: {live:?}");
}

#[test]
fn keys_are_tried_and_kept_ready_as_the_guides_say() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    for page in ["docs/readiness.md", "docs/spares.md"] {
        desk.terminal
            .follow(&Page::read(page).section("The fewest commands"));
    }
    assert!(desk.live().len() >= 2, "a key of each role");
}

#[test]
fn old_keys_wait_for_silence_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal
        .follow(&Page::read("docs/retire-when-quiet.md").section("The fewest commands"));
    let live = desk.live();
    assert_eq!(live.len(), 2, "the old key waits: {live:?}");
}

#[test]
fn the_key_of_a_shared_role_is_adopted_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    let shared = desk.read("confluent/creds/team").key();
    desk.terminal
        .follow(&Page::read("docs/keys-that-exist.md").section("Adopt the shared key of a role"));
    assert_eq!(desk.read("confluent/static-creds/orders").key(), shared);
}

#[test]
fn a_key_that_a_person_made_is_imported_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    // A key that nobody here keeps account of.
    for command in [
        "bao write confluent/static-role/kept owner=sa-abc123 resource=lkc-xyz789 \
         rotation=manual readiness=none on_delete=keep",
        "OLD_SECRET=\"$(bao read -field=secret confluent/static-creds/kept)\"",
    ] {
        desk.terminal.type_in(command);
    }
    let key = desk.read("confluent/static-creds/kept").key();
    desk.terminal
        .type_in("bao delete confluent/static-role/kept");
    desk.terminal.meanings.set("OLDKEY2345OLDKEY", &key);
    desk.terminal
        .follow(&Page::read("docs/keys-that-exist.md").section("Import a key that a person made"));
    assert_eq!(desk.read("confluent/static-creds/orders").key(), key);
    assert_eq!(desk.live(), [key], "the import makes no key");
}

#[test]
fn times_of_rotations_are_chosen_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal.follow(&Page::read("docs/rotation-times.md"));
    assert_eq!(desk.live().len(), 3, "a key of each static role");
}

#[test]
fn an_agent_follows_a_rotation_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal.follow(&Page::read("docs/agents.md"));
    assert_eq!(desk.live().len(), 2, "the old key has its grace");
}

#[test]
fn operators_of_kubernetes_are_told_what_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal.follow(&Page::read("docs/kubernetes.md"));
    assert_eq!(desk.live().len(), 1, "reading makes no key");
}

#[test]
fn roles_in_terraform_read_back_as_the_guide_writes_them() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal.follow(&Page::read("docs/terraform.md"));
    for (file, path) in [
        ("orders.json", "confluent/static-role/orders"),
        ("batch.json", "confluent/role/batch"),
    ] {
        let written = desk.terminal.type_in(&format!("cat {file}"));
        let written: Value = serde_json::from_str(&written).unwrap();
        let Creds(read) = desk.read(path);
        for (name, value) in written.as_object().unwrap() {
            assert_eq!(read["data"][name], *value, "`{name}` of `{path}`");
        }
    }
}

#[test]
fn a_key_is_shared_and_its_leases_are_limited_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.mounted();
    desk.terminal
        .follow(&Page::read("docs/sharing.md").section("The fewest commands"));
    let live = desk.live();
    assert_eq!(live.len(), 1, "all readers have one: {live:?}");
}

#[test]
fn a_plugin_of_ones_own_is_registered_as_its_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    // Whatever the plugin is: the commands are the same.
    desk.terminal
        .replace("target/debug/examples/key_value", ANOTHER_VERSION);
    desk.terminal.replace(OUR_VERSION, "v0.0.9");
    desk.terminal.follow(
        &Page::read("docs/write-a-vault-plugin.md").section("Register it with a real server"),
    );
    let version = desk.terminal.type_in("bao read -field=version notes/info");
    assert_eq!(version, "v0.0.9");
}

struct Creds(Value);

impl Creds {
    fn key(&self) -> String {
        text(&self.0["data"]["key_id"])
    }

    fn lease(&self) -> String {
        text(&self.0["lease_id"])
    }
}

#[test]
fn a_plugin_is_installed_as_its_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.terminal
        .follow(&Page::read("docs/plugin.md").section("Install"));
    desk.write_roles("confluent");
    let creds = desk.read("confluent/creds/app");
    assert_eq!(desk.live(), [creds.key()]);
}

#[test]
fn another_version_takes_over_as_the_plugins_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    desk.register(ANOTHER_VERSION, ENGINE, ENGINE);
    desk.terminal
        .type_in(&format!("bao secrets enable -path=confluent {ENGINE}"));
    desk.write_roles("confluent");
    let (one, shared) = (
        desk.read("confluent/creds/app"),
        desk.read("confluent/creds/team"),
    );
    let version = "bao read -field=version confluent/info";
    assert_eq!(desk.terminal.type_in(version), "v0.0.9");

    desk.terminal
        .follow(&Page::read("docs/plugin.md").section("A new version"));

    assert_eq!(desk.terminal.type_in(version), OUR_VERSION);
    let cli = desk.node.cli();
    cli.ok(&["lease", "renew", &one.lease()]);
    assert_eq!(desk.read("confluent/creds/team").key(), shared.key());
    cli.ok(&["lease", "revoke", "-sync", &one.lease()]);
    assert_eq!(desk.live(), [shared.key()]);
}

#[test]
fn a_mount_of_the_go_plugin_moves_over_and_back_as_the_guide_says() {
    let bao = require_bao!();
    let mut desk = Desk::set_up(&bao);
    let (file, name) = ("vault-ccloud-secrets-engine", "ccloud-secrets-engine");
    desk.register(GO_PLUGIN, file, name);
    desk.terminal
        .type_in(&format!("bao secrets enable -path=ccloud {name}"));
    desk.write_roles("ccloud");
    let (one, other) = (desk.read("ccloud/creds/app"), desk.read("ccloud/creds/app"));
    let shared = [
        desk.read("ccloud/creds/team"),
        desk.read("ccloud/creds/team"),
    ];
    let guide = Page::read("docs/moving-from-the-go-plugin.md");

    desk.terminal.follow(&guide.section("Over"));

    let cli = desk.node.cli();
    cli.ok(&["lease", "renew", &one.lease()]);
    cli.ok(&["lease", "revoke", "-sync", &other.lease()]);
    let under_ours = [
        desk.read("ccloud/creds/team"),
        desk.read("ccloud/creds/app"),
    ];
    assert_eq!(under_ours[0].key(), shared[0].key());
    let left = [one.key(), shared[0].key(), under_ours[1].key()];
    let mut live = desk.live();
    live.sort_unstable_by_key(|id| left.iter().position(|left| left == id));
    assert_eq!(live, left);

    desk.terminal
        .meanings
        .set("K7Q2M4ZB6RXN3TWD", &shared[0].key());
    desk.terminal.follow(&guide.section("And back"));

    assert_eq!(desk.live(), Vec::<String>::new(), "no key is left behind");
    let again = [
        desk.read("ccloud/creds/team"),
        desk.read("ccloud/creds/team"),
    ];
    assert_eq!(again[0].key(), again[1].key());
    assert_eq!(desk.live(), [again[0].key()]);
    for lease in again {
        cli.ok(&["lease", "revoke", "-sync", &lease.lease()]);
    }
    assert_eq!(desk.live(), Vec::<String>::new());
}

fn cloud(port: u16, admin_key: &str) -> Cloud {
    Cloud {
        address: format!("http://127.0.0.1:{port}"),
        admin_key: admin_key.to_owned(),
        admin_secret: ADMIN_SECRET.to_owned(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
