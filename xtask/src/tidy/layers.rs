//! Which workspace crate may depend on which: dependencies point inward only.

use super::Finding;
use crate::workspace::{DependencyKind, Package};

/// The kind of a crate, which decides how strict its rules are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Logic only: time, randomness, storage and network are handed in.
    Pure,
    /// One kind of access to the outside.
    Library,
    /// Runs pure crates: network, clock, tasks.
    Host,
    /// Wires the parts together and prints.
    Program,
    /// Never part of a program.
    Development,
}

struct Layer {
    name: &'static str,
    kind: Kind,
    may_use: MayUse,
}

enum MayUse {
    These(&'static [&'static str]),
    /// Everything except what is for development.
    All,
    /// Everything.
    AllAndDevelopment,
}

const fn layer(name: &'static str, kind: Kind, may_use: &'static [&'static str]) -> Layer {
    Layer {
        name,
        kind,
        may_use: MayUse::These(may_use),
    }
}

/// The whole order. A new crate gets its entry here before its first dependency;
/// additions to `may_use` need a reason.
const LAYERS: &[Layer] = &[
    layer("logical", Kind::Pure, &[]),
    layer("hcl1", Kind::Pure, &[]),
    // Key/value engines, and an auth method: hosts are not known to them.
    layer("approle", Kind::Pure, &["logical"]),
    layer("kv", Kind::Pure, &["logical"]),
    // When a new key counts as working.
    layer("readiness", Kind::Pure, &[]),
    // When keys are rotated.
    layer("rotation-schedule", Kind::Pure, &[]),
    // The forms in which clients take a credential.
    layer("credential-formats", Kind::Pure, &[]),
    layer(
        "engine",
        Kind::Pure,
        &[
            "credential-formats",
            "logical",
            "readiness",
            "rotation-schedule",
        ],
    ),
    // Encryption of what is stored.
    layer("barrier", Kind::Pure, &["logical"]),
    // Keys in shares.
    layer("shamir", Kind::Pure, &["logical"]),
    layer(
        "vault-core",
        Kind::Pure,
        &["logical", "hcl1", "barrier", "shamir"],
    ),
    // What clients trust, the same for all.
    layer("tls-roots", Kind::Library, &[]),
    layer("confluent-cloud", Kind::Library, &["tls-roots"]),
    // Ids and the checksum of secrets only, no JSON types: see ARCHITECTURE.md.
    layer("confluent-simulator", Kind::Library, &["confluent-cloud"]),
    layer("store", Kind::Library, &["logical"]),
    // The real clock, entropy and tasks.
    layer("runtime", Kind::Library, &["logical"]),
    layer("vault-client", Kind::Library, &["tls-roots"]),
    // Tools of operators, for any server that speaks Vault's API.
    layer("ops", Kind::Library, &["vault-client", "tls-roots", "hcl1"]),
    // Joins the engine to the real client; the two never see each other.
    layer(
        "confluent-backend",
        Kind::Library,
        &["engine", "readiness", "confluent-cloud", "logical"],
    ),
    layer("vault-plugin", Kind::Host, &["logical", "runtime"]),
    layer(
        "server",
        Kind::Host,
        &["vault-core", "logical", "store", "runtime"],
    ),
    layer(
        "vault-plugin-secrets-confluent-cloud",
        Kind::Program,
        &[
            "vault-plugin",
            "confluent-backend",
            "engine",
            "confluent-cloud",
            "logical",
            "runtime",
        ],
    ),
    Layer {
        name: "lockkeeper",
        kind: Kind::Program,
        may_use: MayUse::All,
    },
    // The effects of pure crates, under the control of a test.
    layer("virtual-world", Kind::Development, &["logical", "store"]),
    Layer {
        name: "testkit",
        kind: Kind::Development,
        may_use: MayUse::AllAndDevelopment,
    },
    // Both hosts, the real programs and real clients, over one suite.
    Layer {
        name: "acceptance",
        kind: Kind::Development,
        may_use: MayUse::AllAndDevelopment,
    },
    // Targets that read any bytes, run by `cargo xtask fuzz`.
    Layer {
        name: "fuzz",
        kind: Kind::Development,
        may_use: MayUse::AllAndDevelopment,
    },
    // Benchmarks, started by `cargo xtask bench`.
    Layer {
        name: "benches",
        kind: Kind::Development,
        may_use: MayUse::AllAndDevelopment,
    },
    layer("xtask", Kind::Development, &[]),
];

/// Whether `package` is a pure crate.
pub(super) fn is_pure(package: &str) -> bool {
    find(package).is_some_and(|layer| layer.kind == Kind::Pure)
}

/// Every dependency between workspace crates that the table does not allow.
pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(layer) = find(&package.name) else {
            findings.push(Finding::new(
                &package.name,
                "this crate has no entry in the table of layers",
                "say in `xtask/src/tidy/layers.rs` what it is and what it may use",
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == dependency.name);
            if ours && !allowed(layer, &dependency.name, dependency.kind) {
                findings.push(Finding::new(
                    &package.name,
                    format!(
                        "{} must not use `{}`",
                        describe(layer.kind),
                        dependency.name
                    ),
                    "let a program join the two, or hand in what is needed as a trait",
                ));
            }
        }
    }
    findings
}

