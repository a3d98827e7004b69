//! Which objects without an owner are taken over.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::object::Object;
use super::place::Problem;

/// What a plan may take over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adoption {
    /// Nothing.
    #[default]
    None,
    /// Whatever the files name.
    All,
    /// The objects at these paths.
    Of(BTreeSet<String>),
}

impl Adoption {
    /// As flags say it: none, one without a path, or paths.
    pub fn of(flags: &[String]) -> Self {
        let paths = flags.iter().map(|path| path.trim_matches('/').to_owned());
        let paths: BTreeSet<String> = paths.collect();
        if paths.is_empty() {
            Self::None
        } else if paths.contains("") {
            Self::All
        } else {
            Self::Of(paths)
        }
    }

    pub(crate) fn includes(&self, path: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(paths) => paths.contains(path),
        }
    }

    /// Paths of which no file says anything: a mistake in writing would go unseen.
    pub(crate) fn unknown(&self, objects: &[Object]) -> Vec<Problem> {
        let Self::Of(paths) = self else {
            return Vec::new();
        };
        let is_known = |path: &&String| objects.iter().any(|object| object.path == **path);
        let unknown = paths.iter().filter(|path| !is_known(path));
        unknown
            .map(|path| {
                Problem::general(format!(
                    "-adopt={path}: the files have no object at this path; a plan shows the \
                     paths of all that it would change"
                ))
            })
            .collect()
    }
}
