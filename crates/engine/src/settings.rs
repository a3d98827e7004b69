//! Settings of the mount itself, whatever its account.

use std::sync::Arc;

use logical::{Clock, Error, Storage};
use serde::{Deserialize, Serialize};

use crate::records::Records;

const PREFIX: &str = "lockkeeper/settings/";
const MOUNT: &str = "mount";

/// Settings, as they are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Whether names of roles in requests are folded to lower case, as the Go
    /// plugin does.
    #[serde(default)]
    pub(crate) fold_role_names: bool,
}

/// The settings in a mount's storage.
pub(crate) struct StoredSettings {
    records: Records<Settings>,
}

impl StoredSettings {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            records: Records::new(storage, clock, PREFIX),
        }
    }

    pub(crate) async fn folds_role_names(&self) -> Result<bool, Error> {
        let settings = self.records.cached(MOUNT).await?;
        Ok(settings.is_some_and(|settings| settings.fold_role_names))
    }

    pub(crate) async fn set_fold_role_names(&self, fold: bool) -> Result<(), Error> {
        let _lock = self.records.lock(MOUNT).await;
        let mut settings = self.records.read(MOUNT).await?.unwrap_or_default();
        settings.fold_role_names = fold;
        self.records.write(MOUNT, &settings).await
    }

    pub(crate) fn invalidate(&self) {
        self.records.invalidate();
    }
}