fn find(name: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.name == name)
}

fn allowed(layer: &Layer, dependency: &str, kind: DependencyKind) -> bool {
    let is = |kind: Kind| find(dependency).is_some_and(|other| other.kind == kind);
    let by_table = match layer.may_use {
        MayUse::These(names) => names.contains(&dependency),
        MayUse::All => !is(Kind::Development),
        MayUse::AllAndDevelopment => true,
    };
    match (kind, layer.kind) {
        // A pure crate that needs its host to be tested is not pure.
        (DependencyKind::Dev, Kind::Pure) => !is(Kind::Host) && !is(Kind::Program),
        (DependencyKind::Dev, _) => true,
        _ => by_table,
    }
}

fn describe(kind: Kind) -> &'static str {
    match kind {
        Kind::Pure => "a pure crate",
        Kind::Library => "a library",
        Kind::Host => "a host",
        Kind::Program => "a program",
        Kind::Development => "a crate for development",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, kind: DependencyKind, dependencies: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency {
            name: (*name).to_owned(),
            kind,
            features: Vec::new(),
        };
        Package {
            name: name.to_owned(),
            folder: "crates".into(),
            features: Vec::new(),
            dependencies: dependencies.iter().map(dependency).collect(),
        }
    }

    fn problems(user: &str, kind: DependencyKind, used: &str) -> Vec<String> {
        let packages = [package(user, kind, &[used]), package(used, kind, &[])];
        let findings = check(&packages);
        findings
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn the_engine_must_not_see_a_host() {
        assert_eq!(
            problems("engine", DependencyKind::Normal, "server"),
            ["a pure crate must not use `server`"]
        );
    }

    #[test]
    fn the_tests_of_a_pure_crate_must_not_see_a_host() {
        assert_eq!(problems("engine", DependencyKind::Dev, "server").len(), 1);
        assert_eq!(problems("engine", DependencyKind::Dev, "testkit").len(), 0);
        assert_eq!(problems("engine", DependencyKind::Dev, "runtime").len(), 0);
    }

    #[test]
    fn the_plugin_must_not_carry_the_server() {
        let plugin = "vault-plugin-secrets-confluent-cloud";
        assert_eq!(problems(plugin, DependencyKind::Normal, "server").len(), 1);
        assert_eq!(problems(plugin, DependencyKind::Normal, "engine").len(), 0);
    }

    #[test]
    fn no_program_carries_the_test_kit() {
        assert_eq!(
            problems("lockkeeper", DependencyKind::Normal, "testkit").len(),
            1
        );
        assert_eq!(
            problems("lockkeeper", DependencyKind::Dev, "testkit").len(),
            0
        );
        assert_eq!(
            problems("lockkeeper", DependencyKind::Normal, "server").len(),
            0
        );
    }

    #[test]
    fn a_crate_without_a_line_is_named() {
        let findings = check(&[package("newcomer", DependencyKind::Normal, &[])]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "newcomer");
    }

    #[test]
    fn what_the_table_allows_exists_in_the_table() {
        for layer in LAYERS {
            if let MayUse::These(names) = layer.may_use {
                assert!(
                    names.iter().all(|name| find(name).is_some()),
                    "{}",
                    layer.name
                );
            }
        }
    }
}
