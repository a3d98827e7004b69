//! Where resources are: looked up when a role is written that needs it, again
//! after a day, and kept in storage. No reader waits for it.

use std::sync::Arc;
use std::time::Duration;

use logical::effects::within;
use readiness::{LookUpError, Place, Resource};

use crate::control_plane::{Access, Caller, Class, Target};
use crate::ids::EnvironmentId;
use crate::state::Engine;

/// How long whoever writes a role waits for an address.
const WAIT: Duration = Duration::from_secs(5);

/// What a target is, for whoever looks it up or tries keys at it.
pub(crate) fn resource_of(target: &Target) -> Resource {
    let kind = target.resource.kind();
    let environment = target.environment.as_ref();
    Resource {
        kind: kind.map_or(readiness::Kind::Cloud, readiness::Kind::from),
        id: target.resource.as_str().to_owned(),
        environment: environment.map(|id| EnvironmentId::as_str(id).to_owned()),
    }
}

impl Engine {
    /// Where a resource is, for a reader: what is known. What is not, or is old, is
    /// looked up beside it.
    pub(crate) async fn place_for_reader(self: &Arc<Self>, target: &Target) -> Option<Place> {
        let place = self.places.get(&target.resource).await.ok().flatten();
        let now = self.clock.now();
        let wanted = place.as_ref().is_none_or(|place| place.is_stale(now));
        let monotonic = self.clock.monotonic();
        if wanted && self.places.begin_look_up(&target.resource, monotonic) {
            self.look_up_later(target.clone());
        }
        place
    }

    /// Looks up where a resource is, as long as whoever writes a role may wait.
    pub(crate) async fn look_up_for_writer(self: &Arc<Self>, target: &Target) {
        let _ = within(&*self.tasks, WAIT, self.look_up_with_account(target)).await;
    }

    fn look_up_later(self: &Arc<Self>, target: Target) {
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            // A standby cannot keep what it finds: it takes what the active node found.
            if engine.is_active().await.unwrap_or(false) {
                engine.look_up_with_account(&target).await;
            } else {
                let _ = engine.places.read_again(&target.resource).await;
            }
        }));
    }

    async fn look_up_with_account(&self, target: &Target) {
        let Ok(account) = self.accounts.required().await else {
            return;
        };
        let caller = Caller::of(Class::Look, target.owner.as_str());
        let access = account.access().on_behalf_of(caller);
        if let Err(error) = self.look_up(&access, target).await {
            tracing::warn!(
                resource = target.resource.as_str(),
                error = %error,
                "the address of a resource could not be looked up, so answers are without it"
            );
        }
    }

    /// Looks up where a resource is, unless that is known.
    pub(crate) async fn look_up(
        &self,
        access: &Access,
        target: &Target,
    ) -> Result<(), LookUpError> {
        let now = self.clock.now();
        let known = self.places.get(&target.resource).await.ok().flatten();
        if known.is_some_and(|place| !place.is_stale(now)) {
            return Ok(());
        }
        if let Some(places) = self.control.places() {
            let place = places.find(access, &resource_of(target), now).await?;
            let kept = self.places.keep(&target.resource, place).await;
            kept.map_err(|error| LookUpError::Failed {
                message: error.message().to_owned(),
            })?;
        }
        Ok(())
    }
}
