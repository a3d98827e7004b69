//! A store in one SQLite file.
//!
//! One thread writes. It commits all waiting changes together, never waits for more, and
//! answers each caller when its change is on the disk; a change that was handed
//! over is made whether or not its caller stays. Readers have connections of
//! their own, see the last commit and wait for nobody. They read on the
//! caller's thread: a read is a few microseconds when its page is in memory.

mod backup;
mod error;
mod file;
mod listing;
mod restore;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use logical::{Condition, Error, Storage, Write};
use rusqlite::{Connection, OptionalExtension as _};
use zeroize::Zeroizing;

use self::error::failed;
pub use self::error::{OpenError, RestoreError};
use self::file::Lock;
use self::writer::Writer;

/// How many idle connections are kept for readers.
const IDLE_READERS: usize = 16;

/// Pages in the log after which it is copied into the file. SQLite's own 1000
/// makes every hundredth write slow.
const CHECKPOINT_PAGES: u32 = 20_000;

/// How many names are read at once.
const LIST_PAGE: usize = 1000;

const GET: &str = "SELECT value FROM kv WHERE path = ?1";

/// Keys and values in a SQLite file. A batch is one transaction, durable when
/// the call returns.
pub struct SqliteStorage {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    /// Released last.
    _lock: Lock,
}

/// What tests change.
#[derive(Debug, Clone, Copy)]
struct Options {
    checkpoint_pages: u32,
    /// The size at which the disk counts as full.
    max_pages: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            checkpoint_pages: CHECKPOINT_PAGES,
            max_pages: None,
        }
    }
}

impl SqliteStorage {
    /// Opens the store in this file, or makes it. Only its owner can read the
    /// file, and no second server can open it meanwhile.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), Options::default())
    }

    fn open_with(path: &Path, options: Options) -> Result<Self, OpenError> {
        let (path, lock) = file::claim(path)?;
        let connection = file::connect(&path)?;
        if let Some(pages) = options.max_pages {
            let limited = connection.pragma_update(None, "max_page_count", pages);
            limited.map_err(|error| OpenError::of(&path, &error))?;
        }
        let writer = Writer::start(connection, &path, options.checkpoint_pages)?;
        Ok(Self {
            path,
            readers: Mutex::new(Vec::new()),
            writer,
            _lock: lock,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a copy of the store, as it is at one moment, to a new file that
    /// only its owner can read. Readers and writers go on meanwhile.
    pub async fn backup(&self, to: impl Into<PathBuf>) -> Result<(), Error> {
        backup::run(self.path.clone(), to.into()).await
    }

    /// Writes a copy of the store in `from`, which a server may use meanwhile, to a
    /// new file that only its owner can read.
    ///
    /// # Errors
    /// When there is no store at `from`, or the copy cannot be written.
    pub async fn back_up(from: impl AsRef<Path>, to: impl Into<PathBuf>) -> Result<(), Error> {
        let from = from.as_ref();
        file::check_store(from).map_err(|error| Error::bad_request(error.to_string()))?;
        backup::run(from.to_owned(), to.into()).await
    }

    /// Makes the store `to` from a backup, while no server uses it.
    ///
    /// # Errors
    /// When the backup is not a whole store, when a server uses `to`, or when there
    /// is a store at `to` and `overwrite` is false.
    pub fn restore(
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        overwrite: bool,
    ) -> Result<(), RestoreError> {
        restore::run(from.as_ref(), to.as_ref(), overwrite)
    }

    /// Runs `read` on a connection that no one else uses.
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let idle = self.idle().pop();
        let result = (|| {
            let connection = match idle {
                Some(connection) => connection,
                None => file::open_reader(&self.path)?,
            };
            let result = read(&connection)?;
            let mut idle = self.idle();
            if idle.len() < IDLE_READERS {
                idle.push(connection);
            }
            Ok(result)
        })();
        result.map_err(|error| failed("read", &self.path, &error))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        self.writer.submit(conditions, batch).await
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.read(|connection| get(connection, key))
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.apply(vec![Write::put(key, value.to_vec())]).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.apply(vec![Write::delete(key)]).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        // A read blocks its thread, so that others get a turn after each page.
        let mut names = Vec::new();
        loop {
            let after = names.last().map_or("", String::as_str);
            let page = self.list_page(prefix, after, LIST_PAGE).await?;
            let is_last = page.len() < LIST_PAGE;
            names.extend(page);
            if is_last {
                return Ok(names);
            }
            tokio::task::yield_now().await;
        }
    }

    async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.read(|connection| Ok(listing::list(connection, prefix, after, limit)?.names))
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.write(Vec::new(), batch).await.map(|_| ())
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        self.write(conditions, batch).await
    }
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut statement = connection.prepare_cached(GET)?;
    let value = statement.query_row([key], |row| row.get(0).map(Zeroizing::new));
    value.optional()
}

#[cfg(test)]
mod tests;
