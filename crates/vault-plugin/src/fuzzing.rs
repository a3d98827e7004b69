//! Entry points for the fuzz targets in `fuzz/`; not part of the API.

pub use crate::backend::fuzzing::{error, request};

use crate::go_plugin::handshake::Launch;

/// Reads a host's environment; `None` when the start is refused.
pub fn handshake(lookup: impl Fn(&str) -> Option<String>) -> Option<()> {
    Launch::read(lookup).ok().map(|_| ())
}
