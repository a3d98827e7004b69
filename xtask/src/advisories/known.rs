//! What `RustSec`'s database knows of the packages in a lock file.

use std::path::Path;

use anyhow::{Context, Result};
use rustsec::advisory::{Id, Informational};
use rustsec::report::Settings;
use rustsec::{Database, Lockfile, Report};

/// Advisories that do not concern us, each with why. One that no longer matches
/// anything is a problem of its own.
const IGNORED: &[(&str, &str)] = &[];

/// What was found.
pub(super) struct Known {
    /// How many advisories the database has.
    pub(super) advisories: usize,
    /// Vulnerable or unsound packages.
    pub(super) problems: Vec<String>,
    /// Packages that nobody maintains, and the like.
    pub(super) notes: Vec<String>,
}

/// Compares a lock file with the database in a folder.
pub(super) fn check(lock: &Path, database: &Path) -> Result<Known> {
    check_but(lock, database, IGNORED)
}

fn check_but(lock: &Path, database: &Path, ignored: &[(&str, &str)]) -> Result<Known> {
    let database = Database::open(database)
        .with_context(|| format!("`{}` is no advisory database", database.display()))?;
    let lock = Lockfile::load(lock).with_context(|| format!("reading `{}`", lock.display()))?;
    let settings = Settings {
        informational_warnings: vec![
            Informational::Unmaintained,
            Informational::Unsound,
            Informational::Notice,
        ],
        ..Settings::default()
    };
    let report = Report::generate(&database, &lock, &settings);

    let mut used = vec![false; ignored.len()];
    let mut is_ignored = |id: &Id| {
        let entry = ignored.iter().position(|(name, _)| *name == id.as_str());
        entry.inspect(|entry| used[*entry] = true).is_some()
    };
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    for found in &report.vulnerabilities.list {
        if is_ignored(&found.advisory.id) {
            continue;
        }
        let patched: Vec<String> = found
            .versions
            .patched()
            .iter()
            .map(ToString::to_string)
            .collect();
        let remedy = if patched.is_empty() {
            "there is no version without it: replace the crate".to_owned()
        } else {
            format!("update it to {}", patched.join(" or "))
        };
        problems.push(format!(
            "{} {}: {}: {}; {remedy}",
            found.package.name, found.package.version, found.advisory.id, found.advisory.title
        ));
    }
    for (kind, warnings) in &report.warnings {
        for warning in warnings {
            let Some(advisory) = &warning.advisory else {
                continue;
            };
            let line = format!(
                "{} {}: {}: {} ({})",
                warning.package.name,
                warning.package.version,
                advisory.id,
                advisory.title,
                kind.as_str()
            );
            if is_ignored(&advisory.id) {
                continue;
            }
            if advisory.informational == Some(Informational::Unsound) {
                problems.push(line);
            } else {
                notes.push(line);
            }
        }
    }
    let unused = ignored.iter().zip(used).filter(|(_, used)| !used);
    problems.extend(unused.map(|((id, _), _)| {
        format!("{id} concerns no dependency any more; remove it from the ignored advisories")
    }));
    Ok(Known {
        advisories: database.iter().count(),
        problems,
        notes,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"thing\"\nversion = \"1.2.0\"\nsource = \
                        \"registry+https://github.com/rust-lang/crates.io-index\"\n";

    /// What is found in a lock file with `thing` 1.2.0 by one advisory.
    fn found(extra: &str, patched: &str, ignored: &[(&str, &str)]) -> Known {
        let folder = tempfile::tempdir().unwrap();
        let entry = folder.path().join("crates/thing");
        fs::create_dir_all(&entry).unwrap();
        let advisory = format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"thing\"\ndate = \
             \"2026-01-02\"\n{extra}\n[versions]\npatched = [{patched}]\n```\n\n# It \
             leaks\n\nWords.\n"
        );
        fs::write(entry.join("RUSTSEC-2026-0001.md"), advisory).unwrap();
        let lock = folder.path().join("Cargo.lock");
        fs::write(&lock, LOCK).unwrap();
        check_but(&lock, folder.path(), ignored).unwrap()
    }

    #[test]
    fn a_vulnerable_version_is_found_with_the_remedy() {
        let known = found("", "\">= 1.2.3\"", &[]);
        assert_eq!(known.advisories, 1);
        assert_eq!(
            known.problems,
            ["thing 1.2.0: RUSTSEC-2026-0001: It leaks; update it to >=1.2.3"]
        );
        assert!(found("", "\">= 1.2.0\"", &[]).problems.is_empty());
    }

    #[test]
    fn a_crate_that_nobody_maintains_is_a_note_and_an_unsound_one_a_problem() {
        let known = found("informational = \"unmaintained\"", "", &[]);
        assert_eq!((known.problems.len(), known.notes.len()), (0, 1));
        let known = found("informational = \"unsound\"", "", &[]);
        assert_eq!((known.problems.len(), known.notes.len()), (1, 0));
    }

    #[test]
    fn an_advisory_is_ignored_as_long_as_it_concerns_a_dependency() {
        let ignored = [("RUSTSEC-2026-0001", "we never call it")];
        assert!(found("", "", &ignored).problems.is_empty());
        let known = found("", "\">= 1.2.0\"", &ignored);
        assert!(known.problems[0].contains("concerns no dependency"));
    }

    #[test]
    fn a_folder_that_is_no_database_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("Cargo.lock");
        fs::write(&lock, LOCK).unwrap();
        assert!(check(&lock, &folder.path().join("nothing")).is_err());
    }
}
