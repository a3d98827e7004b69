//! The devices in storage, one record each, with their salts.

use std::collections::BTreeMap;
use std::sync::Arc;

use logical::{Error, Object, Storage as _};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::config::AuditDevice;
use super::mask::Salt;
use crate::storage::{Version, View};

/// Where the records are.
pub(super) const PREFIX: &str = "core/audit/";

/// A device.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    version: Version<1>,
    /// With a trailing slash.
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) description: String,
    pub(super) options: BTreeMap<String, String>,
    pub(super) local: bool,
    /// Who made it, and so who may remove it.
    pub(super) origin: Origin,
    /// Never shown.
    #[serde(with = "as_text")]
    salt: Salt,
}

/// Who made a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// The configuration file.
    Declared,
    /// A client.
    Api,
}

impl Record {
    pub(super) fn new(device: AuditDevice, path: String, origin: Origin, salt: Salt) -> Self {
        Self {
            version: Version,
            path,
            kind: device.kind,
            description: device.description,
            options: device.options,
            local: device.local,
            origin,
            salt,
        }
    }

    pub(super) fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Whether it is what the configuration says.
    pub(super) fn is_as_declared(&self, device: &AuditDevice) -> bool {
        self.kind == device.kind
            && self.description == device.description
            && self.options == device.options
            && self.local == device.local
    }

    /// As `sys/audit` shows it.
    pub(super) fn shown(&self) -> Object {
        let members = [
            ("description", self.description.clone().into()),
            ("local", self.local.into()),
            ("options", json!(self.options)),
            ("path", self.path.clone().into()),
            ("type", self.kind.clone().into()),
        ];
        Object::from_iter(members.map(|(name, value)| (name.to_owned(), value)))
    }
}

/// Bytes as base64.
mod as_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        bytes: &Zeroizing<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&**bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<Vec<u8>>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(&*text);
        bytes
            .map(Zeroizing::new)
            .map_err(|_| de::Error::custom("the salt is not base64"))
    }
}

/// All records.
pub(super) struct Table(View);

impl Table {
    pub(super) fn new(storage: Arc<dyn logical::Storage>) -> Self {
        Self(View::new(storage, PREFIX))
    }

    pub(super) async fn all(&self) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        for key in self.0.walk("").await? {
            records.extend(self.0.read::<Record>(&key).await?);
        }
        Ok(records)
    }

    pub(super) async fn put(&self, record: &Record) -> Result<(), Error> {
        self.0.write(key(&record.path), record).await
    }

    pub(super) async fn remove(&self, path: &str) -> Result<(), Error> {
        self.0.delete(key(path)).await
    }
}

fn key(path: &str) -> &str {
    path.trim_end_matches('/')
}
