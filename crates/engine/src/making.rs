//! Making a key: the one way to it, whatever the key is for.
//!
//! The intent is written, the key made, and its record written, in this order,
//! whatever becomes of whoever asked. Leases, roles and rotations are not known
//! here: an [`Order`] says what is made, and its first holder is handed in.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use logical::Error;
use logical::effects::within;

use crate::account::{AskError, NamedAccount};
use crate::account_ref::AccountRef;
use crate::control_plane::{Access, Caller, CreatedKey, NewKey, Target};
use crate::credential::{Proving, Purpose};
use crate::ids::{CredentialId, HolderId, OrganizationId};
use crate::ledger::{
    Credential, Entry, Event, Failure, Holder, IssuedKey, RequestedBy, Sharing, State,
};
use crate::measurements;
use crate::state::Engine;

/// A creation is not sent for an intent older than this.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How long a creation may take.
const CREATE_LIMIT: Duration = Duration::from_secs(30);

/// An entry that is not durable this long after its intent is given up.
const DURABLE_WITHIN: Duration = Duration::from_secs(45);

/// When a key whose answer was lost is looked for, after the loss.
const SEARCH_AFTER: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_mins(1),
];

/// A key that is to be made.
pub(crate) struct Order {
    /// Our id of it.
    pub(crate) id: CredentialId,
    pub(crate) purpose: Purpose,
    pub(crate) target: Target,
    pub(crate) sharing: Sharing,
    /// Whether a record names it, which keeps it alive without a holder.
    pub(crate) pinned: bool,
    /// Whether it is tried before it is served.
    pub(crate) proving: Proving,
    /// The description at Confluent.
    pub(crate) description: String,
    pub(crate) requester: Option<Box<RequestedBy>>,
    /// On whose behalf it is made.
    pub(crate) caller: Caller,
}

/// A key that was made and is on record. What is handed out is here and not read
/// again from memory, which a write of somebody else may have put in doubt since.
pub(crate) struct Made {
    pub(crate) entry: Arc<Entry>,
    /// The key with its secret.
    pub(crate) key: IssuedKey,
    /// The account that it was made with.
    pub(crate) account: AccountRef,
    /// Its first holder.
    pub(crate) holder: Option<HolderId>,
}

/// Why a key was not made: in words, and as a label of measurements.
struct NotMade {
    cause: &'static str,
    error: Error,
}

impl NotMade {
    fn at_confluent(error: AskError) -> Self {
        let cause = match &error {
            AskError::Account(error) => measurements::cause(error.class()),
            AskError::Cloud(error) => error.failure.word(),
        };
        let error = error.into();
        Self { cause, error }
    }

    fn context(self, doing: String) -> Self {
        let error = self.error.context(doing);
        Self { error, ..self }
    }
}

impl From<Error> for NotMade {
    fn from(error: Error) -> Self {
        let cause = measurements::cause(error.class());
        Self { cause, error }
    }
}

impl Engine {
    /// Makes a key. `allowed` is asked beside the write of the intent, and what it
    /// gives decides who holds the key at first. Must run to completion.
    pub(crate) async fn create<T>(
        self: &Arc<Self>,
        order: Order,
        allowed: impl Future<Output = Result<T, Error>>,
        first_holder: impl FnOnce(&T) -> Option<(HolderId, Holder)>,
    ) -> Result<(Made, T), Error> {
        let purpose = measurements::purpose(&order.purpose);
        let made = self.make_and_enter(order, allowed, first_holder).await;
        let outcome = made.as_ref().map_or_else(|failed| failed.cause, |_| "made");
        self.measurements.creation(purpose, outcome);
        made.map_err(|failed| failed.error)
    }

