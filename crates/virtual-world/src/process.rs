//! A process: it can be cut off at any call to the outside, killed, frozen, and
//! thawed beside its successor.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::lock;

/// Where in a call the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call has no effect.
    Before,
    /// The call has its effect, and the answer never arrives.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    step: u64,
    moment: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Running,
    Frozen,
    Dead,
}

/// One process. Every call to storage or to another service is a step of it.
///
/// A call of a dead process never returns, as nobody is left who could see its
/// answer: the test drops the futures.
#[derive(Debug)]
pub struct Process {
    run: watch::Sender<Run>,
    steps: AtomicU64,
    cut: Mutex<Option<Cut>>,
    was_cut: AtomicBool,
}

impl Process {
    /// A running process that made no call yet.
    pub fn new() -> Self {
        Self {
            run: watch::Sender::new(Run::Running),
            steps: AtomicU64::new(0),
            cut: Mutex::new(None),
            was_cut: AtomicBool::new(false),
        }
    }

    /// How many calls have begun.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    /// Lets the power go during a later call: 0 stands for the next one.
    pub fn cut_in(&self, calls: u64, moment: Moment) {
        let step = self.steps() + calls;
        *lock(&self.cut) = Some(Cut { step, moment });
    }

    /// The power stays, also during calls that are in flight.
    pub fn cancel_cut(&self) {
        *lock(&self.cut) = None;
    }

    /// Whether a [cut](Self::cut_in) ended it.
    pub fn was_cut(&self) -> bool {
        self.was_cut.load(Ordering::SeqCst)
    }

    /// Whether it ended.
    pub fn is_dead(&self) -> bool {
        *self.run.borrow() == Run::Dead
    }

    /// Ends it here.
    pub fn kill(&self) {
        self.run.send_replace(Run::Dead);
    }

    /// Stops it between two calls, as a paused virtual machine does.
    pub fn freeze(&self) {
        self.replace(Run::Running, Run::Frozen);
    }

    /// Lets a frozen process go on where it stopped.
    pub fn thaw(&self) {
        self.replace(Run::Frozen, Run::Running);
    }

    /// Returns once the process is dead.
    pub async fn death(&self) {
        let mut run = self.run.subscribe();
        let _ = run.wait_for(|run| *run == Run::Dead).await;
    }

    /// Makes one call, with `effect` as what it does outside. When the process
    /// is killed meanwhile, the effect goes no further.
    pub async fn step<T>(&self, effect: impl Future<Output = T>) -> T {
        let cut = self.enter().await;
        let value = tokio::select! {
            biased;
            () = self.death() => std::future::pending().await,
            value = effect => value,
        };
        self.leave(cut).await;
        value
    }

    /// Begins a call. Returns the moment at which the power goes during it, if
    /// it does; never when the power goes before.
    async fn enter(&self) -> Option<Moment> {
        self.until_running().await;
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        let cut = *lock(&self.cut);
        let moment = cut.filter(|cut| cut.step == step)?.moment;
        if moment == Moment::Before {
            self.die().await;
        }
        Some(moment)
    }

    /// Delivers the answer of a call, unless the power went.
    async fn leave(&self, cut: Option<Moment>) {
        if cut.is_some() && lock(&self.cut).is_some() {
            self.die().await;
        }
        self.until_running().await;
    }

    async fn die(&self) {
        self.was_cut.store(true, Ordering::SeqCst);
        self.kill();
        std::future::pending::<()>().await;
    }

    async fn until_running(&self) {
        let mut run = self.run.subscribe();
        let now = run.wait_for(|run| *run != Run::Frozen).await;
        let dead = now.map_or(true, |run| *run == Run::Dead);
        if dead {
            std::future::pending::<()>().await;
        }
    }

    fn replace(&self, from: Run, to: Run) {
        self.run.send_if_modified(|run| {
            let fits = *run == from;
            if fits {
                *run = to;
            }
            fits
        });
    }
}

impl Default for Process {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::time::{sleep, timeout};

    use super::*;

    /// Whether the third call happens and whether it returns, when the power
    /// goes there.
    fn third_call(moment: Option<Moment>) -> (bool, bool) {
        let process = Process::new();
        if let Some(moment) = moment {
            process.cut_in(2, moment);
        }
        for _ in 0..2 {
            process.step(async {}).now_or_never().unwrap();
        }
        let happened = AtomicBool::new(false);
        let call = process.step(async { happened.store(true, Ordering::SeqCst) });
        let returned = call.now_or_never().is_some();
        assert_eq!(process.is_dead(), moment.is_some());
        assert_eq!(process.was_cut(), moment.is_some());
        (happened.load(Ordering::SeqCst), returned)
    }

    #[test]
    fn the_power_goes_before_or_after_the_effect_of_a_call() {
        assert_eq!(third_call(None), (true, true));
        assert_eq!(third_call(Some(Moment::Before)), (false, false));
        assert_eq!(third_call(Some(Moment::After)), (true, false));
    }

    #[test]
    fn a_dead_process_makes_no_call() {
        let process = Process::new();
        process.kill();
        assert!(process.step(async {}).now_or_never().is_none());
        process.thaw();
        assert!(process.is_dead());
        assert_eq!(process.steps(), 0);
    }

    #[test]
    fn a_cut_that_was_cancelled_spares_the_call_in_flight() {
        let process = Process::new();
        process.cut_in(0, Moment::After);
        let call = process.step(async { process.cancel_cut() });
        assert!(call.now_or_never().is_some());
        assert!(!process.is_dead());
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_process_goes_on_where_it_stopped() {
        let process = Arc::new(Process::new());
        process.freeze();
        let mut call = pin!(process.step(async { 7 }));
        assert!(call.as_mut().now_or_never().is_none());
        process.thaw();
        assert_eq!(call.await, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kill_stops_the_effect_of_a_call_in_flight() {
        let process = Process::new();
        let happened = AtomicBool::new(false);
        let effect = async {
            sleep(Duration::from_secs(2)).await;
            happened.store(true, Ordering::SeqCst);
        };
        let call = timeout(Duration::from_mins(1), process.step(effect));
        let kill = async {
            sleep(Duration::from_secs(1)).await;
            process.kill();
        };
        let (call, ()) = futures_util::join!(call, kill);
        assert!(call.is_err());
        assert!(!happened.load(Ordering::SeqCst));
    }

    #[tokio::test(start_paused = true)]
    async fn a_death_is_seen_before_and_after_it_came() {
        let process = Process::new();
        assert!(process.death().now_or_never().is_none());
        process.kill();
        process.death().await;
    }
}
