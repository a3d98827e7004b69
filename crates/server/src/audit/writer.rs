//! The thread of a device, and the queue in front of it.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use logical::Error;
use tokio::sync::oneshot;
use vault_core::AuditSink;
use zeroize::Zeroizing;

/// Lines that wait. More than these are refused.
const QUEUE: usize = 4096;
/// Lines that are written at once.
pub(super) const BATCH: usize = 256;
/// A device that has been at the same lines for longer than this takes no more.
const STUCK: Duration = Duration::from_secs(5);

pub(super) type Line = Zeroizing<Vec<u8>>;

/// Where a thread writes to. Calls may block.
pub(super) trait Target: Send + 'static {
    /// Writes lines, or fails for all of them.
    fn write(&mut self, lines: &[Line]) -> io::Result<()>;

    /// How many lines may share one result. A message that can fail for its own
    /// sake, as one that is too long for a datagram, must not fail others.
    fn batch(&self) -> usize {
        BATCH
    }

    /// Opens what it writes to again.
    fn reopen(&mut self) -> io::Result<()>;
}

/// A job of the thread, with the caller that waits for it.
enum Job {
    Write(Line, oneshot::Sender<Result<(), Error>>),
    Reopen(oneshot::Sender<Result<(), Error>>),
}

/// The sink of a target. Its thread ends with it.
pub(super) struct Writer {
    jobs: SyncSender<Job>,
    /// Since when the thread is at the same job.
    busy: Arc<Mutex<Option<Instant>>>,
}

impl Writer {
    /// A writer, whose thread begins.
    pub(super) fn start(target: impl Target) -> Result<Self, Error> {
        let (jobs, queue) = sync_channel(QUEUE);
        let busy = Arc::new(Mutex::new(None));
        let thread = Thread {
            target: Box::new(target),
            busy: Arc::clone(&busy),
        };
        std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || thread.run(&queue))
            .map_err(|error| Error::internal(format!("no thread for an audit device: {error}")))?;
        Ok(Self { jobs, busy })
    }

    #[cfg(test)]
    pub(super) fn make_stuck(&self) {
        let long_ago = Instant::now().checked_sub(2 * STUCK);
        *self.busy.lock().unwrap() = long_ago;
    }

    fn ask(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Job,
    ) -> BoxFuture<'static, Result<(), Error>> {
        let since = *self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if since.is_some_and(|since| since.elapsed() > STUCK) {
            return failed("it does not take the lines that it has");
        }
        let (done, answer) = oneshot::channel();
        match self.jobs.try_send(job(done)) {
            Ok(()) => async move {
                let gone = |_| Err(Error::internal("its thread has ended"));
                answer.await.unwrap_or_else(gone)
            }
            .boxed(),
            Err(TrySendError::Full(_)) => failed("it is behind by too many lines"),
            Err(TrySendError::Disconnected(_)) => failed("its thread has ended"),
        }
    }
}

fn failed(why: &'static str) -> BoxFuture<'static, Result<(), Error>> {
    std::future::ready(Err(Error::internal(why))).boxed()
}

impl AuditSink for Writer {
    fn write(&self, line: Line) -> BoxFuture<'static, Result<(), Error>> {
        self.ask(|done| Job::Write(line, done))
    }

    fn reopen(&self) -> BoxFuture<'static, Result<(), Error>> {
        self.ask(Job::Reopen)
    }
}

struct Thread {
    target: Box<dyn Target>,
    busy: Arc<Mutex<Option<Instant>>>,
}

impl Thread {
    fn run(mut self, queue: &Receiver<Job>) {
        let mut next = queue.recv().ok();
        while let Some(job) = next.take() {
            self.set_busy(Some(Instant::now()));
            match job {
                Job::Reopen(done) => {
                    let _ = done.send(told(self.target.reopen()));
                }
                Job::Write(line, done) => {
                    let mut lines = vec![line];
                    let mut waiting = vec![done];
                    while lines.len() < self.target.batch() {
                        match queue.try_recv() {
                            Ok(Job::Write(line, done)) => {
                                lines.push(line);
                                waiting.push(done);
                            }
                            Ok(reopen) => {
                                next = Some(reopen);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    let written = told(self.target.write(&lines));
                    for done in waiting {
                        // Whoever asked may have gone.
                        let _ = done.send(written.clone());
                    }
                }
            }
            self.set_busy(None);
            if next.is_none() {
                next = queue.recv().ok();
            }
        }
    }

    fn set_busy(&self, since: Option<Instant>) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

fn told(result: io::Result<()>) -> Result<(), Error> {
    result.map_err(|error| Error::internal(error.to_string()))
}
