//! What a client reports of its requests, for a host that measures. Where the
//! reports go is injected, like the clock.
//!
//! Every text in a report is one of a few that this crate knows: no report names a
//! key, an owner or a secret.

use std::fmt;
use std::time::Duration;

use crate::ErrorKind;
use crate::ids::OrganizationId;
use crate::pace::{Class, PaceStatus};

/// Where a client reports its requests. Called while requests are under way, so
/// that it must not block.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// A request ended. One that is repeated is reported each time.
    fn request(&self, request: &RequestReport);

    /// A request was granted its turn in the pace of the organization, or held
    /// back.
    fn turn(&self, turn: &TurnReport);

    /// The state of an organization's pace has changed. There is no report before
    /// an answer has named the organization.
    fn pace(&self, organization: &OrganizationId, pace: &PaceStatus);
}

/// A request that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestReport {
    /// `GET`, `POST`, `PATCH`, `DELETE`, or `other`.
    pub method: &'static str,
    /// The path with placeholders, such as `/iam/v2/api-keys/{id}`, or `other`.
    pub endpoint: &'static str,
    /// How it ended.
    pub outcome: RequestOutcome,
    /// How long it took, without the wait for its turn.
    pub took: Duration,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// With an answer of the 2xx kind.
    Succeeded,
    /// With a failure.
    Failed(ErrorKind),
    /// The caller gave it up. It may have been carried out.
    Abandoned,
}

/// A request that waited for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnReport {
    /// What the request is for.
    pub class: Class,
    /// Whether it may be sent. If not, it was held back.
    pub granted: bool,
    /// How long it waited.
    pub waited: Duration,
}

impl RequestOutcome {
    /// A word for it, such as `succeeded` or `rate_limited`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed(kind) => kind.word(),
            Self::Abandoned => "abandoned",
        }
    }
}
