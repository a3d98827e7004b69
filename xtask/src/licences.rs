//! `cargo xtask licences`: what the dependencies of the workspace may be.
//!
//! Read from `cargo tree` for the platforms that we build on. `cargo metadata`
//! would do, but it also names what is only reachable through features such as
//! `ring?/alloc` that nobody switched on.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use spdx::{Expression, ParseMode};

use crate::workspace::{Workspace, cargo, output};

/// Where our programs run and our developers work.
const PLATFORMS: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
];

/// Licences that a dependency may have, each with why it fits Apache-2.0.
const ALLOWED: &[(&str, &str)] = &[
    ("Apache-2.0", "our own"),
    (
        "Apache-2.0 WITH LLVM-exception",
        "our own, with fewer duties",
    ),
    ("MIT", "permissive: keep the notice"),
    ("ISC", "permissive: keep the notice"),
    ("0BSD", "permissive, without a duty"),
    ("BSD-2-Clause", "permissive: keep the notice"),
    (
        "BSD-3-Clause",
        "permissive: keep the notice, no endorsement",
    ),
    (
        "NCSA",
        "permissive: keep the notice, no endorsement; libFuzzer, which no program carries",
    ),
    ("Zlib", "permissive: mark what was altered"),
    (
        "Unicode-3.0",
        "permissive: tables of Unicode, keep the notice",
    ),
    (
        "CDLA-Permissive-2.0",
        "permissive: data, the roots of `webpki-roots`",
    ),
];

/// Crates that must not be in the graph at all.
const BANNED: &[(&str, &str)] = &[
    (
        "ring",
        "aws-lc-rs is the one crypto library; ring has no P-521, which go-plugin needs",
    ),
    (
        "openssl",
        "TLS is rustls; no library of the system is linked",
    ),
    (
        "openssl-sys",
        "TLS is rustls; no library of the system is linked",
    ),
    (
        "native-tls",
        "TLS is rustls; no library of the system is linked",
    ),
];

/// Crates of which two incompatible versions would be two stacks in one
/// process: two pools, two sets of types, twice the time to build.
const ONCE: &[&str] = &[
    "aws-lc-rs",
    "axum",
    "h2",
    "http",
    "hyper",
    "prost",
    "reqwest",
    "rustls",
    "rustls-webpki",
    "tokio",
    "tokio-rustls",
    "tonic",
    "tower",
];

/// A third-party package of the resolved graph.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dependency {
    name: String,
    version: String,
    licence: Option<String>,
}

/// Checks the resolved graph and prints what is wrong with it.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let ours = workspace
        .packages
        .iter()
        .map(|package| package.name.as_str());
    let dependencies = third_party(&cargo_tree()?, &ours.collect())?;
    let mut problems = unlicensed(&dependencies);
    problems.extend(banned(&dependencies));
    problems.extend(doubled(&dependencies));

    for problem in &problems {
        println!("{problem}");
    }
    if problems.is_empty() {
        println!("licences: {} dependencies", dependencies.len());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

fn cargo_tree() -> Result<String> {
    let mut tree = cargo();
    tree.args(["tree", "--workspace", "--all-features", "--locked"]);
    tree.args(["--edges", "normal,build,dev", "--prefix", "none"]);
    tree.args(["--format", "{p}|{l}|"]);
    for platform in PLATFORMS {
        tree.args(["--target", platform]);
    }
    output(&mut tree)
}

/// Reads lines like `serde v1.0.229 (proc-macro)|MIT OR Apache-2.0| (*)`.
fn third_party(tree: &str, ours: &BTreeSet<&str>) -> Result<Vec<Dependency>> {
    let mut dependencies = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let mut columns = line.split('|');
        let mut package = columns.next().unwrap_or_default().split(' ');
        let (Some(name), Some(version)) = (package.next(), package.next()) else {
            bail!("cargo tree printed a line of an unknown form: `{line}`");
        };
        if ours.contains(name) {
            continue;
        }
        let licence = columns.next().filter(|licence| !licence.is_empty());
        dependencies.insert(Dependency {
            name: name.to_owned(),
            version: version.trim_start_matches('v').to_owned(),
            licence: licence.map(str::to_owned),
        });
    }
    Ok(dependencies.into_iter().collect())
}

fn unlicensed(dependencies: &[Dependency]) -> Vec<String> {
    let mut problems = Vec::new();
    for Dependency {
        name,
        version,
        licence,
    } in dependencies
    {
        let verdict = match licence {
            Some(expression) => is_allowed(expression),
            None => Err(anyhow::anyhow!("it states none")),
        };
        let problem = match verdict {
            Ok(true) => continue,
            Ok(false) => licence.clone().unwrap_or_default(),
            Err(error) => format!("{error:#}"),
        };
        problems.push(format!(
            "{name} {version}: its licence is not on our list ({problem}); \
             choose another crate, or add the licence to `xtask/src/licences.rs` with its reason"
        ));
    }
    problems
}

