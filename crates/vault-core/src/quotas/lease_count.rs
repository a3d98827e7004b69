//! Lease-count quotas: how many leases there may be at a time.
//!
//! Every lease counts: of a secret, of a token that ends, of a wrapped answer. It
//! counts for the most specific quota that is about its path, and is refused before
//! it is made. Memory has the ids of all leases while there is such a quota, and
//! nothing otherwise; a start, or the first quota, reads them from storage.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logical::{Error, Storage};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::storage::{Version, View};

/// Where the quotas are stored, by name.
const RULES: &str = "sys/quota/lease-count/";
/// How many quotas are read at once when the server starts.
const PAGE: usize = 256;

/// A quota as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeaseCount {
    #[serde(default)]
    version: Version<1>,
    /// Empty for all paths; a mount with its slash; or a path inside one, at whose
    /// end `*` stands for any ending.
    pub(crate) path: String,
    pub(crate) max_leases: u64,
    /// Whether it counts for namespaces below; shown, as there are none.
    pub(crate) inheritable: bool,
}

impl LeaseCount {
    pub(crate) fn new(path: String, max_leases: u64) -> Self {
        Self {
            version: Version,
            inheritable: path.is_empty(),
            path,
            max_leases,
        }
    }

    /// How specific it is for the path of a lease; none if it is not about it.
    fn specificity(&self, path: &str) -> Option<(u8, usize)> {
        let rule = self.path.as_str();
        if rule.is_empty() {
            return Some((0, 0));
        }
        // Mounts do not lie in each other.
        if rule.ends_with('/') {
            return path.starts_with(rule).then_some((1, 0));
        }
        if let Some(beginning) = rule.strip_suffix('*') {
            return path.starts_with(beginning).then_some((2, beginning.len()));
        }
        (rule == path).then_some((3, 0))
    }
}

/// The quotas, and the leases that count for them.
pub(crate) struct LeaseCounts {
    rules: View,
    /// Whether there is a quota, or the leases are counted for the first.
    is_on: AtomicBool,
    state: Mutex<State>,
    /// False while the leases in storage are counted.
    is_exact: watch::Sender<bool>,
    /// Held while what is stored changes.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    rules: BTreeMap<String, LeaseCount>,
    ids: HashSet<Box<str>>,
    by_path: HashMap<Box<str>, u64>,
    by_rule: HashMap<String, u64>,
    /// The leases that ended while those in storage are counted: a list that was read
    /// before may still have them.
    ended: Option<HashSet<Box<str>>>,
    /// Requests whose answers had a lease, so that the next ones are refused before
    /// the engine makes anything.
    leasing: HashSet<Box<str>>,
    /// The number of the last place that was taken before its lease had an id.
    last_place: u64,
}

/// The place of a lease that is about to be made, which becomes free when this is
/// dropped.
pub(crate) struct Place {
    counts: Arc<LeaseCounts>,
    /// Of the lease, or one of its own before that is known.
    id: Box<str>,
}

impl Place {
    /// The lease was made.
    pub(crate) fn keep(mut self) {
        self.id = Box::default();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.id.is_empty() {
            self.counts.remove(&self.id);
        }
    }
}

/// Who asks for a lease.
pub(crate) enum Claim {
    /// A root token, which no such quota refuses.
    Exempt,
    /// Has a place already.
    Placed(Place),
    /// Needs one, for a request that [`LeaseCounts::is_leasing`] remembers.
    Open(Box<str>),
}

