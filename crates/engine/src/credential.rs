//! What the ledger knows of one credential.

#[cfg(test)]
pub(crate) mod example;

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use readiness::Proof;
use serde::{Deserialize, Serialize};

use crate::SecretText;
use crate::account_ref::AccountRef;
use crate::control_plane::Target;
use crate::ids::{CredentialId, Generation, HolderId, KeyId, RoleName};
use crate::scope::{RequesterId, ScopeId, SlotId};

/// How long the entry of a key that is gone is kept, to notice one that comes
/// back.
pub const TOMBSTONE_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How old an intent is before somebody else than its maker looks for its key.
/// By then no request of the maker can be under way (`lifecycle.md`, 8).
pub const INTENT_QUIET: SignedDuration = SignedDuration::from_secs(60);

/// When a key that is gone by a list alone is looked for again. Lists of
/// Confluent lag behind by seconds.
pub const DOUBT: SignedDuration = SignedDuration::from_mins(10);

/// How long an intent is kept whose key was never found.
pub const INTENT_AGE: SignedDuration = SignedDuration::from_hours(24);

/// One API key of ours, from before it is made until after it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Our id; also the nonce of the key's marker.
    pub id: CredentialId,
    /// What it was made for.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// The account that the key is made with.
    #[serde(flatten)]
    pub account: AccountRef,
    /// For whom and for what.
    pub target: Target,
    /// Who may hold it.
    pub sharing: Sharing,
    /// Who asked for it, where the host tells. For a shared key, the reader
    /// that it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Box<RequestedBy>>,
    /// When the intent was written.
    pub intended_at: Timestamp,
    /// Where in its life it is.
    pub state: State,
    /// Who holds it. Those of a shared key have entries of their own, those of
    /// a single-use key are part of this one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub holders: BTreeMap<HolderId, Holder>,
    /// Whether a record that has no deadline justifies it, beside its holders
    /// (`lifecycle.md`, 32). Absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// What a key is made for. Stored as members of the credential: those of a role
/// are what earlier versions wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Purpose {
    /// Leases of a role.
    Role {
        /// The role.
        role: RoleName,
        /// Its generation when the key was made.
        generation: Generation,
        /// Which of its readers share the key; absent where all do, and for a
        /// key of one lease.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<ScopeId>,
    },
    /// A static role, whose record names the key.
    Static {
        /// The static role.
        static_role: RoleName,
        /// The role whose leases may hold the key still, where the static role took
        /// over its shared key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        adopted: Option<Box<AdoptedFrom>>,
    },
}

/// The role that shared a key before a static role took it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedFrom {
    /// The role.
    pub role: RoleName,
    /// Its generation when the key was made.
    pub generation: Generation,
}

impl Purpose {
    /// The role or static role.
    pub fn name(&self) -> &RoleName {
        match self {
            Self::Role { role, .. } => role,
            Self::Static { static_role, .. } => static_role,
        }
    }

    /// The generation of the role whose leases may hold the key.
    pub fn generation(&self) -> Option<&Generation> {
        match self {
            Self::Role { generation, .. } => Some(generation),
            Self::Static { adopted, .. } => adopted.as_ref().map(|from| &from.generation),
        }
    }

    /// The slot of the readers who may share the key.
    pub fn slot(&self) -> Option<SlotId> {
        match self {
            Self::Role {
                generation, scope, ..
            } => Some(SlotId {
                generation: generation.clone(),
                scope: scope.clone(),
            }),
            Self::Static { .. } => None,
        }
    }

    /// The slot that may have a pointer to the key: that of its readers, also where
    /// a static role took it over.
    pub(crate) fn named_by(&self) -> Option<SlotId> {
        match self {
            Self::Role { .. } => self.slot(),
            Self::Static { adopted, .. } => adopted.as_ref().map(|from| SlotId {
                generation: from.generation.clone(),
                scope: None,
            }),
        }
    }

    /// Whether the key is for leases of this role.
    pub fn is_role(&self, name: &RoleName) -> bool {
        matches!(self, Self::Role { role, .. } if role == name)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role { role, .. } => write!(f, "role `{role}`"),
            Self::Static { static_role, .. } => write!(f, "static role `{static_role}`"),
        }
    }
}

/// A reader as the host names it, to lead from a leaked key to whom it was
/// given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedBy {
    /// Display name of its token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Id of its entity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub entity: String,
    /// The first 16 hexadecimal digits of the SHA-256 of its token's accessor:
    /// an accessor itself lets others revoke the token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub accessor_hash: String,
}

/// Who may hold a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// One lease. The entry stores the secret only while the key is kept ready for
    /// its reader.
    SingleUse,
    /// All readers of the role. The entry stores the secret for the next one.
    Shared,
}

