//! A process that runs an engine: it can be cut off at any call to the outside,
//! frozen, and thawed beside its successor.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Where in a call the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing of it happens.
    Before,
    /// It happens, and the answer never arrives.
    After,
}

/// The power goes at this call, counted over the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) step: u64,
    pub(crate) moment: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Running,
    Frozen,
    Dead,
}

/// One process. Every call to storage or the cloud is a step of it.
pub(crate) struct Process {
    run: watch::Sender<Run>,
    steps: AtomicU64,
    cut: Mutex<Option<Cut>>,
}

impl Process {
    pub(crate) fn new() -> Self {
        Self {
            run: watch::Sender::new(Run::Running),
            steps: AtomicU64::new(0),
            cut: Mutex::new(None),
        }
    }

    /// Lets the power go so many calls from now.
    pub(crate) fn cut_in(&self, calls: u64, moment: Moment) {
        let step = self.steps.load(Ordering::SeqCst) + calls;
        *self.cut.lock().unwrap() = Some(Cut { step, moment });
    }

    /// The power stays, during calls that are under way too.
    pub(crate) fn cut_never(&self) {
        *self.cut.lock().unwrap() = None;
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.run.borrow() == Run::Dead
    }

    /// Ends it here.
    pub(crate) fn kill(&self) {
        self.run.send_replace(Run::Dead);
    }

    /// Stops it between two calls, as a paused machine does.
    pub(crate) fn freeze(&self) {
        self.run.send_if_modified(|run| {
            let runs = *run == Run::Running;
            if runs {
                *run = Run::Frozen;
            }
            runs
        });
    }

    /// Lets it go on where it stopped.
    pub(crate) fn thaw(&self) {
        self.run.send_if_modified(|run| {
            let frozen = *run == Run::Frozen;
            if frozen {
                *run = Run::Running;
            }
            frozen
        });
    }

    /// Comes back when it is dead.
    pub(crate) async fn death(&self) {
        let mut run = self.run.subscribe();
        let _ = run.wait_for(|run| *run == Run::Dead).await;
    }

    /// A call begins. Comes back with the moment at which the power goes during
    /// it, if it does; not at all when it goes before.
    pub(crate) async fn enter(&self) -> Option<Moment> {
        self.go_on().await;
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        let cut = *self.cut.lock().unwrap();
        let moment = cut.filter(|cut| cut.step == step)?.moment;
        if moment == Moment::Before {
            self.die().await;
        }
        Some(moment)
    }

    /// A call was carried out; its answer arrives, unless the power went.
    pub(crate) async fn leave(&self, cut: Option<Moment>) {
        if cut.is_some() && self.cut.lock().unwrap().is_some() {
            self.die().await;
        }
        self.go_on().await;
    }

    async fn die(&self) {
        self.kill();
        std::future::pending::<()>().await;
    }

    async fn go_on(&self) {
        let mut run = self.run.subscribe();
        let now = run.wait_for(|run| *run != Run::Frozen).await;
        let dead = now.map_or(true, |run| *run == Run::Dead);
        if dead {
            std::future::pending::<()>().await;
        }
    }
}
