//! A server of ours, with an engine and the simulated Confluent Cloud that it
//! uses.

use std::path::Path;

use anyhow::Result;
use serde_json::json;
use testkit::{Http, Launch, Program, free_port};

use crate::cloud::{Cloud, write};
use crate::load::Target;

const TOKEN: &str = "root";
/// Where the engine is mounted.
pub(crate) const ENGINE: &str = "bench";

/// A server of ours in memory, with an engine.
pub(crate) struct Ours {
    program: Program,
    address: String,
    cloud: Cloud,
    knows_static_roles: bool,
}

impl Ours {
    /// Starts `program`.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        Self::launch(Launch::new(program))
    }

    /// Starts a program with arguments of its own, which runs the server with
    /// those that follow.
    pub(crate) fn launch(launch: Launch) -> Result<Self> {
        let cloud = Cloud::start()?;
        let (port, other) = (free_port(), free_port());
        let mut program = launch
            .args(["dev".to_owned(), format!("-root-token={TOKEN}")])
            .args([format!("-listen=127.0.0.1:{port}")])
            .args([format!("-simulator-listen=127.0.0.1:{other}")])
            .start();
        program.wait_for_line("Ctrl-C");
        let mut ours = Self {
            program,
            address: format!("http://127.0.0.1:{port}"),
            cloud,
            knows_static_roles: false,
        };
        let engine = json!({"type": "vault-plugin-secrets-confluent-cloud"});
        write(&ours.http(), &format!("sys/mounts/{ENGINE}"), &engine)?;
        ours.knows_static_roles = ours.cloud.configure(&ours.http(), ENGINE)?;
        Ok(ours)
    }

    /// Whether this build has static roles.
    pub(crate) fn knows_static_roles(&self) -> bool {
        self.knows_static_roles
    }

    /// Writes a further static role.
    pub(crate) fn write_static_role(&self, name: &str) -> Result<bool> {
        self.cloud.write_static_role(&self.http(), ENGINE, name)
    }

    /// Revokes all leases of the engine.
    pub(crate) fn revoke_all(&self) -> Result<()> {
        let path = format!("sys/leases/revoke-prefix/{ENGINE}");
        write(&self.http(), &path, &json!({"sync": true}))
    }

    /// The process of the server.
    pub(crate) fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// The folder that the server runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.program.folder()
    }

    /// A path of the engine, to be read.
    pub(crate) fn target(&self, path: &str) -> Target {
        Target::of(&self.address, TOKEN, &format!("{ENGINE}/{path}"))
    }

    /// The cloud that its engine makes keys in.
    pub(crate) fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// A client with the root token.
    pub(crate) fn http(&self) -> Http {
        Http::new(&self.address).with_token(TOKEN)
    }
}
