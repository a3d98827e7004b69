//! Leases: what travels with them, how they are renewed, and how they end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use jiff::{SignedDuration, Timestamp};
use logical::effects::within;
use logical::lease::SECRET_TYPE as TYPE_KEY;
use logical::{Error, LeaseOptions, Object, Request, Response, RunToCompletion, Secret};
use readiness::Place;
use serde_json::Value;
use tracing::Instrument as _;

use crate::SECRET_TYPE;
use crate::account_ref::AccountRef;
use crate::control_plane::{RemovalBy, Target};
use crate::ids::{
    AccountId, CredentialId, EnvironmentId, HolderId, KeyId, OrganizationId, OwnerId, ResourceId,
    RoleName,
};
use crate::issue::{Issued, deadline};
use crate::ledger::{
    Credential, Entry, Event, Failure, Holder, IssuedKey, Sharing, State, is_transient,
};
use crate::output::unanswerable;
use crate::role::Role;
use crate::state::{Engine, LeaseTimes};

/// How long a revocation waits for Confluent.
const REVOKE_LIMIT: Duration = Duration::from_secs(10);

/// How much longer it waits for storage to have it on record. Clients of hosts
/// wait for a minute.
const RECORD_LIMIT: Duration = Duration::from_secs(45);

/// Between two looks whether storage has it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a key that cannot be deleted is answered with an error, so that
/// the host tries again. After that the sweep owns it.
const RETRY_BY_HOST: SignedDuration = SignedDuration::from_mins(4);

/// What our leases carry in their internal data: all that revoking needs, so
/// that roles and accounts may change or go. `key_id` and `role` are what the
/// Go plugin's leases carry, so that it could revoke ours.
struct Internal {
    credential: CredentialId,
    holder: HolderId,
    key: KeyId,
    role: RoleName,
    account: AccountRef,
    target: Target,
}

impl Internal {
    fn to_object(&self) -> Object {
        let (credential, holder) = (self.credential.to_string(), self.holder.to_string());
        let organization = self.account.organization.as_ref();
        let organization = organization.map(OrganizationId::as_str);
        let account = self.account.own_id().map(AccountId::as_str);
        let environment = self.target.environment.as_ref().map(EnvironmentId::as_str);
        [
            (TYPE_KEY, Some(SECRET_TYPE)),
            ("credential", Some(credential.as_str())),
            ("holder", Some(holder.as_str())),
            ("key_id", Some(self.key.as_str())),
            ("role", Some(self.role.as_str())),
            ("organization", organization),
            ("account", account),
            ("owner", Some(self.target.owner.as_str())),
            ("resource", Some(self.target.resource.as_str())),
            ("environment", environment),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
        .collect()
    }

    fn of(secret: &Secret) -> Option<Self> {
        let text = |name: &str| secret.internal_data.get(name).and_then(Value::as_str);
        Some(Self {
            credential: CredentialId::parse(text("credential")?)?,
            holder: HolderId::parse(text("holder")?)?,
            key: KeyId::new(text("key_id")?),
            role: RoleName::new(text("role")?),
            account: AccountRef::stored(
                text("account").map(AccountId::new),
                text("organization").map(OrganizationId::new),
            ),
            target: Target {
                owner: OwnerId::new(text("owner")?),
                resource: ResourceId::new(text("resource")?),
                environment: text("environment").map(EnvironmentId::new),
            },
        })
    }
}

/// What a lease of the Go plugin carries.
struct GoPluginLease {
    key: KeyId,
    role: RoleName,
}

impl GoPluginLease {
    /// Ours carry more, so that a damaged one is not taken for one of these.
    fn of(secret: &Secret) -> Option<Self> {
        let data = &secret.internal_data;
        let ours = ["credential", "holder", "owner", "resource"];
        if ours.iter().any(|member| data.contains_key(*member)) {
            return None;
        }
        let text = |name: &str| data.get(name).and_then(Value::as_str);
        Some(Self {
            key: KeyId::new(text("key_id")?),
            role: RoleName::new(text("role")?.to_lowercase()),
        })
    }
}

/// A lease, by who made it.
enum LeaseOrigin {
    Ours(Internal),
    GoPlugins(GoPluginLease),
}

impl LeaseOrigin {
    fn of(secret: &Secret) -> Result<Self, Error> {
        let ours = Internal::of(secret).map(Self::Ours);
        ours.or_else(|| GoPluginLease::of(secret).map(Self::GoPlugins))
            .ok_or_else(|| {
                Error::internal(
                    "the lease was not made by this engine, so what it holds is not known: delete \
                     its key at Confluent Cloud and revoke the lease with force",
                )
            })
    }

