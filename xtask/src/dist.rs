//! `cargo xtask dist`: the release packages under `target/packages/`: static
//! programs, their checksums, and a software bill of materials.

mod elf;
mod sbom;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::workspace::{Package, Workspace, cargo, output};

/// The programs that are released.
const PROGRAMS: &[&str] = &["vault-plugin-secrets-confluent-cloud", PLUGIN_AND_SERVER];
const PLUGIN_AND_SERVER: &str = "lockkeeper";

/// Their build profile in `Cargo.toml`.
const PROFILE: &str = "dist";

/// The feature that resolves host names without the C library, which would load
/// modules of the system at run time.
const RESOLVER: &str = "static-resolver";

/// Builds the packages and prints how to verify them.
pub(crate) fn run() -> Result<ExitCode> {
    ensure!(
        cfg!(target_os = "linux"),
        "programs are handed out for Linux: run this there, or in a container"
    );
    let workspace = Workspace::load()?;
    let target = Target::find()?;
    let folder = workspace.target.join("packages");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;

    let programs = || {
        let packages = workspace.packages.iter();
        packages.filter(|package| PROGRAMS.contains(&package.name.as_str()))
    };
    for package in programs() {
        let built = target.build(&workspace, package, Part::Program)?;
        let bytes = fs::read(&built)?;
        elf::must_be_static(&bytes)
            .with_context(|| format!("`{}` cannot be handed out", package.name))?;
        fs::copy(&built, folder.join(&package.name))?;
        let list = sbom::of(&workspace, package, &target.triple, features(package))?;
        fs::write(folder.join(format!("{}.cdx.json", package.name)), list)?;
    }
    let names: Vec<&str> = programs().map(|package| package.name.as_str()).collect();
    let sums = sums(&folder, &names)?;
    fs::write(folder.join("SHA256SUMS"), &sums)?;
    print!("{}", report(&folder, &sums)?);
    Ok(ExitCode::SUCCESS)
}

/// A build target and its compiler flags.
pub(crate) struct Target {
    triple: String,
    /// Compiler flags for a static program.
    flags: Vec<String>,
}

impl Target {
    /// musl where its standard library is installed; otherwise this machine's C
    /// library, linked statically.
    pub(crate) fn find() -> Result<Self> {
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
        let architecture = std::env::consts::ARCH;
        let musl = format!("{architecture}-unknown-linux-musl");
        if libraries.join(&musl).join("lib").is_dir() {
            return Ok(Self {
                triple: musl,
                flags: Vec::new(),
            });
        }
        Ok(Self {
            triple: format!("{architecture}-unknown-linux-gnu"),
            flags: vec!["-Ctarget-feature=+crt-static".into()],
        })
    }

    /// Builds a part of a package as it is released; returns its path.
    pub(crate) fn build(
        &self,
        workspace: &Workspace,
        package: &Package,
        part: Part<'_>,
    ) -> Result<PathBuf> {
        let mut build = self.cargo(workspace, "rustc");
        build.args(["--package", &package.name]);
        build.args(features(package).map(|feature| format!("--features={feature}")));
        build.args(match part {
            Part::Program => ["--bin", &package.name],
            Part::Example(name) => ["--example", name],
        });
        // Saves half a megabyte of relocations, which cost start-up time.
        build.args(["--", "-Clink-arg=-Wl,-z,pack-relative-relocs"]);
        let status = build.status().context("cannot start cargo")?;
        ensure!(status.success(), "cannot build `{}`", package.name);
        let folder = workspace.target.join(&self.triple).join(PROFILE);
        Ok(match part {
            Part::Program => folder.join(&package.name),
            Part::Example(name) => folder.join("examples").join(name),
        })
    }

    /// A cargo command with the flags of a release.
    pub(crate) fn cargo(&self, workspace: &Workspace, command: &str) -> Command {
        let mut flags = self.flags.clone();
        // Panic messages contain paths: keep this machine's folders out of them.
        let mut remap = |folder: &Path, name: &str| {
            flags.push(format!("--remap-path-prefix={}={name}", folder.display()));
        };
        remap(&workspace.root, "lockkeeper");
        if let Some(home) = cargo_home() {
            remap(&home, "cargo");
        }
        let mut cargo = cargo();
        cargo
            .args([command, "--profile", PROFILE, "--locked"])
            .args(["--target", &self.triple])
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        cargo
    }
}

/// A part of a package.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    /// The program that has the package's name.
    Program,
    /// An example; benchmarked, never released.
    Example(&'a str),
}

fn features(package: &Package) -> Option<&'static str> {
    let declared = package.features.iter().any(|feature| feature == RESOLVER);
    declared.then_some(RESOLVER)
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

/// Checksums in the format of `sha256sum --check`.
fn sums(folder: &Path, names: &[&str]) -> Result<String> {
    output(Command::new("sha256sum").args(names).current_dir(folder))
}

fn report(folder: &Path, sums: &str) -> Result<String> {
    let mut text = format!("\nin {}:\n", folder.display());
    for (sum, name) in sums.lines().filter_map(|line| line.split_once("  ")) {
        let size = fs::metadata(folder.join(name))?.len();
        writeln!(text, "  {name}: {size} bytes, sha256 {sum}")?;
        if name != PLUGIN_AND_SERVER {
            write!(
                text,
                "\ncopy it into the server's `plugin_directory` and register it:\n  \
                 bao plugin register -sha256={sum} secret {name}\n  \
                 bao secrets enable -path=confluent {name}\n\n"
            )?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINERFILE: &str = include_str!("../../dist/Containerfile");

    #[test]
    fn the_plugin_is_reported_with_the_commands_that_register_it() {
        let folder = std::env::current_exe().unwrap();
        let (folder, name) = (folder.parent().unwrap(), folder.file_name().unwrap());
        let name = name.to_str().unwrap();
        let text = report(folder, &format!("abc123  {name}\n")).unwrap();
        let command = format!("bao plugin register -sha256=abc123 secret {name}\n");
        assert!(text.contains(&command), "{text}");
    }

    #[test]
    fn the_image_holds_the_plugin_and_nothing_else() {
        let lines = CONTAINERFILE.lines().map(str::trim);
        let orders: Vec<&str> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let [from, labels @ .., copy, user, start] = orders.as_slice() else {
            panic!("not the orders of an image: {orders:?}");
        };
        let plugin = PROGRAMS[0];
        assert_eq!(*from, "FROM scratch");
        assert!(labels.iter().all(|order| order.starts_with("LABEL ")));
        assert_eq!(*copy, format!("COPY --chmod=0755 {plugin} /{plugin}"));
        assert_eq!(*user, "USER 65532:65532");
        assert_eq!(*start, format!("ENTRYPOINT [\"/{plugin}\"]"));
    }
}
