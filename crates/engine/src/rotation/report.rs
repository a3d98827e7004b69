//! How a static role is, in words for operators.

use jiff::Timestamp;
use logical::Error;

use super::decide::KeyState;
use crate::credential::{Credential, Proving, State, later};
use crate::ids::{CredentialId, RoleName};
use crate::state::Engine;
use crate::static_role::StaticRole;

/// How a static role is. Texts are empty where there is nothing to say.
pub(crate) struct Report {
    pub(crate) is_healthy: bool,
    pub(crate) version: u64,
    pub(crate) stage: &'static str,
    pub(crate) key: String,
    /// On what the key counts as working.
    pub(crate) proven: &'static str,
    pub(crate) next_rotation: Option<Timestamp>,
    /// When making the next key begins.
    pub(crate) begins: Option<Timestamp>,
    pub(crate) pending: String,
    pub(crate) previous: String,
    pub(crate) previous_until: Option<Timestamp>,
    pub(crate) attempts: u32,
    pub(crate) last_error: String,
    pub(crate) retry_at: Option<Timestamp>,
}

impl Engine {
    /// How a static role is, by its record and keys.
    pub(crate) async fn report(&self, name: &RoleName) -> Result<Option<Report>, Error> {
        let Some(role) = self.static_roles.get(name).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let served = match &role.served {
            Some(served) => self.on_record(&served.credential).await?,
            None => None,
        };
        let pending = match &role.rotation {
            Some(rotation) => self.on_record(&rotation.next).await?,
            None => None,
        };
        let previous = role
            .previous
            .as_ref()
            .filter(|previous| previous.until > now);
        let previous_key = match previous {
            Some(previous) => self.on_record(&previous.credential).await?,
            None => None,
        };
        let lead = jiff::SignedDuration::try_from(self.lead(&role)).unwrap_or_default();
        let failure = role.rotation.as_ref().and_then(|it| it.failure.as_ref());
        let last_error = match (failure, &role.rotation) {
            (Some(failure), _) => Some(failure.error.clone()),
            (None, Some(rotation)) => Some(rotation.last_error.clone()),
            (None, None) => None,
        };
        let lives = served.as_ref().is_some_and(is_live);
        let is_late = role.next_rotation.is_some_and(|next| next < now);
        Ok(Some(Report {
            is_healthy: lives && last_error.as_ref().is_none_or(String::is_empty) && !is_late,
            version: role.version,
            stage: self.stage_word(&role).await?,
            key: key_of(served.as_ref()),
            proven: proven(served.as_ref()),
            next_rotation: role.next_rotation,
            begins: role.next_rotation.map(|next| later(next, -lead)),
            pending: key_of(pending.as_ref()),
            previous: key_of(previous_key.as_ref()),
            previous_until: previous.map(|previous| previous.until),
            attempts: role.rotation.as_ref().map_or(0, |it| it.attempt),
            last_error: last_error.unwrap_or_default(),
            retry_at: failure.map(|it| it.retry_at),
        }))
    }

    async fn stage_word(&self, role: &StaticRole) -> Result<&'static str, Error> {
        let Some(rotation) = &role.rotation else {
            return Ok("idle");
        };
        if rotation.failure.is_some() {
            return Ok("failed");
        }
        Ok(match self.key_of_record(&rotation.next).await?.state {
            KeyState::Absent | KeyState::Making => "making",
            KeyState::Proving => "proving",
            KeyState::Ready => "ready",
            KeyState::Lost | KeyState::Ended => "failed",
        })
    }

    async fn on_record(&self, id: &CredentialId) -> Result<Option<Credential>, Error> {
        self.ledger.store.load(id).await
    }
}

fn is_live(credential: &Credential) -> bool {
    matches!(credential.state, State::Live { .. })
}

fn key_of(credential: Option<&Credential>) -> String {
    let key = credential.and_then(Credential::key_id);
    key.map_or_else(String::new, |key| key.as_str().to_owned())
}

fn proven(credential: Option<&Credential>) -> &'static str {
    match credential.map(|credential| &credential.state) {
        Some(State::Live { key }) => match key.proving {
            Proving::NotAsked => "unchecked",
            Proving::UnderWay => "",
            Proving::Done(proof) => proof.basis.word(),
        },
        _ => "",
    }
}
