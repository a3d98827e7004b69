//! Calls that change the host's storage, inside a transaction or outside.

use logical::Error;

use super::errors::{of_host, of_status};
use super::host::Host;
use crate::pb::backend::{StorageDeleteArgs, StorageEntry, StoragePutArgs};

/// Writes a value, in a transaction or, without its id, at once.
pub(super) async fn store(host: &Host, key: &str, value: &[u8], txn: &str) -> Result<(), Error> {
    let doing = || format!("writing `{key}`");
    let arguments = StoragePutArgs {
        entry: Some(StorageEntry {
            key: key.to_owned(),
            value: value.to_vec(),
            seal_wrap: false,
        }),
        txn: txn.to_owned(),
    };
    let reply = host.storage()?.put(arguments).await;
    let reply = reply.map_err(|status| of_status(&doing(), &status))?;
    succeeded(doing, &reply.into_inner().err)
}

/// Removes a value, in a transaction or, without its id, at once.
pub(super) async fn remove(host: &Host, key: &str, txn: &str) -> Result<(), Error> {
    let doing = || format!("deleting `{key}`");
    let arguments = StorageDeleteArgs {
        key: key.to_owned(),
        txn: txn.to_owned(),
    };
    let reply = host.storage()?.delete(arguments).await;
    let reply = reply.map_err(|status| of_status(&doing(), &status))?;
    succeeded(doing, &reply.into_inner().err)
}

/// Turns the error text of a reply into an error.
pub(super) fn succeeded(doing: impl Fn() -> String, err: &str) -> Result<(), Error> {
    if err.is_empty() {
        return Ok(());
    }
    Err(of_host(&doing(), err))
}