impl LeaseCounts {
    /// Reads what is stored. If there are quotas, their leases are yet to be counted.
    ///
    /// # Errors
    /// An error of storage, or a record that cannot be read.
    pub(crate) async fn open(storage: Arc<dyn Storage>) -> Result<Self, Error> {
        let rules = View::new(storage, RULES);
        let mut state = State::default();
        let mut after = String::new();
        loop {
            let page = rules.list_page("", &after, PAGE).await?;
            for name in &page {
                if let Some(rule) = rules.read::<LeaseCount>(name).await? {
                    state.rules.insert(name.clone(), rule);
                }
            }
            match page.into_iter().next_back() {
                Some(last) => after = last,
                None => break,
            }
        }
        let is_on = !state.rules.is_empty();
        if is_on {
            state.ended = Some(HashSet::new());
        }
        Ok(Self {
            rules,
            is_on: AtomicBool::new(is_on),
            state: Mutex::new(state),
            is_exact: watch::Sender::new(!is_on),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// Whether answers to such requests had leases, and there are quotas.
    pub(crate) fn is_leasing(&self, request: &str) -> bool {
        self.is_on() && self.state().leasing.contains(request)
    }

    /// Takes a place for a lease of this path; none is needed without quotas.
    ///
    /// # Errors
    /// The refusal if there is no place left.
    pub(crate) async fn place(self: &Arc<Self>, path: &str) -> Result<Option<Place>, Error> {
        let path = path.trim_end_matches('/');
        loop {
            if !self.is_on() {
                return Ok(None);
            }
            let mut is_exact = self.is_exact.subscribe();
            // The sender lives as long as `self`.
            let _ = is_exact.wait_for(|exact| *exact).await;
            let mut state = self.state();
            if state.ended.is_some() {
                continue;
            }
            if !state.has_place(path) {
                return Err(Error::coded(
                    429,
                    format!("request path \"{path}\": lease count quota exceeded"),
                ));
            }
            state.last_place += 1;
            // No lease has such an id.
            let id: Box<str> = format!("{path}/ {}", state.last_place).into();
            state.add(id.clone());
            drop(state);
            return Ok(Some(Place {
                counts: Arc::clone(self),
                id,
            }));
        }
    }

    /// The place of the lease with this id, which is about to be stored.
    ///
    /// # Errors
    /// As [`place`](Self::place), unless the lease has one already.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        claim: Claim,
        id: &str,
    ) -> Result<Option<Place>, Error> {
        let placed = match claim {
            Claim::Exempt => None,
            Claim::Placed(place) => Some(place),
            Claim::Open(request) => {
                if self.is_on() && !request.is_empty() {
                    self.state().leasing.insert(request);
                }
                self.place(path_of(id)).await?
            }
        };
        if !self.is_on() {
            return Ok(None);
        }
        let mut state = self.state();
        let id: Box<str> = id.into();
        state.add(id.clone());
        if let Some(mut placed) = placed {
            state.remove(&placed.id);
            placed.id = Box::default();
        }
        drop(state);
        Ok(Some(Place {
            counts: Arc::clone(self),
            id,
        }))
    }

    /// A lease has ended.
    pub(crate) fn remove(&self, id: &str) {
        if !self.is_on() {
            return;
        }
        let mut state = self.state();
        if let Some(ended) = &mut state.ended {
            ended.insert(id.into());
        }
        state.remove(id);
    }

    /// Counts leases that storage listed, if they are counted now.
    pub(crate) fn add_listed<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        if !self.is_on() {
            return;
        }
        let mut state = self.state();
        for id in ids {
            if state
                .ended
                .as_ref()
                .is_some_and(|ended| !ended.contains(id))
            {
                state.add(id.into());
            }
        }
    }

    /// All leases in storage were listed.
    pub(crate) fn all_listed(&self) {
        self.state().ended = None;
        self.is_exact.send_replace(true);
    }

    /// The names of all quotas.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state().rules.keys().cloned().collect()
    }

    /// A quota, and how many leases count for it.
    pub(crate) fn get(&self, name: &str) -> Option<(LeaseCount, u64)> {
        let state = self.state();
        let rule = state.rules.get(name)?.clone();
        Some((rule, state.by_rule.get(name).copied().unwrap_or(0)))
    }

