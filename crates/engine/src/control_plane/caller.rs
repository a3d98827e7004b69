//! On whose behalf Confluent Cloud is asked, and how the pace of an
//! organization is: all calls of a process share it, and wait for their turn.

use std::time::Duration;

use super::Access;

/// On whose behalf a call is made, which decides about its turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// What the call is for; absent for the usual class of the call: making is
    /// for a reader, deleting and listing is a removal for the host.
    pub class: Option<Class>,
    /// Flows of one class are served in turn: a role, or for a removal the
    /// owner of what is deleted.
    pub flow: String,
    /// The callers within a flow are served in turn as well: a requester.
    pub requester: String,
    /// How long the call may wait for its turn, if that is less than the call
    /// allows by itself. One that would wait longer fails at once with
    /// [`HeldBack`](super::Failure::HeldBack).
    pub patience: Option<Duration>,
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A person waits for the answer, or a lock is set. Goes first.
    Operator,
    /// Somebody reads credentials.
    Reader,
    /// What is in use is replaced. A tenth of the pace is kept for it.
    Rotation,
    /// Something is deleted, or proven to be gone. A fifth of the pace is kept
    /// for it.
    Removal(RemovalBy),
    /// A new key is tried. Background work, which leaves readers half of their
    /// part at least.
    Proof,
    /// A key is made in advance. Background work.
    Spare,
    /// It is checked whether something still exists. Background work.
    Look,
}

/// On whose behalf something is deleted, in the order of the deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalBy {
    /// A person who asked for it.
    Operator,
    /// The host, which revokes a lease.
    Host,
    /// The sweep, whose deletions may wait a minute for their turn.
    Sweep,
}

impl Caller {
    /// A person who waits for the answer.
    pub fn operator() -> Self {
        Self::of(Class::Operator, "")
    }

    /// A requester who reads the credentials of a role. Roles of different
    /// mounts have flows of their own.
    pub fn reader(mount: &str, role: &str, requester: &str) -> Self {
        Self {
            requester: requester.to_owned(),
            ..Self::of(Class::Reader, &format!("{mount}{role}"))
        }
    }

    /// Somebody who deletes what belongs to an owner.
    pub fn removal(by: RemovalBy, owner: &str) -> Self {
        Self::of(Class::Removal(by), owner)
    }

    /// A caller of any class.
    pub fn of(class: Class, flow: &str) -> Self {
        Self {
            class: Some(class),
            flow: flow.to_owned(),
            ..Self::default()
        }
    }

    /// The same caller with less patience.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        let patience = Some(patience);
        Self { patience, ..self }
    }
}

impl Access {
    /// The same access on behalf of a caller.
    #[must_use]
    pub fn on_behalf_of(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }
}

/// The pace at which an organization is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Requests a second at most, as learned so far; absent where there is no
    /// limit.
    pub requests_per_second: Option<f64>,
    /// How many calls wait for their turn.
    pub waiting: Waiting,
    /// How long the one that waits longest has waited.
    pub oldest: Option<Duration>,
}

/// How many calls wait for their turn, by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Of [`Class::Operator`].
    pub operator: usize,
    /// Of [`Class::Reader`].
    pub readers: usize,
    /// Of [`Class::Rotation`].
    pub rotations: usize,
    /// Of [`Class::Removal`].
    pub removals: usize,
    /// Of [`Class::Proof`], [`Class::Spare`] and [`Class::Look`].
    pub background: usize,
}

impl Waiting {
    /// Of all classes.
    pub fn total(&self) -> usize {
        self.operator + self.readers + self.rotations + self.removals + self.background
    }
}
