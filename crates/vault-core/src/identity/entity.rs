//! What is known of an entity.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::storage::Version;

/// Somebody who logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entity {
    #[serde(default)]
    pub(crate) version: Version<1>,
    pub(crate) id: String,
    /// Made up when the entity is.
    pub(crate) name: String,
    pub(crate) creation_time: Timestamp,
    pub(crate) alias: EntityAlias,
}

/// The name that an auth method knows an entity by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntityAlias {
    pub(crate) id: String,
    /// Accessor of the auth method's mount.
    pub(crate) mount_accessor: String,
    pub(crate) name: String,
    /// What the last login said.
    pub(crate) metadata: BTreeMap<String, String>,
}
