//! The file: its lock, its mode, its format and the settings of connections.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;

/// "LOCK" in ASCII: which program the file belongs to.
const APPLICATION: i64 = 0x4c4f_434b;
/// The format of the file.
const FORMAT: i64 = 1;

/// Without row ids the rows lie in the order of their paths, and a folder's rows
/// are neighbours.
const SCHEMA: &str =
    "CREATE TABLE kv (path TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT";

/// What a connection waits for a lock. In WAL mode only the recovery after a
/// crash and the end of a checkpoint hold one.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// The right to the file, until it is dropped. The system takes it from a
/// process that was killed.
pub(super) struct Lock(#[expect(dead_code, reason = "its lock is what counts")] File);

/// Makes the file if there is none, and takes its lock. Returns its one name,
/// whatever links lead to it.
pub(super) fn claim(path: &Path) -> Result<(PathBuf, Lock), OpenError> {
    let io = |error: std::io::Error| OpenError::of_io(path, &error);
    private_file(path).map_err(io)?;
    lock(path)
}

/// Takes the lock of a file, whether or not it is there. Returns its one name.
pub(super) fn lock(path: &Path) -> Result<(PathBuf, Lock), OpenError> {
    let io = |error: std::io::Error| OpenError::of_io(path, &error);
    let path = match path.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let path = std::path::absolute(path).map_err(io)?;
            let folder = path.parent().unwrap_or(&path).canonicalize().map_err(io)?;
            folder.join(path.file_name().unwrap_or_default())
        }
        path => path.map_err(io)?,
    };
    // Not the file itself: SQLite's own locks on it would end with the first
    // handle that is closed.
    let mut name = path.clone().into_os_string();
    name.push(".lock");
    let file = private_file(Path::new(&name)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok((path, Lock(file))),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path)),
        Err(TryLockError::Error(error)) => Err(OpenError::of_io(&path, &error)),
    }
}

/// Opens a file, or makes it for its owner alone.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the rights of others from a file that is ours.
fn tighten(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Makes a new file for its owner alone; fails if there is one.
pub(super) fn new_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}

/// The connection of the writer, on a file of the right format.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    let sql = |error: rusqlite::Error| OpenError::of(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    connection.busy_timeout(BUSY).map_err(sql)?;
    check_format(&connection, path)?;
    if connection.is_readonly("main").map_err(sql)? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    tighten(path).map_err(|error| OpenError::of_io(path, &error))?;
    settle(&connection, path)?;
    Ok(connection)
}

pub(super) fn check_format(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sql = |error: rusqlite::Error| OpenError::of(path, &error);
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0));
    let pages: i64 = number("page_count").map_err(sql)?;
    let application: i64 = number("application_id").map_err(sql)?;
    let found: i64 = number("user_version").map_err(sql)?;
    if pages > 0 && application != APPLICATION {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if found > FORMAT {
        let path = path.to_owned();
        return Err(OpenError::Newer {
            path,
            found,
            known: FORMAT,
        });
    }
    Ok(())
}

/// The settings of the writer, and the table in a new file.
fn settle(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sql = |error: rusqlite::Error| OpenError::of(path, &error);
    let set = |name: &str, value: &str| connection.pragma_update(None, name, value).map_err(sql);
    let pages: i64 = connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .map_err(sql)?;
    if pages == 0 {
        // One transaction, so that a crash leaves an empty file or a whole one.
        let create = format!(
            "BEGIN IMMEDIATE; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; {SCHEMA}; COMMIT"
        );
        connection.execute_batch(&create).map_err(sql)?;
    }
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(sql)?;
    if mode != "wal" {
        return Err(OpenError::Other {
            path: path.to_owned(),
            reason: format!("the file system does not allow the log that SQLite needs (`{mode}`)"),
        });
    }
    set("synchronous", "FULL")?;
    // Where a plain flush does not reach the disk (macOS).
    set("fullfsync", "ON")?;
    set("wal_autocheckpoint", "0")?;
    set("cell_size_check", "ON")?;
    set("trusted_schema", "OFF")?;
    sync_folder(path).map_err(|error| OpenError::of_io(path, &error))
}

/// Makes the names of new files durable.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| cfg!(unix) && folder.is_dir()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    // Not read-only: a reader may have to recover the log of a killed server.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", "ON")?;
    Ok(connection)
}

/// Refuses a file that is no store, before anything is written.
pub(super) fn check_store(path: &Path) -> Result<(), OpenError> {
    if fs::metadata(path).is_ok_and(|found| found.len() == 0) {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    let connection = open_reader(path).map_err(|error| OpenError::of(path, &error))?;
    check_format(&connection, path)
}

/// Flushes a file that another connection has written.
pub(super) fn sync_file(path: &Path) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).open(path)?.sync_all()
}
