//! A journal in a KV secret, for where no file outlives the process.

use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::Value;
use vault_client::Client;

use super::error::{Error, Result};
use super::journal::{Journal, parse};
use super::kv_secret::{Found, KvSecret};
use super::record::Record;

/// The field that has the record.
const FIELD: &str = "journal";

/// A journal in a secret of a KV engine of version 2. Of two processes that go on
/// with one rotation, the one that saves later is refused.
#[derive(Debug)]
pub struct KvJournal {
    name: String,
    secret: KvSecret,
    /// The version that this process has read or written last.
    version: Mutex<Option<u64>>,
}

impl KvJournal {
    /// The secret at `path`, without its `data/`.
    pub fn new(client: &Client, path: &str) -> Self {
        Self {
            name: format!("kv:{path}"),
            secret: KvSecret::new(client, path),
            version: Mutex::default(),
        }
    }

    fn failed(&self, problem: impl Into<String>) -> Error {
        Error::Journal {
            journal: self.name.clone(),
            problem: problem.into(),
        }
    }

    async fn found(&self) -> Result<(Found, u64)> {
        let found = self.secret.read().await;
        let found = found.map_err(|error| self.failed(error.to_string()))?;
        let version = found.version.ok_or_else(|| {
            self.failed("its engine is not a KV engine of version 2, which a journal needs")
        })?;
        Ok((found, version))
    }

    /// The version that is expected; the given one, where none is known yet.
    fn expect(&self, version: u64) -> Result<u64> {
        let mut known = self
            .version
            .lock()
            .map_err(|_| self.failed("another task has panicked"))?;
        Ok(*known.get_or_insert(version))
    }

    fn learn(&self, version: u64) -> Result<()> {
        let mut known = self
            .version
            .lock()
            .map_err(|_| self.failed("another task has panicked"))?;
        *known = Some(version);
        Ok(())
    }
}

#[async_trait]
impl Journal for KvJournal {
    fn name(&self) -> &str {
        &self.name
    }

    async fn load(&self) -> Result<Option<Record>> {
        let (found, version) = self.found().await?;
        self.learn(version)?;
        let Some(text) = found.fields.get(FIELD) else {
            return Ok(None);
        };
        let text = text.as_str().unwrap_or_default();
        let record = parse(text.as_bytes()).map_err(|problem| self.failed(problem))?;
        Ok(Some(record))
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_string(record).map_err(|error| self.failed(error.to_string()))?;
        let (mut found, version) = self.found().await?;
        let expected = self.expect(version)?;
        found.version = Some(expected);
        found.fields.insert(FIELD.to_owned(), Value::from(text));
        let written = self.secret.write(found).await;
        written.map_err(|error| {
            self.failed(format!(
                "{error}; if another process goes on with this rotation, wait until it ends"
            ))
        })?;
        self.learn(expected + 1)
    }
}
