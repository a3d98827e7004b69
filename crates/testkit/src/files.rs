//! Program files: finding, hashing and copying them.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::digest;

/// The path of a program of this workspace, such as `lockkeeper`.
///
/// It is searched in `LOCKKEEPER_BIN_DIR`, which `cargo xtask test` sets, or else
/// in the build folder of the running test.
///
/// # Panics
///
/// When it was not built: plain `cargo test` does not build the programs of
/// other packages.
pub fn bin(name: &str) -> PathBuf {
    let folder = std::env::var_os("LOCKKEEPER_BIN_DIR").map_or_else(build_folder, PathBuf::from);
    let program = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "there is no program `{}`: run `cargo xtask test`, or `cargo build --workspace --bins` first",
        program.display()
    );
    program
}

/// Copies `program` into `folder` as `name`; returns the path.
///
/// A symbolic link does not work: plugin hosts refuse links out of the plugin
/// folder. Where a hard link is not possible, another process makes the copy: a
/// file that this process has just written cannot always be executed (ETXTBSY),
/// because a child forked by another test may still hold it open.
///
/// # Panics
///
/// When both fail.
pub fn install(program: &Path, folder: &Path, name: &str) -> PathBuf {
    let target = folder.join(name);
    if std::fs::hard_link(program, &target).is_err() {
        let copied = Command::new("cp").arg(program).arg(&target).status();
        assert!(
            copied.is_ok_and(|status| status.success()),
            "cannot copy `{}` to `{}`",
            program.display(),
            target.display()
        );
    }
    target
}

/// The SHA-256 of a file, in lower-case hex, as plugin catalogues want it.
///
/// # Panics
///
/// When the file cannot be read.
pub fn sha256(file: &Path) -> String {
    let bytes = std::fs::read(file)
        .unwrap_or_else(|error| panic!("cannot read `{}`: {error}", file.display()));
    let hash = digest::digest(&digest::SHA256, &bytes);
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

/// `target/<profile>`: tests run from `deps` below it.
fn build_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    let folder = test.parent().expect("a program is in a folder");
    if folder.file_name() == Some(&OsString::from("deps")) {
        return folder.parent().unwrap_or(folder).to_owned();
    }
    folder.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_in_lower_case_hex() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        assert_eq!(
            sha256(&file),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn an_installed_program_is_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let program = install(&std::env::current_exe().unwrap(), folder.path(), "copy");
        assert!(!program.is_symlink());
        assert_eq!(sha256(&program), sha256(&std::env::current_exe().unwrap()));
    }

    #[test]
    #[should_panic(expected = "cargo build --workspace --bins")]
    fn a_program_that_was_not_built_is_named_with_the_remedy() {
        bin("no-such-program");
    }
}
