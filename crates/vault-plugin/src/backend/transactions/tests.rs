//! A host's storage in the dialects that there are, on a connection in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use logical::Storage as _;
use logical::error::READ_ONLY_STORAGE;
use tokio::time::{sleep, timeout};
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status};

use super::*;
use crate::backend::storage::HostStorage;
use crate::pb::backend::storage_server::{Storage, StorageServer};
use crate::pb::backend::{
    BeginTxReply, EndTxReply, IsTransactionalReply, StorageDeleteArgs, StorageDeleteReply,
    StorageGetArgs, StorageGetReply, StorageListArgs, StorageListPageArgs, StorageListReply,
    StoragePutArgs, StoragePutReply,
};

type Reply<T> = Result<Response<T>, Status>;
/// A key with its new value; `None` is a deletion.
type Change = (String, Option<Vec<u8>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// No transactions.
    Vault,
    OpenBao,
    /// Others change the same before each commit.
    Contended,
    /// A transaction is over with the call that began it.
    PostgreSql,
    /// As a standby.
    ReadOnly,
}

struct Fake {
    dialect: Dialect,
    entries: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Changes of open transactions.
    open: Mutex<HashMap<String, Vec<Change>>>,
    asked: AtomicUsize,
    begun: AtomicUsize,
    /// Changes outside of transactions.
    alone: AtomicUsize,
}

impl Fake {
    async fn change(&self, txn: &str, key: String, value: Option<Vec<u8>>) -> String {
        sleep(Duration::from_millis(20)).await;
        if txn.is_empty() {
            if self.dialect == Dialect::ReadOnly {
                return READ_ONLY_STORAGE.to_owned();
            }
            self.alone.fetch_add(1, Ordering::SeqCst);
            self.make([(key, value)]);
            return String::new();
        }
        match self.dialect {
            Dialect::ReadOnly => READ_ONLY_STORAGE.to_owned(),
            Dialect::PostgreSql => "sql: transaction has already been rolled back".to_owned(),
            _ => {
                let mut open = self.open.lock().unwrap();
                open.get_mut(txn).unwrap().push((key, value));
                String::new()
            }
        }
    }

    fn make(&self, changes: impl IntoIterator<Item = Change>) {
        let mut entries = self.entries.lock().unwrap();
        for (key, value) in changes {
            match value {
                Some(value) => entries.insert(key, value),
                None => entries.remove(&key),
            };
        }
    }

    fn close(&self, txn: &str) -> Vec<Change> {
        let closed = self.open.lock().unwrap().remove(txn);
        closed.expect("a transaction is ended once")
    }

    fn keys(&self) -> Vec<String> {
        self.entries.lock().unwrap().keys().cloned().collect()
    }

    fn counts(&self) -> (usize, usize) {
        let count = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (count(&self.begun), count(&self.alone))
    }
}

#[tonic::async_trait]
impl Storage for Fake {
    async fn list(&self, _: Request<StorageListArgs>) -> Reply<StorageListReply> {
        Err(Status::internal("not asked here"))
    }

    async fn get(&self, _: Request<StorageGetArgs>) -> Reply<StorageGetReply> {
        Err(Status::internal("not asked here"))
    }

    async fn put(&self, request: Request<StoragePutArgs>) -> Reply<StoragePutReply> {
        let StoragePutArgs { entry, txn } = request.into_inner();
        let entry = entry.unwrap_or_default();
        let err = self.change(&txn, entry.key, Some(entry.value)).await;
        Ok(Response::new(StoragePutReply { err }))
    }

    async fn delete(&self, request: Request<StorageDeleteArgs>) -> Reply<StorageDeleteReply> {
        let StorageDeleteArgs { key, txn } = request.into_inner();
        let err = self.change(&txn, key, None).await;
        Ok(Response::new(StorageDeleteReply { err }))
    }

    async fn list_page(&self, _: Request<StorageListPageArgs>) -> Reply<StorageListReply> {
        Err(Status::internal("not asked here"))
    }

