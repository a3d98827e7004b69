//! One oldest Rust: what `Cargo.toml` promises, what clippy assumes, and what
//! the pages say.

use std::path::Path;

use super::{File, Finding};
use crate::toolchain::declared;

/// Every place that names another version than the workspace's manifest, and
/// every package that does not take it.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let text = |name: &str| {
        let found = files.iter().find(|file| file.path == Path::new(name));
        found.map_or("", |file| &file.text)
    };
    let Some(promised) = declared(text("Cargo.toml")) else {
        let problem = "it does not say the oldest Rust";
        let remedy = "add `rust-version` under `[workspace.package]`";
        return vec![Finding::new("Cargo.toml", problem, remedy)];
    };
    let mut findings = Vec::new();
    let clippy = format!("msrv = \"{promised}\"");
    if !text("clippy.toml").lines().any(|line| line == clippy) {
        findings.push(Finding::new(
            "clippy.toml",
            "it assumes another Rust than `Cargo.toml` promises",
            format!("write `{clippy}`"),
        ));
    }
    for file in files {
        let is = |ending: &str| file.path.extension().is_some_and(|found| found == ending);
        if is("md") {
            findings.extend(pages(file, promised));
        }
        let has = |wanted: &str| file.text.lines().any(|line| line == wanted);
        // A package outside the workspace repeats it.
        let own = format!("rust-version = \"{promised}\"");
        let takes_it = || has("rust-version.workspace = true") || (has("[workspace]") && has(&own));
        if file.path.ends_with("Cargo.toml") && file.text.contains("[package]") && !takes_it() {
            findings.push(Finding::new(
                file.path.display(),
                "it does not take the workspace's `rust-version`",
                "add `rust-version.workspace = true`",
            ));
        }
    }
    findings
}

/// Every `Rust 1.x` of a page that is another.
fn pages(file: &File, promised: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for (at, _) in line.match_indices("Rust 1.") {
            let rest = &line[at + "Rust ".len()..];
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
            let named = rest[..end.unwrap_or(rest.len())].trim_end_matches('.');
            if named != promised {
                findings.push(Finding::new(
                    file.at(index + 1),
                    format!("it names Rust {named}, and `Cargo.toml` promises {promised}"),
                    "name the same",
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(clippy: &str, page: &str, manifest: &str) -> Vec<String> {
        let files = [
            File::new(
                "Cargo.toml",
                "[workspace.package]\nrust-version = \"1.95\"\n",
            ),
            File::new("clippy.toml", clippy),
            File::new("README.md", page),
            File::new("crates/a/Cargo.toml", manifest),
        ];
        let findings = check(&files);
        findings.iter().map(ToString::to_string).collect()
    }

    const MANIFEST: &str = "[package]\nrust-version.workspace = true\n";

    #[test]
    fn a_package_outside_the_workspace_says_the_same_version() {
        let of = |version: &str| {
            let manifest = format!("[workspace]\n[package]\nrust-version = \"{version}\"\n");
            findings("msrv = \"1.95\"\n", "", &manifest).len()
        };
        assert_eq!((of("1.95"), of("1.85")), (0, 1));
    }

    #[test]
    fn places_that_agree_are_fine() {
        let found = findings(
            "msrv = \"1.95\"\n",
            "You need Rust 1.95. Or later.",
            MANIFEST,
        );
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_place_that_names_another_version_is_found() {
        assert!(findings("msrv = \"1.90\"\n", "", MANIFEST)[0].contains("clippy.toml"));
        assert!(findings("", "", MANIFEST)[0].contains("clippy.toml"));
        let page = &findings("msrv = \"1.95\"\n", "x\nRust 1.85 or later", MANIFEST)[0];
        assert!(
            page.starts_with("README.md:2: it names Rust 1.85"),
            "{page}"
        );
    }

    #[test]
    fn a_package_with_a_version_of_its_own_is_found() {
        let found = findings(
            "msrv = \"1.95\"\n",
            "",
            "[package]\nrust-version = \"1.80\"\n",
        );
        assert!(found[0].contains("crates/a/Cargo.toml"));
    }

    #[test]
    fn a_workspace_without_a_promise_is_found() {
        assert_eq!(check(&[File::new("Cargo.toml", "")]).len(), 1);
    }
}
