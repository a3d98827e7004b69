//! Errors of the ledger.

use logical::{Error, ErrorClass};

use super::step::Refusal;

/// Why an event could not be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The ledger has no such entry.
    Unknown,
    /// The credential's state does not allow it.
    Refused(Refusal),
    /// Storage or Confluent failed. The decision is on record, or is made again from
    /// storage.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Failed(error) => error,
            Failure::Refused(refusal) => Self::internal(format!("{refusal}: try again")),
            Failure::Unknown => Self::internal("the key is not on record: try again"),
        }
    }
}

/// Whether a failed deletion can be left to the sweep. A refused account needs an
/// operator, so its errors are still reported to the host.
pub(crate) fn is_transient(error: &Error) -> bool {
    matches!(
        error.class(),
        ErrorClass::UpstreamFailed | ErrorClass::UpstreamRateLimited
    )
}

pub(super) fn interrupted() -> Error {
    Error::internal("storage failed while the credential was in use: try again")
}
