//! What is not known of Confluent Cloud, and assumed: limits, and behaviour that is
//! undocumented or was observed in two ways. Tests may change each assumption.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Quotas that the world file does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UsualLimits {
    /// A million of everything, so that only quotas of the world file are reached.
    #[default]
    Roomy,
    /// Those that the vendor's command line showed for one organization, such
    /// as 100 keys for a service account.
    Vendor,
}

/// Assumptions about behaviour of Confluent Cloud that is undocumented or was
/// observed in two ways. The defaults are the likelier ones; a test may change
/// each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own"
)]
pub struct Switches {
    /// Status of a created key: 202 says the specification, 201 the vendor's
    /// stubs; its SDK takes 200 too.
    pub key_created: KeyCreated,
    /// New secrets are of the form without a checksum, as before July 2025.
    pub old_secrets: bool,
    /// A quota that is reached is answered with 400 instead of 402.
    pub quota_is_bad_request: bool,
    /// What the last page says of the next one.
    pub last_page: LastPage,
    /// A deleted role binding is answered with 204 instead of itself.
    pub binding_deleted_without_body: bool,
    /// Changing or deleting a key that is gone is answered with 404 instead of
    /// 403.
    pub gone_key_is_not_found: bool,
    /// A global key that is gone is answered with HTTP status 403 around a body
    /// that says 404, as in a stub of the vendor's.
    pub statuses_differ: bool,
    /// How far lists lag behind creations and deletions.
    pub list_lag: Duration,
    /// How long a deleted key still works.
    pub deletion_lag: Duration,
    /// Deleting an environment with clusters is answered with 409 instead of
    /// taking all along.
    pub environment_must_be_empty: bool,
    /// Audit events are duplicated.
    pub audit_twice: bool,
    /// What the brokers of a Kafka cluster answer while a new key is on its way
    /// to them.
    pub key_spread: KeySpread,
    /// Who may use a data plane with a key for it.
    pub data_plane_rights: DataPlaneRights,
}

/// What the brokers of a Kafka cluster answer while a new key is on its way to
/// them. How it spreads is not documented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySpread {
    /// None knows the key in the first half of the time; in the second half
    /// every other request meets one that does.
    #[default]
    Gradual,
    /// Every other request meets a broker that knows it, from the beginning.
    Alternating,
    /// None knows it until all do.
    AtOnce,
}

/// Who may use a data plane with a key for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataPlaneRights {
    /// The owner of every key.
    #[default]
    Everyone,
    /// An owner with a role there, or with a role above that includes it.
    Roles,
}

/// Status of the answer that brings a new key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeyCreated {
    /// 202.
    #[default]
    Accepted,
    /// 201.
    Created,
    /// 200.
    Ok,
}

/// What the last page of a list says of the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LastPage {
    /// Nothing: the member is absent.
    #[default]
    Absent,
    /// An empty text.
    Empty,
    /// Null, which ends the vendor's Terraform provider with a crash.
    Null,
}

/// What Confluent answers when the owner or resource of a new key is unknown
/// was never captured, so that every likely answer can be rehearsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownTarget {
    /// 403 `forbidden_access`, as for other objects that cannot be seen.
    #[default]
    Forbidden,
    /// 400.
    BadRequest,
    /// 404.
    NotFound,
    /// 422 with a pointer to the member.
    Unprocessable,
}