/// Whether the expression can be satisfied with allowed licences alone.
fn is_allowed(expression: &str) -> Result<bool> {
    let parsed = Expression::parse_mode(expression, ParseMode::LAX)
        .with_context(|| format!("`{expression}` is no licence expression"))?;
    Ok(parsed.evaluate(|requirement| {
        let wanted = requirement.to_string();
        ALLOWED.iter().any(|(licence, _)| *licence == wanted)
    }))
}

fn banned(dependencies: &[Dependency]) -> Vec<String> {
    let mut problems = Vec::new();
    for dependency in dependencies {
        let ban = BANNED.iter().find(|(name, _)| *name == dependency.name);
        if let Some((name, reason)) = ban {
            problems.push(format!(
                "{name} {}: it must not be used: {reason}; \
                 `cargo tree --invert {name}` shows who asks for it",
                dependency.version
            ));
        }
    }
    problems
}

fn doubled(dependencies: &[Dependency]) -> Vec<String> {
    let mut lines: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for dependency in dependencies {
        if ONCE.contains(&dependency.name.as_str()) {
            let line = compatible_line(&dependency.version);
            lines.entry(&dependency.name).or_default().insert(line);
        }
    }
    let doubled = lines.into_iter().filter(|(_, versions)| versions.len() > 1);
    doubled
        .map(|(name, versions)| {
            let versions: Vec<&str> = versions.into_iter().collect();
            format!(
                "{name}: the graph has it in versions {}; \
                 `cargo tree --duplicates` shows who asks for which",
                versions.join(" and ")
            )
        })
        .collect()
}

/// The part of a version that must be equal for cargo to unify two.
fn compatible_line(version: &str) -> &str {
    let parts = if version.starts_with("0.") { 2 } else { 1 };
    let end = version
        .match_indices('.')
        .nth(parts - 1)
        .map_or(version.len(), |(position, _)| position);
    &version[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, version: &str, licence: Option<&str>) -> Dependency {
        Dependency {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.map(str::to_owned),
        }
    }

    #[test]
    fn one_allowed_side_of_an_or_is_enough() {
        assert!(is_allowed("MIT OR GPL-3.0-only").unwrap());
        assert!(is_allowed("MIT/Apache-2.0").unwrap());
        assert!(is_allowed("Apache-2.0 WITH LLVM-exception").unwrap());
    }

    #[test]
    fn both_sides_of_an_and_must_be_allowed() {
        assert!(!is_allowed("MIT AND GPL-3.0-only").unwrap());
        assert!(!is_allowed("MPL-2.0").unwrap());
    }

    #[test]
    fn a_crate_without_a_licence_is_found() {
        let problems = unlicensed(&[dependency("a", "1.0.0", None)]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("a 1.0.0: "), "{problems:?}");
    }

    #[test]
    fn a_banned_crate_is_found() {
        assert_eq!(
            banned(&[dependency("ring", "0.17.14", Some("ISC"))]).len(),
            1
        );
    }

    #[test]
    fn two_incompatible_versions_of_one_stack_are_found() {
        let problems = doubled(&[
            dependency("rustls", "0.21.12", None),
            dependency("rustls", "0.23.46", None),
        ]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("0.21 and 0.23"), "{problems:?}");
    }

    #[test]
    fn versions_that_cargo_unifies_are_one() {
        assert!(
            doubled(&[
                dependency("hyper", "1.2.0", None),
                dependency("hyper", "1.9.0", None)
            ])
            .is_empty()
        );
        assert!(
            doubled(&[
                dependency("syn", "1.0.0", None),
                dependency("syn", "2.0.0", None)
            ])
            .is_empty()
        );
    }

    #[test]
    fn a_tree_gives_each_foreign_package_once() {
        let tree = "ours v0.1.0 (/somewhere)|Apache-2.0|\n\
                    serde v1.0.229|MIT OR Apache-2.0|\n\n\
                    serde_derive v1.0.229 (proc-macro)|MIT OR Apache-2.0|\n\
                    serde v1.0.229|MIT OR Apache-2.0| (*)\n\
                    bare v2.0.0||\n";
        let either = Some("MIT OR Apache-2.0");
        assert_eq!(
            third_party(tree, &BTreeSet::from(["ours"])).unwrap(),
            [
                dependency("bare", "2.0.0", None),
                dependency("serde", "1.0.229", either),
                dependency("serde_derive", "1.0.229", either),
            ]
        );
    }
}
