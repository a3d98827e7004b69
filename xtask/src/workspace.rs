//! The workspace as cargo and git see it: packages, declared dependencies, and
//! files.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The workspace as its manifests declare it.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of ours.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    /// The features that it declares.
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependency tables.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
    pub(crate) features: Vec<String>,
}

/// The dependency table of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Normal,
    Dev,
    Build,
}

impl Workspace {
    /// Reads the manifests, without resolving or downloading anything.
    pub(crate) fn load() -> Result<Self> {
        let metadata = cargo_metadata(&["--no-deps"])?;
        let packages = array(&metadata["packages"]).iter().map(package);
        Ok(Self {
            root: PathBuf::from(text(&metadata["workspace_root"])?),
            target: PathBuf::from(text(&metadata["target_directory"])?),
            packages: packages.collect::<Result<_>>()?,
        })
    }

    /// Every file that is or would be committed, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let listing = output(Command::new("git").current_dir(&self.root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut files: Vec<PathBuf> = listing
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .filter(|name| self.root.join(name).is_file())
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// `path` as it is shown in messages: relative to the root.
    pub(crate) fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// The cargo that runs us, so that the toolchain stays the same.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A short name for exactly these texts, on this machine.
pub(crate) fn fingerprint(texts: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// `cargo metadata` with `arguments`, parsed.
fn cargo_metadata(arguments: &[&str]) -> Result<Value> {
    let json = output(
        cargo()
            .args(["metadata", "--format-version", "1"])
            .args(arguments),
    )?;
    serde_json::from_str(&json).context("cargo metadata printed something that is not JSON")
}

/// The elements of a JSON array; none if it is something else.
fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A required JSON string.
fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .context("cargo metadata lacks a member that it always had")
}

fn package(value: &Value) -> Result<Package> {
    let manifest = PathBuf::from(text(&value["manifest_path"])?);
    let dependencies = array(&value["dependencies"]).iter().map(dependency);
    Ok(Package {
        name: text(&value["name"])?.to_owned(),
        folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
        features: value["features"]
            .as_object()
            .map(|features| features.keys().cloned().collect())
            .unwrap_or_default(),
        dependencies: dependencies.collect::<Result<_>>()?,
    })
}

fn dependency(value: &Value) -> Result<Dependency> {
    Ok(Dependency {
        name: text(&value["name"])?.to_owned(),
        kind: match value["kind"].as_str() {
            Some("dev") => DependencyKind::Dev,
            Some("build") => DependencyKind::Build,
            _ => DependencyKind::Normal,
        },
        features: array(&value["features"])
            .iter()
            .filter_map(|feature| feature.as_str().map(str::to_owned))
            .collect(),
    })
}

/// Runs `command` and returns its standard output; standard error goes to the
/// terminal.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}",
        command.get_program().display(),
        output.status
    );
    String::from_utf8(output.stdout).context("a command printed something that is not UTF-8")
}
