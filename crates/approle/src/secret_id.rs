//! A secret id: how often and how long it can be used, and from where.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use logical::{Error, Object, cidr};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::role::Role;

pub(crate) const TOKEN_BOUND_CIDRS: &str = "token_bound_cidrs";

/// What Go prints for a time that is not set.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// What is stored of a secret id; never the id itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecretId {
    pub(crate) accessor: String,
    /// Uses that are left; zero is unlimited.
    pub(crate) num_uses: u32,
    /// Seconds; zero if it never expires.
    pub(crate) ttl: u64,
    pub(crate) creation_time: Timestamp,
    pub(crate) expiration_time: Option<Timestamp>,
    pub(crate) last_updated_time: Timestamp,
    pub(crate) metadata: BTreeMap<String, String>,
    /// Addresses from which it can be used.
    pub(crate) cidr_list: Vec<IpNet>,
    /// Addresses from which its tokens can be used.
    pub(crate) token_bound_cidrs: Vec<IpNet>,
}

/// What a request asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish {
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) cidr_list: Vec<IpNet>,
    pub(crate) token_bound_cidrs: Vec<IpNet>,
    pub(crate) num_uses: Option<i64>,
    pub(crate) ttl: Option<Duration>,
}

/// Checks that the networks of a secret id lie in those of its role, if that
/// has any.
///
/// # Errors
/// A bad request that names the field.
pub(crate) fn check_inside(
    field: &str,
    networks: &[IpNet],
    of_role: &[IpNet],
) -> Result<(), Error> {
    if of_role.is_empty() || cidr::are_inside(networks, of_role) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "failed to verify subset relationship between CIDR blocks on the role {:?} and CIDR blocks \
         on the secret ID {:?}: `{field}` of a secret ID must lie inside the networks of its role",
        cidr::shown(of_role),
        cidr::shown(networks)
    )))
}

/// What a login makes of the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AfterUse {
    /// It stays as it is.
    Unchanged,
    /// It is stored with one use less.
    Counted(SecretId),
    /// It was the last use.
    UsedUp,
}

impl SecretId {
    /// A new one for a role.
    ///
    /// # Errors
    /// A bad request with Vault's text.
    pub(crate) fn new(
        role: &Role,
        accessor: String,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Self, Error> {
        if !role.bind_secret_id {
            return refuse("bind_secret_id is not set on the role");
        }
        let num_uses = match wish.num_uses {
            None => role.secret_id_num_uses,
            Some(number) if number < 0 => return refuse("num_uses cannot be negative"),
            Some(number) => u32::try_from(number).unwrap_or(u32::MAX),
        };
        let limit = role.secret_id_num_uses;
        if limit > 0 && (num_uses == 0 || num_uses > limit) {
            return refuse("num_uses cannot be higher than the role's secret_id_num_uses");
        }
        let ttl = wish.ttl.map_or(role.secret_id_ttl, |ttl| ttl.as_secs());
        let limit = role.secret_id_ttl;
        if limit > 0 && (ttl == 0 || ttl > limit) {
            return refuse("ttl cannot be longer than the role's secret_id_ttl");
        }
        check_inside("cidr_list", &wish.cidr_list, &role.secret_id_bound_cidrs)?;
        let networks = &wish.token_bound_cidrs;
        check_inside(TOKEN_BOUND_CIDRS, networks, &role.token.bound_cidrs)?;
        Ok(Self {
            accessor,
            num_uses,
            ttl,
            creation_time: now,
            expiration_time: expiration(now, ttl),
            last_updated_time: now,
            metadata: wish.metadata,
            cidr_list: wish.cidr_list,
            token_bound_cidrs: wish.token_bound_cidrs,
        })
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expiration_time.is_some_and(|time| time <= now)
    }

    /// The entry after one more use.
    pub(crate) fn used(&self, now: Timestamp) -> AfterUse {
        match self.num_uses {
            0 => AfterUse::Unchanged,
            1 => AfterUse::UsedUp,
            left => AfterUse::Counted(Self {
                num_uses: left - 1,
                last_updated_time: now,
                ..self.clone()
            }),
        }
    }

    /// The entry as lookups show it.
    pub(crate) fn shown(&self) -> Object {
        let expiration_time = self
            .expiration_time
            .map_or_else(|| NO_TIME.to_owned(), |time| time.to_string());
        let members = [
            ("cidr_list", json!(cidr::shown(&self.cidr_list))),
            ("creation_time", self.creation_time.to_string().into()),
            ("expiration_time", expiration_time.into()),
            (
                "last_updated_time",
                self.last_updated_time.to_string().into(),
            ),
            ("metadata", json!(self.metadata)),
            ("secret_id_accessor", self.accessor.clone().into()),
            ("secret_id_num_uses", self.num_uses.into()),
            ("secret_id_ttl", self.ttl.into()),
            (
                TOKEN_BOUND_CIDRS,
                json!(cidr::shown_short(&self.token_bound_cidrs)),
            ),
        ];
        members
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }
}

fn expiration(now: Timestamp, ttl: u64) -> Option<Timestamp> {
    let seconds = i64::try_from(ttl).ok().filter(|seconds| *seconds > 0);
    let seconds = match (seconds, ttl) {
        (None, 0) => return None,
        (seconds, _) => seconds.unwrap_or(i64::MAX),
    };
    let time = now.checked_add(SignedDuration::from_secs(seconds));
    Some(time.unwrap_or(Timestamp::MAX))
}

fn refuse<T>(text: &str) -> Result<T, Error> {
    Err(Error::bad_request(text))
}
