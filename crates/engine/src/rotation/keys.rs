//! The keys of static roles: how they are, making one, and trying whether it
//! works.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Error;
use readiness::{Candidate, Decision, Kind, LookUpError, Mode, Observation, Probed, Settings};

use super::decide::KeyState;
use super::scheduler::until;
use crate::control_plane::{Caller, Class, Target};
use crate::credential::{Proving, later};
use crate::ids::{CredentialId, HolderId};
use crate::issue::being_removed;
use crate::ledger::{Event, Failure, Holder, IssuedKey, Sharing, State};
use crate::making::Order;
use crate::places::resource_of;
use crate::state::Engine;
use crate::static_role::StaticRole;

/// What the grace of a key has beyond what the record says: answers that were
/// given just before the switch are on their way.
pub(super) const GRACE_MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// What came of trying a key.
pub(super) enum Tried {
    /// It is known to work.
    Works,
    /// It is tried again at a time.
    Later(Timestamp),
    /// It did not work in time.
    NotReady(Error),
}

/// What is known of a key in the ledger.
pub(super) struct Known {
    pub(super) state: KeyState,
    pub(super) is_pinned: bool,
}

impl Engine {
    /// How a key is that the record of a static role names.
    pub(super) async fn key_of_record(&self, id: &CredentialId) -> Result<Known, Error> {
        let entry = self.ledger.entry(id);
        match self.ledger.load(&entry).await {
            Ok(()) => {}
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => {
                return Ok(Known {
                    state: KeyState::Absent,
                    is_pinned: false,
                });
            }
        }
        let known = entry.look(|credential| {
            let state = match &credential.state {
                State::Intended if self.ledger.quiet_for(id).is_some() => KeyState::Making,
                State::Intended => KeyState::Lost,
                State::Live { key } if key.secret.is_none() => KeyState::Ended,
                State::Live { key } if key.proving.is_over() => KeyState::Ready,
                State::Live { .. } => KeyState::Proving,
                State::Retiring { .. } | State::Gone { .. } => KeyState::Ended,
            };
            Known {
                state,
                is_pinned: credential.pinned,
            }
        });
        known.ok_or_else(|| Error::internal("storage failed while a key was looked at: try again"))
    }

    /// Makes the key that the record names.
    pub(super) async fn make_for_record(
        self: &Arc<Self>,
        role: &StaticRole,
        id: &CredentialId,
    ) -> Result<(), Error> {
        let proving = match role.readiness.readiness() {
            Mode::None => Proving::NotAsked,
            Mode::Probe | Mode::Delay => Proving::UnderWay,
        };
        let description = if role.key_description.is_empty() {
            format!("Made by Lockkeeper: static role {}", role.name)
        } else {
            role.key_description.clone()
        };
        let order = Order {
            id: id.clone(),
            purpose: role.purpose(),
            target: role.target.clone(),
            sharing: Sharing::Shared,
            pinned: true,
            proving,
            description,
            requester: None,
            caller: Caller::of(Class::Rotation, role.target.owner.as_str()),
        };
        let allowed = async {
            if self.is_tainted().await? {
                return Err(being_removed());
            }
            Ok(())
        };
        let engine = Arc::clone(self);
        engine.create(order, allowed, |()| None).await.map(|_| ())
    }

    /// Tries a key whose turn it is, and says what is next.
    pub(super) async fn try_key(
        &self,
        role: &StaticRole,
        id: &CredentialId,
    ) -> Result<Tried, Error> {
        let entry = self.ledger.entry(id);
        self.ledger.load(&entry).await.map_err(Error::from)?;
        let known = entry.look(|credential| match &credential.state {
            State::Live { key } => Some((credential.intended_at, key.clone())),
            _ => None,
        });
        let Some((made, key)) = known.flatten() else {
            return Ok(Tried::Later(self.clock.now()));
        };
        let kind = kind_of(&role.target);
        let plan = role.readiness.plan(kind);
        loop {
            let now = self.clock.now();
            let decided = self
                .rotations
                .proving(id, made, |known| known.decide(&plan, now));
            match decided {
                Decision::Wait { until } => return Ok(Tried::Later(until)),
                Decision::Ready(proof) => {
                    let proven = Event::Proven { proof };
                    self.ledger.apply(&entry, proven).await?;
                    let took = proof.basis.is_proven().then(|| until(made, proof.at));
                    self.rotations.proven(id, kind, took);
                    return Ok(Tried::Works);
                }
                Decision::NotReady => {
                    self.rotations.proven(id, kind, None);
                    return Ok(Tried::NotReady(Error::upstream(format!(
                        "key `{}` did not log in within {} seconds: look whether its owner `{}` may \
                         use `{}`",
                        key.id,
                        plan.timeout().as_secs(),
                        role.target.owner,
                        role.target.resource
                    ))));
                }
                Decision::Probe => {
                    let probed = self.probe(&role.target, &key).await?;
                    let now = self.clock.now();
                    self.rotations.proving(id, made, |known| match probed {
                        Probed::Observed { observation, .. } => {
                            known.observe(&plan, now, observation);
                        }
                        Probed::HeldBack { wait } => known.postpone(&plan, now, wait),
                    });
                }
            }
        }
    }

