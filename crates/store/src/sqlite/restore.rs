//! A store made from a backup.
//!
//! The file of the store is replaced in one step by a copy that was checked and
//! flushed: a power cut leaves the store that was there, or the one of the backup.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, RestoreError};
use super::file;

/// Makes the store `to` from the backup `from`, while no server uses it.
pub(super) fn run(from: &Path, to: &Path, overwrite: bool) -> Result<(), RestoreError> {
    check(from)?;
    let (to, _lock) = file::lock(to)?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| OpenError::of_io(&path, &error)
    };
    if !is_empty(&to).map_err(io(&to))? && !overwrite {
        return Err(RestoreError::Exists(to));
    }
    let copy = beside(&to, ".restoring");
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(OpenError::of_io(&copy, &error).into());
        }
        _ => {}
    }
    file::new_private_file(&copy).map_err(io(&copy))?;
    let copied = copy_checked(from, &copy).and_then(|()| take_place(&copy, &to));
    if copied.is_err() {
        let _ = fs::remove_file(&copy);
    }
    copied
}

fn copy_checked(from: &Path, copy: &Path) -> Result<(), RestoreError> {
    let failed = |error: std::io::Error| OpenError::of_io(copy, &error);
    let mut source = File::open(from).map_err(|error| OpenError::of_io(from, &error))?;
    let mut target = fs::OpenOptions::new()
        .write(true)
        .open(copy)
        .map_err(failed)?;
    std::io::copy(&mut source, &mut target).map_err(failed)?;
    target.sync_all().map_err(failed)?;
    // What was read from the disk of the backup may differ from what was checked.
    check(copy)
}

/// Replaces the store, and first whatever a server left to be done in it.
fn take_place(copy: &Path, to: &Path) -> Result<(), RestoreError> {
    finish(to);
    for name in [beside(to, "-wal"), beside(to, "-shm")] {
        // It would be taken for the log of the new file.
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(OpenError::of_io(&name, &error).into());
            }
            _ => {}
        }
    }
    let failed = |error: std::io::Error| OpenError::of_io(to, &error);
    fs::rename(copy, to).map_err(failed)?;
    file::sync_folder(to).map_err(failed)?;
    Ok(())
}

/// Brings the log of a killed server into its file, so that a power cut between
/// the end of the log and the new file loses nothing. A file that cannot be read
/// has nothing to lose.
fn finish(path: &Path) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(connection) = Connection::open_with_flags(path, flags) {
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        // The last connection that is closed removes the log.
    }
}

/// Refuses a file that is no whole store.
fn check(path: &Path) -> Result<(), RestoreError> {
    let sql = |error: rusqlite::Error| OpenError::of(path, &error);
    if is_empty(path).map_err(|error| OpenError::of_io(path, &error))? {
        return Err(OpenError::NotADatabase(path.to_owned()).into());
    }
    let log = beside(path, "-wal");
    if !is_empty(&log).map_err(|error| OpenError::of_io(&log, &error))? {
        return Err(RestoreError::InUse(path.to_owned()));
    }
    // Immutable, so that nothing is written beside a backup.
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(immutable(path)?, flags).map_err(sql)?;
    file::check_format(&connection, path)?;
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(sql)?;
    if found != "ok" {
        return Err(OpenError::Damaged(path.to_owned()).into());
    }
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'kv'";
    let tables: i64 = connection
        .query_row(tables, [], |row| row.get(0))
        .map_err(sql)?;
    if tables != 1 {
        return Err(OpenError::Foreign(path.to_owned()).into());
    }
    Ok(())
}

/// The file as a URI of SQLite.
fn immutable(path: &Path) -> Result<String, OpenError> {
    use std::fmt::Write as _;
    let path = std::path::absolute(path).map_err(|error| OpenError::of_io(path, &error))?;
    let Some(text) = path.to_str() else {
        return Err(OpenError::Other {
            path,
            reason: "the path must be UTF-8".to_owned(),
        });
    };
    let mut uri = String::from("file:");
    for byte in text.bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(byte.into());
            }
            // Writing to a string cannot fail.
            other => drop(write!(uri, "%{other:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    Ok(uri)
}

fn is_empty(path: &Path) -> std::io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len() == 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
