//! Does what [`decide`](super::decide) says, one step at a time: each reads the
//! record and the keys that it names, does one thing and writes.
//!
//! A power cut between two steps loses nothing, since the next one is decided from
//! storage. The lock of the record is held while it is read, changed and written,
//! never while Confluent is asked.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use logical::Error;

use super::decide::{Facts, KeyState, Step, decide, next_rotation, retry_at};
use super::keys::in_grace;
use crate::credential::later;
use crate::ids::{CredentialId, RoleName};
use crate::ledger::{Event, Failure};
use crate::proving::Tried;
use crate::state::Engine;
use crate::static_role::{
    FailedAttempt, PreviousKey, Rotation, ServedKey, StaticRole, grace_holder,
};

/// A role that takes more steps than this at once is looked at again later.
const MOST_STEPS: usize = 32;

/// From when on a rotation counts as late.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// What came of a step.
enum Progress {
    /// There may be another.
    Again,
    /// Nothing before a time; none: nothing until somebody asks.
    Rest(Option<Timestamp>),
    /// There is no such role.
    Absent,
}

impl Engine {
    /// Advances a static role as far as it goes, and schedules it for when it goes
    /// on. Must run to completion.
    pub(super) async fn advance(self: &Arc<Self>, name: &RoleName) {
        let _advancing = self.rotations.advance(name).await;
        self.advance_alone(name).await;
    }

    /// As [`Self::advance`], for callers that hold the role's lock.
    pub(super) async fn advance_alone(self: &Arc<Self>, name: &RoleName) {
        for _ in 0..MOST_STEPS {
            let progress = self.take_step(name).await;
            self.rotations.advanced.notify_waiters();
            match progress {
                Ok(Progress::Again) => {}
                Ok(Progress::Rest(due)) => {
                    return self.rotations.schedule(name, due.unwrap_or(Timestamp::MAX));
                }
                Ok(Progress::Absent) => return self.rotations.forget(name),
                Err(error) => {
                    tracing::warn!(
                        static_role = name.as_str(),
                        error = error.message(),
                        "a static role could not be looked at and is looked at again"
                    );
                    break;
                }
            }
        }
        self.rotations.try_again(name, self.clock.now());
    }

    async fn take_step(self: &Arc<Self>, name: &RoleName) -> Result<Progress, Error> {
        let lock = self.static_roles.lock(name).await;
        let Some(mut role) = self.static_roles.get(name).await? else {
            self.finish_deletion(name).await?;
            return Ok(Progress::Absent);
        };
        let (facts, failed_is_pinned) = self.facts(&role).await?;
        let rotation = role.rotation.clone();
        if let (true, Some(rotation)) = (failed_is_pinned, &rotation) {
            self.let_go(&rotation.next, None).await?;
            return Ok(Progress::Again);
        }
        match (decide(&role, &facts), rotation) {
            (Step::Rest(due), _) => return Ok(Progress::Rest(due)),
            (Step::ReleasePrevious, _) => self.release_previous(&role).await?,
            (Step::HoldWaiting { index, until }, _) => {
                self.hold_waiting(role, index, until).await?;
            }
            (Step::ReleaseWaiting { index }, _) => {
                drop(lock);
                if let Some(key) = role.waiting.get(index) {
                    self.release_waiting(name, key).await?;
                }
            }
            (Step::ForgetWaiting { index, ending }, _) => {
                self.forget_waiting(role, index, ending).await?;
            }
            (Step::Name, rotation) => {
                role.rotation = Some(self.next_attempt(name, rotation, facts.now));
                self.static_roles.put(&role).await?;
            }
            (Step::Postpone(next), _) => {
                role.next_rotation = next;
                role.missed = role.missed.saturating_add(1);
                self.static_roles.put(&role).await?;
            }
            (Step::Switch, Some(rotation)) => self.switch(role, &rotation.next, &facts).await?,
            (Step::Fail, Some(rotation)) => {
                let lost = Error::upstream("the new key was lost or ended before it was served");
                self.fail(role, &rotation.next, lost).await?;
            }
            // Another process chose its id, and may be making it now: two keys of one id
            // would be one on record, and the other would stay for ever.
            (Step::Make, Some(rotation)) if !self.rotations.chose(name, &rotation.next) => {
                let next = self.fresh_key(name);
                role.rotation = Some(Rotation { next, ..rotation });
                self.static_roles.put(&role).await?;
            }
            (Step::Make, Some(rotation)) => {
                drop(lock);
                if let Err(error) = self.make_for_record(&role, &rotation.next).await {
                    self.fail_unlocked(name, &rotation.next, error).await?;
                }
            }
            (Step::Prove, Some(rotation)) => {
                drop(lock);
                let wanted = (&role.target, &role.readiness);
                match self.try_key(&rotation.next, wanted).await? {
                    Tried::Works | Tried::Over => {}
                    Tried::Later(due) => return Ok(Progress::Rest(Some(due))),
                    Tried::NotReady(error) => {
                        self.fail_unlocked(name, &rotation.next, error).await?;
                    }
                }
            }
            (Step::Switch | Step::Fail | Step::Make | Step::Prove, None) => {
                return Ok(Progress::Rest(None));
            }
        }
        Ok(Progress::Again)
    }

