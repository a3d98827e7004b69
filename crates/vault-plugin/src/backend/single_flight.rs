//! One call for all who ask the same of the host at one time.
//!
//! Every request asks a few things that hosts answer from memory, and each
//! answer costs both sides as much as a small request. Callers never get the
//! answer to a call that began before they asked: so they see what was done
//! before, exactly as with a call of their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logical::Error;

/// One question that many ask.
pub(super) struct Together<T> {
    /// How many calls have begun.
    begun: AtomicU64,
    /// The last answer, with the number of its call. Held during a call.
    last: tokio::sync::Mutex<Option<(u64, Result<T, Error>)>>,
}

impl<T> Default for Together<T> {
    fn default() -> Self {
        Self {
            begun: AtomicU64::new(0),
            last: tokio::sync::Mutex::new(None),
        }
    }
}

impl<T: Clone> Together<T> {
    /// The answer to a call that begins after this: to `call`, or to that of
    /// another who asks meanwhile.
    pub(super) async fn ask(
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
        // Noted once it is answered: a caller that is dropped meanwhile leaves
        // the question to the next.
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = call.await;
        *last = Some((number, answer.clone()));
        answer
    }
}

/// Questions by name. An answer is kept only while somebody waits for one.
pub(super) struct TogetherBy<T> {
    questions: Mutex<HashMap<String, Arc<Together<T>>>>,
}

impl<T> Default for TogetherBy<T> {
    fn default() -> Self {
        Self {
            questions: Mutex::default(),
        }
    }
}

impl<T: Clone> TogetherBy<T> {
    /// As [`Together::ask`], for the question of this name.
    pub(super) async fn ask(
        &self,
        name: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let question = Arc::clone(self.questions().entry(name.to_owned()).or_default());
        let asking = Asking {
            all: self,
            name,
            question: Some(question),
        };
        match &asking.question {
            Some(question) => question.ask(call).await,
            None => call.await,
        }
    }

    fn questions(&self) -> MutexGuard<'_, HashMap<String, Arc<Together<T>>>> {
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who asks. The last one to go takes the question along.
struct Asking<'a, T: Clone> {
    all: &'a TogetherBy<T>,
    name: &'a str,
    /// Some until this is dropped.
    question: Option<Arc<Together<T>>>,
}

impl<T: Clone> Drop for Asking<'_, T> {
    fn drop(&mut self) {
        let mut questions = self.all.questions();
        // Given up before the lock is: of two callers that are dropped at once
        // the second must not count the first.
        drop(self.question.take());
        let unused = questions
            .get(self.name)
            .is_some_and(|question| Arc::strong_count(question) == 1);
        if unused {
            questions.remove(self.name);
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
        let (host, question) = (Host::default(), Together::default());
        let late = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            join_all((0..10).map(|_| question.ask(host.answer()))).await
        };
        let (first, late) = tokio::join!(question.ask(host.answer()), late);
        assert_eq!(first, Ok(1));
        assert_eq!(late, vec![Ok(2); 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_after_an_answer_asks_anew() {
        let (host, question) = (Host::default(), Together::default());
        assert_eq!(question.ask(host.answer()).await, Ok(1));
        assert_eq!(question.ask(host.answer()).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_is_gone_leaves_the_question_to_the_next() {
        let (host, question) = (Host::default(), Together::default());
        let gone = tokio::time::timeout(Duration::from_millis(100), question.ask(host.answer()));
        let (gone, next) = tokio::join!(gone, async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            question.ask(host.answer()).await
        });
        assert!(gone.is_err());
        assert_eq!(next, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_like_an_answer() {
        let (host, question) = (Host::default(), Together::default());
        let fail = async || {
            host.answer().await?;
            Err::<u64, _>(Error::internal("no"))
        };
        let all = join_all((0..10).map(|_| question.ask(fail()))).await;
        assert!(all.iter().all(Result::is_err));
        // One call for the first, and one for all who came during it.
        assert_eq!(host.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn questions_of_different_names_are_apart_and_nothing_is_kept() {
        let (host, questions) = (Host::default(), TogetherBy::default());
        let asked = ["a", "a", "a", "b"].map(|name| questions.ask(name, host.answer()));
        let answers = join_all(asked).await;
        assert_eq!(answers, [Ok(1), Ok(3), Ok(3), Ok(2)]);
        assert!(questions.questions().is_empty());
    }

    #[test]
    fn callers_that_are_dropped_at_once_leave_no_question_behind() {
        let questions = TogetherBy::<u64>::default();
        for _ in 0..20_000 {
            let ask = || {
                let mut asking = Box::pin(questions.ask("a", std::future::pending()));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(asking.as_mut().poll(&mut context).is_pending());
                asking
            };
            let (first, second) = (ask(), ask());
            let start = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    drop(first);
                });
                start.wait();
                drop(second);
            });
            assert!(questions.questions().is_empty());
        }
    }
}
