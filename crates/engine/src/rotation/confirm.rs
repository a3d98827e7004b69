//! Notices keys of static roles that a person deleted at Confluent: one list for
//! all roles of an owner and resource, now and then, in the background
//! (`lifecycle.md`, 17).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use logical::Error;

use crate::control_plane::Target;
use crate::credential::Credential;
use crate::ids::{CredentialId, RoleName};
use crate::state::Engine;

/// How often the keys are looked for, where there are few.
const INTERVAL: Duration = Duration::from_mins(10);

/// So much time for each list: looking takes little of the pace.
const FOR_EACH: Duration = Duration::from_secs(4);

impl Engine {
    /// Looks for all keys that static roles serve, if it is time: beside what goes
    /// on, since lists wait for their turn.
    pub(crate) fn confirm_served_later(self: &Arc<Self>) {
        let now = self.clock.monotonic();
        if !self.rotations.takes_turn_to_confirm(now, INTERVAL) {
            return;
        }
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let again = engine.confirm_served().await.unwrap_or(INTERVAL);
            let now = engine.clock.monotonic();
            engine.rotations.confirm_at(now + again);
        }));
    }

    /// Says when to do it again.
    async fn confirm_served(&self) -> Result<Duration, Error> {
        let names = self.static_roles.list().await?;
        let mut by_target: BTreeMap<Target, Vec<(RoleName, CredentialId)>> = BTreeMap::new();
        for role in self.static_roles.named(&names).await? {
            if let Some(served) = role.served {
                let roles = by_target.entry(role.target).or_default();
                roles.push((role.name, served.credential));
            }
        }
        let lists = u32::try_from(by_target.len()).unwrap_or(u32::MAX);
        for (target, served) in by_target {
            if !self.is_licensed() || self.ledger.holds_back_deletions() {
                break;
            }
            self.confirm_target(&target, &served).await?;
        }
        Ok(INTERVAL.max(FOR_EACH.saturating_mul(lists)))
    }

    async fn confirm_target(
        &self,
        target: &Target,
        served: &[(RoleName, CredentialId)],
    ) -> Result<(), Error> {
        let account = self.accounts.required().await?;
        // What cannot be listed now is taken to exist.
        let Ok(list) = self.ledger.list(&account.reference(), target).await else {
            return Ok(());
        };
        for (name, id) in served {
            let entry = self.ledger.entry(id);
            let key = |known: &Credential| known.live_key().map(|key| key.id.clone());
            let Ok(key) = self.ledger.look(&entry, key).await else {
                continue;
            };
            let Some(key) = key else {
                self.rotations.schedule(name, self.clock.now());
                continue;
            };
            if list.keys.iter().any(|listed| listed.id == key) {
                self.ledger.confirm_new(&entry);
                continue;
            }
            let _ = self.ledger.confirm_missing(&entry).await;
            if entry.look(|credential| credential.live_key().is_some()) == Some(false) {
                self.rotations.schedule(name, self.clock.now());
            }
        }
        Ok(())
    }
}