    async fn is_transactional(&self, _: Request<Empty>) -> Reply<IsTransactionalReply> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.dialect == Dialect::Vault {
            return Err(Status::unimplemented("unknown method IsTransactional"));
        }
        let transactional = true;
        Ok(Response::new(IsTransactionalReply { transactional }))
    }

    async fn begin_read_only_tx(&self, _: Request<Empty>) -> Reply<BeginTxReply> {
        Err(Status::internal("not asked here"))
    }

    async fn begin_tx(&self, _: Request<Empty>) -> Reply<BeginTxReply> {
        let txn = self.begun.fetch_add(1, Ordering::SeqCst).to_string();
        self.open.lock().unwrap().insert(txn.clone(), Vec::new());
        let err = String::new();
        Ok(Response::new(BeginTxReply { txn, err }))
    }

    async fn commit(&self, request: Request<EndTxArgs>) -> Reply<EndTxReply> {
        let changes = self.close(&request.into_inner().txn);
        let err = if self.dialect == Dialect::Contended {
            CONFLICT.to_owned()
        } else {
            self.make(changes);
            String::new()
        };
        Ok(Response::new(EndTxReply { err }))
    }

    async fn rollback(&self, request: Request<EndTxArgs>) -> Reply<EndTxReply> {
        self.close(&request.into_inner().txn);
        Ok(Response::new(EndTxReply { err: String::new() }))
    }
}

async fn storage(dialect: Dialect) -> (Arc<Fake>, HostStorage) {
    let fake = Arc::new(Fake {
        dialect,
        entries: Mutex::new(BTreeMap::from([("old".to_owned(), Vec::new())])),
        open: Mutex::default(),
        asked: AtomicUsize::default(),
        begun: AtomicUsize::default(),
        alone: AtomicUsize::default(),
    });
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let served = StorageServer::from_arc(Arc::clone(&fake));
    tokio::spawn(Server::builder().add_service(served).serve_with_incoming(
        futures_util::stream::iter([Ok::<_, std::io::Error>(theirs)]),
    ));
    let mut ours = Some(TokioIo::new(ours));
    let connector = tower::service_fn(move |_| {
        let ours = ours.take().ok_or(std::io::ErrorKind::NotConnected);
        async move { ours.map_err(std::io::Error::from) }
    });
    let channel = Endpoint::from_static("http://host.invalid")
        .connect_with_connector(connector)
        .await
        .unwrap();
    (fake, HostStorage::new(Arc::new(Host::new(channel))))
}

fn moved() -> Vec<Write> {
    let value = zeroize::Zeroizing::new(b"1".to_vec());
    vec![Write::put("new", value), Write::delete("old")]
}

#[tokio::test]
async fn changes_come_together_where_the_host_has_transactions() {
    let (fake, storage) = storage(Dialect::OpenBao).await;
    storage.apply(moved()).await.unwrap();
    assert_eq!(fake.keys(), ["new"]);
    assert_eq!(fake.counts(), (1, 0));
    assert!(fake.open.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_single_change_needs_no_transaction() {
    let (fake, storage) = storage(Dialect::OpenBao).await;
    storage.apply(vec![Write::delete("old")]).await.unwrap();
    assert_eq!(fake.counts(), (0, 1));
}

#[tokio::test]
async fn a_host_without_transactions_is_asked_once_and_gets_the_changes_in_order() {
    let (fake, storage) = storage(Dialect::Vault).await;
    for _ in 0..2 {
        storage.apply(moved()).await.unwrap();
    }
    assert_eq!(fake.keys(), ["new"]);
    assert_eq!(fake.counts(), (0, 4));
    assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_conflict_costs_the_transaction_and_nothing_else() {
    let (fake, storage) = storage(Dialect::Contended).await;
    for _ in 0..2 {
        storage.apply(moved()).await.unwrap();
    }
    assert_eq!(fake.keys(), ["new"]);
    assert_eq!(fake.counts(), (2, 4));
}

#[tokio::test]
async fn transactions_that_do_not_work_are_ended_and_not_tried_again() {
    let (fake, storage) = storage(Dialect::PostgreSql).await;
    for _ in 0..2 {
        storage.apply(moved()).await.unwrap();
    }
    assert_eq!(fake.keys(), ["new"]);
    assert_eq!(fake.counts(), (1, 4));
    assert!(fake.open.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_read_only_error_of_a_standby_comes_through_unchanged() {
    let (fake, storage) = storage(Dialect::ReadOnly).await;
    let refused = storage.apply(moved()).await.unwrap_err();
    assert_eq!(refused.class(), ErrorClass::ReadOnlyStorage);
    assert_eq!(refused.message(), READ_ONLY_STORAGE);
    assert!(fake.open.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_that_is_gone_leaves_no_transaction_open() {
    let (fake, storage) = storage(Dialect::OpenBao).await;
    let hurried = timeout(Duration::from_millis(10), storage.apply(moved())).await;
    assert!(hurried.is_err());
    assert_eq!(fake.counts(), (1, 0));
    for _ in 0..100 {
        if fake.keys() == ["new"] {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(fake.keys(), ["new"]);
    assert!(fake.open.lock().unwrap().is_empty());
}