    /// The record of its key.
    fn credential(&self) -> CredentialId {
        match self {
            Self::Ours(internal) => internal.credential.clone(),
            Self::GoPlugins(lease) => CredentialId::of_key(&lease.key),
        }
    }

    fn key(&self) -> KeyId {
        match self {
            Self::Ours(internal) => internal.key.clone(),
            Self::GoPlugins(lease) => lease.key.clone(),
        }
    }
}

/// The answer to a reader: the key under a lease.
pub(crate) fn leased(
    role: &Role,
    issued: &Issued,
    place: Option<&Place>,
) -> Result<Response, Error> {
    let secret = issued
        .key
        .secret
        .as_ref()
        .ok_or_else(|| Error::internal("a key without its secret cannot be handed out"))?;
    let internal = Internal {
        credential: issued.entry.id().clone(),
        holder: issued.holder.clone(),
        key: issued.key.id.clone(),
        role: role.name.clone(),
        account: issued.account.clone(),
        target: role.target.clone(),
    };
    let data = role
        .output
        .data(&issued.key.id, secret, &role.target, place)
        .map_err(|refusal| unanswerable(&refusal))?;
    let lease = LeaseOptions::renewable(issued.times.ttl, issued.times.max_ttl);
    let lease = Secret::from_parts(lease, internal.to_object(), "");
    Ok(Response::with_data(data).under(lease))
}

impl Engine {
    /// Extends a lease. The later deadline is durable before the answer. A
    /// client that hangs up cuts nothing off.
    pub(crate) async fn renew(self: Arc<Self>, request: Request) -> Result<Response, Error> {
        let engine = Arc::clone(&self);
        self.run_to_completion(async move { engine.extend(request).await })
            .await
    }

    async fn extend(&self, request: Request) -> Result<Response, Error> {
        let mut secret = request
            .secret
            .ok_or_else(|| Error::internal("a renewal came without its lease"))?;
        let internal = match LeaseOrigin::of(&secret)? {
            LeaseOrigin::Ours(internal) => internal,
            LeaseOrigin::GoPlugins(lease) => self.take_lease(&lease).await?,
        };
        let entry = self.ledger.entry(&internal.credential);
        let role = self.role_of(&internal, &entry).await?;
        let times = self.lease_times(&role).await?;
        let now = self.timekeeper.deadlines_from();
        let issued_at = secret.lease.issue_time.unwrap_or(now);
        let times = match latest_end(&role, &entry) {
            Some(end) => until(self.timekeeper.on_wall_clock(end), times, now, issued_at)
                .ok_or_else(|| too_old(&internal))?,
            None => times,
        };
        let ttl = if secret.lease.increment.is_zero() {
            times.ttl
        } else {
            secret.lease.increment
        };
        let deadline = deadline(now, ttl, issued_at, times.max_ttl);
        let holder = Holder::new(issued_at, deadline);
        let renew = Event::Renew {
            holder: (internal.holder.clone(), holder),
        };
        match self.ledger.apply(&entry, renew).await {
            Ok(()) => {}
            Err(Failure::Failed(error)) => return Err(error.context("extending the lease")),
            Err(Failure::Refused(_) | Failure::Unknown) => return Err(no_longer(&internal)),
        }
        secret.lease.ttl = times.ttl;
        secret.lease.max_ttl = times.max_ttl;
        // A lease of the Go plugin is one of ours from now on.
        secret.internal_data = internal.to_object();
        Ok(Response::renewed(secret))
    }

    /// The role of a lease, as long as it still stands for the same key.
    async fn role_of(&self, internal: &Internal, entry: &Entry) -> Result<Arc<Role>, Error> {
        let generation = |known: &Credential| known.purpose.generation().cloned();
        let generation = match self.ledger.look(entry, generation).await {
            Ok(generation) => generation,
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Refused(_) | Failure::Unknown) => return Err(no_longer(internal)),
        };
        let role = self.roles.for_lease(&internal.role).await?;
        role.filter(|role| Some(&role.generation) == generation.as_ref())
            .ok_or_else(|| {
                Error::bad_request(format!(
                    "role `{}` was deleted or given another target, so leases of its earlier keys \
                     are not extended: read `creds/{}` again",
                    internal.role, internal.role
                ))
            })
    }

