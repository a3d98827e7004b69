//! A credential's own entry: its place and stored form, and the pointer to the key
//! that the readers of a role share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use logical::{Error, Storage, Write};
use serde::{Deserialize, Serialize};

use super::tombstone;
use crate::account_ref::AccountRef;
use crate::codec;
use crate::control_plane::Target;
use crate::credential::{Credential, Holder, Purpose, RequestedBy, Sharing, State};
use crate::ids::{CredentialId, Generation, HolderId};

/// Entries of unsettled credentials.
pub(super) const CREDENTIALS: &str = "lockkeeper/credential/";
const SHARED: &str = "lockkeeper/shared/";

/// A credential as it is stored: the holders of a shared key are left out,
/// since they have entries of their own.
#[derive(Serialize)]
struct Stored<'a> {
    id: &'a CredentialId,
    #[serde(flatten)]
    purpose: &'a Purpose,
    #[serde(flatten)]
    account: &'a AccountRef,
    target: &'a Target,
    sharing: Sharing,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester: Option<&'a RequestedBy>,
    intended_at: Timestamp,
    state: &'a State,
    #[serde(skip_serializing_if = "Option::is_none")]
    holders: Option<&'a BTreeMap<HolderId, Holder>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

impl<'a> Stored<'a> {
    fn of(credential: &'a Credential) -> Self {
        let single = credential.sharing == Sharing::SingleUse;
        Self {
            id: &credential.id,
            purpose: &credential.purpose,
            account: &credential.account,
            target: &credential.target,
            sharing: credential.sharing,
            requester: credential.requester.as_deref(),
            intended_at: credential.intended_at,
            state: &credential.state,
            holders: single.then_some(&credential.holders),
            pinned: credential.pinned,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SharedPointer {
    credential: CredentialId,
}

/// Where the entry of a credential lies.
pub(super) fn place(credential: &CredentialId) -> String {
    format!("{CREDENTIALS}{credential}")
}

/// Where it is stored which credential the readers of a generation share.
pub(super) fn shared_place(generation: &Generation) -> String {
    format!("{SHARED}{generation}")
}

/// The credential that the readers of a generation share.
pub(super) async fn shared(
    storage: &dyn Storage,
    generation: &Generation,
) -> Result<Option<CredentialId>, Error> {
    let pointer: Option<SharedPointer> = codec::read(storage, &shared_place(generation)).await?;
    Ok(pointer.map(|pointer| pointer.credential))
}

/// The changes that store a credential. One that is settled goes to where
/// tombstones lie.
///
/// # Errors
/// When the entry cannot be encoded.
pub(super) fn save(credential: &Credential) -> Result<Vec<Write>, Error> {
    let bytes = codec::encode(&Stored::of(credential))?;
    let place = place(&credential.id);
    if let (State::Gone { key, since, .. }, true) = (&credential.state, credential.is_settled()) {
        let mut writes = tombstone::put(credential, key, *since, bytes)?;
        writes.push(Write::delete(place));
        return Ok(writes);
    }
    let mut writes = vec![Write::put(place, bytes)];
    if let (State::Live { key }, Sharing::Shared) = (&credential.state, credential.sharing)
        && key.secret.is_some()
        && !credential.pinned
        && let Some(generation) = credential.purpose.shared_by()
    {
        let pointer = codec::encode(&SharedPointer {
            credential: credential.id.clone(),
        })?;
        writes.push(Write::put(shared_place(generation), pointer));
    }
    Ok(writes)
}

/// The change that removes a credential of which nothing is to be kept.
pub(super) fn forget(credential: &CredentialId) -> Write {
    Write::delete(place(credential))
}
