//! The definition of an engine: its paths, its secret types, and its special
//! paths.

use super::{Path, SecretType};
use crate::SpecialPaths;

/// An engine as a table.
pub struct Definition<S> {
    /// What the engine is, for help.
    pub help: &'static str,
    /// The paths; the first that matches answers.
    pub paths: Vec<Path<S>>,
    /// The kinds of leased answers.
    pub secrets: Vec<SecretType<S>>,
    /// Paths that hosts treat differently.
    pub special_paths: SpecialPaths,
}
