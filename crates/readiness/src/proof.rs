//! Why a key counts as working, as it is stored with the key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a key counts as working, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Why.
    pub basis: Basis,
    /// Since when.
    pub at: Timestamp,
}

/// What a key counts as working on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Nobody asked for a proof (`readiness=none`).
    Unchecked,
    /// It logged in.
    Probe,
    /// It logged in, and its owner may not do what was tried.
    ProbeWithoutRights,
    /// The place could not be reached or cannot be asked, and as much time has
    /// passed as a new key takes.
    Assumed,
}

impl Basis {
    /// The word for it in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Probe | Self::ProbeWithoutRights => "probe",
            Self::Assumed => "assumed",
        }
    }

    /// Whether the key was seen to log in.
    pub fn is_proven(self) -> bool {
        matches!(self, Self::Probe | Self::ProbeWithoutRights)
    }

    /// What whoever gets the key should know of it. It goes on from the name of the
    /// key.
    pub fn warning(self) -> Option<&'static str> {
        match self {
            Self::Unchecked | Self::Probe | Self::Assumed => None,
            Self::ProbeWithoutRights => Some(
                "logs in, and its owner may not list what is there: bind a role to the owner if \
                 applications are refused",
            ),
        }
    }
}
