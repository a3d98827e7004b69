//! What can be wrong with the file, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use logical::Error;
use rusqlite::ErrorCode;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "`{0}` is in use by another server: stop that server, or give this one a file of its own"
    )]
    InUse(PathBuf),
    /// The file is something else.
    #[error("`{0}` is not a database: give the path of a new file, or restore a backup")]
    NotADatabase(PathBuf),
    /// A database that another program made.
    #[error("`{0}` is a database of another program: give the path of a new file")]
    Foreign(PathBuf),
    /// A later release has written it.
    #[error(
        "`{path}` was written by a newer release (format {found}, this release knows {known}): start that release, or restore a backup of this one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that this release reads.
        known: i64,
    },
    /// The file or its folder cannot be written.
    #[error("`{0}` cannot be written: let the user of the server write the file and its folder")]
    ReadOnly(PathBuf),
    /// There is no space.
    #[error("there is no space left for `{0}`: free some on its disk")]
    Full(PathBuf),
    /// The file is damaged.
    #[error("`{0}` is damaged: restore a backup")]
    Damaged(PathBuf),
    /// Anything else that the system reports.
    #[error("cannot open `{path}`: {reason}")]
    Other {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
}

impl OpenError {
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(path),
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(path),
            _ => Self::Other {
                path,
                reason: error.to_string(),
            },
        }
    }

    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly(path)
            }
            io::ErrorKind::StorageFull => Self::Full(path),
            _ => Self::Other {
                path,
                reason: error.to_string(),
            },
        }
    }
}

/// Why a store could not be made from a backup.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is a store already.
    #[error(
        "`{0}` has a store already: restore to another path, or say that it is to be overwritten"
    )]
    Exists(PathBuf),
    /// The backup is a store with a log of its own.
    #[error(
        "`{0}` is not a backup but a store that a server uses or used: a part of it is in its log; make a backup of it first"
    )]
    InUse(PathBuf),
    /// The backup or the store cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A failed operation on an open store.
pub(super) fn failed(action: &str, path: &Path, error: &rusqlite::Error) -> Error {
    let path = path.display();
    Error::internal(match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            format!("cannot {action} `{path}`: there is no space left, free some on its disk")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            format!("cannot {action} `{path}`: let the user of the server write it")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            format!("cannot {action} `{path}`: it is damaged, restore a backup")
        }
        _ => format!("cannot {action} `{path}`: {error}"),
    })
}
