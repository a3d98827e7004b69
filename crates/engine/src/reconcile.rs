//! Reconciling on request: the sweep now, and a report of what it did, what
//! waits, and what is not on record.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use logical::Error;

use crate::credential::INTENT_AGE;
use crate::ids::{CredentialId, KeyId, RoleName};
use crate::inventory::Stranger;
use crate::ledger::{Credential, State};
use crate::licence::Licence;
use crate::state::Engine;

/// What one reconciling came to.
pub(crate) struct Report {
    /// How many entries the ledger has, without tombstones.
    pub(crate) entries: usize,
    /// Keys that went.
    pub(crate) deleted: Vec<KeyId>,
    /// Entries that wait for something.
    pub(crate) waiting: BTreeMap<CredentialId, Waiting>,
    /// Keys that were on record as in use and are not at Confluent.
    pub(crate) missing: Vec<Credential>,
    /// Keys that carry a marker and are not on record here.
    pub(crate) strangers: BTreeMap<KeyId, Stranger>,
    /// What could not be looked at.
    pub(crate) gaps: Vec<String>,
}

/// An entry that waits.
pub(crate) struct Waiting {
    /// The role that its key is for.
    pub(crate) role: RoleName,
    /// The key, once it is known.
    pub(crate) key: Option<KeyId>,
    /// What it waits for, in words.
    pub(crate) what: String,
    /// When somebody looks again.
    pub(crate) until: Option<Timestamp>,
}

impl Engine {
    /// Settles what can be settled and compares the ledger with what Confluent
    /// lists.
    pub(crate) async fn reconcile(self: Arc<Self>) -> Result<Report, Error> {
        let _sweeping = self.sweeping.lock().await;
        let report = self.reconcile_alone().await;
        self.drain_in_background();
        self.note_sweep(report.as_ref().err().cloned());
        report
    }

    async fn reconcile_alone(&self) -> Result<Report, Error> {
        self.note_presence().await?;
        self.look_at_all().await?;
        let mut deleted = self.settle_due(Licence::Request).await;
        deleted.extend(self.drain(Licence::Request).await);
        let inventory = self.take_inventory().await?;
        self.accounts
            .forget_unneeded(&inventory.needed, inventory.begun)
            .await?;
        let now = self.clock.now();
        let (missing, known): (Vec<Credential>, Vec<Credential>) = inventory
            .known
            .into_values()
            .partition(|credential| inventory.missing.contains(&credential.id));
        let waiting = known.iter().filter_map(|credential| {
            let waiting = Waiting {
                role: credential.purpose.name().clone(),
                key: credential.key_id().cloned(),
                what: awaited(credential, now)?,
                until: match credential.state {
                    State::Live { .. } => Some(credential.due()),
                    _ => self.ledger.due(&credential.id),
                },
            };
            Some((credential.id.clone(), waiting))
        });
        Ok(Report {
            entries: known.len() + missing.len(),
            deleted,
            waiting: waiting.collect(),
            missing,
            strangers: inventory.strangers,
            gaps: inventory.gaps,
        })
    }
}

/// What an entry waits for; none when it is in use or done.
fn awaited(credential: &Credential, now: Timestamp) -> Option<String> {
    match &credential.state {
        State::Intended => {
            let age = now.duration_since(credential.intended_at).as_secs();
            let missing = format!("the answer to its creation is missing since {age} seconds");
            Some(if age < INTENT_AGE.as_secs() {
                format!("{missing}: its key is looked for and deleted")
            } else {
                format!("{missing}: its key is only reported, delete it with `keys/<id>`")
            })
        }
        State::Retiring { since, cause, .. } => {
            let cause = cause.as_deref().unwrap_or("its last lease ended");
            Some(format!("to be deleted since {since}: {cause}"))
        }
        State::Gone { doubtful: true, .. } => {
            Some("gone by a list alone: it is looked for once more".to_owned())
        }
        // Its record derives from its id, since the Go plugin made it.
        State::Live { key } if credential.id == CredentialId::of_key(&key.id) => Some(
            "the Go plugin made it, and its leases are not all known: it stays until the last of \
             them can have ended"
                .to_owned(),
        ),
        State::Live { .. } | State::Gone { .. } => None,
    }
}
