//! The host's storage as one process sees it: calls are steps, batches are not
//! atomic, and writes can be reported failed.

use std::sync::Arc;

use async_trait::async_trait;
use logical::{Error, Storage, Write};
use store::MemoryStorage;
use zeroize::Zeroizing;

use super::fault::{Fault, Faults};
use super::process::{Moment, Process};

pub(crate) struct ProcessStorage {
    pub(crate) inner: Arc<MemoryStorage>,
    pub(crate) process: Arc<Process>,
    pub(crate) faults: Arc<Faults>,
}

fn broken() -> Error {
    Error::internal("the storage failed")
}

impl ProcessStorage {
    /// Carries changes out, one after the other.
    async fn change(&self, batch: Vec<Write>) -> Result<(), Error> {
        let cut = self.process.enter().await;
        let fault = self.faults.of_write();
        let done = match (cut, fault) {
            (_, Some(Fault::WriteLost)) => 0,
            (Some(Moment::During), _) => batch.len() / 2,
            _ => batch.len(),
        };
        for write in batch.into_iter().take(done) {
            match write {
                Write::Put { key, value } => self.inner.put(&key, &value).await?,
                Write::Delete { key } => self.inner.delete(&key).await?,
            }
        }
        self.process.leave(cut).await;
        match fault {
            Some(_) => Err(broken()),
            None => Ok(()),
        }
    }

    async fn read<T>(&self, read: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let cut = self.process.enter().await;
        let fails = self.faults.take(Fault::ReadFails);
        let value = read.await;
        self.process.leave(cut).await;
        if fails { Err(broken()) } else { value }
    }
}

#[async_trait]
impl Storage for ProcessStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.read(self.inner.get(key)).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.change(vec![Write::put(key, value.to_vec())]).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.change(vec![Write::delete(key)]).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.read(self.inner.list(prefix)).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.change(batch).await
    }
}
