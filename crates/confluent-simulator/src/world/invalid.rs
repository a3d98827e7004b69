//! Why a world cannot be made.

use std::fmt;

use confluent_cloud::ids::InvalidId;

/// A world that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidWorld(String);

impl InvalidWorld {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for InvalidWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidWorld {}

impl From<InvalidId> for InvalidWorld {
    fn from(error: InvalidId) -> Self {
        Self(error.to_string())
    }
}
