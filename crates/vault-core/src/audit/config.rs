//! What a host says about audit devices.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use logical::Error;

use super::options::Options;
use super::path::normalize;
use super::sink::{AuditSinks, NoSinks};

/// A device as its operator describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditDevice {
    /// Its name, with or without a trailing slash.
    pub path: String,
    /// `file`, `syslog` or `socket`.
    pub kind: String,
    /// Human-readable description.
    pub description: String,
    /// Options of its type, and those that all types have.
    pub options: BTreeMap<String, String>,
    /// Kept and shown for clients; this server is one node.
    pub local: bool,
}

/// Which devices a server has. Clones share what is declared.
#[derive(Clone)]
pub struct AuditConfig {
    sinks: Arc<dyn AuditSinks>,
    allows_api: bool,
    declared: Arc<Mutex<Vec<AuditDevice>>>,
}

impl AuditConfig {
    /// Devices that write to these sinks. Clients may make devices if
    /// `allows_api`: a file device writes to any file that the server can write.
    pub fn new(sinks: Arc<dyn AuditSinks>, allows_api: bool) -> Self {
        Self {
            sinks,
            allows_api,
            declared: Arc::default(),
        }
    }

    /// The same with these devices, beside those that clients make.
    #[must_use]
    pub fn with_declared(self, devices: Vec<AuditDevice>) -> Self {
        self.declare(devices);
        self
    }

    pub(crate) fn declare(&self, devices: Vec<AuditDevice>) {
        *self.declared.lock().unwrap_or_else(PoisonError::into_inner) = devices;
    }

    pub(super) fn declared(&self) -> Vec<AuditDevice> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.clone()
    }

    pub(super) fn allows_api(&self) -> bool {
        self.allows_api
    }

    pub(super) fn sinks(&self) -> &dyn AuditSinks {
        self.sinks.as_ref()
    }

    /// Checks a device without making it.
    ///
    /// # Errors
    /// A bad request that says what is wrong with it.
    pub fn check(&self, device: &AuditDevice) -> Result<(), Error> {
        normalize(&device.path)?;
        Options::parse(&device.options)?;
        let others = Options::others(&device.options);
        self.sinks.sink(&device.kind, &others).map(drop)
    }
}

impl Default for AuditConfig {
    /// None.
    fn default() -> Self {
        Self::new(Arc::new(NoSinks), false)
    }
}

impl fmt::Debug for AuditConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditConfig")
            .field("allows_api", &self.allows_api)
            .finish_non_exhaustive()
    }
}
