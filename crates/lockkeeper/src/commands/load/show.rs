//! What is seen of a test while it runs: ten frames a second on a terminal, else a
//! line each second.

use std::future::Future;
use std::time::Duration;

use ops::load::expect::Expectation;
use ops::load::run::Run;
use ops::load::screen::{Axis, Tab, View, frame, plain};
use ops::load::summary::Summary;
use tokio::time::{MissedTickBehavior, interval};

use super::terminal::Terminal;
use crate::commands::client::lookup;
use crate::output;

/// Between two frames of the screen.
const FRAME: Duration = Duration::from_millis(100);
/// Between two lines without a terminal, and for the rate that is shown.
const SECOND: Duration = Duration::from_secs(1);
/// What a key adds to the rate, or takes from it.
const STEP: f64 = 100.0;
const CTRL_C: u8 = 3;

/// Where a test is shown.
pub(super) struct Show {
    terminal: Option<Terminal>,
    tab: Tab,
    axis: Axis,
    coloured: bool,
    rate: Rate,
    expected: Vec<Expectation>,
}

/// Requests that were sent in the last whole second.
#[derive(Default)]
struct Rate {
    since: Duration,
    started: u64,
    shown: u64,
}

impl Rate {
    fn update(&mut self, now: Duration, started: u64) {
        if now.saturating_sub(self.since) >= SECOND {
            let elapsed = now.saturating_sub(self.since).as_millis();
            let sent = u128::from(started.saturating_sub(self.started)) * 1000;
            self.shown = u64::try_from(sent / elapsed.max(1)).unwrap_or(u64::MAX);
            (self.since, self.started) = (now, started);
        }
    }
}

impl Show {
    /// Takes the terminal, if there is one.
    pub(super) fn new(axis: Axis, expected: Vec<Expectation>) -> Self {
        let coloured = lookup("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            terminal: Terminal::take(),
            tab: Tab::default(),
            axis,
            coloured,
            rate: Rate::default(),
            expected,
        }
    }

    /// Whether the test has shown what it was to be ended for.
    fn is_to_end(&self, run: &Run) -> bool {
        if !self.expected.iter().any(|expected| expected.aborts) {
            return false;
        }
        let progress = run.progress();
        let summary = run.with_record(|record| Summary::new(record, &progress));
        let ends = |expected: &Expectation| expected.ends(&summary).is_some();
        self.expected.iter().any(ends)
    }

    fn period(&self) -> Duration {
        self.terminal.as_ref().map_or(SECOND, |_| FRAME)
    }

    async fn key(&mut self) -> u8 {
        match &mut self.terminal {
            Some(terminal) => terminal.key().await,
            None => std::future::pending().await,
        }
    }

    fn update(&mut self, run: &Run) {
        let progress = run.progress();
        self.rate.update(progress.now, progress.started);
        run.with_record(|record| {
            let view = View {
                progress,
                rate: self.rate.shown,
                record,
                tab: self.tab,
                axis: self.axis,
                coloured: self.coloured,
            };
            match &self.terminal {
                Some(_) => Terminal::draw(&frame(&view, Terminal::size())),
                None => output::tell(&plain(&view)),
            }
        });
    }
}

/// Shows a test until it is over, somebody presses `q` or ctrl-c, or a signal ends
/// it. The terminal is given back.
pub(super) async fn until_end(
    run: &mut Run,
    mut show: Show,
    interrupted: impl Future<Output = ()>,
) {
    let mut interrupted = std::pin::pin!(interrupted);
    let mut ticks = interval(show.period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    loop {
        tokio::select! {
            () = run.finished() => return,
            () = &mut interrupted => break,
            key = show.key() => match key {
                b'q' | CTRL_C => break,
                b'\t' => show.tab = show.tab.next(),
                b'r' => run.reset(),
                b'k' => run.change_rate(STEP),
                b'j' => run.change_rate(-STEP),
                _ => {}
            },
            _ = ticks.tick() => {
                show.update(run);
                if show.is_to_end(run) {
                    break;
                }
            }
        }
    }
    run.stop().await;
}
