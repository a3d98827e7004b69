//! Tombstones in storage: the records of keys that are certainly gone.
//!
//! They have a folder of their own, so that a scan of unsettled entries does not
//! read them: there may be a hundred thousand. They are reached by name, the
//! credential's or the key's, and are forgotten by the day on which the key went.
//!
//! A batch may be cut where the host has no transactions. So a tombstone is
//! written before the entry goes, and where there are both the entry counts;
//! the tombstone of a key that came back is left until the key goes again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use logical::{Error, Storage, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::layout::{HOLDERS, carry_out};
use crate::account_ref::AccountRef;
use crate::codec;
use crate::control_plane::Target;
use crate::credential::{Credential, State, TOMBSTONE_AGE, later};
use crate::ids::{AccountId, CredentialId, EnvironmentId, KeyId, OrganizationId, short_name};

/// Tombstones, by credential. They hold no secret.
const GONE: &str = "lockkeeper/gone/";

/// The index from keys to tombstones: a folder for each day.
const GONE_KEYS: &str = "lockkeeper/gone-key/";

/// The accounts and targets of keys that are gone: a folder for each day. There
/// are few. The daily comparison with Confluent's lists needs them to notice a key
/// that came back.
const GONE_TARGETS: &str = "lockkeeper/gone-target/";

/// How many places of today's targets are remembered.
const MOST_NOTED: usize = 1024;

#[derive(Serialize, Deserialize)]
struct GoneTarget {
    #[serde(flatten)]
    account: AccountRef,
    target: Target,
}

#[derive(Serialize, Deserialize)]
struct GoneKey {
    credential: CredentialId,
}

/// The place of the index entry from a key to its tombstone.
pub(crate) struct GoneKeyPlace(String);

impl GoneKeyPlace {
    /// A key that went at this time. Its name derives from the key's id, which
    /// is Confluent's and need not be fit for a path.
    fn of(key: &KeyId, since: Timestamp) -> Self {
        Self(format!(
            "{GONE_KEYS}{}/{}",
            day(since),
            short_name(key.as_str())
        ))
    }
}

/// The changes that put the tombstone of a credential, whose key went at a time,
/// in its place.
pub(super) fn put(
    credential: &Credential,
    key: &KeyId,
    since: Timestamp,
    tombstone: Zeroizing<Vec<u8>>,
) -> Result<Vec<Write>, Error> {
    let id = &credential.id;
    let target = codec::encode(&GoneTarget {
        account: credential.account.clone(),
        target: credential.target.clone(),
    })?;
    let gone = codec::encode(&GoneKey {
        credential: id.clone(),
    })?;
    Ok(vec![
        Write::put(target_place(credential, since), target),
        Write::put(GoneKeyPlace::of(key, since).0, gone),
        Write::put(format!("{GONE}{id}"), tombstone),
    ])
}

fn target_place(credential: &Credential, since: Timestamp) -> String {
    let Target {
        owner,
        resource,
        environment,
    } = &credential.target;
    let environment = environment.as_ref().map_or("", EnvironmentId::as_str);
    let account = credential.account.own_id().map_or("", AccountId::as_str);
    let organization = credential.account.organization.as_ref();
    let organization = organization.map_or("", OrganizationId::as_str);
    let name = short_name(&format!(
        "{account}{organization} {owner} {resource} {environment}"
    ));
    format!("{GONE_TARGETS}{}/{name}", day(since))
}

/// The tombstones in a mount's storage.
pub(crate) struct Tombstones {
    storage: Arc<dyn Storage>,
    /// Places of targets that are in storage already, so that only the first key
    /// of a day that goes writes one.
    noted: Mutex<BTreeSet<String>>,
}