    /// What [`decide`] needs, and whether the key of a failed attempt is still
    /// kept.
    async fn facts(&self, role: &StaticRole) -> Result<(Facts, bool), Error> {
        let mut served = KeyState::Absent;
        if let Some(key) = &role.served {
            served = self.key_of_record(&key.credential).await?.state;
        }
        let (mut next, mut failed_is_pinned) = (KeyState::Absent, false);
        if let Some(rotation) = &role.rotation {
            let known = self.key_of_record(&rotation.next).await?;
            next = known.state;
            failed_is_pinned = known.is_pinned && rotation.failure.is_some();
        }
        let mut previous_is_pinned = false;
        if let Some(previous) = &role.previous {
            previous_is_pinned = self.key_of_record(&previous.credential).await?.is_pinned;
        }
        let facts = Facts {
            served,
            next,
            previous_is_pinned,
            waiting: self.waiting_facts(role).await?,
            lets_lapse: self.timekeeper.lets_lapse(),
            now: self.clock.now(),
            lead: self.lead(role),
        };
        Ok((facts, failed_is_pinned))
    }

    fn next_attempt(&self, name: &RoleName, failed: Option<Rotation>, now: Timestamp) -> Rotation {
        Rotation {
            next: self.fresh_key(name),
            begun: failed.as_ref().map_or(now, |failed| failed.begun),
            attempt: failed.as_ref().map_or(1, |failed| failed.attempt + 1),
            request: failed.as_ref().and_then(|failed| failed.request),
            failure: None,
            last_error: failed
                .and_then(|failed| failed.failure)
                .map_or_else(String::new, |failure| failure.error),
        }
    }

    async fn release_previous(&self, role: &StaticRole) -> Result<(), Error> {
        let Some(previous) = &role.previous else {
            return Ok(());
        };
        let holder = grace_holder(&role.name, role.version.saturating_sub(1));
        self.let_go(&previous.credential, Some((holder, previous.until)))
            .await
    }

    /// Readers get the new key from now on. The grace of the old one is durable
    /// before that, so that a cut in between leaves it alive (`lifecycle.md`,
    /// 34 and 35).
    async fn switch(
        &self,
        mut role: StaticRole,
        next: &CredentialId,
        facts: &Facts,
    ) -> Result<(), Error> {
        let from = self.timekeeper.deadlines_from();
        let last = role.served.as_ref().map(|served| served.since);
        let mut previous = None;
        if let Some(served) = role.served.take_if(|_| facts.served == KeyState::Ready) {
            let mut until = from;
            if let Some(grace_until) = role.asked_grace_until(from) {
                until = grace_until;
                // Who says how long it lives means neither less nor more.
                if !role.has_asked_grace() {
                    until = role.held_until(from, grace_until);
                    role.wait_for_silence(&served.credential, from, grace_until);
                }
                self.note_grace(&role, &served, from, until).await?;
            }
            previous = Some(PreviousKey {
                credential: served.credential,
                since: Some(served.since),
                until,
                output: served.output,
            });
        }
        let planned = role.next_rotation;
        let (entropy, is_first) = (self.random_number(), role.version == 0);
        role.next_rotation = next_rotation(&role, is_first, facts.lead, facts.now, entropy);
        let since = last.map_or(facts.now, |last| facts.now.max(last));
        role.previous = previous;
        role.served = Some(ServedKey {
            credential: next.clone(),
            since,
            output: None,
        });
        role.version += 1;
        role.missed = 0;
        role.rotation = None;
        role.promised_until = None;
        self.static_roles.put(&role).await?;
        let is_late = planned.is_some_and(|planned| facts.now > later(planned, LATE));
        let outcome = if is_late { "late" } else { "done" };
        self.measurements.rotation(outcome);
        tracing::info!(
            static_role = role.name.as_str(),
            version = role.version,
            "a static role serves a new key"
        );
        Ok(())
    }

    async fn note_grace(
        &self,
        role: &StaticRole,
        served: &ServedKey,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<(), Error> {
        let entry = self.ledger.entry(&served.credential);
        let holder = (role.grace_holder(), in_grace(from, until));
        let noted = self.ledger.apply(&entry, Event::Attach { holder }).await;
        noted.map_err(|failure| match failure {
            Failure::Failed(error) => error.context("noting the grace of the old key"),
            Failure::Refused(_) | Failure::Unknown => {
                Error::internal("the old key ended while it was replaced")
            }
        })
    }

    async fn fail_unlocked(
        &self,
        name: &RoleName,
        next: &CredentialId,
        error: Error,
    ) -> Result<(), Error> {
        let _lock = self.static_roles.lock(name).await;
        match self.static_roles.get(name).await? {
            Some(role) => self.fail(role, next, error).await,
            None => Ok(()),
        }
    }

    /// Notes that an attempt failed. Readers do not notice; the next attempt has a
    /// fresh key (`lifecycle.md`, 42).
    async fn fail(
        &self,
        mut role: StaticRole,
        next: &CredentialId,
        error: Error,
    ) -> Result<(), Error> {
        let Some(rotation) = role.rotation.as_mut().filter(|known| known.next == *next) else {
            return Ok(());
        };
        if rotation.failure.is_some() {
            return Ok(());
        }
        let retry_at = retry_at(self.clock.now(), rotation.attempt);
        self.measurements.rotation("failed");
        tracing::warn!(
            static_role = role.name.as_str(),
            attempt = rotation.attempt,
            error = error.message(),
            %retry_at,
            "a rotation failed and is tried again"
        );
        rotation.failure = Some(FailedAttempt {
            error: error.message().to_owned(),
            retry_at,
        });
        self.static_roles.put(&role).await
    }

    pub(super) fn random_number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }
}
