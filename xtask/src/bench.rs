//! `cargo xtask bench`: builds the programs in release (for benchmarks of the
//! plugin, the packaged plugins) and runs a benchmark of the package `benches`.
//! Programs that were built before can be kept, and run in their place or beside
//! them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::dist::{Part, Target};
use crate::tools;
use crate::workspace::{Package, Workspace, cargo};

/// Packages that every benchmark needs.
const PACKAGES: [&str; 3] = [LOCKKEEPER, PLUGIN, BENCHES];
const LOCKKEEPER: &str = "lockkeeper";
const PLUGIN: &str = "vault-plugin-secrets-confluent-cloud";
const BENCHES: &str = "benches";
/// The package with the plugin that answers a constant, and its name.
const FRAME: &str = "vault-plugin";
const CONSTANT: &str = "constant";

/// The benchmarks that need the packaged plugins.
const WITH_PLUGINS: [&str; 3] = ["plugin", "idle", "spares"];

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    /// Build everything, and copy it into a folder.
    Build { into: PathBuf },
    /// Run a benchmark, of the programs in a folder if one is given.
    Run {
        binaries: Option<PathBuf>,
        /// For `benches`.
        arguments: Vec<String>,
    },
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self> {
        if let Some((_, rest)) = arguments.split_first().filter(|(what, _)| *what == "build") {
            let [into] = rest else {
                bail!("`bench build` needs `-into=DIR`, and nothing else");
            };
            let into = value(into, "into");
            let into = into.context("`bench build` needs `-into=DIR`, and nothing else")?;
            return Ok(Self::Build { into: into.into() });
        }
        let mut binaries = None;
        let mut rest = Vec::new();
        for argument in arguments {
            match value(argument, "binaries") {
                Some(folder) => binaries = Some(folder.into()),
                None => rest.push(argument.clone()),
            }
        }
        Ok(Self::Run {
            binaries,
            arguments: rest,
        })
    }
}

/// The value of `-name=value` or `--name=value`.
fn value<'a>(argument: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = argument.strip_prefix('-')?.split_once('=')?;
    (found.trim_start_matches('-') == name).then_some(value)
}

/// The programs of one build.
#[derive(Debug)]
struct Programs {
    /// The folder of `lockkeeper` and `benches`.
    release: PathBuf,
    /// The packaged plugin, and the packaged plugin that answers a constant.
    plugins: Option<[PathBuf; 2]>,
}

impl Programs {
    /// Builds them; the packaged plugins take long and are built only on demand.
    fn build(workspace: &Workspace, with_plugins: bool) -> Result<Self> {
        let mut build = cargo();
        build.args(["build", "--release", "--locked"]);
        for package in PACKAGES {
            build.args(["--package", package]);
        }
        let status = build.status().context("cannot start cargo")?;
        ensure!(status.success(), "cannot build the benchmarks");
        let packaged = |name: &str, part| {
            let target = Target::find()?;
            target.build(workspace, package(workspace, name)?, part)
        };
        Ok(Self {
            release: workspace.target.join("release"),
            plugins: if with_plugins {
                let plugin = packaged(PLUGIN, Part::Program)?;
                Some([plugin, packaged(FRAME, Part::Example(CONSTANT))?])
            } else {
                None
            },
        })
    }

    /// Those that `bench build` has copied into a folder.
    fn kept(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        for name in [LOCKKEEPER, BENCHES, PLUGIN, CONSTANT] {
            ensure!(
                folder.join(name).is_file(),
                "there is no `{name}` in `{}`: `cargo xtask bench build -into=DIR` puts it there",
                folder.display()
            );
        }
        Ok(Self {
            plugins: Some([folder.join(PLUGIN), folder.join(CONSTANT)]),
            release: folder,
        })
    }

    /// Copies them into a folder.
    fn keep(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let in_release = [LOCKKEEPER, BENCHES].map(|name| self.release.join(name));
        let plugins = self.plugins.iter().flatten();
        for program in in_release.iter().chain(plugins) {
            let name = program.file_name().context("a program has a name")?;
            fs::copy(program, folder.join(name))
                .with_context(|| format!("cannot copy `{}`", program.display()))?;
        }
        Ok(())
    }
}

/// Builds, installs OpenBao, and runs the benchmark.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let (binaries, arguments) = match Request::parse(arguments)? {
        Request::Build { into } => {
            Programs::build(&workspace, true)?.keep(&into)?;
            println!("the programs are in {}", into.display());
            return Ok(ExitCode::SUCCESS);
        }
        Request::Run {
            binaries,
            arguments,
        } => (binaries, arguments),
    };
    let bao = tools::find_bao(&workspace.target, false)?;
    let programs = if let Some(folder) = binaries {
        Programs::kept(&folder)?
    } else {
        let what = arguments.first().map_or("", String::as_str);
        Programs::build(&workspace, WITH_PLUGINS.contains(&what))?
    };
    let plugins = programs.plugins.iter().flatten().map(OsString::from);
    let status = Command::new(programs.release.join(BENCHES))
        .args(arguments)
        .envs(["BENCH_PLUGIN", "BENCH_CONSTANT"].into_iter().zip(plugins))
        .env("LOCKKEEPER_BIN_DIR", &programs.release)
        .env("LOCKKEEPER_BAO", bao)
        .status()
        .context("cannot start the benchmark")?;
    Ok(match status.code().map(u8::try_from) {
        Some(Ok(code)) => ExitCode::from(code),
        _ => ExitCode::FAILURE,
    })
}

fn package<'a>(workspace: &'a Workspace, name: &str) -> Result<&'a Package> {
    let mut packages = workspace.packages.iter();
    packages
        .find(|package| package.name == name)
        .with_context(|| format!("there is no package `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Request> {
        let owned: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Request::parse(&owned)
    }

    #[test]
    fn programs_are_built_unless_their_folder_is_given() {
        let built = parse(&["server", "-rounds=3", "-compare=old"]).unwrap();
        let Request::Run {
            binaries,
            arguments,
        } = built
        else {
            panic!("{built:?}");
        };
        assert_eq!(binaries, None);
        assert_eq!(arguments, ["server", "-rounds=3", "-compare=old"]);
        let kept = parse(&["plugin", "--binaries=new"]).unwrap();
        let of_kept = Request::Run {
            binaries: Some("new".into()),
            arguments: vec!["plugin".into()],
        };
        assert_eq!(kept, of_kept);
    }

    #[test]
    fn what_is_built_to_be_kept_needs_a_folder() {
        let into = Request::Build { into: "new".into() };
        assert_eq!(parse(&["build", "-into=new"]).unwrap(), into);
        for arguments in [
            &["build"][..],
            &["build", "new"],
            &["build", "-into=x", "y"],
        ] {
            let error = parse(arguments).unwrap_err().to_string();
            assert!(error.contains("`-into=DIR`"), "{error}");
        }
    }

    #[test]
    fn kept_programs_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        for name in [LOCKKEEPER, BENCHES, PLUGIN] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let error = Programs::kept(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no `constant` in"), "{error}");
        fs::write(folder.path().join(CONSTANT), CONSTANT).unwrap();
        let copy = folder.path().join("copy");
        Programs::kept(folder.path()).unwrap().keep(&copy).unwrap();
        Programs::kept(&copy).unwrap();
    }
}
