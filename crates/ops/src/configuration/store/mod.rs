//! Where the record of an owner is kept, and the lock beside it.
//!
//! Both are changed only from the version that was read (`cas`), so that of two
//! programs at the same time one is refused.

mod file;
mod kv;
mod lock;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::place::Problem;
use super::server::Server;
use super::state::State;

use self::file::FileStore;
pub use self::file::write_private;
use self::kv::KvStore;
pub(crate) use kv::is_cas_mismatch;
pub use lock::{Clock, Held, Holder, Lock};

/// A place for two documents, the record and the lock.
#[async_trait]
pub(crate) trait Documents: Send + Sync {
    /// A document, and the version to change it from.
    async fn load(&self, document: Document) -> Result<(Option<Value>, Version), Problem>;

    /// Writes a document if it has still this version.
    async fn save(
        &self,
        document: Document,
        value: &Value,
        from: &Version,
    ) -> Result<Saved, Problem>;

    /// Where on the server the record is, if it is there.
    fn path(&self) -> Option<String>;

    /// The records of other owners, which lie beside this one.
    async fn others(&self) -> Result<Neighbours, Problem>;
}

/// The records beside one's own.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    pub(crate) states: Vec<State>,
    /// Those that say nothing to this program.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A record of somebody else that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Where it is.
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// What other owners manage.
#[derive(Debug, Default)]
pub(crate) struct Others {
    /// Owners by path.
    pub(crate) owners: BTreeMap<String, String>,
    /// Records beside this one that may name any path.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    Record,
    Lock,
}

/// What a document was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version(u64);

/// Whether a document was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Saved {
    Now(Version),
    /// Somebody else has changed it.
    Changed,
}

/// Where a record is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// At this path of a KV engine of version 2 on the server.
    Kv(String),
    /// In a file.
    File(PathBuf),
}

impl Location {
    /// What `-state` says.
    ///
    /// # Errors
    /// When it is neither `kv:PATH` nor `file:PATH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("kv", path)) if !path.trim_matches('/').is_empty() => {
                Ok(Self::Kv(path.trim_matches('/').to_owned()))
            }
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err("write `kv:MOUNT/PATH` or `file:PATH`".to_owned()),
        }
    }

    /// Where the record of an owner is kept if nothing is said.
    pub fn default_of(owner: &str) -> Self {
        Self::Kv(format!("secret/lockkeeper/{owner}"))
    }
}

/// The record of one owner, where it is kept.
pub struct Store {
    documents: Box<dyn Documents>,
    owner: String,
}

impl Store {
    /// Opens a place. Nothing is written yet.
    ///
    /// # Errors
    /// When the server has no KV engine of version 2 there.
    pub async fn open(
        server: &Arc<dyn Server>,
        location: &Location,
        owner: &str,
    ) -> Result<Self, Problem> {
        let documents: Box<dyn Documents> = match location {
            Location::Kv(path) => Box::new(KvStore::open(server, path).await?),
            Location::File(path) => Box::new(FileStore::new(path.clone(), server.whereabouts())),
        };
        Ok(Self {
            documents,
            owner: owner.to_owned(),
        })
    }

    /// The record, if there is one, and the version to change it from.
    pub(crate) async fn load(&self) -> Result<(Option<State>, Version), Problem> {
        let (value, version) = self.documents.load(Document::Record).await?;
        let state = value
            .map(|value| State::from_json(&self.owner, &value))
            .transpose()
            .map_err(|text| Problem::general(format!("the record of `{}`: {text}", self.owner)))?;
        Ok((state, version))
    }

    /// Writes the record.
    pub(crate) async fn save(&self, state: &State, from: &mut Version) -> Result<(), Problem> {
        let saved = self
            .documents
            .save(Document::Record, &state.to_json(), from)
            .await?;
        match saved {
            Saved::Now(version) => {
                *from = version;
                Ok(())
            }
            Saved::Changed => Err(Problem::general(format!(
                "the record of `{}` was changed by somebody else meanwhile: plan again",
                self.owner
            ))),
        }
    }

    /// Where on the server the record is, if it is there.
    pub(crate) fn path(&self) -> Option<String> {
        self.documents.path()
    }

    /// Who owns which path, apart from this owner.
    pub(crate) async fn others(&self) -> Result<Others, Problem> {
        let found = self.documents.others().await?;
        let mut others = Others {
            unreadable: found.unreadable,
            ..Others::default()
        };
        for state in found.states {
            for path in state.objects.into_keys() {
                others.owners.insert(path, state.owner.clone());
            }
        }
        Ok(others)
    }
}
