//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Puts `text` in the place of a file: written beside it, synced, renamed. The
/// file keeps its mode and its owner; a new one is for its owner's eyes only.
/// A symbolic link is followed.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let path = resolved(path);
    let before = match fs::metadata(&path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let draft = draft(&path)?;
    remove(&draft)?;
    let result = write(&draft, &path, before.as_ref(), text);
    if result.is_err() {
        // It may hold a secret.
        let _ = remove(&draft);
    }
    result
}

/// Removes the draft that a process left behind that was killed.
pub(super) fn remove_draft(path: &Path) -> io::Result<()> {
    remove(&draft(&resolved(path))?)
}

/// Whether a draft can be made beside the file: tries it.
pub(super) fn check(path: &Path) -> io::Result<()> {
    let path = resolved(path);
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let draft = draft(&path)?;
    remove(&draft)?;
    let file = create(&draft)?;
    let kept = match fs::metadata(&path) {
        Ok(before) => keep_owner(&file, &before),
        Err(_) => Ok(()),
    };
    remove(&draft)?;
    kept
}

fn write(draft: &Path, path: &Path, before: Option<&fs::Metadata>, text: &[u8]) -> io::Result<()> {
    let mut file = create(draft)?;
    if let Some(before) = before {
        keep_owner(&file, before)?;
        file.set_permissions(before.permissions())?;
    }
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(draft, path)?;
    File::open(folder(path))?.sync_all()
}

fn create(draft: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)
}

fn keep_owner(file: &File, before: &fs::Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (before.uid(), before.gid()) {
        return Ok(());
    }
    fchown(file, Some(before.uid()), Some(before.gid())).map_err(|error| {
        let (uid, gid) = (before.uid(), before.gid());
        io::Error::new(
            error.kind(),
            format!("cannot keep its owner {uid}:{gid}: {error}; run as that user, or as root"),
        )
    })
}

fn remove(draft: &Path) -> io::Result<()> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The file itself, where a link leads to it.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn draft(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".lockkeeper");
    Ok(path.with_file_name(hidden))
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_new_one_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        replace(&path, b"one").unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(mode(&path), 0o440);
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link_and_its_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }

    #[test]
    fn a_draft_of_a_killed_process_is_no_obstacle_and_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        let draft = folder.path().join(".id.lockkeeper");
        fs::write(&draft, "half").unwrap();
        replace(&path, b"whole").unwrap();
        fs::write(&draft, "half").unwrap();
        remove_draft(&path).unwrap();
        assert!(!draft.exists());
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_before() {
        let folder = tempfile::tempdir().unwrap();
        check(&folder.path().join("id")).unwrap();
        assert!(check(folder.path()).is_err());
        assert!(check(&folder.path().join("no/id")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
