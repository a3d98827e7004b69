//! A host's answers about itself and the mount, set by the test.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use logical::effects::Replication;
use logical::{Error, SystemView};

use crate::lock;

/// A system view with settable answers. It begins as the active node of a
/// single cluster, with Vault's limits of an hour by default and a day at most.
#[derive(Debug)]
pub struct VirtualHost(Mutex<State>);

#[derive(Debug)]
struct State {
    answers: Answers,
    delay: Duration,
    failing: Option<String>,
    asked: Questions,
}

#[derive(Debug, Clone, Copy)]
struct Answers {
    default_lease_ttl: Duration,
    max_lease_ttl: Duration,
    tainted: bool,
    replication: Replication,
    local_mount: bool,
}

/// How often each question was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Questions {
    /// Of the default TTL.
    pub default_lease_ttl: u64,
    /// Of the longest TTL.
    pub max_lease_ttl: u64,
    /// Whether the mount is tainted.
    pub tainted: u64,
    /// Of the node's role.
    pub replication: u64,
    /// Whether the mount is local.
    pub local_mount: u64,
}

impl Questions {
    /// All of them.
    pub fn total(self) -> u64 {
        self.default_lease_ttl
            + self.max_lease_ttl
            + self.tainted
            + self.replication
            + self.local_mount
    }
}

impl VirtualHost {
    /// A host that answers at once.
    pub fn new() -> Self {
        Self(Mutex::new(State {
            answers: Answers {
                default_lease_ttl: Duration::from_hours(1),
                max_lease_ttl: Duration::from_hours(24),
                tainted: false,
                replication: Replication::default(),
                local_mount: false,
            },
            delay: Duration::ZERO,
            failing: None,
            asked: Questions::default(),
        }))
    }

    /// Sets the TTL of leases that ask for none.
    pub fn set_default_lease_ttl(&self, ttl: Duration) {
        lock(&self.0).answers.default_lease_ttl = ttl;
    }

    /// Sets the longest TTL of leases.
    pub fn set_max_lease_ttl(&self, ttl: Duration) {
        lock(&self.0).answers.max_lease_ttl = ttl;
    }

    /// Sets whether the mount is being removed.
    pub fn set_tainted(&self, tainted: bool) {
        lock(&self.0).answers.tainted = tainted;
    }

    /// Sets the node's role.
    pub fn set_replication(&self, replication: Replication) {
        lock(&self.0).answers.replication = replication;
    }

    /// Sets whether the mount belongs to this cluster alone.
    pub fn set_local_mount(&self, local: bool) {
        lock(&self.0).answers.local_mount = local;
    }

    /// Sets how long each answer takes.
    pub fn set_delay(&self, delay: Duration) {
        lock(&self.0).delay = delay;
    }

    /// Lets every question fail with this message, until [`VirtualHost::heal`].
    pub fn fail(&self, message: &str) {
        lock(&self.0).failing = Some(message.to_owned());
    }

    /// Lets questions be answered again.
    pub fn heal(&self) {
        lock(&self.0).failing = None;
    }

    /// How often it was asked what.
    pub fn asked(&self) -> Questions {
        lock(&self.0).asked
    }

    /// Counts a question, and answers it with what holds when its time is over.
    async fn answer<T>(
        &self,
        question: impl FnOnce(&mut Questions) -> &mut u64,
        answer: impl FnOnce(&Answers) -> T,
    ) -> Result<T, Error> {
        let delay = {
            let mut state = lock(&self.0);
            *question(&mut state.asked) += 1;
            state.delay
        };
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let state = lock(&self.0);
        match &state.failing {
            Some(message) => Err(Error::internal(message.clone())),
            None => Ok(answer(&state.answers)),
        }
    }
}

impl Default for VirtualHost {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SystemView for VirtualHost {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        self.answer(|q| &mut q.default_lease_ttl, |a| a.default_lease_ttl)
            .await
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        self.answer(|q| &mut q.max_lease_ttl, |a| a.max_lease_ttl)
            .await
    }

    async fn tainted(&self) -> Result<bool, Error> {
        self.answer(|q| &mut q.tainted, |a| a.tainted).await
    }

    async fn replication(&self) -> Result<Replication, Error> {
        self.answer(|q| &mut q.replication, |a| a.replication).await
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        self.answer(|q| &mut q.local_mount, |a| a.local_mount).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::join;
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_host_answers_what_the_test_sets_and_counts_questions() {
        let host = VirtualHost::new();
        assert!(!host.tainted().await.unwrap());
        host.set_tainted(true);
        host.set_max_lease_ttl(Duration::from_mins(5));
        host.set_replication(Replication(16384));
        assert!(host.tainted().await.unwrap());
        assert_eq!(host.max_lease_ttl().await.unwrap().as_secs(), 300);
        assert!(host.replication().await.unwrap().is_standby());
        assert_eq!(host.asked().tainted, 2);
        assert_eq!(host.asked().total(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_tells_what_holds_at_its_end() {
        let host = VirtualHost::new();
        host.set_delay(Duration::from_secs(2));
        let start = Instant::now();
        let change = async {
            sleep(Duration::from_secs(1)).await;
            host.set_local_mount(true);
        };
        let (local, ()) = join!(host.local_mount(), change);
        assert!(local.unwrap());
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_fails_until_it_is_healed() {
        let host = VirtualHost::new();
        host.fail("the host is gone");
        let error = host.default_lease_ttl().await.unwrap_err();
        assert_eq!(error.to_string(), "the host is gone");
        host.heal();
        assert!(host.default_lease_ttl().await.is_ok());
    }
}
