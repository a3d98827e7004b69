//! Makes ours of what the Go plugin left: once for each entry, and again when
//! the Go plugin changed it meanwhile.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use logical::{Error, ErrorClass};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::entries;
use crate::account::{Account, DEFAULT_URL};
use crate::account_ref::AccountRef;
use crate::codec;
use crate::credential::Proving;
use crate::credential::later;
use crate::ids::{AccountId, CredentialId, Generation, HolderId, KeyId, RoleName};
use crate::ledger::{Credential, Holder, IssuedKey, Sharing, State};
use crate::role::{Role, unasked};
use crate::state::Engine;

/// What was taken, for comparison with what is there later. Below
/// `account/`, so that hosts wrap it with their seal.
const TAKEN_CONFIG: &str = "lockkeeper/account/go-plugin";
const TAKEN_ROLES: &str = "lockkeeper/go-plugin/role/";

/// The Go plugin's account as it was taken over.
#[derive(Serialize, Deserialize)]
struct TakenConfig {
    #[serde(flatten)]
    theirs: entries::Config,
    /// Ours that it became. Earlier versions did not note it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
}

/// What a deadline has beyond the longest life of a lease.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

impl Engine {
    /// Takes over what the Go plugin left, if that was not done since this
    /// process started. A standby leaves it to the active node.
    pub(crate) async fn take_over(&self) -> Result<(), Error> {
        // Boxed, since every request holds this future and few do the work.
        let taken = self.taken_over.get_or_try_init(|| {
            Box::pin(async {
                self.take_config().await?;
                for (name, theirs) in entries::roles(&*self.storage).await? {
                    self.take_role(&name, &theirs).await?;
                }
                Ok::<(), Error>(())
            })
        });
        match taken.await.copied() {
            Ok(()) => Ok(()),
            Err(error) if error.class() == ErrorClass::ReadOnlyStorage => Err(error),
            Err(error) => Err(error.context("taking over from the Go plugin")),
        }
    }

    async fn take_config(&self) -> Result<(), Error> {
        let Some(theirs) = entries::config(&*self.storage).await? else {
            return Ok(());
        };
        let taken: Option<TakenConfig> = self.taken(TAKEN_CONFIG).await?;
        if taken.as_ref().is_some_and(|taken| taken.theirs == theirs) {
            return Ok(());
        }
        if let Some(TakenConfig {
            theirs: before,
            account,
        }) = &taken
            && before.moves_its_secret_to(&theirs)
        {
            tracing::error!(
                key = theirs.api_key_id.trim(),
                "the `url` of the Go plugin's account changed and its secret did not, so the account \
                 is not taken over: write `config` with the secret"
            );
            let account = account.clone();
            return self
                .note_taken(TAKEN_CONFIG, &TakenConfig { theirs, account })
                .await;
        }
        let url = theirs.url.trim().trim_end_matches('/');
        let mut account = Account {
            organization: None,
            url: if url.is_empty() { DEFAULT_URL } else { url }.to_owned(),
            key_id: KeyId::new(theirs.api_key_id.trim()),
            secret: theirs.api_key_secret.clone(),
            ca_cert: String::new(),
            written_at: self.clock.now(),
        };
        // The first start must not wait for Confluent. Later, an account of the
        // same organization takes the place of the one that was taken before.
        if taken.is_some() {
            account.organization = self.told_organization(&account).await;
        }
        let _lock = self.accounts.lock().await;
        let id = self.accounts.put(&account, &*self.entropy).await?;
        tracing::info!(
            key = account.key_id.as_str(),
            "the account of the Go plugin was taken over"
        );
        let account = Some(id);
        self.note_taken(TAKEN_CONFIG, &TakenConfig { theirs, account })
            .await
    }

