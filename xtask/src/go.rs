//! Clients of Vault that are written in Go: fetched once through the proxy that Go
//! is set to, pinned by `go.sum`, built under `target/test-tools/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::{fingerprint, output};

/// Their module, in the workspace.
const MODULE: &str = "tests/acceptance/go";
/// What it requires, which names the folder: other versions are built anew.
const REQUIRES: &str = include_str!("../../tests/acceptance/go/go.mod");
/// What the programs are made of: when it changes, they are built anew.
const SOURCES: [&str; 3] = [
    include_str!("../../tests/acceptance/go/go.sum"),
    include_str!("../../tests/acceptance/go/main.go"),
    include_str!("../../tests/acceptance/go/calls.go"),
];
/// The program of the module, and the one that it names as a tool.
const PROGRAMS: [&str; 2] = [".", "github.com/hashicorp/consul-template"];
/// The oldest Go that builds them.
const OLDEST_GO: u32 = 25;

/// The folder of the programs, built under `target` if missing; with `offline`
/// nothing is downloaded.
pub(crate) fn find(root: &Path, target: &Path, offline: bool) -> Result<PathBuf> {
    let tools = target.join("test-tools");
    let folder = tools.join(folder_name(REQUIRES)?);
    if folder.is_dir() {
        return Ok(folder);
    }
    must_be_recent()?;
    ensure!(
        !offline,
        "the clients in Go are not built, and with --offline their modules are not fetched"
    );
    println!("building clients in Go for the tests");
    let scratch = tools.join(format!("building-{}", std::process::id()));
    let result = build(root, &scratch).and_then(|()| {
        fs::rename(scratch.join("programs"), &folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))
    });
    // Modules are read-only, so that Go itself has to remove them.
    go(&scratch).args(["clean", "-modcache"]).status().ok();
    fs::remove_dir_all(&scratch).ok();
    result.context("cannot build the clients in Go")?;
    Ok(folder)
}

fn build(root: &Path, scratch: &Path) -> Result<()> {
    let programs = scratch.join("programs");
    fs::create_dir_all(&programs)
        .with_context(|| format!("cannot create `{}`", programs.display()))?;
    let status = go(scratch)
        .current_dir(root.join(MODULE))
        // What `go.sum` does not have is refused.
        .args(["build", "-mod=readonly", "-trimpath", "-o"])
        .arg(&programs)
        .args(PROGRAMS)
        .status()
        .context("cannot start `go`")?;
    ensure!(status.success(), "`go build` failed ({status})");
    Ok(())
}

/// Go, with modules and cache in a folder of ours: nothing is left outside `target/`.
fn go(scratch: &Path) -> Command {
    let mut command = Command::new("go");
    command
        .env("GOMODCACHE", scratch.join("modules"))
        .env("GOCACHE", scratch.join("cache"))
        .env("GOTOOLCHAIN", "local")
        .env("CGO_ENABLED", "0");
    command
}

/// A name with the versions that are required.
fn folder_name(module: &str) -> Result<String> {
    let version = |name: &str| {
        let line = module.lines().find(|line| line.contains(name));
        let version = line.and_then(|line| line.split(name).nth(1)?.split_whitespace().next());
        version.with_context(|| format!("`{MODULE}/go.mod` does not require `{name}`"))
    };
    let api = version("github.com/hashicorp/vault/api ")?;
    let template = version("github.com/hashicorp/consul-template ")?;
    let sources = fingerprint(&SOURCES);
    Ok(format!(
        "go-vault-api-{api}-consul-template-{template}-{sources}"
    ))
}

/// Refuses a Go that is missing or too old, with the remedy.
fn must_be_recent() -> Result<()> {
    let remedy = || format!("put Go 1.{OLDEST_GO} or later on the PATH");
    let printed = output(Command::new("go").arg("version")).with_context(remedy)?;
    if minor(&printed).is_none_or(|minor| minor < OLDEST_GO) {
        bail!("`go` says that it is `{}`; {}", printed.trim(), remedy());
    }
    Ok(())
}

/// 26 of `go version go1.26.8 linux/amd64`.
fn minor(printed: &str) -> Option<u32> {
    let version = printed.split_whitespace().nth(2)?.strip_prefix("go1.")?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_named_after_the_versions_that_are_required() {
        let name = folder_name(REQUIRES).unwrap();
        assert!(name.starts_with("go-vault-api-v1."), "{name}");
        assert!(folder_name("module test").is_err());
    }

    #[test]
    fn the_version_of_go_is_read() {
        assert_eq!(minor("go version go1.26.8 linux/amd64"), Some(26));
        assert_eq!(minor("go version devel"), None);
    }
}