impl Tombstones {
    /// The tombstones in this storage.
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            noted: Mutex::default(),
        }
    }

    /// The changes of a batch without those of targets that are stored already.
    pub(super) fn without_noted_targets(&self, mut batch: Vec<Write>) -> Vec<Write> {
        let noted = self.noted();
        batch.retain(|write| !noted.contains(write.key()));
        batch
    }

    /// The places of targets in a batch.
    pub(super) fn targets_among(batch: &[Write]) -> Vec<String> {
        let keys = batch.iter().map(Write::key);
        keys.filter(|key| key.starts_with(GONE_TARGETS))
            .map(str::to_owned)
            .collect()
    }

    /// These places of targets are in storage now.
    pub(super) fn note_targets(&self, places: Vec<String>) {
        let mut noted = self.noted();
        if noted.len() + places.len() > MOST_NOTED {
            noted.clear();
        }
        noted.extend(places);
    }

    fn noted(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tombstone of a credential.
    pub(super) async fn of(&self, id: &CredentialId) -> Result<Option<Credential>, Error> {
        codec::read(&*self.storage, &format!("{GONE}{id}")).await
    }

    /// The days on which keys went, as folders, the earliest first.
    pub(super) async fn days(&self) -> Result<Vec<String>, Error> {
        self.storage.list(GONE_KEYS).await
    }

    /// The credential of a key that went on a day.
    pub(super) async fn of_key(
        &self,
        day: &str,
        key: &KeyId,
    ) -> Result<Option<CredentialId>, Error> {
        let place = format!("{GONE_KEYS}{day}{}", short_name(key.as_str()));
        let gone: Option<GoneKey> = codec::read(&*self.storage, &place).await?;
        Ok(gone.map(|gone| gone.credential))
    }

    /// The accounts and targets of keys that have tombstones.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub(crate) async fn targets(&self) -> Result<BTreeSet<(AccountRef, Target)>, Error> {
        let mut places = BTreeMap::new();
        for day in self.storage.list(GONE_TARGETS).await? {
            let folder = format!("{GONE_TARGETS}{day}");
            for name in self.storage.list(&folder).await? {
                places.insert(name.clone(), format!("{folder}{name}"));
            }
        }
        let mut targets = BTreeSet::new();
        for place in places.values() {
            let known: Option<GoneTarget> = codec::read(&*self.storage, place).await?;
            targets.extend(known.map(|known| (known.account, known.target)));
        }
        Ok(targets)
    }

    /// Forgets the targets of keys whose tombstones were kept long enough.
    ///
    /// # Errors
    /// When storage fails.
    pub(crate) async fn forget_targets(&self, now: Timestamp) -> Result<(), Error> {
        for day in self.long_past(GONE_TARGETS, now).await? {
            let folder = format!("{GONE_TARGETS}{day}");
            for name in self.storage.list(&folder).await? {
                self.storage.delete(&format!("{folder}{name}")).await?;
            }
        }
        Ok(())
    }

    /// The folders of days that lie longer back than tombstones are kept.
    async fn long_past(&self, folder: &str, now: Timestamp) -> Result<Vec<String>, Error> {
        let oldest = format!("{}/", day(later(now, -TOMBSTONE_AGE)));
        let mut days = self.storage.list(folder).await?;
        // Days compare as texts do.
        days.retain(|day| *day < oldest);
        Ok(days)
    }

    /// The keys whose tombstones were kept long enough.
    ///
    /// # Errors
    /// When storage fails.
    pub(crate) async fn long_gone(&self, now: Timestamp) -> Result<Vec<GoneKeyPlace>, Error> {
        let mut places = Vec::new();
        for day in self.long_past(GONE_KEYS, now).await? {
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
    pub(crate) async fn forget(&self, place: GoneKeyPlace) -> Result<(), Error> {
        let gone: Option<GoneKey> = codec::read(&*self.storage, &place.0).await?;
        let mut batch = Vec::new();
        if let Some(GoneKey { credential: id }) = gone
            && let Some(tombstone) = self.of(&id).await?
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
        carry_out(&*self.storage, batch).await
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}
