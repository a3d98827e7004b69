//! `cargo xtask advisories`: whether a dependency was withdrawn, or is known to
//! be vulnerable.
//!
//! The registry's index says which versions were yanked. Vulnerabilities are in
//! `RustSec`'s advisory database, a git repository that no package registry
//! carries: where a checkout is at hand, [`DATABASE`] names it, and otherwise
//! the run says that this half was not checked, and `.ci/run` says so again as its
//! last line.

#[cfg(feature = "advisories")]
mod known;
mod yanked;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::not_checked;
use crate::workspace::Workspace;

/// The variable with the folder of a checkout of the advisory database.
const DATABASE: &str = "LOCKKEEPER_ADVISORY_DB";

/// Checks both, or only what the database knows.
pub(crate) fn run(only_known: bool) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut problems = Vec::new();
    if !only_known {
        problems.extend(yanked::check(&workspace)?);
    }
    for problem in &problems {
        println!("{problem}");
    }
    let database = std::env::var_os(DATABASE).filter(|folder| !folder.is_empty());
    let known = if let Some(folder) = database {
        known(&workspace, Path::new(&folder))?
    } else {
        not_checked::note(&format!(
            "known vulnerabilities of dependencies; set {DATABASE} to a checkout of RustSec's \
             advisory-db to check them"
        ))?;
        ExitCode::SUCCESS
    };
    if !problems.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    Ok(known)
}

#[cfg(feature = "advisories")]
fn known(workspace: &Workspace, database: &Path) -> Result<ExitCode> {
    let report = known::check(&workspace.root.join("Cargo.lock"), database)?;
    for line in report.problems.iter().chain(&report.notes) {
        println!("{line}");
    }
    println!("advisories: {} known", report.advisories);
    Ok(if report.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The same, by an `xtask` that was built with the reader of the database.
#[cfg(not(feature = "advisories"))]
fn known(_: &Workspace, _: &Path) -> Result<ExitCode> {
    crate::with_feature("advisories", &["advisories", "--known"])
}
