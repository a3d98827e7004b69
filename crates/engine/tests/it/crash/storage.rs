//! The host's storage as one process sees it: calls are steps, batches are as
//! many steps as they have changes, and writes can be reported failed.

use std::sync::Arc;

use async_trait::async_trait;
use logical::{Error, Storage};
use store::MemoryStorage;
use zeroize::Zeroizing;

use super::fault::{Fault, Faults};
use super::process::Process;

pub(crate) struct ProcessStorage {
    pub(crate) inner: Arc<MemoryStorage>,
    pub(crate) process: Arc<Process>,
    pub(crate) faults: Arc<Faults>,
}

fn broken() -> Error {
    Error::internal("the storage failed")
}

impl ProcessStorage {
    async fn change(&self, change: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let cut = self.process.enter().await;
        let fault = self.faults.of_write();
        if fault != Some(Fault::WriteLost) {
            change.await?;
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
        self.change(self.inner.put(key, value)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.change(self.inner.delete(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.read(self.inner.list(prefix)).await
    }
}
