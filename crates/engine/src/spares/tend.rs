//! Tending a pool: its keys are judged one by one, and what is missing is made.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use logical::{Error, ErrorClass};

use super::decide::{Found, Verdict, judge};
use crate::control_plane::{Caller, Class};
use crate::credential::later;
use crate::ids::{Generation, RoleName};
use crate::ledger::{Entry, Failure};
use crate::role::Role;
use crate::spare_pool::{Refill, Stage};
use crate::state::Engine;

/// How soon after a failure a pool is refilled, doubled with each.
const RETRY: SignedDuration = SignedDuration::from_mins(1);

/// The same where Confluent refused, which passes slowly: a quota is used up.
const RETRY_REFUSED: SignedDuration = SignedDuration::from_mins(10);

/// The longest such wait.
const LONGEST_RETRY: SignedDuration = SignedDuration::from_hours(1);

/// A pool with nothing due is looked at so often all the same.
const USUAL_LOOK: SignedDuration = SignedDuration::from_mins(10);

/// How soon it is looked again after a key that may be in the making, or after a
/// failure of our own.
const SOON: SignedDuration = SignedDuration::from_mins(1);

/// How often it is asked whether spares still exist.
const CONFIRM: Duration = Duration::from_mins(10);

/// What a look at the keys of a pool came to.
struct Look {
    /// How many keys wait for readers.
    spares: u64,
    /// When to look again.
    again: Timestamp,
}

impl Engine {
    /// Tends a pool and schedules it for when it goes on. Must run to completion.
    pub(super) async fn tend(self: &Arc<Self>, generation: &Generation, name: &RoleName) {
        let _tending = self.pools.tend(generation).await;
        self.pools.begin_to_tend(generation);
        let tended = self.tend_alone(generation, name).await;
        let now = self.clock.now();
        match tended {
            Ok(Some(again)) => self.pools.tended(generation, again, now),
            Ok(None) => self.pools.forget(generation),
            Err(error) => {
                tracing::warn!(
                    role = name.as_str(),
                    error = error.message(),
                    "the spares of a role could not be looked at and are looked at again"
                );
                self.pools.tended(generation, later(now, SOON), now);
            }
        }
    }

    /// Says when to look again; none where nothing is left to do.
    async fn tend_alone(
        self: &Arc<Self>,
        generation: &Generation,
        name: &RoleName,
    ) -> Result<Option<Timestamp>, Error> {
        let role = self.roles.get(name).await?;
        let role = role.filter(|role| role.generation == *generation);
        self.keep_pool_loaded(generation, name).await?;
        let look = self.look_at_spares(generation, role.as_ref()).await?;
        let Some(role) = role.filter(Role::asks_readiness) else {
            let again = later(self.clock.now(), SOON);
            return Ok((!self.pools.keys(generation).is_empty()).then_some(again));
        };
        self.confirm_spares(&role).await?;
        let again = self.refill(&role, look.spares).await?;
        let wants_nothing = role.spares.count() == 0 && self.pools.keys(generation).is_empty();
        Ok((!wants_nothing).then_some(look.again.min(again)))
    }

    async fn look_at_spares(
        self: &Arc<Self>,
        generation: &Generation,
        role: Option<&Role>,
    ) -> Result<Look, Error> {
        let account = self.accounts.current().await?;
        let organization = account
            .as_ref()
            .and_then(|account| account.organization.clone());
        let mut look = Look {
            spares: 0,
            again: later(self.clock.now(), USUAL_LOOK),
        };
        let mut kept = Vec::new();
        for (entry, stage) in self.pools.keys(generation) {
            if stage == Stage::Making {
                look.spares += 1;
                continue;
            }
            let now = self.clock.now();
            let found = Found {
                may_be_in_the_making: self.ledger.quiet_for(entry.id()).is_some(),
                is_in_slot: stage == Stage::Slot,
            };
            let aged_at = self.timekeeper.intents_from();
            let judged =
                |known: Option<&_>| judge(known, role, organization.as_ref(), found, aged_at);
            let verdict = match self.ledger.look(&entry, |known| judged(Some(known))).await {
                Ok(verdict) => verdict,
                Err(Failure::Unknown | Failure::Refused(_)) => judged(None),
                Err(Failure::Failed(error)) => return Err(error),
            };
            let goes = matches!(verdict, Verdict::Strike | Verdict::LetGo(_));
            if goes && stage != Stage::Claimed {
                let (pools, id) = (&self.pools, entry.id());
                if !pools.advance(generation, id, &[stage], Stage::Leaving) {
                    // A reader claimed it meanwhile.
                    continue;
                }
            }
            match (verdict, stage) {
                (Verdict::Try, Stage::Claimed) => self.keep_trying_for(role, &entry),
                // Whoever claimed it takes it, or leaves it to be judged again.
                (_, Stage::Claimed) => {}
                (Verdict::Strike, _) => self.strike_spare(generation, &entry).await?,
                (Verdict::Making, _) => look.again = look.again.min(later(now, SOON)),
                (Verdict::LetGo(why), _) => {
                    tracing::info!(credential = %entry.id(), why, "a spare goes");
                    if let Some(slot) = entry.look(|known| known.purpose.slot()).flatten() {
                        self.slots.forget_entry(&slot, &entry);
                    }
                    self.let_go_spare(generation, &entry).await?;
                }
                (Verdict::Try | Verdict::Keep(_), Stage::Leaving) => {
                    self.let_go_spare(generation, &entry).await?;
                }
                (Verdict::Try, _) => {
                    self.keep_trying_for(role, &entry);
                    kept.push((entry, stage));
                }
                (Verdict::Keep(end), _) => {
                    look.again = look.again.min(self.timekeeper.on_wall_clock(end));
                    kept.push((entry, stage));
                }
            }
        }
        kept.retain(|(_, stage)| *stage == Stage::Free);
        if let Some(role) = role
            && self.pools.takes_turn_to_shrink(generation)
        {
            self.shrink(role, &mut kept).await?;
        }
        look.spares += u64::try_from(kept.len()).unwrap_or(u64::MAX);
        Ok(look)
    }

