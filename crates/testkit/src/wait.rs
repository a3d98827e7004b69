//! Waiting for other processes, in real time.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// The polling interval.
const POLL: Duration = Duration::from_millis(20);

/// Polls `look` until it returns a value, and returns that.
///
/// # Panics
///
/// When `timeout` has passed, with `what` in the message. The last poll is
/// always after the timeout, so a slow machine does not fail for one late poll.
pub fn eventually<T>(what: &str, timeout: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        let late = start.elapsed() >= timeout;
        if let Some(value) = look() {
            return value;
        }
        assert!(!late, "after {timeout:?} still not: {what}");
        std::thread::sleep(POLL);
    }
}

/// A TCP port on loopback that was free a moment ago.
///
/// Another process may take it first: our own programs are given port 0 instead,
/// and print the port that they got.
///
/// # Panics
///
/// When no port is free.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no free port on loopback");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_true_is_returned() {
        let mut looks = 0;
        let value = eventually("three looks", Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(value, 3);
    }

    #[test]
    #[should_panic(expected = "still not: the impossible")]
    fn what_never_comes_true_fails_with_its_name() {
        eventually("the impossible", Duration::ZERO, || None::<()>);
    }

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }
}
