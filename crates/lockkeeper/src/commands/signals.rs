//! Signals that must not end the program before it has cleaned up.

use std::future::{Future, poll_fn};
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// What others end a program with, or tell it something by.
const KINDS: [fn() -> SignalKind; 6] = [
    SignalKind::hangup,
    SignalKind::interrupt,
    SignalKind::quit,
    SignalKind::terminate,
    SignalKind::user_defined1,
    SignalKind::user_defined2,
];

/// Signals, caught for as long as the program runs.
pub(super) struct Signals {
    streams: Vec<(SignalKind, Signal)>,
    /// The first that asked the program to end while it was not to be disturbed.
    ended_by: Option<SignalKind>,
}

impl Signals {
    /// Catches those that are not ignored: a program under `nohup` must not hear
    /// of a closed terminal, nor its child.
    pub(super) fn catch() -> Result<Self, Failure> {
        let ignored = ignored();
        let kinds = KINDS.map(|kind| kind());
        let caught = kinds
            .into_iter()
            .filter(|kind| ignored & mask(*kind) == 0)
            .map(|kind| Ok((kind, signal(kind)?)))
            .collect::<std::io::Result<_>>();
        Ok(Self {
            streams: caught
                .map_err(|error| Failure::local(format!("cannot catch signals: {error}")))?,
            ended_by: None,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> SignalKind {
        poll_fn(|context| {
            for (kind, stream) in &mut self.streams {
                if stream.poll_recv(context) == Poll::Ready(Some(())) {
                    return Poll::Ready(*kind);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Forgets what came so far.
    pub(super) async fn forget(&mut self) {
        loop {
            tokio::select! {
                biased;
                _ = self.next() => {}
                () = std::future::ready(()) => return,
            }
        }
    }

    /// Awaits what must not be left half done. The first signal is kept for later;
    /// the second gives up.
    ///
    /// # Errors
    /// When it was given up.
    pub(super) async fn hold<T>(
        &mut self,
        doing: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        let mut before = false;
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                kind = self.next() => {
                    if !asks_to_end(kind) {
                        continue;
                    }
                    if before {
                        let given_up = Failure::local(format!("gave up {doing}"));
                        return Err(given_up.with_code(code_of(kind.as_raw_value())));
                    }
                    crate::output::tell(&format!("lockkeeper: still {doing}; another signal gives up"));
                    before = true;
                    self.ended_by.get_or_insert(kind);
                }
            }
        }
    }

    /// The signal that asked the program to end while something was held.
    pub(super) fn ended_by(&self) -> Option<SignalKind> {
        self.ended_by
    }
}

fn asks_to_end(kind: SignalKind) -> bool {
    kind != SignalKind::user_defined1() && kind != SignalKind::user_defined2()
}

/// The exit code by which shells tell that a signal ended a program.
pub(super) fn code_of(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

fn mask(kind: SignalKind) -> u64 {
    1_u64
        .checked_shl(kind.as_raw_value().unsigned_abs().wrapping_sub(1))
        .unwrap_or_default()
}

/// The set of signals that are ignored, where the system tells.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    parse_ignored(&status).unwrap_or_default()
}

fn parse_ignored(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_of_ignored_signals_is_read() {
        let status = "Name:\tcat\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        let ignored = parse_ignored(status).unwrap();
        assert_ne!(ignored & mask(SignalKind::hangup()), 0);
        assert_eq!(ignored & mask(SignalKind::terminate()), 0);
        assert_eq!(parse_ignored("Name:\tcat\n"), None);
    }

    #[test]
    fn a_signal_is_told_as_shells_do() {
        assert_eq!(code_of(15), 143);
    }
}
