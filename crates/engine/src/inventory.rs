//! The inventory: compares Confluent's lists with the ledger.
//!
//! Keys that come back after they were gone retire again, and keys in use that
//! are gone are noticed. A key that carries a marker but has no record here is
//! only reported: another mount, or a restored or cloned storage, may be using
//! it (`lifecycle.md`, 21 and 26).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use logical::Error;

use crate::account_ref::AccountRef;
use crate::control_plane::{KeyList, KnownKey, Target};
use crate::credential::{DOUBT, INTENT_AGE, INTENT_QUIET, later};
use crate::ids::{CredentialId, KeyId, Marker, StorageId};
use crate::ledger::{Credential, Event, Failure, State};
use crate::state::Engine;

/// A key with a marker and without a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stranger {
    /// The key as Confluent lists it.
    pub(crate) key: KnownKey,
    /// Its owner and resource.
    pub(crate) target: Target,
    /// The storage that its marker names.
    pub(crate) storage: StorageId,
}

/// The result of an inventory.
pub(crate) struct Inventory {
    /// When it began.
    pub(crate) begun: Timestamp,
    /// Every entry of the ledger but tombstones, as it was when the inventory
    /// began.
    pub(crate) known: BTreeMap<CredentialId, Credential>,
    /// Keys with a marker and without a record, by their id.
    pub(crate) strangers: BTreeMap<KeyId, Stranger>,
    /// Records of keys in use that are not at Confluent; they are ended.
    pub(crate) missing: BTreeSet<CredentialId>,
    /// Lists that failed or are incomplete.
    pub(crate) gaps: Vec<String>,
    /// The accounts that the ledger still needs.
    pub(crate) needed: BTreeSet<AccountRef>,
}

impl Inventory {
    /// Logs what was found.
    pub(crate) fn log(&self) {
        for (key, stranger) in &self.strangers {
            tracing::warn!(
                key = key.as_str(),
                owner = stranger.target.owner.as_str(),
                resource = stranger.target.resource.as_str(),
                "a key carries the marker of a mount and is not on record here"
            );
        }
        for gap in &self.gaps {
            tracing::warn!(gap, "the inventory has a gap");
        }
    }
}

impl Engine {
    /// Compares what Confluent lists, for every owner and resource that roles
    /// or records name, with the ledger.
    pub(crate) async fn take_inventory(&self) -> Result<Inventory, Error> {
        let begun = self.clock.now();
        let known = self.ledger.store.all().await?;
        let needed = known
            .values()
            .filter(|credential| !credential.is_settled())
            .map(|credential| credential.account.clone())
            .collect();
        let mut inventory = Inventory {
            begun,
            known,
            strangers: BTreeMap::new(),
            missing: BTreeSet::new(),
            gaps: Vec::new(),
            needed,
        };
        for (account, target) in self.targets(&inventory.known).await? {
            let list = match self.ledger.list(&account, &target).await {
                Ok(list) => list,
                Err(error) => {
                    let error = Error::from(error);
                    let gap = format!("the keys of {} were not listed: {error}", named(&target));
                    inventory.gaps.push(gap);
                    continue;
                }
            };
            if !list.complete {
                let gap = format!("{} has more keys than Confluent lists", named(&target));
                inventory.gaps.push(gap);
            }
            self.compare(&mut inventory, &target, &list).await?;
            self.confirm_missing(&mut inventory, &account, &target, &list)
                .await?;
        }
        Ok(inventory)
    }

    /// Every owner and resource that roles or records name, those of keys that
    /// are gone included.
    async fn targets(
        &self,
        known: &BTreeMap<CredentialId, Credential>,
    ) -> Result<BTreeSet<(AccountRef, Target)>, Error> {
        let mut targets: BTreeSet<_> = known
            .values()
            .map(|credential| (credential.account.clone(), credential.target.clone()))
            .collect();
        let Some(account) = self.accounts.current().await? else {
            return Ok(targets);
        };
        let account = account.reference();
        // The account of another organization may be gone with its keys.
        let gone = self.ledger.store.tombstones.targets().await?;
        targets.extend(gone.into_iter().filter(|(of, _)| of.includes(&account)));
        for role in self.roles.all().await? {
            targets.insert((account.clone(), role.target));
        }
        Ok(targets)
    }

