//! The audit devices of the configuration file.

use std::path::PathBuf;
use std::sync::Arc;

use hcl1::Error;
use vault_core::{AuditConfig, AuditDevice, Vault};

use super::config::{self, Config};

/// The devices of a file, after each was checked.
pub(super) fn config(config: &Config) -> Result<AuditConfig, Error> {
    let audit = AuditConfig::new(
        Arc::new(server::Devices),
        config.unsafe_allow_api_audit_creation,
    );
    for (position, device) in &config.audit {
        let checked = audit.check(device);
        checked.map_err(|error| Error::new(*position, error.message()))?;
    }
    Ok(audit.with_declared(devices(config)))
}

fn devices(config: &Config) -> Vec<AuditDevice> {
    let devices = config.audit.iter();
    devices.map(|(_, device)| device.clone()).collect()
}

/// What a `SIGHUP` does: it reads the devices of the file again.
pub(super) struct Reload {
    file: PathBuf,
    vault: Arc<Vault>,
    /// In force if the file cannot be read.
    last: Vec<AuditDevice>,
}

impl Reload {
    pub(super) fn new(file: PathBuf, vault: Arc<Vault>, config: &Config) -> Self {
        Self {
            file,
            vault,
            last: devices(config),
        }
    }

    /// Opens all files and connections again, and makes the devices those of the
    /// file.
    pub(super) async fn run(&mut self) {
        match self.read() {
            Ok(devices) => self.last = devices,
            Err(error) => {
                let file = self.file.display();
                tracing::error!(%file, error, "the audit devices stay those that they were");
            }
        }
        if let Err(error) = self.vault.reload_audit(self.last.clone()).await {
            tracing::error!(%error, "not all audit devices of the configuration are in use");
        }
    }

    fn read(&self) -> Result<Vec<AuditDevice>, String> {
        let text = std::fs::read_to_string(&self.file).map_err(|error| error.to_string())?;
        let config = config::parse(&text).map_err(|error| error.to_string())?;
        self::config(&config).map_err(|error| error.to_string())?;
        Ok(devices(&config))
    }
}
