//! Who logs in with which key, as the audit log tells it: the last login of each
//! key on record, and until when the log was read.
//!
//! It is posted from outside, by whoever reads the log; nothing is asked for here.
//! Times only move on, so that what is posted twice changes nothing. What follows
//! from it for keys is decided in `rotation`.

mod evidence;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use logical::{Clock, Error, Storage};
use serde::{Deserialize, Serialize};

use crate::ids::{KeyId, digest};
use crate::records::Records;

pub(crate) use evidence::{Evidence, MOST_KEYS, Report};

const PREFIX: &str = "lockkeeper/usage/";
const STATE: &str = "state";

/// Last logins lie in so many records.
const SHARDS: u64 = 64;

/// The last logins of some keys.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Shard {
    keys: BTreeMap<KeyId, Timestamp>,
}

/// Last logins in a mount's storage.
pub(crate) struct Usage {
    state: Records<Evidence>,
    shards: Records<Shard>,
}

impl Usage {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Records::new(Arc::clone(&storage), Arc::clone(&clock), PREFIX),
            shards: Records::new(storage, clock, PREFIX),
        }
    }

    /// How far the log was read; none before the first report.
    pub(crate) async fn evidence(&self) -> Result<Option<Evidence>, Error> {
        self.state.read(STATE).await
    }

    /// The last known login with a key.
    ///
    /// Whoever compares it with the evidence reads the evidence first: a login is
    /// stored before the watermark that covers it.
    pub(crate) async fn last_login(&self, key: &KeyId) -> Result<Option<Timestamp>, Error> {
        let shard = self.shards.read(&shard_of(key)).await?;
        Ok(shard.and_then(|shard| shard.keys.get(key).copied()))
    }

    /// Notes what was reported, of keys that are on record. `on_record` is asked
    /// while no other report is noted.
    pub(crate) async fn note<F>(
        &self,
        report: Report,
        on_record: impl FnOnce() -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<BTreeSet<KeyId>, Error>>,
    {
        let _lock = self.state.lock(STATE).await;
        let stored = self.state.read(STATE).await?;
        let evidence = report.after(stored.as_ref())?;
        if !report.logins.is_empty() {
            self.note_logins(&report.logins, &on_record().await?)
                .await?;
        }
        if stored.as_ref() != Some(&evidence) {
            self.state.write(STATE, &evidence).await?;
        }
        Ok(())
    }

    /// A shard that is written forgets the keys that are on record no more.
    async fn note_logins(
        &self,
        logins: &BTreeMap<KeyId, Timestamp>,
        on_record: &BTreeSet<KeyId>,
    ) -> Result<(), Error> {
        let mut by_shard: BTreeMap<String, Vec<(&KeyId, Timestamp)>> = BTreeMap::new();
        for (key, at) in logins.iter().filter(|(key, _)| on_record.contains(key)) {
            by_shard.entry(shard_of(key)).or_default().push((key, *at));
        }
        for (name, logins) in by_shard {
            let mut shard = self.shards.read(&name).await?.unwrap_or_default();
            let mut moves = false;
            for (key, at) in logins {
                if shard.keys.get(key).is_none_or(|known| *known < at) {
                    shard.keys.insert(key.clone(), at);
                    moves = true;
                }
            }
            if moves {
                shard.keys.retain(|key, _| on_record.contains(key));
                self.shards.write(&name, &shard).await?;
            }
        }
        Ok(())
    }
}

fn shard_of(key: &KeyId) -> String {
    format!("{:02}", digest(key.as_str()) % SHARDS)
}