/// The states of a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// A key may be made or may have been made.
    Intended,
    /// The key exists and is justified by its holders.
    Live {
        /// The key.
        key: IssuedKey,
    },
    /// Nothing justifies the key: it is to be deleted.
    Retiring {
        /// The key.
        key: KeyId,
        /// Since when.
        since: Timestamp,
        /// Why it could not be deleted at once, the first time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// The key is gone.
    Gone {
        /// The key.
        key: KeyId,
        /// Since when.
        since: Timestamp,
        /// Whether that is told by a list without it alone, which may have been
        /// older than the key: it is looked for once more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        doubtful: bool,
    },
}

/// A key that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedKey {
    /// Its id.
    pub id: KeyId,
    /// Its secret, for keys that others may get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretText>,
    /// Whether it is known to work. Absent in entries of earlier versions, whose
    /// keys count as working.
    #[serde(default, skip_serializing_if = "Proving::is_not_asked")]
    pub proving: Proving,
}

impl IssuedKey {
    /// A key that nobody tries, without its secret.
    pub fn without_secret(id: KeyId) -> Self {
        Self {
            id,
            secret: None,
            proving: Proving::NotAsked,
        }
    }

    /// What whoever gets it should know.
    pub(crate) fn warning(&self) -> Option<String> {
        match self.proving {
            Proving::NotAsked | Proving::UnderWay => None,
            Proving::Done(proof) => {
                let warning = proof.basis.warning()?;
                Some(format!("key `{}` {warning}", self.id))
            }
        }
    }
}

/// Whether a new key is known to work (`lifecycle.md`, 48).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proving {
    /// Nobody asked: it is handed out as it was made.
    #[default]
    NotAsked,
    /// It is tried until it works.
    UnderWay,
    /// It works.
    Done(Proof),
}

impl Proving {
    fn is_not_asked(&self) -> bool {
        *self == Self::NotAsked
    }

    /// Whether a static role may serve the key.
    pub fn is_over(&self) -> bool {
        *self != Self::UnderWay
    }
}

/// One lease on a credential. A shared key can have tens of thousands of them
/// in memory, so they are kept small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    issued_at: Micros,
    deadline: Micros,
    /// Whose lease it is, for roles that limit the leases of each requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requester: Option<RequesterId>,
}

impl Holder {
    /// A lease that was made at one time and can live to another, with a
    /// margin. What is less than a microsecond is not kept.
    pub fn new(issued_at: Timestamp, deadline: Timestamp) -> Self {
        Self {
            issued_at: issued_at.into(),
            deadline: deadline.into(),
            requester: None,
        }
    }

    /// The same, of a requester whose leases are counted.
    #[must_use]
    pub fn of(self, requester: Option<RequesterId>) -> Self {
        Self { requester, ..self }
    }

    /// Whose lease it is, where the leases of each requester are counted.
    pub fn requester(&self) -> Option<&RequesterId> {
        self.requester.as_ref()
    }

    /// A renewal does not say whose lease it is: what was known stays.
    pub(crate) fn keep_requester(&mut self, known: &Self) {
        if self.requester.is_none() {
            self.requester.clone_from(&known.requester);
        }
    }

    /// When the lease was made.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at.into()
    }

    /// The latest time that its lease can live to, with a margin. After it the
    /// holder counts no more.
    pub fn deadline(&self) -> Timestamp {
        self.deadline.into()
    }

    /// Moves the deadline, unless it is later already.
    pub fn extend_to(&mut self, deadline: Timestamp) {
        self.deadline = self.deadline.max(deadline.into());
    }
}

/// A timestamp in half of its memory. Stored, it is the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "Timestamp", from = "Timestamp")]
struct Micros(i64);

impl From<Timestamp> for Micros {
    fn from(time: Timestamp) -> Self {
        Self(time.as_microsecond())
    }
}

impl From<Micros> for Timestamp {
    fn from(micros: Micros) -> Self {
        // Each was a timestamp, but of the last second only the first can be
        // made again; that is the end of time.
        Self::from_microsecond(micros.0).unwrap_or(Self::MAX)
    }
}

impl Credential {
    /// Whether anything justifies its key: a holder, or a pin. Nothing else keeps
    /// or ends keys.
    pub fn is_justified(&self) -> bool {
        self.pinned || !self.holders.is_empty()
    }

    /// Whether its entry has the secret while the key is in use: for other readers,
    /// or for the first one (`lifecycle.md`, 36).
    pub fn stores_secret(&self) -> bool {
        self.pinned || self.sharing == Sharing::Shared
    }

    /// Whether a pointer of its role names the key, until a reader takes it.
    pub(crate) fn is_spare(&self) -> bool {
        self.pinned && matches!(self.purpose, Purpose::Role { .. })
    }

