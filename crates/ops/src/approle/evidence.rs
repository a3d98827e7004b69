//! What a rotation leaves for auditors.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::error::{Error, Result};
use super::private_file;
use super::record::{Proof, Record};
use super::stage::Stage;

/// A rotation as evidence: accessors, times and proofs, and no secret id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence<'a> {
    /// The version of this form.
    pub version: u32,
    /// The program that wrote it.
    pub written_by: &'static str,
    /// The rotation's id, which the new secret id carries as metadata.
    pub rotation: &'a str,
    /// The address of the server.
    pub server: &'a str,
    /// The auth method.
    pub mount: &'a str,
    /// The role.
    pub role: &'a str,
    /// How far the rotation got.
    pub stage: Stage,
    /// When each stage began, in RFC 3339.
    pub times: &'a BTreeMap<String, String>,
    /// The targets.
    pub delivered_to: &'a [String],
    /// The accessor of the new secret id.
    pub new_accessor: Option<&'a str>,
    /// The accessors that were destroyed.
    pub destroyed_accessors: &'a [String],
    /// The accessors that were kept on request.
    pub kept_accessors: &'a [String],
    /// The accessors that somebody else made meanwhile.
    pub other_accessors: &'a [String],
    /// The accessors that were listed, but dead.
    pub dead_accessors: &'a [String],
    /// The accessors of tokens that were revoked.
    pub revoked_token_accessors: &'a [String],
    /// What was tried, and what came of it.
    pub proofs: &'a [Proof],
    /// What an operator had to be told.
    pub warnings: &'a [String],
}

impl<'a> Evidence<'a> {
    /// The evidence of a rotation.
    pub fn of(record: &'a Record) -> Self {
        Self {
            version: 1,
            written_by: concat!("lockkeeper ", env!("CARGO_PKG_VERSION")),
            rotation: &record.id,
            server: &record.server,
            mount: &record.place.mount,
            role: &record.place.role,
            stage: record.stage,
            times: &record.times,
            delivered_to: &record.options.deliver,
            new_accessor: record.new.as_deref(),
            destroyed_accessors: &record.destroyed,
            kept_accessors: &record.kept,
            other_accessors: &record.left,
            dead_accessors: &record.dead,
            revoked_token_accessors: &record.revoked,
            proofs: &record.proofs,
            warnings: &record.warnings,
        }
    }

    /// Writes it to a file of mode 0600.
    ///
    /// # Errors
    /// When that fails.
    pub fn write(&self, file: &Path) -> Result<()> {
        let failed = |problem: String| Error::Evidence {
            file: file.display().to_string(),
            problem,
        };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.to_string()))?;
        private_file::replace(file, &text).map_err(|error| failed(error.to_string()))
    }
}
