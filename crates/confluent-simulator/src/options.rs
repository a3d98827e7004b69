//! What a simulator is started with.

use std::fmt;
use std::time::Duration;

use confluent_cloud::ApiSecret;
use confluent_cloud::ids::{ApiKeyId, EnvironmentId, OrganizationId};

use crate::{Clock, Propagation, RateLimits, WorldFile};

/// What a simulator is started with. The default is a world of its own making
/// under the real clock.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The first Cloud API key, which may do everything; made up when absent.
    pub admin_key: Option<AdminKey>,
    /// All ids and secrets derive from it. Two simulators with one seed make
    /// the same ids, in order.
    pub seed: u64,
    /// Id of the organization; made up when absent.
    pub organization: Option<OrganizationId>,
    /// Ids of the environments; two made up when absent.
    pub environments: Option<Vec<EnvironmentId>>,
    /// What time it is.
    pub clock: Clock,
    /// How long new keys take until they work everywhere.
    pub propagation: Propagation,
    /// What exists at the beginning. Id of the organization and environments
    /// given beside it are not used.
    pub world: Option<WorldFile>,
    /// The limits of everything that the world's file names none for.
    pub limits: UsualLimits,
    /// How many requests the control plane answers.
    pub rate_limits: RateLimits,
    /// How a key for an unknown owner or resource is refused.
    pub unknown_target: UnknownTarget,
    /// What else is not known of Confluent Cloud.
    pub switches: Switches,
}

/// Limits that hold where none is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UsualLimits {
    /// A million of everything, so that only told limits are met.
    #[default]
    Roomy,
    /// Those that the vendor's command line showed for one organization, such
    /// as 100 keys for a service account.
    Vendor,
}

/// What is not known of Confluent Cloud, or was seen in two ways. The defaults
/// are the likelier ones; a test may turn each.
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
    /// How far lists lag behind what was made and deleted.
    pub list_lag: Duration,
    /// How long a deleted key still works.
    pub deletion_lag: Duration,
    /// Deleting an environment with clusters is answered with 409 instead of
    /// taking all along.
    pub environment_must_be_empty: bool,
    /// Audit events come twice.
    pub audit_twice: bool,
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

/// A Cloud API key with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its secret.
    pub secret: ApiSecret,
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

/// A text that is no `ID:SECRET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAdminKey(String);

impl fmt::Display for InvalidAdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidAdminKey {}

/// Reads an admin key as the command line takes it, `ID:SECRET`.
///
/// # Errors
/// When a part is missing, the id cannot be one, or the secret carries a wrong
/// checksum. The secret is not repeated.
pub fn parse_admin_key(text: &str) -> Result<AdminKey, InvalidAdminKey> {
    let (id, secret) = text
        .split_once(':')
        .filter(|(_, secret)| !secret.is_empty())
        .ok_or_else(|| InvalidAdminKey("an admin key is given as `ID:SECRET`".into()))?;
    let id = ApiKeyId::new(id).map_err(|error| InvalidAdminKey(error.to_string()))?;
    let secret = ApiSecret::new(secret);
    secret
        .verify()
        .map_err(|error| InvalidAdminKey(format!("admin key `{id}`: {error}")))?;
    Ok(AdminKey { id, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_key_is_an_id_and_a_secret() {
        let key = parse_admin_key("ADMIN:se:cret").unwrap();
        assert_eq!(key.id.as_str(), "ADMIN");
        assert_eq!(key.secret.expose(), "se:cret");
    }

    #[test]
    fn what_is_no_admin_key_is_refused_without_repeating_it() {
        for text in ["canary", "canary:", ":canary"] {
            let error = parse_admin_key(text).unwrap_err().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
        let error = parse_admin_key("ADMIN:cfltcanary").unwrap_err().to_string();
        assert!(error.contains("checksum") && !error.contains("canary"));
    }
}