    /// Tries a key once, at the place of its resource.
    pub(super) async fn probe(&self, target: &Target, key: &IssuedKey) -> Result<Probed, Error> {
        let observed = |observation| Probed::Observed {
            observation,
            detail: None,
        };
        let (Some(prober), Some(secret)) = (self.control.prober(), &key.secret) else {
            return Ok(observed(Observation::NoProbe));
        };
        let account = self.accounts.required().await?;
        let caller = Caller::of(Class::Proof, target.owner.as_str());
        let access = account.access().on_behalf_of(caller);
        if let Err(LookUpError::Failed { .. }) = self.look_up(&access, target).await {
            return Ok(observed(Observation::Unreachable));
        }
        let place = self.places.get(&target.resource).await?;
        let resource = resource_of(target);
        let candidate = Candidate {
            id: key.id.as_str(),
            secret: secret.expose(),
        };
        let probed = prober
            .probe(&access, &resource, place.as_ref(), candidate)
            .await;
        if let (Some(mut place), Probed::Observed { observation, .. }) = (place, &probed) {
            place.observe(*observation);
            self.places.note(&target.resource, place);
        }
        Ok(probed)
    }

    /// How a key is, by storage alone.
    pub(super) async fn key_in_storage(&self, id: &CredentialId) -> Result<KeyState, Error> {
        let stored = self.ledger.store.load(id).await?;
        Ok(match stored.map(|credential| credential.state) {
            Some(State::Live { key }) if key.secret.is_some() => KeyState::Ready,
            Some(_) => KeyState::Ended,
            None => KeyState::Absent,
        })
    }

    /// How long a key of a role takes from the first step to the proof.
    pub(super) fn lead(&self, role: &StaticRole) -> Duration {
        self.lead_of(&role.target, &role.readiness)
    }

    /// As [`Self::lead`], of a role that is not stored yet.
    pub(super) fn lead_of(&self, target: &Target, readiness: &Settings) -> Duration {
        let kind = kind_of(target);
        let usual = match readiness.readiness() {
            Mode::None => Duration::ZERO,
            Mode::Probe | Mode::Delay => readiness.plan(kind).usual_age(),
        };
        self.rotations.lead(kind, usual, Duration::ZERO)
    }

    /// No record names a key any more: it lives on until its grace is over.
    pub(super) async fn let_go(
        &self,
        id: &CredentialId,
        grace: Option<(HolderId, Timestamp)>,
    ) -> Result<(), Error> {
        self.rotations.forget_key(id);
        let entry = self.ledger.entry(id);
        let now = self.clock.now();
        let grace = grace
            .filter(|(_, until)| *until > now)
            .map(|(holder, until)| (holder, in_grace(now, until)));
        let unpin = Event::Unpin { grace, now };
        match self.ledger.apply(&entry, unpin).await {
            Ok(()) | Err(Failure::Unknown | Failure::Refused(_)) => Ok(()),
            // What was decided is written or decided again; a deletion that
            // failed is the sweep's.
            Err(Failure::Failed(error)) => match entry.look(|known| known.pinned) {
                Some(false) => Ok(()),
                _ => Err(error),
            },
        }
    }
}

/// The holder that a grace until this time is.
pub(super) fn in_grace(now: Timestamp, until: Timestamp) -> Holder {
    Holder::new(now, later(until, GRACE_MARGIN))
}

/// What keys of a kind are called: it stands before "key" in a sentence.
pub(super) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Kafka => "Kafka",
        Kind::SchemaRegistry => "Schema Registry",
        Kind::Flink => "Flink",
        Kind::Ksqldb => "ksqlDB",
        Kind::Tableflow => "Tableflow",
        Kind::Cloud => "Cloud API",
        Kind::Global => "global API",
    }
}

/// The kind of what keys of a target are for. Targets are parsed when they are
/// written, so that each has one.
pub(super) fn kind_of(target: &Target) -> Kind {
    target.resource.kind().map_or(Kind::Cloud, Kind::from)
}
