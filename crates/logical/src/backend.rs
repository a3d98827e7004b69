//! The contract between an engine and whatever hosts it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Clock, Entropy, Error, Request, Response, Storage, SystemView, Tasks};

/// An engine that is mounted somewhere.
///
/// Every call may be dropped at any time by a client that hangs up, and calls
/// run at the same time. Work that must not stop half way belongs in a task.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Called once on each start of the mount, before the first request.
    async fn initialize(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Answers a request. `None` means that there is nothing to answer: hosts
    /// turn it into 404 for reads and 204 for the rest.
    async fn handle(&self, request: Request) -> Result<Option<Response>, Error>;

    /// Whether the object of a write exists, which decides between the
    /// operations create and update.
    ///
    /// # Errors
    /// An unsupported path, or a bad request when a field cannot be read.
    async fn exists(&self, request: Request) -> Result<Existence, Error>;

    /// Paths that a host treats differently.
    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths::default()
    }

    /// Drops what memory holds of a storage key, because another node of the
    /// cluster wrote it.
    async fn invalidate(&self, key: &str) {
        let _ = key;
    }

    /// The host's call to periodic work, every minute on the node that may
    /// write. Must return within a second: longer work goes to a task.
    ///
    /// # Errors
    /// An unsupported operation when the backend has no periodic work.
    async fn periodic(&self) -> Result<(), Error> {
        Err(Error::unsupported_operation())
    }

    /// The mount is stopped or removed. May be called twice.
    async fn cleanup(&self) {}
}

/// What is known about the object of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// The path does not tell creating from updating.
    Unchecked,
    /// The object exists.
    Present,
    /// The object does not exist.
    Absent,
}

/// Paths that a host treats differently; a final `*` stands for any ending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialPaths {
    /// Paths that need sudo.
    pub root: Vec<String>,
    /// Paths that need no token.
    pub unauthenticated: Vec<String>,
    /// Storage that is not copied to other clusters.
    pub local_storage: Vec<String>,
    /// Storage that a host wraps with its seal where it can.
    pub seal_wrap_storage: Vec<String>,
}

/// Everything that a host hands to a backend that it mounts.
#[derive(Clone)]
pub struct BackendContext {
    /// The mount's own storage.
    pub storage: Arc<dyn Storage>,
    /// The view of the host.
    pub system: Arc<dyn SystemView>,
    /// Clocks.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Background work, ended by the host after [`Backend::cleanup`].
    pub tasks: Arc<dyn Tasks>,
    /// Options of the mount.
    pub options: BTreeMap<String, String>,
    /// Stable id of the mount, or empty where there is none.
    pub uuid: String,
}

/// Makes backends of one kind.
pub trait Factory: Send + Sync {
    /// Builds a backend. No storage is touched: a host may forbid it here.
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error>;

    /// Version of the kind, `v` and a semantic version.
    fn version(&self) -> &str;
}
