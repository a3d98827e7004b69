//! A software bill of materials in `CycloneDX` JSON: every third-party crate of a
//! program with version, licence and the hash from `Cargo.lock`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::workspace::{Package, Workspace, cargo, output};

/// The list for one program. It depends on the sources only, so it is
/// reproducible.
///
/// It is read from `cargo tree`, since `cargo metadata` also lists
/// dependencies of features that are off.
pub(super) fn of(
    workspace: &Workspace,
    package: &Package,
    triple: &str,
    feature: Option<&str>,
) -> Result<String> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--package", &package.name]);
    tree.args(feature.map(|feature| format!("--features={feature}")));
    tree.args(["--edges", "normal", "--prefix", "none"]);
    tree.args(["--target", triple, "--format", "{p}|{l}|"]);
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    let (program, components) = read(&output(&mut tree)?, &checksums(&lock))?;
    let list = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": program},
        "components": components,
    });
    Ok(format!("{list:#}\n"))
}

/// Reads lines like `serde v1.0.229 (proc-macro)|MIT OR Apache-2.0| (*)`, of
/// which the first is the program.
fn read(tree: &str, checksums: &BTreeMap<String, &str>) -> Result<(Value, Vec<Value>)> {
    let mut components = BTreeMap::new();
    let mut program = None;
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let mut columns = line.split('|');
        let mut words = columns.next().unwrap_or_default().split(' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            bail!("cargo tree printed a line of an unknown form: `{line}`");
        };
        let version = version.trim_start_matches('v');
        let licence = columns.next().unwrap_or_default();
        let id = format!("{name}@{version}");
        let mut component = json!({
            "type": if program.is_none() { "application" } else { "library" },
            "bom-ref": id,
            "name": name,
            "version": version,
        });
        if !licence.is_empty() {
            // Older manifests have a slash.
            let expression = licence.replace('/', " OR ");
            component["licenses"] = json!([{"expression": expression}]);
        }
        if let Some(checksum) = checksums.get(&id) {
            component["purl"] = format!("pkg:cargo/{id}").into();
            component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        if program.is_none() {
            program = Some(component);
        } else {
            components.insert(id, component);
        }
    }
    let program = program.context("cargo tree printed nothing")?;
    Ok((program, components.into_values().collect()))
}

/// The hashes in a `Cargo.lock`, by `name@version`; our own crates have none.
fn checksums(lock: &str) -> BTreeMap<String, &str> {
    let packages = lock.split("[[package]]").skip(1);
    let with_hash = packages.filter_map(|package| {
        let value = |name: &str| {
            let lines = package.lines();
            let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
            values.next().map(|value| value.trim_matches('"'))
        };
        let id = format!("{}@{}", value("name")?, value("version")?);
        Some((id, value("checksum")?))
    });
    with_hash.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "\
version = 4

[[package]]
name = \"ours\"
version = \"0.1.0\"

[[package]]
name = \"serde\"
version = \"1.0.1\"
source = \"registry\"
checksum = \"abc\"
";

    #[test]
    fn third_party_crates_are_listed_once_with_licence_and_hash() {
        let tree = "\
ours v0.1.0 (path)|Apache-2.0|
serde v1.0.1|MIT/Apache-2.0|
serde v1.0.1|MIT/Apache-2.0| (*)
part v0.1.0 (path)|Apache-2.0|
";
        let (program, components) = read(tree, &checksums(LOCK)).unwrap();
        assert_eq!(program["type"], "application");
        assert_eq!(program["name"], "ours");
        let [part, serde] = &components[..] else {
            panic!("not two components: {components:?}");
        };
        assert_eq!(part["purl"], Value::Null);
        assert_eq!(serde["purl"], "pkg:cargo/serde@1.0.1");
        assert_eq!(serde["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(serde["hashes"][0]["content"], "abc");
    }

    #[test]
    fn a_tree_of_nothing_is_an_error() {
        assert!(read("", &BTreeMap::new()).is_err());
    }
}
