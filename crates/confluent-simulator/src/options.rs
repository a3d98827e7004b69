//! What a simulator is started with.

use std::fmt;
use std::sync::Arc;

use confluent_cloud::ApiSecret;
use confluent_cloud::ids::{ApiKeyId, EnvironmentId, OrganizationId};
use jiff::Timestamp;

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
    /// How a key for an unknown owner or resource is refused.
    pub unknown_target: UnknownTarget,
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

/// A clock that is handed in.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks `now` whenever the time is needed.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The machine's clock.
    pub fn real() -> Self {
        Self::new(Timestamp::now)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
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
