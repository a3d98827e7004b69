//! What is known of a token: its rights, its origin, and when it ends.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use logical::{Object, Request, cidr};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::policies::ROOT;
use crate::storage::Version;

/// A token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenEntry {
    #[serde(default)]
    pub(crate) version: Version<1>,
    /// Stands for the token where its text must not be shown. Batch tokens have
    /// none.
    pub(crate) accessor: String,
    pub(crate) policies: Vec<String>,
    pub(crate) display_name: String,
    /// The path that created the token.
    pub(crate) path: String,
    pub(crate) issue_time: Timestamp,
    /// Whether no other token ends it.
    pub(crate) orphan: bool,
    /// Whether the revocation has begun. The token can no longer be used, and
    /// is deleted once its leases are due.
    #[serde(default)]
    pub(crate) is_revoked: bool,
    /// Salted hash of the token whose end is also its own; empty if there is
    /// none.
    #[serde(default)]
    pub(crate) parent: String,
    #[serde(default)]
    pub(crate) kind: TokenKind,
    /// Facts about the caller, which answers and audit logs show.
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// The name of the role that it was created with, or empty.
    #[serde(default)]
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) uses: Uses,
    /// Addresses from which it can be used; any if empty.
    #[serde(default)]
    pub(crate) bound_cidrs: Vec<IpNet>,
    #[serde(default)]
    pub(crate) renewable: bool,
    /// `None` for a token that never expires.
    #[serde(default)]
    pub(crate) lifetime: Option<Lifetime>,
    /// Internal data of the auth method that accepted the login, which decides
    /// about renewals; `None` for a token that no login made.
    #[serde(default)]
    pub(crate) login: Option<Object>,
    /// Id of the entity that it belongs to, or empty.
    #[serde(default)]
    pub(crate) entity_id: String,
}

/// How long a token lives. Durations in whole seconds; zero for none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lifetime {
    pub(crate) expire_time: Timestamp,
    pub(crate) last_renewal: Option<Timestamp>,
    /// TTL at its creation.
    pub(crate) creation_ttl: u64,
    /// TTL granted last.
    pub(crate) ttl: u64,
    /// Each renewal lasts this long, without a maximum.
    pub(crate) period: u64,
    /// No renewal goes beyond this, counted from its creation.
    pub(crate) explicit_max_ttl: u64,
}

/// Whether a token is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    /// Stored: it can be renewed and revoked.
    #[default]
    Service,
    /// Self-contained and encrypted: it ends by itself, or with its parent.
    Batch,
}

/// How often a token can still be used. Stored and shown as Vault's number: 0
/// is unlimited, -1 is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Uses {
    #[default]
    Unlimited,
    Left(u32),
    /// The last use is in progress.
    Spent,
}

impl Uses {
    /// This many; zero is unlimited.
    pub(crate) fn new(number: u32) -> Self {
        match number {
            0 => Self::Unlimited,
            left => Self::Left(left),
        }
    }

    /// Vault's number.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Unlimited => 0,
            Self::Left(left) => left.into(),
            Self::Spent => -1,
        }
    }
}

impl Serialize for Uses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.number())
    }
}

impl<'de> Deserialize<'de> for Uses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        Ok(u32::try_from(number).map_or(Self::Spent, Self::new))
    }
}

impl TokenKind {
    /// The word in answers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Batch => "batch",
        }
    }
}

impl TokenEntry {
    /// The caller's token, as the core hands it to its own backends.
    pub(crate) fn of_caller(request: &Request) -> Option<Arc<Self>> {
        let host_data = request.host_data.as_ref()?;
        Arc::clone(host_data).downcast().ok()
    }

    /// Whether it may do everything.
    pub(crate) fn is_root(&self) -> bool {
        self.policies.iter().any(|policy| policy == ROOT)
    }

    /// Whether its time is over.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.lifetime
            .as_ref()
            .is_some_and(|lifetime| lifetime.expire_time <= now)
    }

    /// Whether it can be used from this address. A root token that never
    /// expires can be used from everywhere, as in Vault.
    pub(crate) fn allows_address(&self, address: Option<IpAddr>) -> bool {
        let is_free = self.is_root() && self.lifetime.is_none();
        is_free || cidr::allows(&self.bound_cidrs, address)
    }

    /// Time left, in whole seconds; zero if it never expires.
    pub(crate) fn ttl(&self, now: Timestamp) -> Duration {
        let left = self.lifetime.as_ref().map_or(0, |lifetime| {
            lifetime.expire_time.duration_since(now).as_secs()
        });
        Duration::from_secs(u64::try_from(left).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_stored_as_vaults_number() {
        for (uses, number) in [
            (Uses::Unlimited, "0"),
            (Uses::Left(3), "3"),
            (Uses::Spent, "-1"),
        ] {
            assert_eq!(serde_json::to_string(&uses).unwrap(), number);
            assert_eq!(serde_json::from_str::<Uses>(number).unwrap(), uses);
        }
    }

    #[test]
    fn a_bound_token_is_used_from_its_addresses_only() {
        let mut entry = crate::tokens::tests::entry();
        let from = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert!(entry.allows_address(None));
        entry.bound_cidrs = vec!["10.0.0.0/8".parse().unwrap()];
        assert!(entry.allows_address(from("10.1.2.3")));
        assert!(entry.allows_address(from("::ffff:10.1.2.3")));
        assert!(!entry.allows_address(from("11.1.2.3")) && !entry.allows_address(None));
        entry.policies = vec![ROOT.into()];
        assert!(entry.allows_address(from("11.1.2.3")));
        entry.lifetime = Some(Lifetime {
            expire_time: entry.issue_time,
            last_renewal: None,
            creation_ttl: 60,
            ttl: 60,
            period: 0,
            explicit_max_ttl: 0,
        });
        assert!(entry.allows_address(from("10.1.2.3")));
        assert!(!entry.allows_address(from("11.1.2.3")));
    }
}
