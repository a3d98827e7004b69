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
use crate::scope::SlotId;

/// Entries of unsettled credentials.
pub(super) const CREDENTIALS: &str = "lockkeeper/credential/";
const SHARED: &str = "lockkeeper/shared/";

/// The scope of a slot that all readers of a role share.
const ALL_READERS: &str = "role";

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

/// Where the credential was named that the readers of a generation share, before
/// there were scopes. What they share now lies in the folder beside it.
pub(super) fn shared_place(generation: &Generation) -> String {
    format!("{SHARED}{generation}")
}

/// Where the credentials are named that the readers of a slot may share.
fn place_of_slot(slot: &SlotId) -> String {
    let own = shared_place(&slot.generation);
    match &slot.scope {
        Some(scope) => format!("{own}/{scope}/"),
        None => format!("{own}/{ALL_READERS}/"),
    }
}

/// The credentials that the readers of a slot may share.
pub(super) async fn shared(
    storage: &dyn Storage,
    slot: &SlotId,
) -> Result<Vec<CredentialId>, Error> {
    let names = storage.list(&place_of_slot(slot)).await?;
    let named = names.iter().filter_map(|name| CredentialId::parse(name));
    let mut credentials: Vec<_> = named.collect();
    if credentials.is_empty() && slot.scope.is_none() {
        credentials.extend(shared_before(storage, &slot.generation).await?);
    }
    Ok(credentials)
}

async fn shared_before(
    storage: &dyn Storage,
    generation: &Generation,
) -> Result<Option<CredentialId>, Error> {
    let pointer: Option<SharedPointer> = codec::read(storage, &shared_place(generation)).await?;
    Ok(pointer.map(|pointer| pointer.credential))
}

/// The changes that store a credential. One that is settled goes to where
/// tombstones lie. The readers of a role share a key from when it is no spare
/// any more.
///
/// # Errors
/// When the entry cannot be encoded.
pub(super) fn save(credential: &Credential) -> Result<Vec<Write>, Error> {
    let bytes = codec::encode(&Stored::of(credential))?;
    let place = place(&credential.id);
    let pointer = match credential.sharing {
        Sharing::Shared => credential.purpose.named_by(),
        Sharing::SingleUse => None,
    };
    let pointer = pointer.map(|slot| format!("{}{}", place_of_slot(&slot), credential.id));
    if let (State::Gone { key, since, .. }, true) = (&credential.state, credential.is_settled()) {
        let mut writes = tombstone::put(credential, key, *since, bytes)?;
        writes.extend(pointer.map(Write::delete));
        writes.push(Write::delete(place));
        return Ok(writes);
    }
    let mut writes = vec![Write::put(place, bytes)];
    let Some(pointer) = pointer else {
        return Ok(writes);
    };
    match &credential.state {
        // The pointer of a key that a static role took over stays, so that taking it
        // over can be repeated.
        State::Live { key } if key.secret.is_some() => {
            if !credential.pinned && credential.purpose.slot().is_some() {
                let credential = credential.id.clone();
                let named = codec::encode(&SharedPointer { credential })?;
                writes.push(Write::put(pointer, named));
            }
        }
        State::Intended => {}
        _ => writes.push(Write::delete(pointer)),
    }
    Ok(writes)
}

/// The change that removes a credential of which nothing is to be kept.
pub(super) fn forget(credential: &CredentialId) -> Write {
    Write::delete(place(credential))
}
