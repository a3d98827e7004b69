//! The definition of an engine: its paths, its secret types, and its special
//! paths.

use super::{Path, SecretType};
use crate::SpecialPaths;

/// An engine as a table.
#[non_exhaustive]
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

impl<S> Definition<S> {
    /// An engine with this help and without paths.
    pub fn new(help: &'static str) -> Self {
        Self {
            help,
            paths: Vec::new(),
            secrets: Vec::new(),
            special_paths: SpecialPaths::new(),
        }
    }

    /// Adds paths behind those that are there.
    #[must_use]
    pub fn paths(mut self, paths: impl IntoIterator<Item = Path<S>>) -> Self {
        self.paths.extend(paths);
        self
    }

    /// Adds a kind of leased answers.
    #[must_use]
    pub fn secret(mut self, secret: SecretType<S>) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Sets the paths that hosts treat differently.
    #[must_use]
    pub fn special_paths(mut self, special_paths: SpecialPaths) -> Self {
        self.special_paths = special_paths;
        self
    }
}
