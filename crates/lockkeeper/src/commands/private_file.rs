//! A file that appears whole or not at all, for its owner's eyes only.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file beside the one that is to be written. Dropped, it is removed.
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// Creates an empty one.
    ///
    /// # Errors
    /// When the folder cannot be written, or the target is a folder.
    pub(super) fn create(target: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| failed(target, &error);
        if target.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let name = target
            .file_name()
            .ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
        let mut number = std::process::id();
        loop {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{number}"));
            let path = target.with_file_name(hidden);
            let opened = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match opened {
                Ok(file) => {
                    return Ok(Self {
                        file,
                        path,
                        target: target.to_owned(),
                    });
                }
                // What a process left behind that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number = number.wrapping_add(1);
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Writes the text, and puts the file in the place of the target. Both are
    /// on disk when it returns.
    ///
    /// # Errors
    /// When that fails; the target is as it was.
    pub(super) fn publish(mut self, text: &str) -> Result<PathBuf, Failure> {
        let result = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_all())
            .and_then(|()| fs::rename(&self.path, &self.target))
            .and_then(|()| sync_folder(&self.target));
        result.map_err(|error| failed(&self.target, &error))?;
        Ok(self.target.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is not there any more when it was published.
        let _ = fs::remove_file(&self.path);
    }
}

fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn failed(target: &Path, error: &io::Error) -> Failure {
    Failure::local(format!("cannot write `{}`: {error}", target.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_appears_whole_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("client.properties");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        let draft = Draft::create(&target).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        draft.publish("new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["client.properties"]);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        drop(Draft::create(&target).unwrap());
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn what_a_killed_process_left_behind_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let first = Draft::create(&target).unwrap();
        Draft::create(&target).unwrap().publish("x").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "x");
        drop(first);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for target in [folder.path().join("no/such"), folder.path().to_owned()] {
            let Err(failure) = Draft::create(&target) else {
                panic!("created");
            };
            let text = failure.to_string();
            assert!(text.starts_with(&format!("cannot write `{}`: ", target.display())));
        }
    }
}
