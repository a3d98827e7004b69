//! Logins, as auth methods return them. The host creates the token; a backend
//! never sees it.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::{Condition, LeaseOptions, Object, Write};

/// Type of the token that a login creates (`sdk/logical/token.go` in Vault).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenType {
    /// The type that the mount is tuned to.
    #[default]
    Default,
    /// A stored token, which can be renewed and revoked.
    Service,
    /// A self-contained token that is not stored.
    Batch,
}

/// A successful login, as an auth method returns it (`sdk/logical/auth.go` in
/// Vault). `Debug` omits internal data and the values of metadata.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Auth {
    /// Lease of the token.
    pub lease: LeaseOptions,
    /// Internal data of the method, passed back to it at a renewal.
    pub internal_data: Object,
    /// A name for the caller in logs and answers.
    pub display_name: String,
    /// The names of the token's policies.
    pub policies: Vec<String>,
    /// Whether the policy `default` is left out.
    pub no_default_policy: bool,
    /// Facts about the caller, which answers and audit logs show.
    pub metadata: BTreeMap<String, String>,
    /// Number of uses of the token; zero for unlimited.
    pub num_uses: u32,
    /// Period of a periodic token; zero for none.
    pub period: std::time::Duration,
    /// Explicit maximum TTL of the token; zero for none.
    pub explicit_max_ttl: std::time::Duration,
    /// Addresses from which the token can be used, in CIDR form; any if empty.
    pub bound_cidrs: Vec<String>,
    /// Type of the token.
    pub token_type: TokenType,
    /// The name under which the method knows the caller, for its entity.
    pub alias: Option<Alias>,
    /// The groups that the method knows the caller to be in.
    pub group_aliases: Vec<Alias>,
    /// Changes of the method's storage that the login takes.
    pub changes: Changes,
    /// The token that the host made of it. Empty in what a method proposes, and
    /// where the host does not tell it.
    pub token: CreatedToken,
}

/// Changes of the method's storage that a login takes, such as counting a use.
/// The host makes them in the transaction that stores the token. When a
/// condition does not hold, nothing is stored and the login is decided again.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// What the decision relied on.
    pub conditions: Vec<Condition>,
    /// What is changed.
    pub writes: Vec<Write>,
}

impl Changes {
    /// No changes, as long as these conditions hold.
    pub fn under(conditions: impl IntoIterator<Item = Condition>) -> Self {
        Self {
            conditions: conditions.into_iter().collect(),
            writes: Vec::new(),
        }
    }

    /// Whether there is nothing to check and nothing to change.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.writes.is_empty()
    }
}

/// The token of a login. `Debug` does not show its text.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedToken {
    /// The token itself.
    pub text: Zeroizing<String>,
    /// Stands for the token where its text must not be shown.
    pub accessor: String,
    /// Id of the caller's entity, or empty.
    pub entity_id: String,
    /// Whether no other token ends it.
    pub orphan: bool,
}

impl CreatedToken {
    /// A token with this text and accessor.
    pub fn new(text: impl Into<String>, accessor: impl Into<String>) -> Self {
        Self {
            text: Zeroizing::new(text.into()),
            accessor: accessor.into(),
            ..Self::default()
        }
    }
}

impl fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreatedToken")
            .field("accessor", &self.accessor)
            .field("orphan", &self.orphan)
            .finish_non_exhaustive()
    }
}

/// A name that an auth method knows somebody by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alias {
    /// The name, unique within the mount of the method.
    pub name: String,
    /// Facts about whom it names.
    pub metadata: BTreeMap<String, String>,
}

impl Alias {
    /// A name without facts.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            metadata: BTreeMap::new(),
        }
    }

    /// The same name with these facts about whom it names.
    #[must_use]
    pub fn with_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        metadata: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let metadata = metadata.into_iter();
        self.metadata = metadata
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        self
    }
}

impl Auth {
    /// A login of somebody by this name, with these policies.
    pub fn new(
        display_name: impl Into<String>,
        policies: impl IntoIterator<Item = String>,
        lease: LeaseOptions,
    ) -> Self {
        Self {
            lease,
            display_name: display_name.into(),
            policies: policies.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("lease", &self.lease)
            .field("display_name", &self.display_name)
            .field("policies", &self.policies)
            .field("metadata_keys", &self.metadata.keys())
            .field("token_type", &self.token_type)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_notes_nor_metadata() {
        let mut auth = Auth::new("app", ["reader".to_owned()], LeaseOptions::default());
        auth.internal_data
            .insert("secret_id".into(), "canary".into());
        auth.metadata.insert("role".into(), "canary".into());
        let shown = format!("{auth:?}");
        assert!(shown.contains("reader") && shown.contains("role"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
