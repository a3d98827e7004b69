//! The words of [`step`](super::step): what happens to a credential, what must be
//! done then, and why an event is refused.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use readiness::Proof;

use crate::SecretText;
use crate::credential::{Holder, IssuedKey, Proving, RequestedBy};
use crate::ids::{HolderId, KeyId, OrganizationId, RoleName};

/// An event in the life of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Confluent made the key, for a waiting reader or for a record that pins it.
    Made {
        /// The key.
        key: IssuedKey,
        /// The reader's holder.
        holder: Option<(HolderId, Holder)>,
        /// The organization that it was made in, if known.
        organization: Option<OrganizationId>,
    },
    /// Confluent certainly made no key.
    Refused,
    /// A key with our marker was found. Its secret is lost.
    Found {
        /// The key.
        key: KeyId,
    },
    /// No key with our marker exists, by a complete list.
    NotFound,
    /// A reader attaches to a shared key.
    Attach {
        /// The reader's holder.
        holder: (HolderId, Holder),
    },
    /// The key works, or is assumed to.
    Proven {
        /// On what.
        proof: Proof,
    },
    /// A reader takes a key that was kept ready: the pin becomes a holder.
    Take {
        /// The reader's holder.
        holder: (HolderId, Holder),
        /// Who it is, where the host tells.
        requester: Option<Box<RequestedBy>>,
    },
    /// A record that has no deadline names the key.
    Pin,
    /// A static role takes over the shared key of a role, whose leases keep their
    /// holders. It is pinned.
    TakeOver {
        /// The static role.
        by: RoleName,
        /// Whether the key is known to work.
        proving: Proving,
    },
    /// A static role serves a key that a person made.
    Import {
        /// Its secret.
        secret: SecretText,
        /// Whether the key is known to work.
        proving: Proving,
    },
    /// The record no longer names the key.
    Unpin {
        /// The grace of the key: a holder of its own.
        grace: Option<(HolderId, Holder)>,
    },
    /// The key is handed over to its users: it lives on and leaves the ledger, once no
    /// lease holds it.
    Leave,
    /// A key never worked: nobody gets it any more, and its leases run out.
    Withdraw,
    /// A lease is extended.
    Renew {
        /// Its holder, with the new deadline.
        holder: (HolderId, Holder),
    },
    /// A lease ended.
    Release {
        /// Its holder.
        holder: HolderId,
    },
    /// Time passed.
    Lapse,
    /// The Go plugin may have extended leases while this engine was not running.
    Away {
        /// When this engine was last running.
        since: Timestamp,
        /// The present.
        until: Timestamp,
        /// The longest life that a lease can have got.
        longest: SignedDuration,
    },
    /// An operator deletes the key, even while leases hold it.
    Kill,
    /// The holders of a key that is to be deleted were read from storage again.
    Rechecked {
        /// Holders that were found.
        holders: Vec<(HolderId, Holder)>,
        /// Whether a record names the key.
        pinned: bool,
    },
    /// The key is gone.
    Deleted {
        /// Whether that rests on a list without it alone.
        doubtful: bool,
    },
    /// A key that was gone by a list alone was looked for once more.
    LookedAgain {
        /// Whether it exists.
        exists: bool,
    },
    /// The key could not be deleted now.
    DeleteFailed {
        /// Why.
        cause: String,
    },
    /// The key is still being deleted, and whoever asked for that wants it on
    /// record.
    DeleteLate {
        /// Why.
        cause: String,
    },
}

/// What must be done, in the order given. Writes that stand together are
/// written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Store the entry as it is now.
    Save,
    /// Store a holder of a shared key.
    SaveHolder(HolderId),
    /// Remove a holder of a shared key.
    DropHolder(HolderId),
    /// Remove the entry.
    Forget,
    /// Look for a key with the marker, then say `Found` or `NotFound`.
    Search,
    /// Ask storage who holds the key and whether a record names it, then say
    /// `Rechecked`.
    Recheck,
    /// Look whether the key exists, then say `LookedAgain`.
    LookAgain(KeyId),
    /// Delete the key at Confluent, then say `Deleted` or `DeleteFailed`.
    Delete(KeyId),
}

/// Why an event cannot happen to a credential in its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The key is no longer handed out, or not yet.
    NotLive,
    /// The key belongs to one lease.
    NotShared,
    /// The key is not kept ready, or not any more.
    NotSpare,
    /// Neither a holder nor a pin would keep the key.
    NotJustified,
    /// The key is another record's.
    TakenOver,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLive => "the key is no longer in use",
            Self::NotShared => "the key belongs to one lease",
            Self::NotSpare => "the key is no spare",
            Self::NotJustified => "nothing would keep the key",
            Self::TakenOver => "the key is another static role's",
        })
    }
}
