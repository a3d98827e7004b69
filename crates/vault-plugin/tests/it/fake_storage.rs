//! What a fake host offers to the plugin: storage and a system view in
//! Vault's dialect, which knows no paging and no transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use vault_plugin::pb::backend::storage_server::Storage;
use vault_plugin::pb::backend::{
    BeginTxReply, Empty, EndTxArgs, EndTxReply, IsTransactionalReply, StorageDeleteArgs,
    StorageDeleteReply, StorageEntry, StorageGetArgs, StorageGetReply, StorageListArgs,
    StorageListPageArgs, StorageListReply, StoragePutArgs, StoragePutReply,
};

type Reply<T> = Result<Response<T>, Status>;

/// What the storage does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As an active node.
    Writable,
    /// As a standby: reads only.
    ReadOnly,
    /// As a host that only registers the plugin.
    Missing,
}

/// A mount's storage, shared with the test.
#[derive(Clone)]
pub(crate) struct FakeStorage {
    pub(crate) entries: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    /// How often a page was asked for.
    pub(crate) pages: Arc<AtomicUsize>,
    mood: Mood,
}

impl FakeStorage {
    pub(crate) fn new(mood: Mood) -> Self {
        Self {
            entries: Arc::default(),
            pages: Arc::default(),
            mood,
        }
    }

    fn read(&self) -> Result<(), Status> {
        match self.mood {
            Mood::Missing => Err(Status::unknown("missing storage implementation")),
            Mood::Writable | Mood::ReadOnly => Ok(()),
        }
    }

    /// The text of a refusal, or nothing.
    fn write(&self) -> Result<String, Status> {
        self.read()?;
        Ok(match self.mood {
            Mood::ReadOnly => "cannot write to readonly storage".into(),
            _ => String::new(),
        })
    }
}

#[tonic::async_trait]
impl Storage for FakeStorage {
    async fn list(&self, request: Request<StorageListArgs>) -> Reply<StorageListReply> {
        self.read()?;
        let prefix = request.into_inner().prefix;
        let entries = self.entries.lock().unwrap();
        let below = entries.keys().filter_map(|key| key.strip_prefix(&prefix));
        let names: BTreeSet<String> = below
            .map(|rest| match rest.split_once('/') {
                Some((folder, _)) => format!("{folder}/"),
                None => rest.to_owned(),
            })
            .collect();
        Ok(Response::new(StorageListReply {
            keys: names.into_iter().collect(),
            err: String::new(),
        }))
    }

    async fn get(&self, request: Request<StorageGetArgs>) -> Reply<StorageGetReply> {
        self.read()?;
        let key = request.into_inner().key;
        let value = self.entries.lock().unwrap().get(&key).cloned();
        let seal_wrap = false;
        Ok(Response::new(StorageGetReply {
            entry: value.map(|value| StorageEntry {
                key,
                value,
                seal_wrap,
            }),
            err: String::new(),
        }))
    }

    async fn put(&self, request: Request<StoragePutArgs>) -> Reply<StoragePutReply> {
        let err = self.write()?;
        if err.is_empty() {
            let entry = request.into_inner().entry.unwrap_or_default();
            let mut entries = self.entries.lock().unwrap();
            entries.insert(entry.key, entry.value);
        }
        Ok(Response::new(StoragePutReply { err }))
    }

    async fn delete(&self, request: Request<StorageDeleteArgs>) -> Reply<StorageDeleteReply> {
        let err = self.write()?;
        if err.is_empty() {
            let key = request.into_inner().key;
            self.entries.lock().unwrap().remove(&key);
        }
        Ok(Response::new(StorageDeleteReply { err }))
    }

    async fn list_page(&self, _: Request<StorageListPageArgs>) -> Reply<StorageListReply> {
        self.pages.fetch_add(1, Ordering::SeqCst);
        Err(Status::unimplemented("unknown method ListPage"))
    }

    async fn is_transactional(&self, _: Request<Empty>) -> Reply<IsTransactionalReply> {
        Err(Status::unimplemented("unknown method IsTransactional"))
    }

    async fn begin_read_only_tx(&self, _: Request<Empty>) -> Reply<BeginTxReply> {
        Err(Status::unimplemented("unknown method BeginReadOnlyTx"))
    }

    async fn begin_tx(&self, _: Request<Empty>) -> Reply<BeginTxReply> {
        Err(Status::unimplemented("unknown method BeginTx"))
    }

    async fn commit(&self, _: Request<EndTxArgs>) -> Reply<EndTxReply> {
        Err(Status::unimplemented("unknown method Commit"))
    }

    async fn rollback(&self, _: Request<EndTxArgs>) -> Reply<EndTxReply> {
        Err(Status::unimplemented("unknown method Rollback"))
    }
}
