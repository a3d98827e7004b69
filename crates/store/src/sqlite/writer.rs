//! The thread that writes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use logical::{Condition, Error, Write};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::{OpenError, failed};
use super::file::BUSY;

/// How many jobs are committed together at most, so that none waits long.
const MAX_GROUP: usize = 512;
/// The log is cut when it is this many times as long as it should be.
const OVERDUE: u32 = 4;
/// What writers wait for readers then.
const CUT_WAIT: Duration = Duration::from_millis(50);

const PUT: &str = "INSERT INTO kv (path, value) VALUES (?1, ?2) \
                   ON CONFLICT (path) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM kv WHERE path = ?1";

/// A batch, its conditions, and the caller that waits for it.
struct Job {
    conditions: Vec<Condition>,
    batch: Vec<Write>,
    answer: oneshot::Sender<Result<bool, Error>>,
}

/// A handle to the thread, which ends when it is dropped.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        path: &Path,
        checkpoint_pages: u32,
    ) -> Result<Self, OpenError> {
        let (jobs, queue) = mpsc::channel();
        let commits = Arc::new(AtomicU64::new(0));
        let mut work = Work {
            connection,
            path: path.to_owned(),
            checkpoint_pages,
            log_pages: Arc::new(AtomicU32::new(0)),
            tried_at: 0,
            commits: Arc::clone(&commits),
        };
        work.watch_log()
            .map_err(|error| OpenError::of(path, &error))?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || work.run(&queue))
            .map_err(|error| OpenError::of_io(path, &error))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            commits,
        })
    }

    /// Hands a batch over and waits until it is durable. The batch is applied
    /// even if the caller stops waiting.
    pub(super) async fn submit(
        &self,
        conditions: Vec<Condition>,
        batch: Vec<Write>,
    ) -> Result<bool, Error> {
        let stopped = || Error::internal("the store has stopped: start the server again");
        let (answer, result) = oneshot::channel();
        let job = Job {
            conditions,
            batch,
            answer,
        };
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }

    /// How many transactions were committed.
    #[cfg_attr(not(test), expect(dead_code, reason = "asked for by tests"))]
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread finishes what was handed over.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    connection: Connection,
    path: PathBuf,
    checkpoint_pages: u32,
    /// Pages in the log after the last commit.
    log_pages: Arc<AtomicU32>,
    /// Pages in it when a checkpoint was tried last; 0 in a new log.
    tried_at: u32,
    commits: Arc<AtomicU64>,
}

impl Work {
    fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            group.extend(queue.try_iter().take(MAX_GROUP - 1));
            self.commit(group);
            self.checkpoint_if_due();
        }
        // Empties the log, so that the file alone is the store. What fails here
        // is repeated when the file is opened.
        let _ = self.checkpoint("TRUNCATE");
    }

    /// Commits a group in one transaction. If it fails, each job is tried by
    /// itself: one that does not fit must not fail the others.
    fn commit(&mut self, group: Vec<Job>) {
        if let Ok(results) = self.transaction(&group) {
            answer(group, results.into_iter().map(Ok));
            return;
        }
        for job in group {
            let job = [job];
            let result = self.transaction(&job).map(|results| results == [true]);
            let result = result.map_err(|error| failed("write", &self.path, &error));
            answer(job, [result]);
        }
    }

    /// Whether each job's conditions held.
    fn transaction(&mut self, group: &[Job]) -> rusqlite::Result<Vec<bool>> {
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let mut results = Vec::with_capacity(group.len());
        for job in group {
            let holds = all_hold(&transaction, &job.conditions)?;
            if holds {
                apply(&transaction, &job.batch)?;
            }
            results.push(holds);
        }
        transaction.commit()?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(results)
    }

    fn watch_log(&mut self) -> rusqlite::Result<()> {
        let log_pages = Arc::clone(&self.log_pages);
        self.connection.wal_hook(Some(
            move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
                log_pages.store(u32::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
                Ok(())
            },
        ))
    }

    /// Copies the log into the file each time it has grown by so many pages. The
    /// next writer then begins it anew, unless readers still need it: a log that
    /// has grown in spite of that is cut, for which readers are waited for. A
    /// backup reads for long, so the wait is short and the cut is tried again.
    fn checkpoint_if_due(&mut self) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        if pages < self.tried_at {
            self.tried_at = 0;
        }
        if pages < self.tried_at.saturating_add(self.checkpoint_pages) {
            return;
        }
        self.tried_at = pages;
        // A failure shows in the next commit, if it lasts.
        let _ = if pages < self.checkpoint_pages.saturating_mul(OVERDUE) {
            self.checkpoint("PASSIVE")
        } else {
            self.cut_log()
        };
    }

    fn cut_log(&mut self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(CUT_WAIT)?;
        let cut = self.checkpoint("TRUNCATE");
        self.connection.busy_timeout(BUSY)?;
        cut
    }

    fn checkpoint(&self, mode: &str) -> rusqlite::Result<()> {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        self.connection.query_row(&sql, [], |_| Ok(()))
    }
}

fn answer(
    group: impl IntoIterator<Item = Job>,
    results: impl IntoIterator<Item = Result<bool, Error>>,
) {
    for (job, result) in group.into_iter().zip(results) {
        // The caller may have gone.
        let _ = job.answer.send(result);
    }
}

fn all_hold(connection: &Connection, conditions: &[Condition]) -> rusqlite::Result<bool> {
    for condition in conditions {
        let present = super::get(connection, condition.key())?;
        if !condition.holds(present.as_ref().map(|value| value.as_slice())) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn apply(connection: &Connection, batch: &[Write]) -> rusqlite::Result<()> {
    for write in batch {
        match write {
            Write::Put { key, value } => {
                let mut put = connection.prepare_cached(PUT)?;
                put.execute((key, value.as_slice()))?;
            }
            Write::Delete { key } => {
                connection.prepare_cached(DELETE)?.execute([key])?;
            }
        }
    }
    Ok(())
}
