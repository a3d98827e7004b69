//! Class and flow of a request. The class decides which part of the pace it may
//! use, the flow whose turn it takes.

use std::sync::Arc;

/// The purpose of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Class {
    /// A person waits for the answer, or an owner is locked. Goes first and may
    /// use every part.
    Operator,
    /// An application reads credentials.
    #[default]
    Reader,
    /// Replacing a key in use. A tenth of the pace is reserved for it.
    Rotation,
    /// Deleting, and proving that something is gone. A fifth of the pace is
    /// reserved for it.
    Removal(RemovalBy),
    /// Probing a new key. Background work: while readers wait, it gets at most
    /// half of the general part.
    Proof,
    /// Creating a key in advance. Background work.
    Spare,
    /// Checking that something still exists. Background work.
    Look,
}

/// The initiator of a deletion, in order of priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RemovalBy {
    /// A person.
    Operator,
    /// The host, which revokes a lease.
    #[default]
    Host,
    /// The sweep, whose deletions may wait 60 s to be sent.
    Sweep,
}

/// The unit of fairness. Flows of a class are served round-robin, and so are the
/// callers within a flow; the requests of one caller keep their order.
///
/// For readers the flow is the role and the caller the requester; for removals
/// the flow is the owner of the deleted keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    name: Arc<str>,
    caller: Arc<str>,
}

impl Flow {
    /// A flow and a caller within it, either of which may be empty.
    pub fn new(name: &str, caller: &str) -> Self {
        Self {
            name: name.into(),
            caller: caller.into(),
        }
    }
}

/// The name of a queue at one level of the hierarchy.
pub(super) type Name = Arc<str>;

/// The part of the pace that a class uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    General,
    Removal,
    Rotation,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::General, Self::Removal, Self::Rotation];

    /// The share of the pace, in percent.
    pub(super) fn percent(self) -> f64 {
        match self {
            Self::General => 70.0,
            Self::Removal => 20.0,
            Self::Rotation => 10.0,
        }
    }
}

impl Class {
    /// A word for it, such as `removal`, for labels of measurements.
    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Reader => "reader",
            Self::Rotation => "rotation",
            Self::Removal(_) => "removal",
            Self::Proof => "proof",
            Self::Spare => "spare",
            Self::Look => "look",
        }
    }

    pub(super) fn part(self) -> Part {
        match self {
            Self::Operator | Self::Reader | Self::Proof | Self::Spare | Self::Look => Part::General,
            Self::Removal(_) => Part::Removal,
            Self::Rotation => Part::Rotation,
        }
    }

    /// The names of the queues for requests of this class, within a group of
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