    /// Whether the key could be handed out now and counts as working.
    pub(crate) fn is_ready(&self) -> bool {
        let key = self.live_key();
        key.is_some_and(|key| key.secret.is_some() && key.proving.is_over())
    }

    /// When somebody should look at the entry, if nothing else happens.
    pub fn due(&self) -> Timestamp {
        // The daily look at all entries finds one that only a pin justifies.
        let unheld = if self.pinned {
            Timestamp::MAX
        } else {
            self.intended_at
        };
        match &self.state {
            State::Intended => later(self.intended_at, INTENT_QUIET),
            State::Live { .. } => self
                .holders
                .values()
                .map(|holder| holder.deadline)
                .min()
                .map_or(unheld, Timestamp::from),
            State::Gone {
                since,
                doubtful: true,
                ..
            } => later(*since, DOUBT),
            // Whatever the clock said when it began to retire, or went.
            State::Retiring { .. } | State::Gone { .. } => Timestamp::UNIX_EPOCH,
        }
    }

    /// When to look again after a look at `now` that settled nothing: after as
    /// long as it has been unsettled, but between a minute and an hour.
    pub fn due_again(&self, now: Timestamp) -> Timestamp {
        let unsettled_since = match &self.state {
            State::Intended => self.intended_at,
            State::Retiring { since, .. }
            | State::Gone {
                since,
                doubtful: true,
                ..
            } => *since,
            State::Live { .. } | State::Gone { .. } => return self.due(),
        };
        let age = now.duration_since(unsettled_since);
        let wait = age.clamp(SignedDuration::from_mins(1), SignedDuration::from_hours(1));
        later(now, wait)
    }

    /// Whether nothing is left to do but to forget the entry in the end.
    pub fn is_settled(&self) -> bool {
        matches!(
            self.state,
            State::Gone {
                doubtful: false,
                ..
            }
        )
    }

    /// The key while it is in use.
    pub fn live_key(&self) -> Option<&IssuedKey> {
        match &self.state {
            State::Live { key } => Some(key),
            _ => None,
        }
    }

    /// The key, in every state that has one.
    pub fn key_id(&self) -> Option<&KeyId> {
        match &self.state {
            State::Intended => None,
            State::Live { key } => Some(&key.id),
            State::Retiring { key, .. } | State::Gone { key, .. } => Some(key),
        }
    }
}

/// The holder of a key that was made before anybody asked for it: no lease.
pub(crate) fn reserved_holder(id: &CredentialId) -> HolderId {
    HolderId::derived(&format!("reserved/{id}"))
}

/// A time later by a span; the end of time rather than an overflow.
pub(crate) fn later(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_reads_back_as_it_was_written() {
        for text in [
            r#"{"issued_at":"2026-01-02T03:04:05Z","deadline":"2026-01-02T04:05:05Z"}"#,
            r#"{"issued_at":"2026-01-02T03:04:05.000001Z","deadline":"1969-12-31T23:59:59.9Z"}"#,
            r#"{"issued_at":"1970-01-01T00:00:00Z","deadline":"9999-12-30T21:59:59.999999Z"}"#,
        ] {
            let holder: Holder = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&holder).unwrap(), text);
        }
    }

    #[test]
    fn holders_that_an_earlier_version_wrote_to_the_nanosecond_are_read() {
        let text = r#"{"MB2T7WQ4AZXC3": {
            "issued_at": "2026-01-02T03:04:05.123456789Z",
            "deadline": "2026-01-02T04:05:05.123456789Z"
        }}"#;
        let holders: BTreeMap<HolderId, Holder> = serde_json::from_str(text).unwrap();
        let stored = serde_json::to_string(&holders).unwrap();
        let times = r#"{"issued_at":"2026-01-02T03:04:05.123456Z","deadline":"2026-01-02T04:05:05.123456Z"}"#;
        assert_eq!(stored, format!(r#"{{"MB2T7WQ4AZXC3":{times}}}"#));
    }

    #[test]
    fn the_end_of_time_stays_the_end_of_time() {
        let holder = Holder::new(Timestamp::MIN, Timestamp::MAX);
        assert_eq!(holder.deadline(), Timestamp::MAX);
        assert_eq!(holder.issued_at(), Timestamp::MIN);
    }

    #[test]
    fn a_deadline_is_only_ever_extended() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut holder = Holder::new(at(0), at(10));
        holder.extend_to(at(9));
        assert_eq!(holder.deadline(), at(10));
        holder.extend_to(at(11));
        assert_eq!(holder.deadline(), at(11));
    }

    #[test]
    fn a_holder_takes_24_bytes() {
        // Two times and whose lease it is.
        assert_eq!(size_of::<Holder>(), 24);
    }
}
