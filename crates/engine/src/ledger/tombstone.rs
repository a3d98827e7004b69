//! Tombstones in storage: what is left of a key that is surely gone.
//!
//! They lie apart from the entries that somebody still has to look at, so that
//! nobody who asks after keys that exist reads them: there may be a hundred
//! thousand. They are reached by name, by the credential's or the key's, and
//! are forgotten by the day on which the key went.
//!
//! A batch may be cut where the host has no transactions. So a tombstone is
//! written before the entry goes, and where there are both the entry counts;
//! the tombstone of a key that came back is left until the key goes again.

use jiff::Timestamp;
use logical::{Error, Storage, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::codec;
use super::credential::{Credential, State, TOMBSTONE_AGE, later};
use super::store::{HOLDERS, LedgerStore};
use crate::ids::{CredentialId, KeyId};

/// Tombstones, by credential. They hold no secret.
const GONE: &str = "lockkeeper/gone/";

/// Whose tombstone a key has: a folder for each day on which keys went.
const GONE_KEYS: &str = "lockkeeper/gone-key/";

#[derive(Serialize, Deserialize)]
struct GoneKey {
    credential: CredentialId,
}

/// The place in storage that tells whose tombstone a key has.
pub(crate) struct GoneKeyPlace(String);

impl GoneKeyPlace {
    /// A key that went at this time. Its name derives from the key's id, which
    /// is Confluent's and need not be fit for a path.
    fn of(key: &KeyId, since: Timestamp) -> Self {
        Self(format!(
            "{GONE_KEYS}{}/{}",
            day(since),
            CredentialId::of_key(key)
        ))
    }
}

/// The tombstone of a credential.
pub(super) async fn read(
    storage: &dyn Storage,
    id: &CredentialId,
) -> Result<Option<Credential>, Error> {
    codec::read(storage, &format!("{GONE}{id}")).await
}

/// The changes that put a tombstone in its place.
pub(super) fn put(
    id: &CredentialId,
    key: &KeyId,
    since: Timestamp,
    tombstone: Zeroizing<Vec<u8>>,
) -> Result<Vec<Write>, Error> {
    let gone = codec::encode(&GoneKey {
        credential: id.clone(),
    })?;
    Ok(vec![
        Write::put(GoneKeyPlace::of(key, since).0, gone),
        Write::put(format!("{GONE}{id}"), tombstone),
    ])
}

impl LedgerStore {
    /// What is left of a key that is gone.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub async fn gone(&self, key: &KeyId) -> Result<Option<Credential>, Error> {
        let name = CredentialId::of_key(key);
        let days = self.storage.list(GONE_KEYS).await?;
        // The latest first: a key that came back went twice.
        for day in days.iter().rev() {
            let place = format!("{GONE_KEYS}{day}{name}");
            let gone: Option<GoneKey> = codec::read(&*self.storage, &place).await?;
            let Some(gone) = gone else {
                continue;
            };
            let known = self.load(&gone.credential).await?;
            if known.as_ref().and_then(Credential::key_id) == Some(key) {
                return Ok(known);
            }
        }
        Ok(None)
    }

    /// The keys whose tombstones were kept long enough.
    ///
    /// # Errors
    /// When storage fails.
    pub(crate) async fn long_gone(&self, now: Timestamp) -> Result<Vec<GoneKeyPlace>, Error> {
        let oldest = format!("{}/", day(later(now, -TOMBSTONE_AGE)));
        let mut places = Vec::new();
        for day in self.storage.list(GONE_KEYS).await? {
            // Days compare as texts do.
            if day >= oldest {
                continue;
            }
            let folder = format!("{GONE_KEYS}{day}");
            let names = self.storage.list(&folder).await?;
            places.extend(
                names
                    .iter()
                    .map(|name| GoneKeyPlace(format!("{folder}{name}"))),
            );
        }
        Ok(places)
    }

    /// Forgets a tombstone, with holders that a cut left behind. One that the
    /// key got later, after it came back, stays.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub(crate) async fn forget_gone(&self, place: GoneKeyPlace) -> Result<(), Error> {
        let gone: Option<GoneKey> = codec::read(&*self.storage, &place.0).await?;
        let mut batch = Vec::new();
        if let Some(GoneKey { credential: id }) = gone
            && let Some(tombstone) = read(&*self.storage, &id).await?
            && let State::Gone { key, since, .. } = &tombstone.state
            && GoneKeyPlace::of(key, *since).0 == place.0
        {
            let holders = format!("{HOLDERS}{id}/");
            for name in self.storage.list(&holders).await? {
                batch.push(Write::delete(format!("{holders}{name}")));
            }
            batch.push(Write::delete(format!("{GONE}{id}")));
        }
        batch.push(Write::delete(place.0));
        self.apply(batch).await
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