    /// Ends a lease: success when its key is gone, when another holds it, or
    /// when the sweep durably owns its deletion.
    pub(crate) async fn revoke(self: Arc<Self>, request: Request) -> Result<(), Error> {
        let secret = request
            .secret
            .ok_or_else(|| Error::internal("a revocation came without its lease"))?;
        let origin = LeaseOrigin::of(&secret)?;
        let (entry, key) = (self.ledger.entry(&origin.credential()), origin.key());
        let engine = Arc::clone(&self);
        let span = tracing::info_span!("revocation", %key);
        let release = async move {
            let released = match origin {
                LeaseOrigin::Ours(internal) => engine.release(internal).await,
                LeaseOrigin::GoPlugins(lease) => engine.release_go_plugins(&lease).await,
            };
            engine.drain_in_background();
            released
        };
        let mut release = self.run_to_completion(release.instrument(span));
        match within(&*self.tasks, REVOKE_LIMIT, &mut release).await {
            Some(outcome) => outcome,
            None => self.answer_late(release, entry, &key).await,
        }
    }

    /// The answer to the host on a revocation that takes long: success as soon as
    /// storage has it that the key retires, if the sweep may own it. Our own queue
    /// may be long, or storage slow; the host would give up after some errors.
    async fn answer_late(
        self: Arc<Self>,
        release: RunToCompletion<Result<(), Error>>,
        entry: Arc<Entry>,
        key: &KeyId,
    ) -> Result<(), Error> {
        let late = |whose: &str, limit: Duration| {
            Err(Failure::Failed(Error::upstream(format!(
                "{whose} did not answer within {} seconds: the deletion is tried again",
                limit.as_secs()
            ))))
        };
        if self.is_tainted().await? {
            let late = late("Confluent Cloud", REVOKE_LIMIT);
            return self.released(&entry, key, late).await;
        }
        let recorded = pin!(async {
            while !self.record_late_deletion(&entry).await {
                self.tasks.sleep(LOOK_AGAIN).await;
            }
        });
        let late = match within(&*self.tasks, RECORD_LIMIT, select(release, recorded)).await {
            Some(Either::Left((outcome, _))) => return outcome,
            Some(Either::Right(_)) if self.owns_late_deletion(&entry).await => return Ok(()),
            Some(Either::Right(_)) => late("Confluent Cloud", REVOKE_LIMIT),
            None => late("storage", REVOKE_LIMIT + RECORD_LIMIT),
        };
        self.released(&entry, key, late).await
    }

    /// Whether the sweep owns a deletion that took long, as far as that is known in
    /// time.
    async fn owns_late_deletion(&self, entry: &Entry) -> bool {
        let owns = self.ledger.owns_late_deletion(entry);
        within(&*self.tasks, REVOKE_LIMIT, owns).await == Some(true)
    }

    /// Puts on record that a key retires whose deletion is under way. Gives whether
    /// it is; if not, the release may still be about to write.
    async fn record_late_deletion(self: &Arc<Self>, entry: &Arc<Entry>) -> bool {
        let (engine, entry) = (Arc::clone(self), Arc::clone(entry));
        let record = async move { engine.ledger.record_late_deletion(&entry).await };
        matches!(self.run_to_completion(record).await, Ok(true))
    }

    /// The record of a lease that the Go plugin made, with a holder for it.
    async fn take_lease(&self, lease: &GoPluginLease) -> Result<Internal, Error> {
        self.take_over().await?;
        let Some(role) = self.roles.get(&lease.role).await? else {
            return Err(Error::bad_request(format!(
                "role `{}` was deleted, so leases of its keys are not extended",
                lease.role
            )));
        };
        let holder = HolderId::random(&*self.entropy);
        let mut credential = self.foreign(&role, &lease.key, Sharing::SingleUse).await?;
        credential.state = State::Live {
            key: IssuedKey::without_secret(lease.key.clone()),
        };
        let now = self.timekeeper.deadlines_from();
        // The renewal that follows moves it.
        let at_once = Holder::new(now, deadline(now, Duration::ZERO, now, Duration::ZERO));
        credential.holders.insert(holder.clone(), at_once);
        let account = credential.account.clone();
        let entry = self.ledger.adopt(credential).await?;
        Ok(Internal {
            credential: entry.id().clone(),
            holder,
            key: lease.key.clone(),
            role: lease.role.clone(),
            account,
            target: role.target,
        })
    }

