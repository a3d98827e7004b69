//! The mount's storage in the host, as a [`Storage`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use logical::{Error, Storage, Write};
use tonic::Code;
use zeroize::Zeroizing;

use super::calls::{remove, store, succeeded};
use super::errors::of_status;
use super::host::Host;
use super::single_flight::KeyedSingleFlight;
use super::transactions::Transactions;
use crate::pb::backend::{StorageGetArgs, StorageListArgs, StorageListPageArgs};

/// Storage calls over gRPC. A failure comes as a text in the reply or as a
/// status; both count (`grpc_storage.go` in both hosts).
pub(super) struct HostStorage {
    host: Arc<Host>,
    /// Vault has no paging: found out once, by the code of its answer.
    pages: AtomicBool,
    reads: KeyedSingleFlight<Option<Zeroizing<Vec<u8>>>>,
    transactions: Arc<Transactions>,
}

impl HostStorage {
    /// The storage behind a connection.
    pub(super) fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            pages: AtomicBool::new(true),
            reads: KeyedSingleFlight::default(),
            transactions: Arc::default(),
        }
    }
}

#[async_trait]
impl Storage for HostStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let call = async {
            let doing = || format!("reading `{key}`");
            let arguments = StorageGetArgs {
                key: key.to_owned(),
                ..StorageGetArgs::default()
            };
            let reply = self.host.storage()?.get(arguments).await;
            let reply = reply
                .map_err(|status| of_status(&doing(), &status))?
                .into_inner();
            succeeded(doing, &reply.err)?;
            Ok(reply.entry.map(|entry| Zeroizing::new(entry.value)))
        };
        self.reads.run(key, call).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        store(&self.host, key, value, "").await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        remove(&self.host, key, "").await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let doing = || format!("listing `{prefix}`");
        let arguments = StorageListArgs {
            prefix: prefix.to_owned(),
            ..StorageListArgs::default()
        };
        let reply = self.host.storage()?.list(arguments).await;
        let mut reply = reply
            .map_err(|status| of_status(&doing(), &status))?
            .into_inner();
        succeeded(doing, &reply.err)?;
        reply.keys.sort();
        Ok(reply.keys)
    }

    async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        if self.pages.load(Ordering::Relaxed) {
            let doing = || format!("listing `{prefix}`");
            let arguments = StorageListPageArgs {
                prefix: prefix.to_owned(),
                after: after.to_owned(),
                limit: i32::try_from(limit).unwrap_or(i32::MAX),
                ..StorageListPageArgs::default()
            };
            match self.host.storage()?.list_page(arguments).await {
                Ok(reply) => {
                    let reply = reply.into_inner();
                    return succeeded(doing, &reply.err).map(|()| reply.keys);
                }
                Err(status) if status.code() == Code::Unimplemented => {
                    self.pages.store(false, Ordering::Relaxed);
                }
                Err(status) => return Err(of_status(&doing(), &status)),
            }
        }
        let mut names = self.list(prefix).await?;
        names.retain(|name| name.as_str() > after);
        names.truncate(limit);
        Ok(names)
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let transactions = Arc::clone(&self.transactions);
        transactions.apply(Arc::clone(&self.host), batch).await
    }
}
