//! An OpenBao with plugins, and an engine in one of them.

use std::path::Path;

use anyhow::{Result, ensure};
use testkit::{Bao, BaoNode, BaoServer, Cli, Http, processes_of};

use crate::load::Target;

/// The storage of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Memory,
    Raft,
}

/// A running host.
pub(crate) enum Host {
    Memory(BaoServer),
    Raft(BaoNode),
}

impl Host {
    /// Starts it.
    pub(crate) fn start(bao: &Bao, storage: Storage) -> Self {
        match storage {
            Storage::Memory => Self::Memory(BaoServer::start(bao)),
            Storage::Raft => Self::Raft(BaoNode::start(bao)),
        }
    }

    /// Registers a plugin, and mounts it under the same name.
    pub(crate) fn mount(&self, program: &Path, name: &str) {
        match self {
            Self::Memory(server) => server.register_plugin(program, name),
            Self::Raft(node) => node.register_plugin(program, name),
        };
        self.cli().ok(&["secrets", "enable", name]);
    }

    fn cli(&self) -> Cli {
        match self {
            Self::Memory(server) => server.cli(),
            Self::Raft(node) => node.cli(),
        }
    }

    /// A path, to be read.
    pub(crate) fn target(&self, path: &str) -> Target {
        let (address, token) = self.root();
        Target::of(address, token, path)
    }

    /// A client with the root token.
    pub(crate) fn http(&self) -> Http {
        let (address, token) = self.root();
        Http::new(address).with_token(token)
    }

    fn root(&self) -> (&str, &str) {
        match self {
            Self::Memory(server) => (server.address(), server.root_token()),
            Self::Raft(node) => (node.address(), node.root_token()),
        }
    }

    /// The one process of a plugin.
    pub(crate) fn process(&self, name: &str) -> Result<u32> {
        let program = match self {
            Self::Memory(server) => server.plugin(name),
            Self::Raft(node) => node.plugin(name),
        };
        let found = processes_of(&program);
        ensure!(found.len() == 1, "not one process of `{name}`: {found:?}");
        Ok(found[0])
    }
}