    /// Ends a lease that the Go plugin made and nobody extended since. While
    /// its key is on record with holders others use it; else it was this
    /// lease's alone.
    async fn release_go_plugins(&self, lease: &GoPluginLease) -> Result<(), Error> {
        self.take_over().await?;
        let id = CredentialId::of_key(&lease.key);
        let entry = self.ledger.entry(&id);
        match self.ledger.load(&entry).await {
            Ok(()) => {}
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => {
                let Some(role) = self.roles.get(&lease.role).await? else {
                    return Err(Error::bad_request(format!(
                        "role `{}` of this lease of the Go plugin was deleted, so it is not known \
                         whose key `{}` is: write the role again, or delete the key at Confluent \
                         Cloud and revoke the lease with force",
                        lease.role, lease.key
                    )));
                };
                let credential = self.foreign(&role, &lease.key, Sharing::SingleUse).await?;
                self.ledger.adopt(credential).await?;
            }
        }
        if entry.look(|known| matches!(known.state, State::Live { .. })) == Some(true) {
            return Ok(());
        }
        let happened = self.ledger.apply(&entry, Event::Lapse).await;
        self.released(&entry, &lease.key, happened).await
    }

    async fn release(&self, internal: Internal) -> Result<(), Error> {
        let entry = self.ledger.entry(&internal.credential);
        let release = Event::Release {
            holder: internal.holder.clone(),
        };
        match self.ledger.apply(&entry, release).await {
            // Storage was restored, or the key went long ago.
            Err(Failure::Unknown) => self
                .ledger
                .delete_key(
                    &internal.account,
                    &internal.target,
                    &internal.key,
                    RemovalBy::Host,
                )
                .await
                .map(|_| ())
                .map_err(|undone| undone.error().clone()),
            happened => self.released(&entry, &internal.key, happened).await,
        }
    }

    /// The answer to the host on the end of a lease.
    async fn released(
        &self,
        entry: &Entry,
        key: &KeyId,
        happened: Result<(), Failure>,
    ) -> Result<(), Error> {
        let error = match happened {
            // Nothing is left to end in a state that refuses a release.
            Ok(()) | Err(Failure::Refused(_) | Failure::Unknown) => return Ok(()),
            Err(Failure::Failed(error)) => error,
        };
        let now = self.clock.now();
        let retiring_since = entry.look(|credential| match &credential.state {
            State::Retiring { since, cause, .. } if cause.is_some() => Some(*since),
            _ => None,
        });
        let owned = retiring_since
            .flatten()
            .is_some_and(|since| now.duration_since(since) >= RETRY_BY_HOST);
        let refused = !is_transient(&error) || self.ledger.was_refused(entry);
        let owned = owned && !refused || self.ledger.owns_deletion(entry).await;
        if owned && !self.system.tainted().await? {
            return Ok(());
        }
        let error = error.context(format_args!("deleting key `{key}`"));
        if self.ledger.refused_account_of(entry) {
            return Err(before_the_mount_goes(&error));
        }
        Err(error)
    }
}

/// The error of a deletion whose account is refused, with what must be done while
/// the mount still takes requests.
fn before_the_mount_goes(error: &Error) -> Error {
    let text = format!(
        "{}; write an account that Confluent Cloud accepts to `config` before the mount is disabled: \
         OpenBao and Vault let no request reach a mount that is being removed",
        error.message()
    );
    Error::new(error.class(), text)
}

/// When the last lease on a shared key of a role with `max_age` ends
/// (`lifecycle.md`, 18).
fn latest_end(role: &Role, entry: &Entry) -> Option<Timestamp> {
    let shared = |known: &Credential| known.sharing == Sharing::Shared;
    let born = entry.look(|known| shared(known).then_some(known.intended_at));
    role.sharing.leases_end(born.flatten()?)
}

/// Times of a lease that ends then at the latest, in whole seconds as hosts
/// count; none where nothing is left of it.
fn until(
    end: Timestamp,
    times: LeaseTimes,
    now: Timestamp,
    issued_at: Timestamp,
) -> Option<LeaseTimes> {
    let seconds_since = |time| u64::try_from(end.duration_since(time).as_secs()).ok();
    let left = seconds_since(now).filter(|left| *left > 0)?;
    let whole = seconds_since(issued_at)?;
    Some(LeaseTimes {
        ttl: times.ttl.min(Duration::from_secs(left)),
        max_ttl: times.max_ttl.min(Duration::from_secs(whole)),
        ..times
    })
}

fn too_old(internal: &Internal) -> Error {
    Error::bad_request(format!(
        "key `{}` is twice as old as `max_age` of role `{}`, so its lease is not extended: read \
         `creds/{}` again",
        internal.key, internal.role, internal.role
    ))
}

fn no_longer(internal: &Internal) -> Error {
    Error::bad_request(format!(
        "key `{}` is no longer in use, so its lease cannot be extended: read `creds/{}` again",
        internal.key, internal.role
    ))
}
