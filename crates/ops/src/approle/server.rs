//! What a rotation asks of a server. One value is about one role.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vault_client::Token;

use super::error::Result;
use super::restrictions::Restrictions;
use super::secret_id::SecretId;

/// Where a role is. Names of roles have no case: they are kept as servers list
/// them, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The path of the auth method below `auth/`, without slashes around it.
    pub mount: String,
    /// The name of the role, in lower case.
    pub role: String,
}

impl Place {
    /// The place of a role that was written in any case.
    pub fn new(mount: &str, role: &str) -> Self {
        let mount = mount.trim_matches('/');
        Self {
            mount: mount.strip_prefix("auth/").unwrap_or(mount).to_owned(),
            role: role.trim_matches('/').to_lowercase(),
        }
    }
}

impl Place {
    /// Whether a token was got by logging in as the role.
    pub(crate) fn has_login(&self, token: &TokenEntry) -> bool {
        token.path == format!("auth/{}/login", self.mount)
            && token
                .metadata
                .get("role_name")
                .is_some_and(|name| name.to_lowercase() == self.role)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "auth/{}/role/{}", self.mount, self.role)
    }
}

/// A role, as far as a rotation cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// With which its users log in, beside a secret id.
    pub role_id: String,
    /// Whether logins need a secret id.
    pub binds_secret_id: bool,
    /// How often a new secret id can be used; 0 for any number.
    pub uses: u64,
    /// The time to live of new secret ids in seconds; 0 for no end.
    pub ttl: u64,
    /// How long tokens live at most, in seconds; 0 for the mount's maximum.
    pub token_max_ttl: u64,
}

/// A secret id on record at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdEntry {
    /// Names it without giving it away.
    pub accessor: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it ends; none for never.
    pub ends: Option<Timestamp>,
    /// How many uses are left; 0 for any number.
    pub uses: u64,
    /// Its restrictions and metadata.
    pub restrictions: Restrictions,
}

/// A secret id to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewId {
    /// Its metadata, with the mark of the rotation.
    pub metadata: BTreeMap<String, String>,
    /// Its restrictions; metadata in there is not used.
    pub restrictions: Restrictions,
}

/// A secret id that was made.
#[derive(Debug)]
pub struct Made {
    /// The secret id.
    pub id: SecretId,
    /// Its accessor.
    pub accessor: String,
}

/// A secret id that was made, and that only the holder of a token can see, once.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrapped {
    /// The wrapping token.
    pub token: Token,
    /// The path that the secret id was made at. A holder compares it with
    /// `sys/wrapping/lookup`, to see that nobody wrapped something else.
    pub creation_path: String,
    /// How long the token lives, in seconds.
    pub ttl: i64,
}

/// A token that was got with a secret id.
#[derive(Debug)]
pub struct Login {
    /// The token.
    pub token: Token,
    /// Its accessor; empty for a batch token.
    pub accessor: String,
    /// How long it lives, in seconds.
    pub ttl: i64,
}

/// The answer to a login.
#[derive(Debug)]
pub enum LoginAnswer {
    /// It succeeded.
    Token(Box<Login>),
    /// The server does not know the secret id, or not the role id.
    UnknownId {
        /// What it said.
        text: String,
    },
    /// It refused for another reason.
    Refused {
        /// What it said.
        text: String,
    },
}

/// A token on record at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEntry {
    /// Its accessor.
    pub accessor: String,
    /// The path of the request that made it.
    pub path: String,
    /// The metadata of the secret id that it was got with, and `role_name`.
    pub metadata: BTreeMap<String, String>,
    /// When it was made or renewed last, in seconds of the server's clock.
    pub renewed: i64,
    /// How long it lives, in seconds; 0 for no end.
    pub ttl: i64,
}

/// The accessors of all tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tokens {
    /// These.
    All(Vec<String>),
    /// Our token may not list them.
    Denied,
}

/// A server, with a token that may manage one role.
#[async_trait]
pub trait Server: Send + Sync {
    /// The server's address and namespace, for the journal and the evidence.
    fn address(&self) -> String;

    /// What our token may not do, of what a rotation does, in words; asks with
    /// `sudo` for the list of tokens if that is needed.
    async fn lacking(&self, lists_tokens: bool) -> Result<Vec<String>>;

    /// Reads the role; none if there is none.
    async fn role(&self) -> Result<Option<Role>>;

    /// Makes a secret id.
    async fn make(&self, new: &NewId) -> Result<Made>;

    /// Makes a secret id whose answer is wrapped: neither it nor its accessor is
    /// told.
    async fn make_wrapped(&self, new: &NewId, ttl: Duration) -> Result<Wrapped>;

    /// The accessors of the role's secret ids, dead ones among them.
    async fn accessors(&self) -> Result<Vec<String>>;

    /// The secret id of an accessor; none if it is dead or unknown.
    async fn look_up(&self, accessor: &str) -> Result<Option<IdEntry>>;

    /// What is on record of a secret id; none if this role does not know it.
    async fn find(&self, id: &SecretId) -> Result<Option<IdEntry>>;

    /// Destroys a secret id.
    async fn destroy(&self, accessor: &str) -> Result<()>;

    /// Has the server remove dead accessors. It does so later.
    async fn tidy(&self) -> Result<()>;

    /// Logs in.
    async fn log_in(&self, role_id: &str, id: &SecretId) -> Result<LoginAnswer>;

    /// Whether a token may read a path.
    async fn can_read(&self, token: &Token, path: &str) -> Result<bool>;

    /// Revokes the token of a login.
    async fn end(&self, login: &Login) -> Result<()>;

    /// The accessors of all tokens of the server.
    async fn tokens(&self) -> Result<Tokens>;

    /// A token by its accessor; none if it has ended.
    async fn token(&self, accessor: &str) -> Result<Option<TokenEntry>>;

    /// Revokes a token by its accessor. One that has ended is no error.
    async fn revoke(&self, accessor: &str) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name_however_it_is_written() {
        let place = Place::new("/auth/ci/", "timelessExampleProject-prod-ro-role");
        assert_eq!(
            place.to_string(),
            "auth/ci/role/timelessexampleproject-prod-ro-role"
        );
    }
}
