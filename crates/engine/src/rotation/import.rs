//! A key that exists becomes the first key of a static role.

use std::sync::Arc;

use logical::Error;

use super::change::{Imported, has_a_key};
use super::login::Given;
use crate::control_plane::{Access, Caller};
use crate::credential::{Credential, Proving, Purpose, State};
use crate::ids::{CredentialId, KeyId};
use crate::ledger::{Event, Failure, IssuedKey, Sharing};
use crate::state::Engine;
use crate::static_role::{ServedKey, StaticRole};

impl Engine {
    /// Stores a new static role with a key that exists. The key must be of the
    /// role's owner and resource and log in with the secret that is given
    /// (`lifecycle.md`, 44); it is not rotated before its time.
    ///
    /// No lock is held while Confluent is asked: whether the role was written
    /// meanwhile is looked at after that.
    pub(super) async fn import_first(
        self: &Arc<Self>,
        role: StaticRole,
        imported: Imported,
    ) -> Result<StaticRole, Error> {
        self.control
            .check_secret(&imported.secret)
            .map_err(|wrong| Error::bad_request(format!("`import_key_secret`: {wrong}")))?;
        role.output
            .carries(&imported.id, &imported.secret, &role.target)
            .map_err(|refusal| {
                Error::bad_request(format!("`import_key_secret` and `output`: {refusal}"))
            })?;
        let account = self.accounts.required().await?;
        let id = CredentialId::of_key(&imported.id);
        if let Some(known) = self.ledger.find_key(&imported.id).await?
            && !is_begun(&known, &role)
        {
            return Err(on_record(&imported.id));
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
                 `owner` and `resource`, and that the account is of the key's organization",
                imported.id, role.target.owner, role.target.resource
            )));
        };
        let key = IssuedKey {
            id: imported.id.clone(),
            secret: Some(imported.secret.clone()),
            proving: Proving::NotAsked,
        };
        let proving = self.must_log_in(&role, &key, Given::Imported).await?;
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
        let _advancing = self.rotations.advance(&role.name).await;
        let _lock = self.static_roles.lock(&role.name).await;
        if self.static_roles.get(&role.name).await?.is_some() {
            return Err(has_a_key("import_key_id", &role.name));
        }
        self.finish_deletion(&role.name).await?;
        // The entry first, then the record: a cut in between leaves a key that the
        // sweep leaves alone, and whoever imports it again goes on.
        let entry = self.ledger.adopt(credential).await?;
        if entry.look(|known| is_begun(known, &role)) != Some(true) {
            return Err(on_record(&imported.id));
        }
        let import = Event::Import {
            secret: imported.secret,
            proving,
        };
        match self.ledger.apply(&entry, import).await {
            Ok(()) => {}
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Refused(_) | Failure::Unknown) => return Err(on_record(&imported.id)),
        }
        let imported = Some(id.clone());
        self.serve_first(StaticRole { imported, ..role }, id).await
    }

    /// Stores a new static role that serves a key which is kept already.
    pub(super) async fn serve_first(
        &self,
        mut role: StaticRole,
        id: CredentialId,
    ) -> Result<StaticRole, Error> {
        let now = self.clock.now();
        // A write that fails may have been done all the same: somebody looks.
        self.rotations.schedule(&role.name, now);
        role.rotation = None;
        role.next_rotation = self.first_rotation(&role, now);
        role.served = Some(ServedKey {
            credential: id,
            since: now,
            output: None,
        });
        role.version = 1;
        self.static_roles.put(&role).await?;
        self.rotations.schedule(&role.name, now);
        Ok(role)
    }
}

/// Whether the record of a key is what an import for this role leaves that was cut
/// off before the role was stored.
fn is_begun(known: &Credential, role: &StaticRole) -> bool {
    let is_live = known.live_key().is_some_and(|key| key.secret.is_some());
    is_live
        && known.target == role.target
        && matches!(&known.purpose, Purpose::Static { static_role, adopted: None } if *static_role == role.name)
}

fn on_record(key: &KeyId) -> Error {
    Error::bad_request(format!(
        "`import_key_id`: key `{key}` is on record already: read `keys/{key}`"
    ))
}
