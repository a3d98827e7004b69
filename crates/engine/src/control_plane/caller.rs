//! The caller of a request to Confluent Cloud, and the state of the pace that all
//! requests of a process to one organization share.

use std::time::Duration;

use super::Access;

/// The caller of a request, which decides its place in the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The class of the request. `None` for its default: creations are for a reader,
    /// deletions and lists are removals for the host.
    pub class: Option<Class>,
    /// The flow within the class: a role, or for a removal the owner of the key. Flows
    /// take turns.
    pub flow: String,
    /// The requester within the flow. Requesters take turns as well.
    pub requester: String,
    /// The longest wait in the queue, if shorter than the default of the request. A
    /// request that would wait longer fails at once with
    /// [`HeldBack`](super::Failure::HeldBack).
    pub patience: Option<Duration>,
}

/// The class of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// An operator waits for the answer, or a lock is set. Goes first.
    Operator,
    /// A client reads credentials.
    Reader,
    /// A key in use is replaced. A tenth of the pace is reserved for it.
    Rotation,
    /// A key is deleted, or verified to be gone. A fifth of the pace is reserved for
    /// it.
    Removal(RemovalBy),
    /// A new key is probed. Background work, which leaves readers at least half of
    /// their share.
    Proof,
    /// A key is made in advance. Background work.
    Spare,
    /// Checks whether something still exists. Background work.
    Look,
}

/// The origin of a deletion, in order of priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalBy {
    /// An operator.
    Operator,
    /// The host, which revokes a lease.
    Host,
    /// The sweep, whose deletions may wait for a minute.
    Sweep,
}

impl Caller {
    /// An operator who waits for the answer.
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

    /// A deletion of a key of this owner.
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

    /// The same caller with a shorter wait.
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

/// The request rate to an organization.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The learned limit in requests per second; `None` where there is no limit.
    pub requests_per_second: Option<f64>,
    /// The number of waiting requests.
    pub waiting: Waiting,
    /// The age of the oldest waiting request.
    pub oldest: Option<Duration>,
}

/// The number of waiting requests, by class.
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
