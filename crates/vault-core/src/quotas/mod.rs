//! Rate-limit quotas: how many requests a client's address may make in a time; and, in
//! `lease_count`, how many leases there may be.
//!
//! Quotas and their settings are stored; memory has a copy, and the use of each
//! quota by each address, which a restart forgets. Of the quotas that fit a request
//! the most specific one counts. Limits are counted as OpenBao 2.7.2 counts them.

mod bucket;
mod lease_count;
mod rule;
mod settings;
#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use logical::{Clock, Error, NamedLocks, Storage};

use self::bucket::Bucket;
pub(crate) use self::bucket::Taken;
pub(crate) use self::lease_count::{Claim, LeaseCount, LeaseCounts, Place};
pub(crate) use self::rule::{RateLimit, Target};
pub(crate) use self::settings::Settings;
use crate::storage::View;

/// Where the quotas are stored, by name.
const RULES: &str = "sys/quota/rate-limit/";
/// Where the settings are stored.
const SETTINGS: &str = "sys/quota/config";
/// How many quotas are read at once when the server starts.
const PAGE: usize = 256;
/// After how long without a request the use of a quota by an address is forgotten.
const STALE: Duration = Duration::from_mins(3);
/// The lock for writes of the settings, which is no name of a quota.
const SETTINGS_LOCK: &str = "/";

/// All quotas, and their use.
pub(crate) struct Quotas {
    rules: View,
    storage: View,
    clock: Arc<dyn Clock>,
    known: RwLock<Arc<Known>>,
    buckets: Mutex<Buckets>,
    /// Held while what is stored changes.
    changing: NamedLocks,
}

/// What is stored.
#[derive(Clone, Default)]
struct Known {
    settings: Settings,
    rules: BTreeMap<String, Arc<RateLimit>>,
}

/// The use of quotas, by their names and by address.
type Buckets = HashMap<String, HashMap<Option<IpAddr>, Bucket>>;

/// What a quota says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) taken: Taken,
    /// Whether the answer tells of it.
    pub(crate) shown: bool,
}

impl Quotas {
    /// Reads what is stored.
    ///
    /// # Errors
    /// An error of storage, or a record that cannot be read: without its quotas a
    /// server would let everything in.
    pub(crate) async fn open(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let rules = View::new(Arc::clone(&storage), RULES);
        let storage = View::new(storage, "");
        let mut known = Known {
            settings: storage.read(SETTINGS).await?.unwrap_or_default(),
            rules: BTreeMap::new(),
        };
        let mut after = String::new();
        loop {
            let page = rules.list_page("", &after, PAGE).await?;
            for name in &page {
                if let Some(rule) = rules.read::<RateLimit>(name).await? {
                    known.rules.insert(name.clone(), Arc::new(rule));
                }
            }
            match page.into_iter().next_back() {
                Some(last) => after = last,
                None => break,
            }
        }
        Ok(Self {
            rules,
            storage,
            clock,
            known: RwLock::new(Arc::new(known)),
            buckets: Mutex::default(),
            changing: NamedLocks::default(),
        })
    }

    /// Whether a quota depends on the role of a login at this mount.
    pub(crate) fn asks_for_role(&self, mount: &str) -> bool {
        let known = self.known();
        let mut rules = known.rules.values();
        rules.any(|rule| !rule.role.is_empty() && rule.path == mount)
    }

    /// Counts a request. `None` if no quota is about it.
    pub(crate) fn take(&self, target: Target<'_>, client: Option<IpAddr>) -> Option<Verdict> {
        let known = self.known();
        if known.rules.is_empty() || known.settings.is_exempt(target.path) {
            return None;
        }
        let (name, rule) = rule::most_specific(&known.rules, target)?;
        let now = self.clock.monotonic();
        let mut buckets = self.buckets();
        // A name is copied for the first request only.
        if !buckets.contains_key(name) {
            buckets.insert(name.to_owned(), HashMap::new());
        }
        let of_rule = buckets.get_mut(name)?;
        let bucket = of_rule.entry(client).or_insert_with(|| Bucket::new(now));
        Some(Verdict {
            taken: bucket.take(rule.limits(), now),
            shown: known.settings.response_headers,
        })
    }

    /// Forgets addresses that made no request for a while.
    pub(crate) fn purge(&self) {
        let (now, known) = (self.clock.monotonic(), self.known());
        self.buckets().retain(|name, of_rule| {
            let Some(rule) = known.rules.get(name) else {
                return false;
            };
            of_rule.retain(|_, bucket| !bucket.is_stale(rule.limits(), now, STALE));
            !of_rule.is_empty()
        });
    }

    /// The names of all quotas.
    pub(crate) fn names(&self) -> Vec<String> {
        self.known().rules.keys().cloned().collect()
    }

    /// A quota.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<RateLimit>> {
        self.known().rules.get(name).cloned()
    }

    /// Stores a quota, whose use begins anew.
    ///
    /// # Errors
    /// A bad request if another quota is about the same, or an error of storage.
    pub(crate) async fn put(&self, name: &str, rule: RateLimit) -> Result<(), Error> {
        // One lock, so that no two quotas for the same are stored at once.
        let _changing = self.changing.lock(RULES).await;
        let known = self.known();
        let mut others = known.rules.iter().filter(|(other, _)| *other != name);
        if let Some((other, _)) = others.find(|(_, other)| other.is_about_same(&rule)) {
            return Err(Error::bad_request(format!(
                "quota rule with similar properties exists under the name \"{other}\""
            )));
        }
        self.rules.write(name, &rule).await?;
        self.change(|known| {
            known.rules.insert(name.to_owned(), Arc::new(rule));
        });
        self.buckets().remove(name);
        Ok(())
    }

    /// Removes a quota.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Error> {
        let _changing = self.changing.lock(RULES).await;
        self.rules.delete(name).await?;
        self.change(|known| {
            known.rules.remove(name);
        });
        self.buckets().remove(name);
        Ok(())
    }

    /// The settings.
    pub(crate) fn settings(&self) -> Settings {
        self.known().settings.clone()
    }

    /// Changes the settings.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn configure(
        &self,
        change: impl FnOnce(&mut Settings) + Send,
    ) -> Result<(), Error> {
        let _changing = self.changing.lock(SETTINGS_LOCK).await;
        let mut settings = self.settings();
        change(&mut settings);
        self.storage.write(SETTINGS, &settings).await?;
        self.change(|known| known.settings = settings);
        Ok(())
    }

    #[cfg(test)]
    fn known_addresses(&self) -> usize {
        self.buckets().values().map(HashMap::len).sum()
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut known));
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
