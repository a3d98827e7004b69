//! What the rotations of a mount need in memory. All of it can be lost: records
//! and keys are in storage.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use readiness::{Kind, Readiness};
use rotation_schedule::{ProofTimes, lead};
use tokio::sync::{Notify, OwnedMutexGuard, Semaphore};

use crate::credential::later;
use crate::ids::{CredentialId, RoleName};
use crate::ledger::Entry;
use crate::records::KeyedLock;
use crate::work::{DueQueue, SchedulerState};

/// How many static roles are advanced at once.
const AT_ONCE: usize = 16;

/// How many problems of roles the status of the mount names.
const MOST_PROBLEMS: usize = 10;

/// The rotations of a mount.
pub(crate) struct Rotations {
    memory: Mutex<Memory>,
    /// Held for a role by whoever advances it.
    advancing: KeyedLock,
    scheduler: Arc<SchedulerState>,
    /// A role was advanced: whoever waits for one looks again.
    pub(crate) advanced: Notify,
    pub(crate) turns: Semaphore,
}

#[derive(Default)]
struct Memory {
    due: DueQueue<RoleName, ()>,
    /// Whether storage was asked for all static roles since this process began.
    knows_all: bool,
    /// The ids that this process chose for keys which it has not begun to make.
    chosen: HashMap<RoleName, CredentialId>,
    /// Entries of keys that are served, so that readers find them in memory.
    served: HashMap<RoleName, Arc<Entry>>,
    /// Keys that are tried, and what is known of each so far.
    proving: HashMap<CredentialId, Readiness>,
    took: HashMap<Kind, ProofTimes>,
    /// Roles whose old keys wait for what the audit log tells.
    waiting: HashSet<RoleName>,
    /// What needs a person, of roles whose keys ended in use.
    problems: BTreeMap<RoleName, String>,
    /// When to look again whether keys that are served exist, in monotonic time;
    /// an hour away while somebody looks.
    confirm_at: Option<Duration>,
}

impl Rotations {
    pub(crate) fn new(scheduler: Arc<SchedulerState>) -> Self {
        Self {
            memory: Mutex::default(),
            advancing: KeyedLock::default(),
            scheduler,
            advanced: Notify::new(),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Excludes others who would advance this role.
    pub(crate) async fn advance(&self, name: &RoleName) -> OwnedMutexGuard<()> {
        self.advancing.lock(name.as_str()).await
    }

    /// Schedules a role for a time, and lets the scheduler know.
    pub(crate) fn schedule(&self, name: &RoleName, due: Timestamp) {
        self.memory().due.schedule(name, due, ());
        self.scheduler.wake();
    }

    /// Nobody need look at a role again.
    pub(crate) fn forget(&self, name: &RoleName) {
        let mut memory = self.memory();
        memory.due.remove(name);
        memory.served.remove(name);
        memory.chosen.remove(name);
        memory.waiting.remove(name);
        memory.problems.remove(name);
    }

    /// Whether old keys of a role wait for what the audit log tells, and what of the
    /// role needs a person.
    pub(crate) fn note_waiting(&self, name: &RoleName, waits: bool, problem: Option<String>) {
        let mut memory = self.memory();
        if waits {
            memory.waiting.insert(name.clone());
        } else {
            memory.waiting.remove(name);
        }
        match problem {
            Some(problem) => memory.problems.insert(name.clone(), problem),
            None => memory.problems.remove(name),
        };
    }

    /// How many roles have old keys that wait, and the first of what needs a person.
    pub(crate) fn waiting(&self) -> (usize, Vec<String>) {
        let memory = self.memory();
        let problems = memory.problems.values().take(MOST_PROBLEMS);
        (memory.waiting.len(), problems.cloned().collect())
    }

    /// Schedules all roles whose old keys wait for what the audit log tells.
    pub(crate) fn look_at_waiting(&self, now: Timestamp) {
        let mut guard = self.memory();
        let memory = &mut *guard;
        for name in &memory.waiting {
            memory.due.schedule(name, now, ());
        }
        self.scheduler.wake();
    }

    /// Roles that are due.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<RoleName> {
        self.memory().due.take_due(now)
    }

    /// When the next role is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.memory().due.next_due()
    }