    async fn compare(
        &self,
        inventory: &mut Inventory,
        target: &Target,
        list: &KeyList,
    ) -> Result<(), Error> {
        let own = self.ledger.storage_ids().await?;
        for key in &list.keys {
            let Some((of_storage, id)) = Marker::read(&key.display_name) else {
                continue;
            };
            if own.contains(&of_storage) && self.is_on_record(&id, key).await? {
                continue;
            }
            let stranger = Stranger {
                key: key.clone(),
                target: target.clone(),
                storage: of_storage,
            };
            inventory.strangers.insert(key.id.clone(), stranger);
        }
        Ok(())
    }

    /// Whether the ledger stands for a listed key that carries our marker. The
    /// entry is read after the list, so that a key which was just made is
    /// never a stranger. One that came back retires again.
    pub(crate) async fn is_on_record(
        &self,
        id: &CredentialId,
        key: &KnownKey,
    ) -> Result<bool, Error> {
        let entry = self.ledger.entry(id);
        let now = self.clock.now();
        let standing = |known: &Credential| standing(known, &key.id, now);
        let standing = match self.ledger.look(&entry, standing).await {
            Ok(standing) => standing,
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => return Ok(false),
        };
        if standing == Standing::Back {
            tracing::error!(
                key = key.id.as_str(),
                "a key that was gone is listed again; it is deleted again"
            );
            let back = Event::LookedAgain { exists: true };
            // A failure is on record, and the sweep continues with it.
            let _ = self.ledger.apply(&entry, back).await;
        }
        Ok(standing != Standing::None)
    }

    /// Asks after keys in use that a complete list does not have, and ends the
    /// records of those that are not there.
    async fn confirm_missing(
        &self,
        inventory: &mut Inventory,
        account: &AccountRef,
        target: &Target,
        list: &KeyList,
    ) -> Result<(), Error> {
        if !list.complete {
            return Ok(());
        }
        let listed: BTreeSet<&KeyId> = list.keys.iter().map(|key| &key.id).collect();
        // Lists lag behind creations by seconds.
        let young = later(self.clock.now(), -INTENT_QUIET);
        let missing = inventory.known.values().filter(|credential| {
            credential.account == *account
                && credential.target == *target
                && credential.intended_at < young
                && matches!(&credential.state, State::Live { key } if !listed.contains(&key.id))
        });
        for credential in missing {
            let entry = self.ledger.entry(&credential.id);
            match self.ledger.confirm_missing(&entry).await {
                Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => {}
                Err(Failure::Failed(error)) => return Err(error),
            }
            let gone = entry.look(|known| matches!(known.state, State::Gone { .. }));
            if gone == Some(true) {
                inventory.missing.insert(credential.id.clone());
            }
        }
        Ok(())
    }
}

/// How a record stands to a listed key that carries its marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is the key's record, or will be.
    Stands,
    /// The key was gone and is back.
    Back,
    /// It is the record of another key, or of an intent that nobody acts on
    /// any more.
    None,
}

fn standing(credential: &Credential, key: &KeyId, now: Timestamp) -> Standing {
    match &credential.state {
        State::Intended if now.duration_since(credential.intended_at) < INTENT_AGE => {
            Standing::Stands
        }
        State::Live { key: known } if known.id == *key => Standing::Stands,
        State::Retiring { key: known, .. } if known == key => Standing::Stands,
        State::Gone {
            key: known,
            since,
            doubtful,
        } if known == key => {
            // Lists lag behind deletions by seconds.
            if *doubtful || now.duration_since(*since) < DOUBT {
                Standing::Stands
            } else {
                Standing::Back
            }
        }
        _ => Standing::None,
    }
}

fn named(target: &Target) -> String {
    format!("`{}` for `{}`", target.owner, target.resource)
}