    fn keep_trying_for(self: &Arc<Self>, role: Option<&Role>, entry: &Arc<Entry>) {
        if let Some(role) = role {
            self.keep_trying(role, entry);
        }
    }

    /// Lets go of what a role does not want any more, since it was written.
    async fn shrink(&self, role: &Role, kept: &mut Vec<(Arc<Entry>, Stage)>) -> Result<(), Error> {
        let wanted = usize::try_from(role.spares.count()).unwrap_or(usize::MAX);
        // Those that work are kept rather.
        kept.sort_by_key(|(entry, _)| entry.look(|known| (!known.is_ready(), known.intended_at)));
        while kept.len() > wanted {
            let Some((entry, stage)) = kept.pop() else {
                break;
            };
            let id = entry.id();
            let pools = &self.pools;
            if pools.advance(&role.generation, id, &[stage], Stage::Leaving) {
                self.let_go_spare(&role.generation, &entry).await?;
            }
        }
        Ok(())
    }

    /// Makes what is missing. Says when to look again.
    async fn refill(self: &Arc<Self>, role: &Role, spares: u64) -> Result<Timestamp, Error> {
        let now = self.clock.now();
        let usual = later(now, USUAL_LOOK);
        let missing = role.spares.count().saturating_sub(spares);
        if missing == 0 {
            return Ok(usual);
        }
        let failure = self.pools.failure(&role.generation);
        if let Some(failed) = failure.filter(|failed| now < failed.retry_at) {
            return Ok(failed.retry_at);
        }
        if !self.is_licensed() || !self.is_active().await? || self.is_tainted().await? {
            return Ok(usual);
        }
        let making = (0..missing).map(|_| {
            let caller = Caller::of(Class::Spare, role.name.as_str());
            self.make_spare(role, role.purpose(), caller, Stage::Free)
        });
        let mut failed = None;
        for made in join_all(making).await {
            match made {
                Ok(entry) => self.keep_trying(role, &entry),
                Err(error) => failed = Some(error),
            }
        }
        let Some(error) = failed else {
            return Ok(usual);
        };
        tracing::warn!(
            role = role.name.as_str(),
            error = error.message(),
            "a spare could not be made and is tried again"
        );
        Ok(self.note_refill(&role.generation, &error))
    }

    /// An attempt to refill a pool failed. Says when the next is.
    pub(super) fn note_refill(&self, generation: &Generation, error: &Error) -> Timestamp {
        let before = self.pools.failure(generation);
        let attempts = before.map_or(1, |before| before.attempts.saturating_add(1));
        let first = match error.class() {
            ErrorClass::BadRequest => RETRY_REFUSED,
            _ => RETRY,
        };
        let doubled = 1_i32 << attempts.saturating_sub(1).min(10);
        let wait = first.saturating_mul(doubled).min(LONGEST_RETRY);
        let retry_at = later(self.clock.now(), wait);
        let failure = Refill {
            attempts,
            error: error.message().to_owned(),
            retry_at,
        };
        self.pools.refilled(generation, Some(failure));
        retry_at
    }

    /// Looks for all spares of a role by one list, now and then: a person may have
    /// deleted one (`lifecycle.md`, 17).
    async fn confirm_spares(&self, role: &Role) -> Result<(), Error> {
        let now = self.clock.monotonic();
        let keys = self.pools.keys(&role.generation);
        let live: Vec<_> = keys
            .into_iter()
            .filter_map(|(entry, _)| {
                let key = entry.look(|known| known.live_key().map(|key| key.id.clone()));
                Some((key.flatten()?, entry))
            })
            .collect();
        if live.is_empty()
            || self.ledger.holds_back_deletions()
            || !self
                .pools
                .takes_turn_to_confirm(&role.generation, now, CONFIRM)
        {
            return Ok(());
        }
        let account = self.accounts.required().await?;
        // What cannot be listed now is taken to exist.
        let Ok(list) = self.ledger.list(&account.reference(), &role.target).await else {
            return Ok(());
        };
        for (key, entry) in live {
            if list.keys.iter().any(|listed| listed.id == key) {
                self.ledger.confirm_new(&entry);
            } else {
                let _ = self.ledger.confirm_missing(&entry).await;
                self.pools
                    .schedule_known(&role.generation, self.clock.now());
            }
        }
        Ok(())
    }
}
