//! The special paths of a backend, compiled for matching.

use logical::SpecialPaths;

/// Which paths of a mount need no token, and which need sudo.
#[derive(Debug, Default)]
pub(super) struct Special {
    unauthenticated: Patterns,
    root: Patterns,
}

/// Exact paths and path prefixes.
#[derive(Debug, Default)]
struct Patterns {
    exact: Vec<String>,
    prefixes: Vec<String>,
}

impl Special {
    pub(super) fn new(paths: SpecialPaths) -> Self {
        Self {
            unauthenticated: Patterns::new(paths.unauthenticated),
            root: Patterns::new(paths.root),
        }
    }

    /// Whether a path inside the mount needs no token.
    pub(super) fn is_unauthenticated(&self, path: &str) -> bool {
        self.unauthenticated.matches(path)
    }

    /// Whether a path inside the mount needs sudo.
    pub(super) fn needs_sudo(&self, path: &str) -> bool {
        self.root.matches(path)
    }
}

impl Patterns {
    fn new(patterns: Vec<String>) -> Self {
        let (prefixes, exact): (Vec<_>, Vec<_>) = patterns
            .into_iter()
            .partition(|pattern| pattern.ends_with('*'));
        let prefixes = prefixes
            .into_iter()
            .map(|pattern| pattern.trim_end_matches('*').to_owned());
        Self {
            exact,
            prefixes: prefixes.collect(),
        }
    }

    fn matches(&self, path: &str) -> bool {
        self.exact.iter().any(|exact| exact == path)
            || self
                .prefixes
                .iter()
                .any(|prefix| path.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_star_stands_for_any_ending_and_everything_else_for_itself() {
        let mut paths = SpecialPaths::default();
        paths.unauthenticated = vec!["login".into(), "login/*".into()];
        paths.root = vec!["raw*".into()];
        let special = Special::new(paths);
        assert!(special.is_unauthenticated("login"));
        assert!(special.is_unauthenticated("login/jane"));
        assert!(!special.is_unauthenticated("logins"));
        assert!(special.needs_sudo("raw") && special.needs_sudo("raw/core"));
        assert!(!special.needs_sudo("login"));
    }
}
