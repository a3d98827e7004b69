//! What a role or an account wants of a new key.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Kind;

/// The default of `readiness_timeout`.
pub(crate) const USUAL_TIMEOUT: Duration = Duration::from_mins(20);

/// The field `readiness`: how it is found out whether a new key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Not at all: each key counts as working when it is made.
    None,
    /// The key is tried.
    Probe,
    /// As much time passes as a new key takes.
    Delay,
}

impl Mode {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Probe => "probe",
            Self::Delay => "delay",
        }
    }
}

/// What counts as ready for one key. It follows from the settings at the time
/// when it is asked for, so that a change of a role counts for keys under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub(crate) kind: Kind,
    pub(crate) mode: Mode,
    /// The age from which a key that cannot be tried is assumed to work.
    pub(crate) wait: Duration,
    /// The age at which a key that does not work is given up.
    pub(crate) timeout: Duration,
    /// Only a login with rights counts; nothing is assumed.
    pub(crate) strict: bool,
}

impl Plan {
    /// For the admin key of an account, which is never assumed to work.
    pub fn of_account() -> Self {
        Self {
            kind: Kind::Cloud,
            mode: Mode::Probe,
            wait: Kind::Cloud.documented_wait(),
            timeout: USUAL_TIMEOUT,
            strict: true,
        }
    }

    /// What the key is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How old a key is when it works, as far as anybody knows beforehand.
    pub fn usual_age(&self) -> Duration {
        match self.mode {
            Mode::None => Duration::ZERO,
            Mode::Probe | Mode::Delay => self.wait,
        }
    }

    /// How old a key becomes before it is given up.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether time alone decides.
    pub(crate) fn only_waits(&self) -> bool {
        self.mode == Mode::Delay || !self.kind.can_be_probed()
    }
}