    async fn take_role(&self, name: &RoleName, theirs: &entries::Role) -> Result<(), Error> {
        let place = format!("{TAKEN_ROLES}{name}");
        let taken: Option<entries::Role> = self.taken(&place).await?;
        if taken.as_ref() == Some(&theirs.without_secret()) {
            return Ok(());
        }
        let _lock = self.roles.lock(name).await;
        let target = theirs.target();
        let current = self.roles.get(name).await?;
        let kept = current.as_ref();
        let readiness = kept.map_or_else(unasked, |role| role.readiness);
        let spares = kept.map(|role| role.spares).unwrap_or_default();
        let generation = current.filter(|role| role.target == target).map_or_else(
            || Generation::random(&*self.entropy),
            |role| role.generation,
        );
        let role = Role {
            name: name.clone(),
            target,
            owner_environment: theirs.owner_environment(),
            ttl_seconds: theirs.ttl_seconds(),
            max_ttl_seconds: theirs.max_ttl_seconds(),
            key_description: theirs.key_description.clone(),
            sharing: crate::role::sharing::Sharing::multi_use(theirs.multi_use_key),
            caps: crate::role::caps::Caps::default(),
            output: crate::output::Output::default(),
            readiness,
            spares,
            generation,
        };
        if let Some((key, secret)) = theirs.shared_key() {
            let issued = IssuedKey {
                id: key,
                secret: Some(secret),
                proving: Proving::NotAsked,
            };
            self.take_shared_key(&role, issued).await?;
        }
        self.roles.put(&role).await?;
        tracing::info!(
            role = name.as_str(),
            "a role of the Go plugin was taken over"
        );
        self.note_taken(&place, &theirs.without_secret()).await
    }

    /// Nobody knows who holds a shared key of the Go plugin. One holder stands
    /// for all of them, as long as the longest of their leases can live.
    async fn take_shared_key(&self, role: &Role, key: IssuedKey) -> Result<(), Error> {
        let now = self.timekeeper.deadlines_from();
        let longest = self.system.max_lease_ttl().await?.max(role.max_ttl());
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let holder = Holder::new(now, later(later(now, longest), MARGIN));
        let mut credential = self.foreign(role, &key.id, Sharing::Shared).await?;
        credential.state = State::Live { key };
        credential
            .holders
            .insert(HolderId::random(&*self.entropy), holder);
        self.ledger.adopt(credential).await.map(|_| ())
    }

    /// The record of a key that the Go plugin made. Its id derives from the
    /// key's, so that a key never has two records.
    pub(crate) async fn foreign(
        &self,
        role: &Role,
        key: &KeyId,
        sharing: Sharing,
    ) -> Result<Credential, Error> {
        let taken: Option<TakenConfig> = self.taken(TAKEN_CONFIG).await?;
        let account = taken.and_then(|taken| taken.account);
        Ok(Credential {
            id: CredentialId::of_key(key),
            purpose: role.purpose(),
            account: AccountRef::stored(account, None),
            target: role.target.clone(),
            sharing,
            requester: None,
            intended_at: self.clock.now(),
            state: State::Retiring {
                key: key.clone(),
                since: self.clock.now(),
                cause: Some("its lease, which the Go plugin made, ended".to_owned()),
            },
            holders: BTreeMap::new(),
            pinned: false,
        })
    }

    /// Takes over at a start, without holding it up: what fails is tried again
    /// by the next request.
    pub(crate) async fn take_over_at_start(&self) {
        match self.take_over().await {
            Ok(()) => {}
            Err(error) if error.class() == ErrorClass::ReadOnlyStorage => {}
            Err(error) => tracing::warn!(
                error = error.message(),
                "not everything was taken over from the Go plugin; it is tried again"
            ),
        }
    }

    async fn taken<T: DeserializeOwned>(&self, place: &str) -> Result<Option<T>, Error> {
        codec::read(&*self.storage, place).await
    }

    async fn note_taken<T: Serialize>(&self, place: &str, entry: &T) -> Result<(), Error> {
        self.storage.put(place, &codec::encode(entry)?).await
    }
}