    pub(crate) fn knows_all(&self) -> bool {
        self.memory().knows_all
    }

    /// Schedules all roles, of these names.
    pub(crate) fn know_all(&self, names: &[RoleName], now: Timestamp) {
        let mut memory = self.memory();
        for name in names {
            if memory.due.due(name).is_none() {
                memory.due.schedule(name, now, ());
            }
        }
        memory.knows_all = true;
    }

    /// How many static roles this process knows.
    pub(crate) fn count(&self) -> usize {
        self.memory().due.count(Some(()))
    }

    /// The entry of the key that a role serves, if it is this one.
    pub(crate) fn served(&self, name: &RoleName, id: &CredentialId) -> Option<Arc<Entry>> {
        let memory = self.memory();
        let entry = memory.served.get(name)?;
        (entry.id() == id).then(|| Arc::clone(entry))
    }

    /// Keeps the entry of a key that a role serves.
    pub(crate) fn keep_served(&self, name: &RoleName, entry: &Arc<Entry>) {
        let mut memory = self.memory();
        memory.served.insert(name.clone(), Arc::clone(entry));
    }

    /// Decides with what is known so far of a key that is tried.
    pub(crate) fn proving<T>(
        &self,
        id: &CredentialId,
        made: Timestamp,
        decide: impl FnOnce(&mut Readiness) -> T,
    ) -> T {
        let mut memory = self.memory();
        let known = memory.proving.entry(id.clone());
        decide(known.or_insert_with(|| Readiness::of_key_made(made)))
    }

    /// A key of a kind was proven so long after it was made.
    pub(crate) fn proven(&self, id: &CredentialId, kind: Kind, took: Option<Duration>) {
        let mut memory = self.memory();
        memory.proving.remove(id);
        if let Some(took) = took {
            memory.took.entry(kind).or_default().record(took);
        }
    }

    /// Whether it is time to look whether the keys that are served exist. A caller that
    /// gets `true` looks, and sets the time of the next look.
    pub(crate) fn takes_turn_to_confirm(&self, now: Duration, first: Duration) -> bool {
        let mut memory = self.memory();
        let at = *memory.confirm_at.get_or_insert(now + first);
        let is_time = now >= at;
        if is_time {
            memory.confirm_at = Some(now + Duration::from_hours(1));
        }
        is_time
    }

    /// When to look next.
    pub(crate) fn confirm_at(&self, at: Duration) {
        self.memory().confirm_at = Some(at);
    }

    /// This process chose the id of a role's next key.
    pub(crate) fn choose(&self, name: &RoleName, id: &CredentialId) {
        self.memory().chosen.insert(name.clone(), id.clone());
    }

    /// Whether this process chose the id, and has not begun to make its key.
    pub(crate) fn chose(&self, name: &RoleName, id: &CredentialId) -> bool {
        self.memory().chosen.get(name) == Some(id)
    }

    /// The key of the id that was chosen last is made now.
    pub(crate) fn begin_to_make(&self, name: &RoleName) {
        self.memory().chosen.remove(name);
    }

    /// A key is tried no more.
    pub(crate) fn forget_key(&self, id: &CredentialId) {
        self.memory().proving.remove(id);
    }

    /// How long a key of a kind takes from the first step to the proof.
    pub(crate) fn lead(&self, kind: Kind, documented: Duration, queue: Duration) -> Duration {
        let memory = self.memory();
        let none = ProofTimes::default();
        lead(memory.took.get(&kind).unwrap_or(&none), documented, queue)
    }

    /// A role that could not be advanced is tried again in a while.
    pub(crate) fn try_again(&self, name: &RoleName, now: Timestamp) {
        self.schedule(name, later(now, jiff::SignedDuration::from_mins(1)));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
