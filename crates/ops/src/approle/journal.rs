//! Where a rotation is on record.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::error::{Error, Result};
use super::private_file;
use super::record::{Record, VERSION};

/// The journal of one rotation. What was saved survives a loss of power.
#[async_trait]
pub trait Journal: Send + Sync {
    /// As it was given, for errors.
    fn name(&self) -> &str;

    /// What is on record; none if nothing is.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn load(&self) -> Result<Option<Record>>;

    /// Puts a record in the place of the last one.
    ///
    /// # Errors
    /// When the last one may still be there.
    async fn save(&self, record: &Record) -> Result<()>;
}

/// A journal in a file of mode 0600. One process has it at a time.
#[derive(Debug)]
pub struct FileJournal {
    name: String,
    path: PathBuf,
    /// Held until this value is dropped, or the process ends in any way.
    _lock: File,
}

impl FileJournal {
    /// Takes the journal for this process. Its folder is made if it is missing.
    ///
    /// # Errors
    /// When another process has it, or the folder cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let failed = |problem: String| Error::Journal {
            journal: name.clone(),
            problem,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(lock)
            .map_err(|error| failed(error.to_string()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                name,
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(fs::TryLockError::WouldBlock) => Err(failed(
                "another process has it: wait until that rotation ends".to_owned(),
            )),
            Err(fs::TryLockError::Error(error)) => Err(failed(error.to_string())),
        }
    }

    fn failed(&self, problem: impl Into<String>) -> Error {
        Error::Journal {
            journal: self.name.clone(),
            problem: problem.into(),
        }
    }
}

#[async_trait]
impl Journal for FileJournal {
    fn name(&self) -> &str {
        &self.name
    }

    async fn load(&self) -> Result<Option<Record>> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error.to_string())),
        };
        parse(&text)
            .map(Some)
            .map_err(|problem| self.failed(problem))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let text =
            serde_json::to_vec_pretty(record).map_err(|error| self.failed(error.to_string()))?;
        private_file::replace(&self.path, &text).map_err(|error| self.failed(error.to_string()))
    }
}

/// Reads a record.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(text: &[u8]) -> std::result::Result<Record, String> {
    let value: serde_json::Value = serde_json::from_slice(text)
        .map_err(|error| format!("it is not the journal of a rotation: {error}"))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version.is_some_and(|version| version > u64::from(VERSION)) {
        return Err("a newer version of this program wrote it: go on with that one".to_owned());
    }
    serde_json::from_value(value)
        .map_err(|error| format!("it is not the journal of a rotation: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::record::Options;
    use super::super::server::Place;
    use super::*;

    #[tokio::test]
    async fn a_record_is_read_as_it_was_saved_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/journal.json");
        let journal = FileJournal::open(&path).unwrap();
        assert_eq!(journal.load().await.unwrap(), None);
        let place = Place::new("approle", "orders");
        let record = Record::new("r1", "http://a".to_owned(), place, Options::default());
        journal.save(&record).await.unwrap();
        assert_eq!(journal.load().await.unwrap(), Some(record));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = FileJournal::open(&path).unwrap_err().to_string();
        assert!(error.contains("another process has it"), "{error}");
        drop(journal);
        FileJournal::open(&path).unwrap();
    }

    #[tokio::test]
    async fn what_is_no_journal_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.json");
        let journal = FileJournal::open(&path).unwrap();
        for (text, told) in [
            ("{", "not the journal"),
            ("{}", "not the journal"),
            (r#"{"version": 2}"#, "newer version"),
        ] {
            fs::write(&path, text).unwrap();
            let error = journal.load().await.unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
