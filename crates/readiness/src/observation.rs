//! What one probe tells of a key.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What one probe tells of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// The key was accepted (200).
    LoggedIn,
    /// The key was accepted and its owner may not do what was asked: a 403 in
    /// Confluent's own form, for Kafka with the code 40301.
    LoggedInWithoutRights,
    /// The key is not known (401 in any form): not yet, or not any more.
    NotYet,
    /// There was no answer that says anything about the key: no connection, a
    /// time-out, a server that failed, a refusal that is not Confluent's.
    Unreachable,
    /// There is no call, or no address for it.
    NoProbe,
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoggedIn => "it logs in",
            Self::LoggedInWithoutRights => "it logs in, and its owner has no rights there",
            Self::NotYet => "it is not accepted (401)",
            Self::Unreachable => "the place that it is for cannot be reached",
            Self::NoProbe => "there is no way to try it",
        })
    }
}
