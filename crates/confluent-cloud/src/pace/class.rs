//! On whose behalf a request is sent: its class, which says what part of the
//! pace it may use, and its flow, within which requests keep their order.

use std::sync::Arc;

/// What a request is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Class {
    /// A person who waits for the answer, or a lock. Goes first and may use
    /// every part.
    Operator,
    /// Somebody who reads credentials.
    #[default]
    Reader,
    /// Replacing what is in use. A tenth of the pace is kept for it.
    Rotation,
    /// Deleting, and proving that something is gone. A fifth of the pace is
    /// kept for it.
    Removal(RemovalBy),
    /// Finding out whether a new key works. Background work: while readers
    /// wait, it gets half of the general part at most.
    Proof,
    /// Making a key in advance. Background work.
    Spare,
    /// Looking whether something still is as it was. Background work.
    Look,
}

/// On whose behalf something is deleted, in the order in which deletions are
/// sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RemovalBy {
    /// A person who asked for it.
    Operator,
    /// The host, which revokes a lease.
    #[default]
    Host,
    /// The sweep, which has 60 s for each deletion to be sent.
    Sweep,
}

/// Whose turn a request uses up. Flows of one class are served in turn, and so
/// are the callers of one flow; the requests of one caller keep their order.
///
/// For readers the flow is the role and the caller the requester; for removals
/// the flow is the owner of what is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    name: Arc<str>,
    caller: Arc<str>,
}

impl Flow {
    /// A flow, and a caller within it. Either may be empty.
    pub fn new(name: &str, caller: &str) -> Self {
        Self {
            name: name.into(),
            caller: caller.into(),
        }
    }
}

/// A level of a request's place in the queue.
pub(super) type Name = Arc<str>;

/// The part of the pace that a class draws from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    General,
    Removal,
    Rotation,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::General, Self::Removal, Self::Rotation];

    /// How much of the pace belongs to the part, in percent.
    pub(super) fn percent(self) -> f64 {
        match self {
            Self::General => 70.0,
            Self::Removal => 20.0,
            Self::Rotation => 10.0,
        }
    }
}

impl Class {
    pub(super) fn part(self) -> Part {
        match self {
            Self::Operator | Self::Reader | Self::Proof | Self::Spare | Self::Look => Part::General,
            Self::Removal(_) => Part::Removal,
            Self::Rotation => Part::Rotation,
        }
    }

    /// The names below which a request of this class waits within its group of
    /// paths.
    pub(super) fn path(self, flow: &Flow) -> [Name; 2] {
        match self {
            Self::Operator | Self::Rotation => Default::default(),
            Self::Reader => [Arc::clone(&flow.name), Arc::clone(&flow.caller)],
            Self::Removal(_) => [Arc::clone(&flow.name), Name::default()],
            Self::Proof => ["proof".into(), Arc::clone(&flow.name)],
            Self::Spare => ["spare".into(), Arc::clone(&flow.name)],
            Self::Look => ["look".into(), Arc::clone(&flow.name)],
        }
    }
}
