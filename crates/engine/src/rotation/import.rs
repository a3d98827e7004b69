//! A key that exists becomes the first key of a static role.

use std::sync::Arc;
use std::time::Duration;

use logical::Error;
use logical::effects::within;
use readiness::{Basis, Mode, Observation, Probed, Proof};

use super::change::Imported;
use crate::control_plane::{Access, Caller};
use crate::credential::{Credential, Proving, State};
use crate::ids::CredentialId;
use crate::ledger::{IssuedKey, Sharing};
use crate::state::Engine;
use crate::static_role::{ServedKey, StaticRole};

/// How long it may take to see whether an imported key logs in.
const TRY_LIMIT: Duration = Duration::from_secs(40);

/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_secs(5);

impl Engine {
    /// Stores a new static role with a key that exists. The key must be of the
    /// role's owner and resource and log in with the secret that is given
    /// (`lifecycle-2.md`, 44); it is not rotated before its time.
    pub(super) async fn import_first(
        self: &Arc<Self>,
        mut role: StaticRole,
        imported: Imported,
    ) -> Result<StaticRole, Error> {
        let account = self.accounts.required().await?;
        let id = CredentialId::of_key(&imported.id);
        if self.record_of(&imported.id).await?.is_some() {
            return Err(Error::bad_request(format!(
                "`import_key_id`: key `{}` is on record already: read `keys/{}`",
                imported.id, imported.id
            )));
        }
        let list = |access: Access| async {
            let access = access.on_behalf_of(Caller::operator());
            self.control.list_keys(&access, &role.target).await
        };
        let listed = self
            .ledger
            .ask_as(&account, list)
            .await
            .map_err(Error::from)?;
        let known = listed.keys.into_iter().find(|key| key.id == imported.id);
        let Some(known) = known else {
            return Err(Error::bad_request(format!(
                "`import_key_id`: Confluent Cloud lists no key `{}` of `{}` for `{}`: check the id, \
                 `owner` and `resource`",
                imported.id, role.target.owner, role.target.resource
            )));
        };
        let key = IssuedKey {
            id: imported.id.clone(),
            secret: Some(imported.secret),
            proving: Proving::NotAsked,
        };
        let proving = self.must_log_in(&role, &key).await?;
        let mut made_with = account.reference();
        made_with.organization = known.organization.or(made_with.organization);
        let credential = Credential {
            id: id.clone(),
            purpose: role.purpose(),
            account: made_with,
            target: role.target.clone(),
            sharing: Sharing::Shared,
            requester: None,
            intended_at: self.timekeeper.intents_from(),
            state: State::Live {
                key: IssuedKey { proving, ..key },
            },
            holders: std::collections::BTreeMap::new(),
            pinned: true,
        };
        // The entry first, then the record: a cut in between leaves a key that the
        // sweep lets go of after a day, and whoever imports it again goes on.
        self.ledger.adopt(credential).await?;
        role.rotation = None;
        let now = self.clock.now();
        role.next_rotation = self.first_rotation(&role, now);
        role.served = Some(ServedKey {
            credential: id,
            since: now,
        });
        role.version = 1;
        self.static_roles.put(&role).await?;
        self.rotations.schedule(&role.name, now);
        Ok(role)
    }

    /// Whether a key logs in with its secret. It was made long ago, so that no
    /// refusal is for its youth.
    async fn must_log_in(&self, role: &StaticRole, key: &IssuedKey) -> Result<Proving, Error> {
        if role.readiness.readiness() == Mode::None {
            return Ok(Proving::NotAsked);
        }
        let trying = async {
            loop {
                match self.probe(&role.target, key).await? {
                    Probed::Observed { observation, .. } => match observation {
                        Observation::LoggedIn => return Ok(Basis::Probe),
                        Observation::LoggedInWithoutRights => return Ok(Basis::ProbeWithoutRights),
                        Observation::NotYet => {
                            return Err(Error::bad_request(format!(
                                "`import_key_secret`: key `{}` does not log in at `{}` with this \
                                 secret",
                                key.id, role.target.resource
                            )));
                        }
                        Observation::Unreachable | Observation::NoProbe => {
                            return Err(Error::bad_request(format!(
                                "`import_key_id`: it cannot be seen whether key `{}` logs in, since \
                                 `{}` cannot be reached or asked from here: give `readiness=none` to \
                                 take it on trust",
                                key.id, role.target.resource
                            )));
                        }
                    },
                    Probed::HeldBack { wait } => self.tasks.sleep(wait.max(TRY_AGAIN)).await,
                }
            }
        };
        let basis = within(&*self.tasks, TRY_LIMIT, trying)
            .await
            .unwrap_or_else(|| {
                Err(Error::upstream(format!(
                    "it took too long to see whether key `{}` logs in: try again",
                    key.id
                )))
            })?;
        let at = self.clock.now();
        Ok(Proving::Done(Proof { basis, at }))
    }
}
