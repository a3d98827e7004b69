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

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use logical::{Error, Storage, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::layout::HOLDERS;
use super::store::LedgerStore;
use crate::account_ref::AccountRef;
use crate::codec;
use crate::control_plane::Target;
use crate::credential::{Credential, State, TOMBSTONE_AGE, later};
use crate::ids::{AccountId, CredentialId, EnvironmentId, KeyId, OrganizationId, short_name};

/// Tombstones, by credential. They hold no secret.
const GONE: &str = "lockkeeper/gone/";

/// Whose tombstone a key has: a folder for each day on which keys went.
const GONE_KEYS: &str = "lockkeeper/gone-key/";

/// For whom and for what keys were that went: a folder for each day. There are
/// few, and the daily look at Confluent's lists needs them, to notice a key
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

/// Places of targets that are in storage already, so that only the first key of
/// a day that goes writes one.
#[derive(Default)]
pub(super) struct NotedTargets(Mutex<BTreeSet<String>>);

impl NotedTargets {
    /// The changes of a batch that are still to be made.
    pub(super) fn without_known(&self, mut batch: Vec<Write>) -> Vec<Write> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batch.retain(|write| !known.contains(write.key()));
        batch
    }

    /// The targets among the places of a batch.
    pub(super) fn among(batch: &[Write]) -> Vec<String> {
        let keys = batch.iter().map(Write::key);
        keys.filter(|key| key.starts_with(GONE_TARGETS))
            .map(str::to_owned)
            .collect()
    }

    /// These places are in storage now.
    pub(super) fn note(&self, places: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + places.len() > MOST_NOTED {
            known.clear();
        }
        known.extend(places);
    }
}

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
            short_name(key.as_str())
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

impl LedgerStore {
    /// What is left of a key that is gone.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub async fn gone(&self, key: &KeyId) -> Result<Option<Credential>, Error> {
        let name = short_name(key.as_str());
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

    /// For whom and for what keys were that have tombstones.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub(crate) async fn gone_targets(&self) -> Result<BTreeSet<(AccountRef, Target)>, Error> {
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
    pub(crate) async fn forget_gone_targets(&self, now: Timestamp) -> Result<(), Error> {
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
