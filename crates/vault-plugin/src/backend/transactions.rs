//! Batches of changes, in one transaction where the host has transactions
//! (OpenBao from 2.1), and otherwise one by one in their order.
//!
//! A transaction that fails has changed nothing, so its changes are then made
//! in their order. A host on PostgreSQL ends a plugin's transaction with the
//! call that began it (`BeginTx` in OpenBao's `grpc_storage.go` hands the
//! call's context on), so one that fails other than by a conflict is the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use logical::{Error, ErrorClass, Write};
use tokio::sync::OnceCell;
use tonic::Code;

use super::calls::{remove, store, succeeded};
use super::errors::of_status;
use super::host::Host;
use crate::pb::backend::{Empty, EndTxArgs};

/// What OpenBao says when others changed the same meanwhile
/// (`sdk/physical/transactions.go`).
const CONFLICT: &str = "transaction commit failed";

/// Whether and how a mount applies batches in transactions.
#[derive(Default)]
pub(super) struct Transactions {
    offered: OnceCell<bool>,
    /// Set once transactions turn out not to work.
    broken: AtomicBool,
}

/// Why a transaction failed.
enum Failed {
    /// A concurrent writer changed the same keys.
    Conflict,
    /// Transactions do not work on this host.
    Broken(Error),
    /// The storage is read-only.
    Refused(Error),
}

impl Transactions {
    /// Applies a batch. It runs to completion even if the caller is dropped,
    /// because the host would keep an open transaction.
    pub(super) async fn apply(
        self: Arc<Self>,
        host: Arc<Host>,
        batch: Vec<Write>,
    ) -> Result<(), Error> {
        if batch.len() < 2 || !self.usable(&host).await? {
            return in_order(&host, &batch, "").await;
        }
        let applied = tokio::spawn(async move {
            match in_transaction(&host, &batch).await {
                Ok(()) => return Ok(()),
                Err(Failed::Refused(error)) => return Err(error),
                Err(Failed::Conflict) => {}
                Err(Failed::Broken(error)) => {
                    tracing::warn!(%error, "the host's transactions do not work, so none is used");
                    self.broken.store(true, Ordering::Relaxed);
                }
            }
            in_order(&host, &batch, "").await
        });
        applied.await.unwrap_or_else(|_| {
            Err(Error::internal(
                "the mount was stopped while this was written",
            ))
        })
    }

    async fn usable(&self, host: &Host) -> Result<bool, Error> {
        if self.broken.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let ask = async || match host.storage()?.is_transactional(Empty {}).await {
            Ok(reply) => Ok(reply.into_inner().transactional),
            // Vault has none.
            Err(status) if status.code() == Code::Unimplemented => Ok(false),
            Err(status) => Err(of_status("asking for transactions", &status)),
        };
        self.offered.get_or_try_init(ask).await.copied()
    }
}

async fn in_order(host: &Host, batch: &[Write], txn: &str) -> Result<(), Error> {
    for write in batch {
        match write {
            Write::Put { key, value } => store(host, key, value, txn).await?,
            Write::Delete { key } => remove(host, key, txn).await?,
        }
    }
    Ok(())
}

async fn in_transaction(host: &Host, batch: &[Write]) -> Result<(), Failed> {
    let txn = begin(host).await.map_err(failed)?;
    if let Err(error) = in_order(host, batch, &txn).await {
        // If this fails too, the host is shutting down.
        let _ = end(host, txn, false).await;
        return Err(failed(error));
    }
    end(host, txn, true).await.map_err(failed)
}

fn failed(error: Error) -> Failed {
    if error.class() == ErrorClass::ReadOnlyStorage {
        Failed::Refused(error)
    } else if error.message().contains(CONFLICT) {
        Failed::Conflict
    } else {
        Failed::Broken(error)
    }
}

/// The id of a new transaction.
async fn begin(host: &Host) -> Result<String, Error> {
    let doing = || "beginning a transaction".to_owned();
    let reply = host.storage()?.begin_tx(Empty {}).await;
    let reply = reply
        .map_err(|status| of_status(&doing(), &status))?
        .into_inner();
    succeeded(doing, &reply.err)?;
    // With an empty id, each change would be applied at once.
    if reply.txn.is_empty() {
        return Err(Error::internal(
            "the host began a transaction without an id",
        ));
    }
    Ok(reply.txn)
}

async fn end(host: &Host, txn: String, commit: bool) -> Result<(), Error> {
    let doing = || "ending a transaction".to_owned();
    let mut storage = host.storage()?;
    let ending = EndTxArgs { txn };
    let reply = if commit {
        storage.commit(ending).await
    } else {
        storage.rollback(ending).await
    };
    let reply = reply.map_err(|status| of_status(&doing(), &status))?;
    succeeded(doing, &reply.into_inner().err)
}

#[cfg(test)]
mod tests;
