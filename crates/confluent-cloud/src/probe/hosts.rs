//! How many probes run at one host at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// At most so many at once.
const AT_ONCE: usize = 2;

/// How long a probe waits for others of its host to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The hosts at which keys are being tried.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts(Arc<Mutex<HashMap<String, Arc<Semaphore>>>>);

impl Hosts {
    /// Waits until there is room for one more probe at a host, and keeps the
    /// place until that is dropped. Nothing when it takes too long.
    pub(super) async fn enter(&self, host: &str) -> Option<OwnedSemaphorePermit> {
        let places = self.of(host);
        let entered = tokio::time::timeout(PATIENCE, places.acquire_owned()).await;
        entered.ok()?.ok()
    }

    fn of(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Permits and tasks that wait hold on to their semaphore.
        hosts.retain(|_, places| Arc::strong_count(places) > 1);
        let places = hosts
            .entry(host.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        Arc::clone(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_third_probe_of_a_host_waits_for_one_of_the_two() {
        let hosts = Hosts::default();
        let first = hosts.enter("a").await.unwrap();
        let _second = hosts.enter("a").await.unwrap();
        assert!(hosts.enter("a").await.is_none());
        assert!(hosts.enter("b").await.is_some());
        let waiting = tokio::spawn({
            let hosts = hosts.clone();
            async move { hosts.enter("a").await.is_some() }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(first);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_of_no_probe_are_forgotten() {
        let hosts = Hosts::default();
        for host in 0..100 {
            drop(hosts.enter(&host.to_string()).await.unwrap());
        }
        assert_eq!(hosts.0.lock().unwrap().len(), 1);
    }
}
