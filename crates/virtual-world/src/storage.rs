//! Storage in memory that counts its calls, takes time, fails on demand, and is
//! cut with the process that calls it.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use logical::{Condition, Error, Storage, Write};
use store::MemoryStorage;
use zeroize::Zeroizing;

use crate::{Process, lock};

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The value of a key.
    Get,
    /// Names below a prefix, all or a page.
    List,
    /// To store a value.
    Put,
    /// To remove a key.
    Delete,
    /// To carry out a batch.
    Apply,
}

/// One call, as a rule of [`VirtualStorage::fail_if`] sees it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What it asks for.
    pub kind: Kind,
    keys: Keys<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Keys<'a> {
    One(&'a str),
    Batch(&'a [Write]),
}

impl Call<'_> {
    /// Whether it asks for a change.
    pub fn is_write(&self) -> bool {
        !matches!(self.kind, Kind::Get | Kind::List)
    }

    /// Whether its key, its prefix, or a key of its batch begins so.
    pub fn touches(&self, prefix: &str) -> bool {
        match self.keys {
            Keys::One(key) => key.starts_with(prefix),
            Keys::Batch(batch) => batch.iter().any(|write| write.key().starts_with(prefix)),
        }
    }

    fn changes(&self) -> u64 {
        match self.keys {
            Keys::Batch(batch) => batch.len() as u64,
            Keys::One(_) if self.is_write() => 1,
            Keys::One(_) => 0,
        }
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens, and an error is reported.
    Lost,
    /// It happens, and an error is reported. A read has no effect, so that for
    /// reads both are one.
    Done,
}

/// When the effect of a slow write happens. It decides what is left of a write
/// whose caller is dropped while it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timing {
    /// At once; then the caller waits for the answer.
    First,
    /// At the end; a write whose caller is gone does not happen.
    #[default]
    Last,
    /// At the end, even if the caller or the whole process is gone by then, as
    /// a write that was sent to another machine.
    Late,
}

/// How many calls were made, failed ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Of [`Kind::Get`].
    pub gets: u64,
    /// Of [`Kind::List`].
    pub lists: u64,
    /// Of [`Kind::Put`].
    pub puts: u64,
    /// Of [`Kind::Delete`].
    pub deletes: u64,
    /// Of [`Kind::Apply`].
    pub batches: u64,
    /// Keys that were to be changed, those of batches included.
    pub changes: u64,
    /// Bytes of the values that were to be stored.
    pub bytes: u64,
}

impl Calls {
    /// Calls that change nothing.
    pub fn reads(self) -> u64 {
        self.gets + self.lists
    }

    /// Calls that change something, each batch as one.
    pub fn writes(self) -> u64 {
        self.puts + self.deletes + self.batches
    }

    /// What was added since an earlier count.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            gets: self.gets - earlier.gets,
            lists: self.lists - earlier.lists,
            puts: self.puts - earlier.puts,
            deletes: self.deletes - earlier.deletes,
            batches: self.batches - earlier.batches,
            changes: self.changes - earlier.changes,
            bytes: self.bytes - earlier.bytes,
        }
    }

    fn count(&mut self, call: &Call<'_>) {
        let counter = match call.kind {
            Kind::Get => &mut self.gets,
            Kind::List => &mut self.lists,
            Kind::Put => &mut self.puts,
            Kind::Delete => &mut self.deletes,
            Kind::Apply => &mut self.batches,
        };
        *counter += 1;
        self.changes += call.changes();
    }
}

type OnChange = Arc<dyn Fn() + Send + Sync>;
type Rule = Arc<dyn Fn(&Call<'_>) -> Option<Fault> + Send + Sync>;

/// What the test set, and what was counted: of the disk, for all processes.
#[derive(Default)]
struct State {
    read_delay: Duration,
    write_delay: Duration,
    timing: Timing,
    splits_batches: bool,
    armed: Vec<(Armed, Fault)>,
    rule: Option<Rule>,
    on_change: Option<OnChange>,
    calls: Calls,
}

/// Which next call a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Armed {
    Read,
    Write,
}

/// What becomes of one call.
struct Plan {
    delay: Duration,
    timing: Timing,
    fault: Option<Fault>,
}

/// A disk as one process sees it. Each call is a step of the process.
pub struct VirtualStorage {
    disk: Arc<MemoryStorage>,
    state: Arc<Mutex<State>>,
    process: Arc<Process>,
}

impl VirtualStorage {
    /// An empty disk that answers at once.
    pub fn new(process: &Arc<Process>) -> Self {
        Self {
            disk: Arc::default(),
            state: Arc::default(),
            process: Arc::clone(process),
        }
    }

    /// The same disk, with its settings and counts, for another process.
    #[must_use]
    pub fn of_process(&self, process: &Arc<Process>) -> Self {
        Self {
            disk: Arc::clone(&self.disk),
            state: Arc::clone(&self.state),
            process: Arc::clone(process),
        }
    }

