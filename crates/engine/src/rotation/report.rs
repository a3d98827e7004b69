//! How a static role is, in words for operators.

use jiff::Timestamp;
use logical::Error;

use super::decide::KeyState;
use super::quiet::{Busy, is_fresh, judge};
use crate::credential::{Credential, Proving, State, later};
use crate::ids::{CredentialId, RoleName};
use crate::ledger::IssuedKey;
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
    /// How often the next rotation was put off, since its window had passed.
    pub(crate) missed: u32,
    /// What needs a person.
    pub(crate) problem: String,
    /// Keys that were replaced and wait for silence, the latest last.
    pub(crate) waiting: Vec<WaitingReport>,
}

/// A key that was replaced and waits for silence.
pub(crate) struct WaitingReport {
    pub(crate) key: String,
    /// Until when it lives as it looks now.
    pub(crate) until: Timestamp,
    /// What it waits for.
    pub(crate) why: String,
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
        let problem = role.problem().unwrap_or_default();
        Ok(Some(Report {
            is_healthy: lives
                && last_error.as_ref().is_none_or(String::is_empty)
                && problem.is_empty()
                && !is_late,
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
            missed: role.missed,
            problem,
            waiting: self.waiting_report(&role).await?,
        }))
    }

    /// What readers of a static role should know of its key.
    pub(crate) async fn warning_of_served(&self, name: &RoleName) -> Result<Option<String>, Error> {
        let role = self.static_roles.get(name).await?;
        let Some(served) = role.and_then(|role| role.served) else {
            return Ok(None);
        };
        let known = self.on_record(&served.credential).await?;
        let key = known.as_ref().and_then(Credential::live_key);
        Ok(key.and_then(IssuedKey::warning))
    }

    /// The keys of a role that wait for silence, and what for.
    async fn waiting_report(&self, role: &StaticRole) -> Result<Vec<WaitingReport>, Error> {
        let now = self.clock.now();
        let facts = self.waiting_facts(role).await?;
        let mut waiting = Vec::new();
        for (key, facts) in role.waiting.iter().zip(&facts) {
            let quiet = role.retire.quiet();
            let busy = quiet.and_then(|quiet| judge(key, quiet, &facts.seen, now).err());
            let known = self.on_record(&key.credential).await?;
            waiting.push(WaitingReport {
                key: key_of(known.as_ref()),
                until: match busy {
                    Some(_) => role.held_until(key.replaced, key.grace_until),
                    None => key.grace_until,
                },
                why: busy.map_or_else(
                    || "it goes when its grace is over".to_owned(),
                    |busy| busy.to_string(),
                ),
            });
        }
        Ok(waiting)
    }

    /// What needs a person of the keys that wait for silence: of those that ended in
    /// use, and of a log that nobody reads.
    pub(crate) async fn waiting_problems(&self) -> Result<Vec<String>, Error> {
        let (waiting, mut problems) = self.rotations.waiting();
        if waiting > 0 {
            let evidence = self.usage.evidence().await?;
            let now = self.clock.now();
            let read_until = evidence.map(|evidence| evidence.watermark);
            if read_until.is_none_or(|until| !is_fresh(until, now)) {
                problems.push(format!(
                    "old keys of {waiting} static roles wait for silence, and {}",
                    Busy::Unread(read_until)
                ));
            }
        }
        Ok(problems)
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
