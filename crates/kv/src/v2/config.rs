//! `config`: what counts for all secrets of the mount.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logical::framework::{Call, Field, FieldKind, Path};
use logical::{Error, Object, Operation, Response, duration};
use serde_json::Value;

use super::metadata::MountSettings;
use super::{Versioned, handler};
use crate::store;

const KEY: &str = "config";

const MAX_VERSIONS: &str = "max_versions";
const CAS_REQUIRED: &str = "cas_required";
const METADATA_CAS_REQUIRED: &str = "metadata_cas_required";
const DELETE_VERSION_AFTER: &str = "delete_version_after";

/// The mount's settings, which each request needs: read once, and again after
/// every write.
#[derive(Default)]
pub(super) struct Configuration {
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    settings: Option<Arc<MountSettings>>,
    /// Incremented by every write, so that an older read is not cached.
    epoch: u64,
}

impl Configuration {
    /// Another node wrote a key of storage.
    pub(super) fn invalidate(&self, key: &str) {
        if key == KEY {
            self.forget();
        }
    }

    fn forget(&self) {
        let mut cached = self.lock();
        cached.settings = None;
        cached.epoch = cached.epoch.wrapping_add(1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Versioned {
    /// The settings of the mount.
    pub(super) async fn mount_settings(&self) -> Result<Arc<MountSettings>, Error> {
        let epoch = {
            let cached = self.configuration.lock();
            if let Some(settings) = &cached.settings {
                return Ok(Arc::clone(settings));
            }
            cached.epoch
        };
        let settings = Arc::new(self.stored_settings().await?);
        let mut cached = self.configuration.lock();
        if cached.epoch == epoch {
            cached.settings = Some(Arc::clone(&settings));
        }
        Ok(settings)
    }

    async fn stored_settings(&self) -> Result<MountSettings, Error> {
        Ok(self.store.read(KEY).await?.unwrap_or_default())
    }

    async fn store_settings(&self, settings: &MountSettings) -> Result<(), Error> {
        self.configuration.forget();
        let stored = self.store.apply(vec![store::put(KEY, settings)?]).await;
        self.configuration.forget();
        stored
    }
}

pub(super) fn path() -> Path<Versioned> {
    Path::new("config")
        .fields([
            Field::new(
                MAX_VERSIONS,
                FieldKind::Integer,
                "How many versions of each secret are kept; 0 keeps 10. A secret's own setting \
                 counts if it is larger.",
            ),
            Field::new(
                CAS_REQUIRED,
                FieldKind::Flag,
                "Whether each write must give `cas`, the version that it expects.",
            ),
            Field::new(
                METADATA_CAS_REQUIRED,
                FieldKind::Flag,
                "Whether each write of metadata must give `metadata_cas`.",
            ),
            Field::new(
                DELETE_VERSION_AFTER,
                FieldKind::SignedDurationSeconds,
                "After which time new versions are deleted. A negative one switches this off for \
                 every secret, 0 leaves it to the secret.",
            ),
        ])
        .on(Operation::Read, handler(read))
        .on_write(handler(write))
        .help(
            "Reads and writes the settings of the mount.",
            "A write keeps the settings that it does not give.",
        )
}

async fn read(engine: Arc<Versioned>, _: Call) -> Result<Option<Response>, Error> {
    let settings = engine.mount_settings().await?;
    let after = Duration::from_secs(settings.delete_version_after.unsigned_abs());
    let sign = if settings.delete_version_after < 0 {
        "-"
    } else {
        ""
    };
    let members = [
        (CAS_REQUIRED, Value::from(settings.cas_required)),
        (
            DELETE_VERSION_AFTER,
            format!("{sign}{}", duration::go(after)).into(),
        ),
        (MAX_VERSIONS, settings.max_versions.into()),
        (METADATA_CAS_REQUIRED, settings.metadata_cas_required.into()),
    ];
    let data: Object = members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    Ok(Some(Response::with_data(data)))
}

async fn write(engine: Arc<Versioned>, call: Call) -> Result<Option<Response>, Error> {
    let change = Arc::clone(&engine);
    let work = async move {
        // A secret at `/config` would share this lock, which does no harm.
        let _locked = change.changing.lock("/config").await;
        let mut settings = change.stored_settings().await?;
        if let Some(number) = call.fields.integer(MAX_VERSIONS) {
            settings.max_versions = max_versions(number)?;
        }
        if let Some(required) = call.fields.flag(CAS_REQUIRED) {
            settings.cas_required = required;
        }
        if let Some(required) = call.fields.flag(METADATA_CAS_REQUIRED) {
            settings.metadata_cas_required = required;
        }
        if let Some(after) = call.fields.signed_duration(DELETE_VERSION_AFTER) {
            settings.delete_version_after = after.as_secs();
        }
        change.store_settings(&settings).await
    };
    engine.complete(work).await?;
    Ok(None)
}

/// A limit of versions.
///
/// # Errors
/// A bad request if it is negative or larger than a number of versions can be.
pub(super) fn max_versions(number: i64) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| {
        Error::bad_request(format!(
            "`{MAX_VERSIONS}` is {number}: give 0 for the default, or how many versions are kept"
        ))
    })
}