    async fn make_and_enter<T>(
        self: &Arc<Self>,
        order: Order,
        allowed: impl Future<Output = Result<T, Error>>,
        first_holder: impl FnOnce(&T) -> Option<(HolderId, Holder)>,
    ) -> Result<(Made, T), NotMade> {
        let _making = self.making.read().await;
        let account = self.accounts.required().await?;
        let marker = self.ledger.marker(&order.id).await?;
        let new = NewKey {
            display_name: marker.display_name(order.purpose.name().as_str()),
            description: order.description,
            target: order.target.clone(),
        };
        let doing = format!(
            "making a key of `{}` for `{}` ({})",
            order.target.owner, order.target.resource, order.purpose
        );
        let started = self.clock.monotonic();
        let elapsed = || self.clock.monotonic().saturating_sub(started);
        let intent = Credential {
            id: order.id,
            purpose: order.purpose,
            account: account.reference(),
            target: order.target,
            sharing: order.sharing,
            requester: order.requester,
            intended_at: self.timekeeper.intents_from(),
            state: State::Intended,
            holders: BTreeMap::new(),
            pinned: order.pinned,
        };
        let stores_secret = intent.stores_secret();
        // Each is a call to the host, and none needs another's answer.
        let (entry, allowed) = futures_util::join!(self.ledger.intend(intent), allowed);
        let entry = entry?;
        let allowed = match allowed {
            Ok(allowed) => allowed,
            Err(error) => {
                let _ = self.ledger.apply(&entry, Event::Refused).await;
                return Err(error.into());
            }
        };
        if elapsed() > SEND_WITHIN {
            let _ = self.ledger.apply(&entry, Event::Refused).await;
            return Err(Error::upstream(
                "storage took too long to note the new key, so it was not made: try again",
            )
            .into());
        }
        let (new, caller) = (&new, &order.caller);
        let create = |access: Access| async move {
            let access = access.on_behalf_of(caller.clone());
            self.control.create_key(&access, new).await
        };
        let creation = self.ledger.ask_as(&account, create);
        let created = match within(&*self.tasks, CREATE_LIMIT, creation).await {
            Some(Ok(created)) if marker.marks(&created.key.display_name) => created,
            Some(Ok(unmarked)) => return Err(self.disown(&entry, unmarked).await.into()),
            Some(Err(AskError::Cloud(lost))) if lost.outcome_unknown => {
                self.search_later(Arc::clone(&entry));
                return Err(NotMade::at_confluent(AskError::Cloud(lost)).context(doing));
            }
            Some(Err(refused)) => {
                let _ = self.ledger.apply(&entry, Event::Refused).await;
                return Err(NotMade::at_confluent(refused).context(doing));
            }
            None => {
                self.search_later(Arc::clone(&entry));
                let late = Error::upstream(format!(
                    "Confluent Cloud did not answer within {} seconds; whatever it made is \
                     deleted: try again",
                    CREATE_LIMIT.as_secs()
                ));
                return Err(late.context(doing).into());
            }
        };
        if elapsed() > DURABLE_WITHIN {
            return Err(self.disown(&entry, created).await.into());
        }
        if let (None, Some(told)) = (&account.organization, &created.key.organization) {
            self.learn_later(account.clone(), told.clone());
        }
        let account = account.reference();
        let holder = first_holder(&allowed);
        let made = self
            .enter(
                entry,
                created,
                account,
                holder,
                (stores_secret, order.proving),
            )
            .await?;
        if elapsed() > DURABLE_WITHIN {
            return Err(self.give_up(made).await.into());
        }
        Ok((made, allowed))
    }

    /// Enters a created key with its first holder.
    async fn enter(
        self: &Arc<Self>,
        entry: Arc<Entry>,
        created: CreatedKey,
        mut account: AccountRef,
        holder: Option<(HolderId, Holder)>,
        (stores_secret, proving): (bool, Proving),
    ) -> Result<Made, Error> {
        let key = IssuedKey {
            id: created.key.id,
            secret: Some(created.secret),
            proving,
        };
        let mut stored = key.clone();
        if !stores_secret {
            stored.secret = None;
        }
        account.learn(created.key.organization.clone());
        let first = holder.as_ref().map(|(id, _)| id.clone());
        let made = Event::Made {
            key: stored,
            holder,
            organization: created.key.organization,
        };
        match self.ledger.apply(&entry, made).await {
            Ok(()) => {
                self.ledger.confirm_new(&entry);
                Ok(Made {
                    entry,
                    key,
                    account,
                    holder: first,
                })
            }
            // The write may have happened; the sweep reads storage and decides.
            Err(Failure::Failed(error)) => Err(error.context("storing the new key")),
            Err(Failure::Refused(_) | Failure::Unknown) => {
                self.search_later(entry);
                Err(Error::internal(
                    "the new key was given up while it was made: try again",
                ))
            }
        }
    }

    /// Deletes a key that was made but must not be handed out.
    async fn disown(self: &Arc<Self>, entry: &Arc<Entry>, created: CreatedKey) -> Error {
        let found = Event::Found {
            key: created.key.id.clone(),
        };
        let _ = self.ledger.apply(entry, found).await;
        Error::upstream(format!(
            "Confluent Cloud made key `{}` too late or without the name it was given, so it is \
             deleted again: try again",
            created.key.id
        ))
    }

    /// Ends a key whose record became durable too late: another process may
    /// have taken its intent for abandoned.
    async fn give_up(&self, made: Made) -> Error {
        let ended = match made.holder {
            Some(holder) => Event::Release { holder },
            None => Event::Unpin { grace: None },
        };
        let _ = self.ledger.apply(&made.entry, ended).await;
        Error::upstream(format!(
            "storage took too long to note key `{}`, so it is deleted again: try again",
            made.key.id
        ))
    }

    /// The answer to a creation told the organization of an account. It is noted
    /// beside the creation, since a writer of accounts may wait for the creation.
    fn learn_later(self: &Arc<Self>, account: NamedAccount, organization: OrganizationId) {
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let learned = engine.learn_organization(&account, organization).await;
            if let Err(error) = learned {
                tracing::warn!(
                    error = error.message(),
                    "the organization of the account could not be noted"
                );
            }
        }));
    }

    /// Looks for a key whose answer was lost, now and a few times later. The
    /// sweep goes on after that.
    fn search_later(self: &Arc<Self>, entry: Arc<Entry>) {
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            for wait in SEARCH_AFTER {
                engine.tasks.sleep(wait).await;
                let _ = engine.ledger.apply(&entry, Event::Lapse).await;
                if entry.look(|known| known.state != State::Intended) == Some(true) {
                    return;
                }
            }
        }));
    }
}
