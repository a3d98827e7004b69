//! The contract between an engine and whatever hosts it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Clock, Entropy, Error, Metrics, NoMetrics, Request, Response, Storage, SystemView, Tasks,
};

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

    /// Whether [`Backend::login_subject`] tells anything.
    fn tells_logins(&self) -> bool {
        false
    }

    /// Who a login is for, before it is decided. `None` if the request is no
    /// login, or nobody could log in with it.
    ///
    /// # Errors
    /// An error of storage.
    async fn login_subject(&self, request: Request) -> Result<Option<LoginSubject>, Error> {
        let _ = request;
        Ok(None)
    }

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

/// Who a login is for: what its host counts by.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginSubject {
    /// The name of the alias that the login would get.
    pub alias: String,
    /// The role that it would be made with, in a method that has roles.
    pub role: Option<String>,
}

impl LoginSubject {
    /// A login with this alias.
    pub fn new(alias: impl Into<String>) -> Self {
        Self {
            alias: alias.into(),
            role: None,
        }
    }

    /// The same with a role.
    #[must_use]
    pub fn with_role(self, role: impl Into<String>) -> Self {
        Self {
            role: Some(role.into()),
            ..self
        }
    }
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

/// What a backend is to its host (`sdk/logical/logical.go` in Vault).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BackendKind {
    /// A secrets engine, mounted anywhere. Its answers may be under a lease.
    #[default]
    Secrets,
    /// An auth method, mounted below `auth/`. Its answers may be logins.
    Auth,
}

/// Paths that a host treats differently; a final `*` stands for any ending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
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

impl SpecialPaths {
    /// No such paths.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with these paths that need sudo.
    #[must_use]
    pub fn root(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.root.extend(paths.into_iter().map(Into::into));
        self
    }

    /// The same with these paths that need no token.
    #[must_use]
    pub fn unauthenticated(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.unauthenticated
            .extend(paths.into_iter().map(Into::into));
        self
    }

    /// The same with this storage that is not copied to other clusters.
    #[must_use]
    pub fn local_storage(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.local_storage.extend(keys.into_iter().map(Into::into));
        self
    }

    /// The same with this storage that a host wraps with its seal.
    #[must_use]
    pub fn seal_wrap_storage(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.seal_wrap_storage
            .extend(keys.into_iter().map(Into::into));
        self
    }
}

/// Everything that a host hands to a backend that it mounts.
#[derive(Clone)]
#[non_exhaustive]
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
    /// Where measurements go.
    pub metrics: Arc<dyn Metrics>,
    /// Options of the mount.
    pub options: BTreeMap<String, String>,
    /// Stable id of the mount, or empty where there is none.
    pub uuid: String,
}

impl BackendContext {
    /// A context of these effects, without options, id or measurements.
    pub fn new(
        storage: Arc<dyn Storage>,
        system: Arc<dyn SystemView>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        tasks: Arc<dyn Tasks>,
    ) -> Self {
        Self {
            storage,
            system,
            clock,
            entropy,
            tasks,
            metrics: Arc::new(NoMetrics),
            options: BTreeMap::new(),
            uuid: String::new(),
        }
    }

    /// The same with these options of the mount.
    #[must_use]
    pub fn with_options(mut self, options: BTreeMap<String, String>) -> Self {
        self.options = options;
        self
    }

    /// The same with this stable id of the mount.
    #[must_use]
    pub fn with_uuid(mut self, uuid: impl Into<String>) -> Self {
        self.uuid = uuid.into();
        self
    }

    /// The same with a place for measurements.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn Metrics>) -> Self {
        self.metrics = metrics;
        self
    }
}

/// Makes backends of one kind.
pub trait Factory: Send + Sync {
    /// Builds a backend. No storage is touched: a host may forbid it here.
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error>;

    /// Whether its backends are secrets engines or auth methods.
    fn kind(&self) -> BackendKind {
        BackendKind::Secrets
    }

    /// Other names under which it is mounted, each with the options that the
    /// name stands for.
    fn other_names(&self) -> &[OtherName] {
        &[]
    }

    /// Whether a mount chooses a version of it by the option `version`, which can
    /// be raised later.
    fn has_versions(&self) -> bool {
        false
    }

    /// Version of the kind, `v` and a semantic version.
    fn version(&self) -> &str;
}

/// Another name of a kind of backends, such as `kv-v2` for `kv`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherName {
    /// The name.
    pub name: &'static str,
    /// The version that it stands for, or empty.
    pub version: &'static str,
}

impl OtherName {
    /// A name for a version, or for any where that is empty.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version }
    }
}
