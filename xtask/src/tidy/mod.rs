//! `cargo xtask tidy`: rules of this workspace that the compiler cannot check.
//!
//! Each rule is a function from its input to findings, in a module of its own,
//! with a test that shows it failing. Whatever a lint can check, such as missing
//! documentation, is left to rustc and clippy; tidy only checks that every crate
//! inherits the lints.

mod architecture;
mod circles;
mod layers;
mod links;
mod manifests;
mod purity;
mod rules;
mod sources;
mod toolchain;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;

/// A violation of a rule, with the remedy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A file with a line, or a package.
    place: String,
    problem: String,
    remedy: String,
}

impl Finding {
    fn new(
        place: impl fmt::Display,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: place.to_string(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.problem, self.remedy)
    }
}

/// A committed text file.
pub(crate) struct File {
    /// Relative to the root of the workspace.
    path: PathBuf,
    text: String,
}

impl File {
    #[cfg(test)]
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.into(),
            text: text.to_owned(),
        }
    }

    fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|ending| ending == "rs")
    }

    /// Generated code is exempt from rules of style.
    fn is_generated(&self) -> bool {
        self.path.components().any(|part| part.as_os_str() == "pb")
    }

    fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// Runs every rule and prints the findings.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let files = read(&workspace)?;
    let file = |name: &str| files.iter().find(|file| file.path == Path::new(name));

    let mut findings = Vec::new();
    findings.extend(layers::check(&workspace.packages));
    findings.extend(purity::check_dependencies(&workspace.packages));
    findings.extend(purity::check_sources(&files));
    findings.extend(manifests::check(&files));
    findings.extend(sources::check(&files));
    findings.extend(circles::check(&files));
    findings.extend(links::check(&files));
    findings.extend(toolchain::check(&files));
    findings.extend(words::check(&files));
    findings.extend(rules::check(
        file(rules::PAGE),
        file(rules::LIFECYCLE),
        &files,
    ));
    findings.extend(rules::check_promises(file(rules::PROMISES), &files));
    findings.extend(architecture::check(
        &crate_folders(&workspace),
        file("ARCHITECTURE.md"),
    ));

    for finding in &findings {
        println!("{finding}");
    }
    // It prints the stale file itself.
    let generated_code_is_fresh = crate::generate(true)? == ExitCode::SUCCESS;
    if findings.is_empty() && generated_code_is_fresh {
        println!(
            "tidy: {} packages, {} files",
            workspace.packages.len(),
            files.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} findings", findings.len());
    Ok(ExitCode::FAILURE)
}

fn read(workspace: &Workspace) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in workspace.files()? {
        let bytes = std::fs::read(workspace.root.join(&path))?;
        // Binary files have no lines to check.
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path, text });
        }
    }
    Ok(files)
}

/// The names of the folders of `crates/`.
fn crate_folders(workspace: &Workspace) -> Vec<String> {
    let folders = workspace.packages.iter().filter_map(|package| {
        let name = workspace
            .relative(&package.folder)
            .strip_prefix("crates")
            .ok()?;
        Some(name.display().to_string())
    });
    folders.collect()
}
