//! What the engine needs of the world to prove a key, as two small traits. The
//! adapter to the client of Confluent Cloud implements them, and tests with
//! answers of their own.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{Kind, Observation, Place};

/// A resource that keys are made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its kind.
    pub kind: Kind,
    /// Its id, for example `lkc-…`.
    pub id: String,
    /// Its environment, where the role names it.
    pub environment: Option<String>,
}

/// A key that is tried. `Debug` shows no secret.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its secret.
    pub secret: &'a str,
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Candidate({})", self.id)
    }
}

/// What became of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It tells something.
    Observed {
        /// What.
        observation: Observation,
        /// A sentence that says why, for all but a login. It holds no secret.
        detail: Option<String>,
    },
    /// It could not be sent, or the service wants to be asked less often: nothing
    /// was learned of the key.
    HeldBack {
        /// How long to wait before the next.
        wait: Duration,
    },
}

/// Tries keys.
#[async_trait]
pub trait Probe<Account: ?Sized>: Send + Sync {
    /// Tries a key at the place of its resource, with the key itself: the
    /// account only says whose pace and which roots of trust count. Without an
    /// address, or for a kind that has no call, this is
    /// [`Observation::NoProbe`].
    async fn probe(
        &self,
        account: &Account,
        resource: &Resource,
        place: Option<&Place>,
        key: Candidate<'_>,
    ) -> Probed;
}

/// Finds out where resources are.
#[async_trait]
pub trait Places<Account: ?Sized>: Send + Sync {
    /// Asks Confluent with the account's key where a resource is. Where its
    /// environment is not known, each environment is asked once. `now` is the
    /// time that the place keeps.
    ///
    /// # Errors
    /// When there is no such resource or no answer.
    async fn find(
        &self,
        account: &Account,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<Place, LookUpError>;
}

/// Why a place is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUpError {
    /// There is no such resource, or the account may not see it.
    Absent {
        /// A sentence that says what was asked.
        message: String,
    },
    /// There was no answer; asking again may help.
    Failed {
        /// A sentence that says what went wrong. It holds no secret.
        message: String,
    },
}

impl fmt::Display for LookUpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Absent { message } | Self::Failed { message }) = self;
        f.write_str(message)
    }
}

impl std::error::Error for LookUpError {}
