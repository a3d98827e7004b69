//! Single-flight calls to the host: concurrent callers with the same question
//! share one call.
//!
//! Every request needs a few answers that hosts give from memory, and each call
//! costs both sides as much as a small request. A caller never gets the answer
//! of a call that began before it asked, so it sees everything that was done
//! before, as with a call of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logical::Error;

/// Single-flight calls for one question.
pub(super) struct SingleFlight<T> {
    /// Number of calls that have begun.
    begun: AtomicU64,
    /// The last answer with the number of its call. Locked during a call.
    last: tokio::sync::Mutex<Option<(u64, Result<T, Error>)>>,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self {
            begun: AtomicU64::new(0),
            last: tokio::sync::Mutex::new(None),
        }
    }
}

impl<T: Clone> SingleFlight<T> {
    /// Returns the answer of a call that begins after this one was made:
    /// `call`, or that of a concurrent caller.
    pub(super) async fn run(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let asked = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((number, answer)) = &*last
            && *number > asked
        {
            return answer.clone();
        }
        // Stored only with the answer: if this caller is dropped meanwhile, the
        // next one makes the call.
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = call.await;
        *last = Some((number, answer.clone()));
        answer
    }
}

/// Single-flight calls by key. A key exists only while somebody awaits its
/// answer.
pub(super) struct KeyedSingleFlight<T> {
    flights: Mutex<HashMap<String, Arc<SingleFlight<T>>>>,
}

impl<T> Default for KeyedSingleFlight<T> {
    fn default() -> Self {
        Self {
            flights: Mutex::default(),
        }
    }
}

impl<T: Clone> KeyedSingleFlight<T> {
    /// As [`SingleFlight::run`], for the question of this name.
    pub(super) async fn run(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let flight = Arc::clone(self.flights().entry(name.to_owned()).or_default());
        let caller = Caller {
            all: self,
            name,
            flight: Some(flight),
        };
        match &caller.flight {
            Some(flight) => flight.run(call).await,
            None => call.await,
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Arc<SingleFlight<T>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller. The last one to leave removes the key.
struct Caller<'a, T: Clone> {
    all: &'a KeyedSingleFlight<T>,
    name: &'a str,
    /// `Some` until dropped.
    flight: Option<Arc<SingleFlight<T>>>,
}

impl<T: Clone> Drop for Caller<'_, T> {
    fn drop(&mut self) {
        let mut flights = self.all.flights();
        // Dropped before the lock is: of two callers that are dropped at once,
        // the second must not count the first.
        drop(self.flight.take());
        let unused = flights
            .get(self.name)
            .is_some_and(|flight| Arc::strong_count(flight) == 1);
        if unused {
            flights.remove(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    /// A host whose answers take a second, and count.
    #[derive(Default)]
    struct Host(AtomicU64);

    impl Host {
        async fn answer(&self) -> Result<u64, Error> {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(self.0.fetch_add(1, Ordering::SeqCst) + 1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_during_a_call_share_the_next_one() {
        let (host, flight) = (Host::default(), SingleFlight::default());
        let late = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            join_all((0..10).map(|_| flight.run(host.answer()))).await
        };
        let (first, late) = tokio::join!(flight.run(host.answer()), late);
        assert_eq!(first, Ok(1));
        assert_eq!(late, vec![Ok(2); 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_after_an_answer_asks_anew() {
        let (host, flight) = (Host::default(), SingleFlight::default());
        assert_eq!(flight.run(host.answer()).await, Ok(1));
        assert_eq!(flight.run(host.answer()).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_is_gone_leaves_the_question_to_the_next() {
        let (host, flight) = (Host::default(), SingleFlight::default());
        let gone = tokio::time::timeout(Duration::from_millis(100), flight.run(host.answer()));
        let (gone, next) = tokio::join!(gone, async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            flight.run(host.answer()).await
        });
        assert!(gone.is_err());
        assert_eq!(next, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_like_an_answer() {
        let (host, flight) = (Host::default(), SingleFlight::default());
        let fail = async || {
            host.answer().await?;
            Err::<u64, _>(Error::internal("no"))
        };
        let all = join_all((0..10).map(|_| flight.run(fail()))).await;
        assert!(all.iter().all(Result::is_err));
        // One call for the first caller, and one for all that arrived during
        // it.
        assert_eq!(host.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn questions_of_different_names_are_apart_and_nothing_is_kept() {
        let (host, flights) = (Host::default(), KeyedSingleFlight::default());
        let asked = ["a", "a", "a", "b"].map(|name| flights.run(name, host.answer()));
        let answers = join_all(asked).await;
        assert_eq!(answers, [Ok(1), Ok(3), Ok(3), Ok(2)]);
        assert!(flights.flights().is_empty());
    }

    #[test]
    fn callers_that_are_dropped_at_once_leave_no_question_behind() {
        let flights = KeyedSingleFlight::<u64>::default();
        for _ in 0..20_000 {
            let begin = || {
                let mut caller = Box::pin(flights.run("a", std::future::pending()));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(caller.as_mut().poll(&mut context).is_pending());
                caller
            };
            let (first, second) = (begin(), begin());
            let start = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop(first);
                });
                start.wait();
                drop(second);
            });
            assert!(flights.flights().is_empty());
        }
    }
}
