//! The plugin registered and mounted in a real OpenBao, with a simulated
//! Confluent Cloud behind it.

use serde_json::Value;
use testkit::{Bao, BaoServer, Cli, bin, processes_of};

use crate::cloud::Cloud;

/// The name of the program, and under which it is registered by default.
pub(crate) const NAME: &str = "vault-plugin-secrets-confluent-cloud";

/// A server with the engine at `confluent/` and an account.
pub(crate) struct Mounted {
    pub(crate) server: BaoServer,
    pub(crate) cli: Cli,
    pub(crate) cloud: Cloud,
}

impl Mounted {
    pub(crate) fn start(bao: &Bao) -> Self {
        let server = BaoServer::start(bao);
        server.register_plugin(&bin(NAME), NAME);
        let mounted = Self {
            cli: server.cli(),
            server,
            cloud: Cloud::start(),
        };
        mounted.enable("confluent");
        mounted
    }

    /// Mounts the engine at a path and gives it its account.
    pub(crate) fn enable(&self, path: &str) {
        let at = format!("-path={path}");
        self.cli.ok(&["secrets", "enable", &at, NAME]);
        write_account(&self.cli, path, &self.cloud);
    }

    /// Writes a role for the cloud's first owner and cluster.
    pub(crate) fn role(&self, path: &str, more: &[&str]) {
        write_role(&self.cli, path, &self.cloud, more);
    }

    /// Reads credentials.
    pub(crate) fn creds(&self, path: &str) -> Creds {
        Creds::read(&self.cli, path)
    }

    /// The plugin's only process.
    pub(crate) fn process(&self) -> u32 {
        let found = processes_of(&self.server.plugin(NAME));
        let [process] = found[..] else {
            panic!("not one process of the plugin: {found:?}");
        };
        process
    }
}

pub(crate) fn write_account(cli: &Cli, mount: &str, cloud: &Cloud) {
    write_account_at(cli, mount, cloud, &cloud.url());
}

/// Writes the account of a cloud that is reached at another address.
pub(crate) fn write_account_at(cli: &Cli, mount: &str, cloud: &Cloud, url: &str) {
    let (id, secret) = cloud.admin();
    cli.ok(&[
        "write",
        &format!("{mount}/config"),
        &format!("ccloud_api_key_id={id}"),
        &format!("ccloud_api_key_secret={secret}"),
        &format!("url={url}"),
    ]);
}

pub(crate) fn write_role(cli: &Cli, path: &str, cloud: &Cloud, more: &[&str]) {
    let owner = format!("owner={}", cloud.owner());
    let resource = format!("resource={}", cloud.cluster());
    let mut arguments = vec!["write", path, &owner, &resource];
    arguments.extend(more);
    cli.ok(&arguments);
}

/// What `creds/` answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Creds {
    pub(crate) lease: String,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Creds {
    pub(crate) fn read(cli: &Cli, path: &str) -> Self {
        Self::of(&cli.json(&["read", path]))
    }

    pub(crate) fn of(answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            lease: text(&answer["lease_id"]),
            key: text(&answer["data"]["key_id"]),
            secret: text(&answer["data"]["secret"]),
        }
    }
}
