//! The keys of static roles: how they are, making one, and letting go of one.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::Error;
use readiness::{Mode, Settings};

use super::decide::KeyState;
use crate::control_plane::{Caller, Class, Target};
use crate::credential::{Credential, Proving, later};
use crate::ids::{CredentialId, HolderId, RoleName};
use crate::issue::being_removed;
use crate::ledger::{Event, Failure, Holder, Sharing, State};
use crate::making::Order;
use crate::proving::kind_of;
use crate::state::Engine;
use crate::static_role::StaticRole;

/// What the grace of a key has beyond what the record says: answers that were
/// given just before the switch are on their way.
pub(super) const GRACE_MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// What is known of a key in the ledger.
pub(super) struct Known {
    pub(super) state: KeyState,
    pub(super) is_pinned: bool,
}

impl Engine {
    /// How a key is that the record of a static role names.
    pub(super) async fn key_of_record(&self, id: &CredentialId) -> Result<Known, Error> {
        let entry = self.ledger.entry(id);
        let known = |credential: &Credential| {
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
        };
        match self.ledger.look(&entry, known).await {
            Ok(known) => Ok(known),
            Err(Failure::Failed(error)) => Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => Ok(Known {
                state: KeyState::Absent,
                is_pinned: false,
            }),
        }
    }

    /// The id of a key that this process makes, once the record of the role names it.
    pub(super) fn fresh_key(&self, name: &RoleName) -> CredentialId {
        let id = CredentialId::random(&*self.entropy);
        self.rotations.choose(name, &id);
        id
    }

    /// Makes the key that the record names, whose id this process chose.
    pub(super) async fn make_for_record(
        self: &Arc<Self>,
        role: &StaticRole,
        id: &CredentialId,
    ) -> Result<(), Error> {
        self.rotations.begin_to_make(&role.name);
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
        match self.ledger.apply(&entry, Event::Unpin { grace }).await {
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
