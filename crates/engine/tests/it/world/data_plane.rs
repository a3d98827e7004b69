//! What keys are for: whether a key logs in, and when a new one begins to.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use engine::control_plane::Access;
use jiff::{SignedDuration, Timestamp};
use readiness::{Candidate, Observation, Place, Probe, Probed, Resource};

use super::cloud::Cloud;
use super::virtual_now;

impl Cloud {
    /// So long a new key is refused; in the second half of that time servers that know
    /// it take turns with others: brokers ten seconds each, those of a Schema Registry
    /// five.
    pub(crate) fn set_propagation(&self, propagation: Duration) {
        *self.propagation.lock().unwrap() = Some(propagation);
    }

    /// Whether a key logs in now.
    pub(crate) fn logs_in(&self, id: &str, secret: &str) -> bool {
        let propagation = self.propagation.lock().unwrap().unwrap_or_default();
        let Some(created) = self.created_at(id) else {
            return false;
        };
        if secret != format!("secret-of-{id}") {
            return false;
        }
        let age = age(created);
        if age >= propagation {
            return true;
        }
        let turn = if self.is_for_registry(id) { 5 } else { 10 };
        age >= propagation / 2 && (age.as_secs() / turn).is_multiple_of(2)
    }
}

fn age(created: Timestamp) -> Duration {
    let age: SignedDuration = virtual_now().duration_since(created);
    Duration::try_from(age).unwrap_or_default()
}

#[async_trait]
impl Probe<Access> for Cloud {
    async fn probe(
        &self,
        _: &Access,
        _: &Resource,
        _: Option<&Place>,
        key: Candidate<'_>,
    ) -> Probed {
        let delay = *self.probe_delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let observation = if self.unreachable.load(Ordering::SeqCst) {
            Observation::Unreachable
        } else if self.logs_in(key.id, key.secret) {
            let has_none = self.without_rights.load(Ordering::SeqCst);
            [Observation::LoggedIn, Observation::LoggedInWithoutRights][usize::from(has_none)]
        } else {
            Observation::NotYet
        };
        Probed::Observed {
            observation,
            detail: None,
        }
    }
}