    /// The disk itself: what a test does there is neither a step nor counted,
    /// and never fails.
    pub fn disk(&self) -> &Arc<MemoryStorage> {
        &self.disk
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> Calls {
        lock(&self.state).calls
    }

    /// Sets how long each read takes. It sees what is stored when it begins.
    pub fn set_read_delay(&self, delay: Duration) {
        lock(&self.state).read_delay = delay;
    }

    /// Sets how long each write takes, a batch as long as one change, and when
    /// its effect happens.
    pub fn set_write_delay(&self, delay: Duration, timing: Timing) {
        let mut state = lock(&self.state);
        state.write_delay = delay;
        state.timing = timing;
    }

    /// Carries out batches change by change, and looks at their conditions before,
    /// each a step of its own, as a host without transactions does.
    pub fn split_batches(&self) {
        lock(&self.state).splits_batches = true;
    }

    /// Lets so many of the next reads fail.
    pub fn fail_next_reads(&self, count: usize) {
        self.arm(Armed::Read, Fault::Lost, count);
    }

    /// Lets so many of the next writes fail.
    pub fn fail_next_writes(&self, count: usize, fault: Fault) {
        self.arm(Armed::Write, fault, count);
    }

    /// Lets every call fail for which the rule names a fault, in place of an
    /// earlier rule.
    pub fn fail_if(&self, rule: impl Fn(&Call<'_>) -> Option<Fault> + Send + Sync + 'static) {
        lock(&self.state).rule = Some(Arc::new(rule));
    }

    /// Calls this after every change that took effect, before its caller knows.
    pub fn on_change(&self, look: impl Fn() + Send + Sync + 'static) {
        lock(&self.state).on_change = Some(Arc::new(look));
    }

    /// No call fails any more.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        state.armed.clear();
        state.rule = None;
    }

    fn arm(&self, armed: Armed, fault: Fault, count: usize) {
        let mut state = lock(&self.state);
        state
            .armed
            .extend(std::iter::repeat_n((armed, fault), count));
    }

    /// Counts a call and decides what becomes of it.
    fn plan(&self, call: &Call<'_>) -> Plan {
        let (rule, mut plan) = {
            let mut state = lock(&self.state);
            state.calls.count(call);
            let (wanted, delay) = if call.is_write() {
                (Armed::Write, state.write_delay)
            } else {
                (Armed::Read, state.read_delay)
            };
            let next = state.armed.iter().position(|(armed, _)| *armed == wanted);
            let plan = Plan {
                delay,
                timing: state.timing,
                fault: next.map(|index| state.armed.remove(index).1),
            };
            (state.rule.clone(), plan)
        };
        // Without the lock, since a rule may ask how many calls there were.
        plan.fault = plan.fault.or_else(|| rule.and_then(|rule| rule(call)));
        plan
    }

    async fn read<T>(
        &self,
        call: Call<'_>,
        read: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.process
            .step(async {
                let plan = self.plan(&call);
                let value = read.await;
                pause(plan.delay).await;
                plan.fault.map_or(value, |_| Err(broken()))
            })
            .await
    }

    /// Makes a change, and says whether its conditions held.
    async fn change(
        &self,
        call: Call<'_>,
        conditions: Vec<Condition>,
        batch: Vec<Write>,
    ) -> Result<bool, Error> {
        self.process
            .step(async {
                let plan = self.plan(&call);
                let on_change = {
                    let mut state = lock(&self.state);
                    state.calls.bytes += bytes_of(&batch);
                    state.on_change.clone()
                };
                let disk = Arc::clone(&self.disk);
                let effect = async move {
                    if plan.fault == Some(Fault::Lost) {
                        return Ok(false);
                    }
                    let held = disk.apply_if(conditions, batch).await?;
                    if let Some(look) = on_change.filter(|_| held) {
                        look();
                    }
                    Ok(held)
                };
                let held = match plan.timing {
                    Timing::First => {
                        let held = effect.await?;
                        pause(plan.delay).await;
                        held
                    }
                    Timing::Last => {
                        pause(plan.delay).await;
                        effect.await?
                    }
                    Timing::Late => {
                        let landing = tokio::spawn(async move {
                            pause(plan.delay).await;
                            effect.await
                        });
                        landing.await.map_err(|_| broken())??
                    }
                };
                plan.fault.map_or(Ok(held), |_| Err(broken()))
            })
            .await
    }

    /// As [`Storage::apply`] and [`Storage::apply_if`] without transactions: a
    /// step for each condition and each change.
    async fn one_by_one(
        &self,
        conditions: Vec<Condition>,
        batch: Vec<Write>,
    ) -> Result<bool, Error> {
        for condition in conditions {
            let present = self.get(condition.key()).await?;
            if !condition.holds(present.as_ref().map(|value| value.as_slice())) {
                return Ok(false);
            }
        }
        for write in batch {
            match write {
                Write::Put { key, value } => self.put(&key, &value).await?,
                Write::Delete { key } => self.delete(&key).await?,
            }
        }
        Ok(true)
    }
}

impl fmt::Debug for VirtualStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualStorage")
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

fn broken() -> Error {
    Error::internal("the storage failed")
}

fn bytes_of(batch: &[Write]) -> u64 {
    let values = batch.iter().map(|write| match write {
        Write::Put { value, .. } => value.len() as u64,
        Write::Delete { .. } => 0,
    });
    values.sum()
}

/// Waits, and does not even yield where nothing takes time.
async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

fn one(kind: Kind, key: &str) -> Call<'_> {
    let keys = Keys::One(key);
    Call { kind, keys }
}

#[async_trait]
impl Storage for VirtualStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.read(one(Kind::Get, key), self.disk.get(key)).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let write = Write::put(key, value.to_vec());
        self.change(one(Kind::Put, key), Vec::new(), vec![write])
            .await
            .map(|_| ())
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let write = Write::delete(key);
        self.change(one(Kind::Delete, key), Vec::new(), vec![write])
            .await
            .map(|_| ())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.read(one(Kind::List, prefix), self.disk.list(prefix))
            .await
    }

    async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let page = self.disk.list_page(prefix, after, limit);
        self.read(one(Kind::List, prefix), page).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.apply_if(Vec::new(), batch).await.map(|_| ())
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        if lock(&self.state).splits_batches {
            return self.one_by_one(conditions, batch).await;
        }
        let call = Call {
            kind: Kind::Apply,
            keys: Keys::Batch(&batch),
        };
        self.change(call, conditions, batch.clone()).await
    }
}
