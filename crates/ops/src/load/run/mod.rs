//! Sends requests at the instants of a plan, over HTTP/1.1 or HTTP/2, and
//! records what comes back. The plan goes on whatever the server does: a request for which no worker
//! is free starts late, and counts from the instant for which it was planned.

mod connection;
mod dispatch;
mod exchange;
mod http2;
mod prepared;
mod resolve;
mod transport;
mod worker;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::http2::Multiplexed;
use self::prepared::Prepared;
use super::headers::Headers;
use super::plan::Plan;
use super::record::Record;
use super::targets::{Origin, Scheme, Target, Turns, Values};

/// How long requests in flight may go on after a test was stopped.
const GRACE: Duration = Duration::from_secs(1);

/// What is sent, when and how.
#[derive(Debug)]
pub struct Options {
    /// What is sent. At least one.
    pub targets: Vec<Target>,
    /// Whose turn it is.
    pub turns: Turns,
    /// Headers of all requests.
    pub headers: Headers,
    /// When requests are due.
    pub plan: Plan,
    /// Requests that are due before are sent, and not counted.
    pub warm_up: Duration,
    /// How many requests may be in flight at the same time.
    pub workers: NonZeroU32,
    /// The time limit of a request, from its sending to the end of its answer.
    pub timeout: Duration,
    /// Which certificates are accepted; needed for `https` only.
    pub tls: Option<Arc<ClientConfig>>,
    /// How HTTP is spoken.
    pub protocol: Protocol,
}

/// Versions of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1, with a connection for each worker.
    #[default]
    Http1,
    /// HTTP/2, with one connection to each server that all workers share. Over TLS
    /// it is agreed on by ALPN; in the clear the server must expect it.
    Http2,
}

/// The origins of targets that need TLS.
pub fn needs_tls(targets: &[Target]) -> bool {
    let of_tls = |origin: &Origin| origin.scheme == Scheme::Https;
    targets.iter().any(|target| of_tls(&target.origin))
}

/// A test that is under way.
#[derive(Debug)]
pub struct Run {
    shared: Arc<Shared>,
    dispatcher: Thread,
    workers: JoinSet<()>,
}

/// Counters of a test, at one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Since the beginning of the test.
    pub now: Duration,
    /// Requests that were due.
    pub due: u64,
    /// Requests that were sent since the beginning, or since the record was reset.
    pub sent: u64,
    /// Requests that were sent since the beginning.
    pub started: u64,
    /// Requests without a complete answer.
    pub in_flight: u64,
    /// The rate of the plan, in requests a second.
    pub rate: f64,
}

impl Progress {
    /// Requests that were due and could not be sent yet.
    pub fn waiting(&self) -> u64 {
        self.due.saturating_sub(self.started)
    }
}

/// What workers, the dispatcher and the owner of a test have in common.
struct Shared {
    begin: Instant,
    plan: Mutex<Plan>,
    record: Mutex<Record>,
    /// What was captured from answers.
    values: Mutex<Values>,
    /// A permit for each request that is due.
    due: Semaphore,
    /// The number of the next request.
    next: AtomicU64,
    /// How many requests there will be, once that is known.
    total: AtomicU64,
    sent: AtomicU64,
    /// Since when requests count, in nanoseconds.
    since: AtomicU64,
    in_flight: AtomicU64,
    requests: Vec<Prepared>,
    turns: Turns,
    timeout: Duration,
    tls: Option<Arc<ClientConfig>>,
    /// The connections, if all workers share them.
    multiplexed: Option<Arc<Multiplexed>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Starts a test, in a runtime of tokio's.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start(options: Options) -> std::io::Result<Self> {
        let Options {
            targets,
            turns,
            headers,
            plan,
            warm_up,
            workers,
            timeout,
            tls,
            protocol,
        } = options;
        let multiplexed = match protocol {
            Protocol::Http1 => None,
            Protocol::Http2 => Some(Arc::new(Multiplexed::new(tls.as_ref()))),
        };
        let names: Vec<String> = targets.iter().map(Target::name).collect();
        let shared = Arc::new(Shared {
            begin: Instant::now(),
            plan: Mutex::new(plan),
            record: Mutex::new(Record::new(&names).beginning_at(warm_up)),
            since: AtomicU64::new(nanoseconds(warm_up)),
            values: Mutex::default(),
            due: Semaphore::new(0),
            next: AtomicU64::new(0),
            total: AtomicU64::new(u64::MAX),
            sent: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            requests: targets
                .iter()
                .map(|target| Prepared::new(target, &headers))
                .collect(),
            turns,
            timeout,
            tls,
            multiplexed,
        });
        let dispatcher = dispatch::start(Arc::clone(&shared), workers)?;
        let mut tasks = JoinSet::new();
        for _ in 0..workers.get() {
            tasks.spawn(worker::work(Arc::clone(&shared)));
        }
        Ok(Self {
            shared,
            dispatcher,
            workers: tasks,
        })
    }

    /// Where the test is.
    pub fn progress(&self) -> Progress {
        let shared = &self.shared;
        let now = shared.now();
        let plan = shared.plan();
        let due = plan.due_by(now);
        Progress {
            now,
            due,
            sent: shared.sent.load(Ordering::Relaxed),
            started: shared.next.load(Ordering::Relaxed).min(due),
            in_flight: shared.in_flight.load(Ordering::Relaxed),
            rate: plan.rate_at(now),
        }
    }

    /// Reads what was measured, with the window moved to the present. Answers
    /// wait meanwhile.
    pub fn with_record<T>(&self, read: impl FnOnce(&mut Record) -> T) -> T {
        let mut record = self.shared.record();
        record.window.move_to(self.shared.now());
        read(&mut record)
    }

    /// Forgets what was measured.
    pub fn reset(&self) {
        let now = self.shared.now();
        self.shared.since.store(nanoseconds(now), Ordering::Relaxed);
        self.shared.record().reset(now);
        self.shared.sent.store(0, Ordering::Relaxed);
    }

    /// Changes the rate from now on.
    pub fn change_rate(&self, difference: f64) {
        let now = self.shared.now();
        self.shared.plan().change_rate(now, difference);
        self.dispatcher.unpark();
    }

    /// Completes when the plan is over and its requests are answered, or their time
    /// limit has passed. Cancel safe.
    pub async fn finished(&mut self) {
        while self.workers.join_next().await.is_some() {}
    }

    /// Sends nothing any more, and gives requests in flight a moment to end.
    pub async fn stop(&mut self) {
        let now = self.shared.now();
        self.shared.plan().end_at(now);
        self.shared.due.close();
        self.dispatcher.unpark();
        let _ = tokio::time::timeout(GRACE, self.finished()).await;
        self.workers.shutdown().await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.shared.due.close();
        self.dispatcher.unpark();
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
