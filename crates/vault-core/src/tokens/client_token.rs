//! The text of a token, as a client sends it.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A client's token. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ClientToken(String);

impl ClientToken {
    /// The token with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Exposes the text, for a header or a terminal.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientToken(hidden)")
    }
}
