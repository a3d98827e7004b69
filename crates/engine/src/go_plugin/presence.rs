//! How long this engine was away from a mount that the Go plugin may have
//! served meanwhile. Renewals went past us then, so deadlines that passed while
//! we were away say nothing (`lifecycle.md`, 31).
//!
//! A mount that the Go plugin never served has nobody else to renew its leases,
//! so its deadlines hold whatever happened.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Error;
use serde::{Deserialize, Serialize};

use super::entries;
use crate::codec;
use crate::ledger::{Event, Failure, State};
use crate::presence::Presence;
use crate::state::Engine;

const HEARTBEAT: &str = "lockkeeper/go-plugin/heartbeat";

/// How often it is noted that we are here.
const EVERY: Duration = Duration::from_mins(5);

/// After how long without a note we were away.
const AWAY: SignedDuration = SignedDuration::from_mins(15);

#[derive(Serialize, Deserialize)]
struct Heartbeat {
    at: Timestamp,
}

impl Engine {
    /// Notes that we are here. The first time in this process it makes good
    /// for the time that we were away. Only the sweep calls it.
    pub(crate) async fn note_presence(&self) -> Result<(), Error> {
        let now = self.clock.monotonic();
        let next = self.presence().next;
        if next.is_some_and(|next| now < next) {
            return Ok(());
        }
        if entries::config(&*self.storage).await?.is_none() {
            return Ok(());
        }
        if next.is_none() {
            self.make_good().await?;
        }
        let heartbeat = Heartbeat {
            at: self.clock.now(),
        };
        self.storage
            .put(HEARTBEAT, &codec::encode(&heartbeat)?)
            .await?;
        self.presence().next = Some(now + EVERY);
        Ok(())
    }

    async fn make_good(&self) -> Result<(), Error> {
        let last: Option<Heartbeat> = codec::read(&*self.storage, HEARTBEAT).await?;
        let now = self.clock.now();
        let Some(since) = last.map(|heartbeat| heartbeat.at) else {
            return Ok(());
        };
        if now.duration_since(since) < AWAY {
            return Ok(());
        }
        tracing::warn!(
            since = %since,
            "this engine was away from a mount that the Go plugin may have served: leases that \
             seem to be over are given the longest time that they can have got"
        );
        let longest = self.system.max_lease_ttl().await?;
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let known = self.ledger.store.all().await?;
        let live = known
            .values()
            .filter(|credential| matches!(credential.state, State::Live { .. }));
        for credential in live {
            let entry = self.ledger.entry(&credential.id);
            let away = Event::Away {
                since,
                until: now,
                longest,
            };
            match self.ledger.apply(&entry, away).await {
                Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn presence(&self) -> std::sync::MutexGuard<'_, Presence> {
        self.presence
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
