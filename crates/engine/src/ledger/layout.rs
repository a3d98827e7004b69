//! Where the entries of holders lie in storage, and how they are stored; and how
//! changes of storage are carried out.

use std::collections::BTreeMap;

use logical::{Error, Storage, Write};
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::credential::Holder;
use crate::ids::{CredentialId, HolderId};

/// How many entries are read at once: in a plugin each is a round trip.
pub(super) const READ_AT_ONCE: usize = 16;

/// Entries of holders, in a folder for each credential.
pub(super) const HOLDERS: &str = "lockkeeper/holder/";

/// Holders that were written together, or that count no more in another entry.
/// The entry gets no others later; that of a single holder has its name.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HolderEntry {
    pub(super) holders: BTreeMap<HolderId, Holder>,
    /// Set in an entry that has no holders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) struck: Option<Struck>,
}

/// Members of an entry that count no more.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Struck {
    /// The name of the entry.
    pub(super) entry: HolderId,
    pub(super) holders: Vec<HolderId>,
}

impl HolderEntry {
    pub(super) fn of(holders: BTreeMap<HolderId, Holder>) -> Self {
        Self {
            holders,
            struck: None,
        }
    }

    /// An entry that strikes members of another one.
    pub(super) fn striking(entry: HolderId, holders: Vec<HolderId>) -> Self {
        Self {
            holders: BTreeMap::new(),
            struck: Some(Struck { entry, holders }),
        }
    }
}

/// The folder of a credential's holders.
pub(super) fn holders_of(credential: &CredentialId) -> String {
    format!("{HOLDERS}{credential}/")
}

/// Where an entry of holders lies.
fn place(credential: &CredentialId, name: &HolderId) -> String {
    format!("{HOLDERS}{credential}/{name}")
}

/// The change that stores an entry of holders.
pub(super) fn put_holders(
    credential: &CredentialId,
    name: &HolderId,
    entry: &HolderEntry,
) -> Result<Write, Error> {
    Ok(Write::put(place(credential, name), codec::encode(entry)?))
}

/// The change that removes an entry of holders.
pub(super) fn delete_holders(credential: &CredentialId, name: &HolderId) -> Write {
    Write::delete(place(credential, name))
}

/// Carries out changes.
///
/// # Errors
/// When storage fails; the changes may have happened all the same.
pub(super) async fn carry_out(storage: &dyn Storage, mut batch: Vec<Write>) -> Result<(), Error> {
    if batch.len() > 1 {
        return storage.apply(batch).await;
    }
    match batch.pop() {
        Some(Write::Put { key, value }) => storage.put(&key, &value).await,
        Some(Write::Delete { key }) => storage.delete(&key).await,
        None => Ok(()),
    }
}
