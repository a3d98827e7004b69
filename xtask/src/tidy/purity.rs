//! Pure crates get time, randomness, storage, tasks and network from their host.

use super::{File, Finding, layers};
use crate::source;
use crate::workspace::{DependencyKind, Package};

/// A path that a pure crate must not use, and the alternative.
struct Banned {
    path: &'static [&'static str],
    remedy: &'static str,
}

const CLOCK: &str = "take the time from the `Clock` that the host hands in";
const TASKS: &str = "run and wait through the `Tasks` that the host hands in";
const WORLD: &str = "let the host do it and hand in the value or a trait";

const BANNED: &[Banned] = &[
    ban(&["SystemTime", "now"], CLOCK),
    ban(&["Instant", "now"], CLOCK),
    ban(&["Timestamp", "now"], CLOCK),
    ban(&["Zoned", "now"], CLOCK),
    ban(&["tokio", "time"], TASKS),
    ban(&["tokio", "spawn"], TASKS),
    ban(&["tokio", "task"], TASKS),
    ban(&["tokio", "runtime"], TASKS),
    ban(&["std", "thread"], TASKS),
    ban(&["thread", "spawn"], TASKS),
    ban(&["thread", "sleep"], TASKS),
    ban(&["std", "env"], WORLD),
    ban(&["std", "fs"], WORLD),
    ban(&["std", "process"], WORLD),
    ban(
        &["std", "net"],
        "let the host open sockets; addresses as values are in `core::net`",
    ),
];

const fn ban(path: &'static [&'static str], remedy: &'static str) -> Banned {
    Banned { path, remedy }
}

/// Every banned path in the sources of pure crates, outside tests.
pub(super) fn check_sources(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_pure_source(file)) {
        match source::mentions(&file.text) {
            Ok(mentions) => findings.extend(mentions.iter().filter_map(|mention| {
                let banned = BANNED.iter().find(|banned| mention.names(banned.path))?;
                Some(Finding::new(
                    file.at(mention.line),
                    format!("a pure crate must not use `{}`", banned.path.join("::")),
                    banned.remedy,
                ))
            })),
            Err(error) => findings.push(Finding::new(
                file.path.display(),
                error.to_string(),
                "see `cargo check`",
            )),
        }
    }
    findings
}

/// Pure crates may use only the parts of tokio that need no runtime: locks and
/// channels.
pub(super) fn check_dependencies(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages
        .iter()
        .filter(|package| layers::is_pure(&package.name))
    {
        for dependency in &package.dependencies {
            let runtime = dependency.name == "tokio"
                && dependency.kind != DependencyKind::Dev
                && dependency.features.iter().any(|feature| feature != "sync");
            if runtime {
                findings.push(Finding::new(
                    &package.name,
                    format!("it asks for tokio with {}", dependency.features.join(", ")),
                    format!("only `sync` needs no runtime; {TASKS}"),
                ));
            }
        }
    }
    findings
}

/// `crates/<pure>/src/…`, unless the file contains only tests.
fn is_pure_source(file: &File) -> bool {
    let parts: Vec<_> = file
        .path
        .iter()
        .map(|part| part.to_string_lossy())
        .collect();
    let [root, package, src, inside @ ..] = parts.as_slice() else {
        return false;
    };
    let for_tests = inside
        .iter()
        .any(|part| part == "tests" || part == "tests.rs");
    root == "crates" && src == "src" && layers::is_pure(package) && file.is_rust() && !for_tests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn findings(path: &str, source: &str) -> Vec<String> {
        let findings = check_sources(&[File::new(path, source)]);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_clock_in_the_engine_is_named_with_line_and_remedy() {
        let found = findings(
            "crates/engine/src/config.rs",
            "//! x\nfn f() {\n    let now = Instant::now();\n}",
        );
        assert_eq!(
            found,
            [
                "crates/engine/src/config.rs:3: a pure crate must not use `Instant::now`; \
              take the time from the `Clock` that the host hands in"
            ]
        );
    }

    #[test]
    fn an_import_inside_a_tree_is_found() {
        let found = findings(
            "crates/logical/src/lib.rs",
            "use std::{fmt, env, fs::File};",
        );
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn every_banned_path_is_found() {
        for banned in BANNED {
            let source = format!("fn f() {{ {}(); }}", banned.path.join("::"));
            let found = findings("crates/hcl1/src/lib.rs", &source);
            assert_eq!(found.len(), 1, "{source}");
        }
    }

    #[test]
    fn tests_and_crates_that_are_not_pure_may_reach_out() {
        let source = "fn f() { std::env::var(\"A\"); }";
        assert!(findings("crates/server/src/lib.rs", source).is_empty());
        assert!(findings("crates/engine/tests/it/main.rs", source).is_empty());
        assert!(findings("crates/engine/src/ledger/tests.rs", source).is_empty());
        let inside = format!("#[cfg(test)]\nmod tests {{ {source} }}");
        assert!(findings("crates/engine/src/lib.rs", &inside).is_empty());
    }

    #[test]
    fn a_runtime_among_the_dependencies_of_a_pure_crate_is_found() {
        let tokio = |kind, features: &[&str]| Package {
            name: "engine".to_owned(),
            folder: "crates/engine".into(),
            features: Vec::new(),
            dependencies: vec![Dependency {
                name: "tokio".to_owned(),
                kind,
                features: features.iter().map(ToString::to_string).collect(),
            }],
        };
        let check = |kind, features: &[&str]| check_dependencies(&[tokio(kind, features)]).len();
        assert_eq!(check(DependencyKind::Normal, &["sync"]), 0);
        assert_eq!(check(DependencyKind::Normal, &["sync", "time"]), 1);
        assert_eq!(check(DependencyKind::Dev, &["rt", "macros"]), 0);
    }
}