    /// Stores a quota. Before the first one, `list` lists the leases in storage.
    ///
    /// # Errors
    /// A bad request if another quota is about the same, an error of storage, or
    /// that of `list`.
    pub(crate) async fn put(
        &self,
        name: &str,
        rule: LeaseCount,
        list: impl Future<Output = Result<(), Error>> + Send,
    ) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        let same = {
            let state = self.state();
            let mut others = state.rules.iter().filter(|(other, _)| *other != name);
            let same = others.find(|(_, other)| other.path == rule.path);
            same.map(|(other, _)| other.clone())
        };
        if let Some(other) = same {
            return Err(Error::bad_request(format!(
                "quota rule with similar properties exists under the name \"{other}\""
            )));
        }
        let is_first = !self.is_on();
        let stored = self.count_and_store(name, &rule, list).await;
        let mut state = self.state();
        match stored {
            Ok(()) => state.insert(name, rule),
            Err(_) if is_first => self.switch_off(&mut state),
            Err(_) => {}
        }
        stored
    }

    async fn count_and_store(
        &self,
        name: &str,
        rule: &LeaseCount,
        list: impl Future<Output = Result<(), Error>> + Send,
    ) -> Result<(), Error> {
        if !self.is_on() {
            self.is_exact.send_replace(false);
            self.state().ended = Some(HashSet::new());
            self.is_on.store(true, Ordering::SeqCst);
            list.await?;
            // It holds from here: requests waited for the list, and would get leases
            // without limit while it is stored.
            self.state().insert(name, rule.clone());
            self.all_listed();
        }
        self.rules.write(name, rule).await
    }

    /// Removes a quota.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        self.rules.delete(name).await?;
        let mut state = self.state();
        state.rules.remove(name);
        if state.rules.is_empty() {
            self.switch_off(&mut state);
        } else {
            state.assign();
        }
        Ok(())
    }

    fn switch_off(&self, state: &mut State) {
        self.is_on.store(false, Ordering::SeqCst);
        *state = State {
            last_place: state.last_place,
            ..State::default()
        };
        self.is_exact.send_replace(true);
    }

    /// Whether there are quotas.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::SeqCst)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The quota that is about the leases of a path.
    fn rule_of(&self, path: &str) -> Option<&str> {
        let about = self.rules.iter().filter_map(|(name, rule)| {
            let specificity = rule.specificity(path)?;
            Some((specificity, name.as_str()))
        });
        about.max().map(|(_, name)| name)
    }

    fn has_place(&self, path: &str) -> bool {
        let Some(name) = self.rule_of(path) else {
            return true;
        };
        let max = self
            .rules
            .get(name)
            .map_or(u64::MAX, |rule| rule.max_leases);
        self.by_rule.get(name).copied().unwrap_or(0) < max
    }

    fn add(&mut self, id: Box<str>) {
        let path = path_of(&id);
        if self.ids.contains(&id) {
            return;
        }
        if let Some(name) = self.rule_of(path).map(str::to_owned) {
            *self.by_rule.entry(name).or_default() += 1;
        }
        *self.by_path.entry(path.into()).or_default() += 1;
        self.ids.insert(id);
    }

    fn remove(&mut self, id: &str) {
        if !self.ids.remove(id) {
            return;
        }
        let path = path_of(id);
        if let Some(name) = self.rule_of(path).map(str::to_owned)
            && let Some(count) = self.by_rule.get_mut(&name)
        {
            *count -= 1;
        }
        if let Some(count) = self.by_path.get_mut(path) {
            *count -= 1;
            if *count == 0 {
                self.by_path.remove(path);
            }
        }
    }

    /// Adds or replaces a quota.
    fn insert(&mut self, name: &str, rule: LeaseCount) {
        self.rules.insert(name.to_owned(), rule);
        self.assign();
    }

    /// Counts the leases for the quotas that there are now.
    fn assign(&mut self) {
        let mut by_rule = HashMap::new();
        for (path, count) in &self.by_path {
            if let Some(name) = self.rule_of(path) {
                *by_rule.entry(name.to_owned()).or_default() += count;
            }
        }
        self.by_rule = by_rule;
    }
}

/// The path of a lease: its last segment is its own.
fn path_of(id: &str) -> &str {
    id.rsplit_once('/').map_or("", |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_for_the_most_specific_quota_about_its_path() {
        let mut state = State::default();
        for (name, path) in [
            ("all", ""),
            ("mount", "db/"),
            ("short", "db/creds/*"),
            ("longer", "db/creds/app*"),
            ("path", "db/creds/app"),
        ] {
            let rule = LeaseCount::new(path.into(), 1);
            state.rules.insert(name.into(), rule);
        }
        for (path, rule) in [
            ("auth/token/create", "all"),
            ("dbs/creds/app", "all"),
            ("db/static", "mount"),
            ("db/creds/other", "short"),
            ("db/creds/apple", "longer"),
            ("db/creds/app", "path"),
        ] {
            assert_eq!(state.rule_of(path), Some(rule), "{path}");
        }
    }
}
