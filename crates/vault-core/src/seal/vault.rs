//! The seal's states, and the changes from one to the next.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use barrier::{Barrier, KEYRING, Key};
use logical::effects::within;
use logical::{Condition, Error, RunToCompletion, Storage, TaskGroup, Write};
use zeroize::Zeroizing;

use super::attempt::{self, Attempt};
use super::staged::Staged;
use crate::ClientToken;
use crate::config::CoreConfig;
use crate::core::Core;
use crate::effects::Effects;
use crate::errors;
use crate::status::{Seal, Status};
use crate::tokens::TokenStore;
use crate::unseal_keys::{Protected, RootKeys, Share, Shares, StoredKeys, Which, lost, split};

/// How long changes of the seal may finish when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long a server that stops waits to be sealed: longer than the core waits
/// for its own work and writes.
const LIMIT: Duration = Duration::from_mins(1);

/// A Vault without a network, over a store that is encrypted as a whole.
pub struct Vault {
    pub(super) config: CoreConfig,
    /// Their storage is the physical one.
    effects: Effects,
    barrier: Arc<Barrier>,
    pub(super) status: Status,
    state: RwLock<State>,
    /// Held while the state changes.
    changes: tokio::sync::Mutex<()>,
    tasks: Arc<dyn TaskGroup>,
}

/// What exists.
enum State {
    /// The store has no keys.
    Uninitialized,
    /// Everything is in the store, encrypted.
    Sealed { shares: Shares, attempt: Attempt },
    /// The keys are in memory.
    Active {
        keys: Arc<RootKeys>,
        core: Arc<Core>,
    },
}

/// What is handed out once, at initialization.
pub struct Initialized {
    /// The shares of the key.
    pub shares: Vec<Share>,
    /// A token that may do everything.
    pub root_token: ClientToken,
}

impl Vault {
    /// A vault over the store of `effects`, sealed or uninitialized.
    ///
    /// # Errors
    /// An error of storage, or settings in it that cannot be read.
    pub async fn load(config: CoreConfig, effects: Effects) -> Result<Arc<Self>, Error> {
        let barrier = Barrier::new(
            Arc::clone(&effects.storage),
            Arc::clone(&effects.entropy),
            Arc::clone(&effects.clock),
        );
        let state = if barrier.is_initialized().await? {
            State::sealed(shares(effects.storage.as_ref()).await?)
        } else {
            State::Uninitialized
        };
        Ok(Arc::new(Self {
            status: Status::new(config.server_info.clone(), Arc::clone(&effects.clock)),
            tasks: (effects.task_groups)(),
            barrier: Arc::new(barrier),
            state: RwLock::new(state),
            changes: tokio::sync::Mutex::default(),
            config,
            effects,
        }))
    }

    /// What is unsealed.
    pub fn core(&self) -> Option<Arc<Core>> {
        match &*self.state() {
            State::Active { core, .. } => Some(Arc::clone(core)),
            _ => None,
        }
    }

    /// Initializes the store with new keys and a root token, whose text may be
    /// given for development servers. It stays sealed.
    ///
    /// Keys, settings and token are one batch: a store is initialized as a whole
    /// or not at all.
    ///
    /// # Errors
    /// A bad request if it is initialized already, or an error of storage.
    pub async fn initialize(
        self: &Arc<Self>,
        shares: Shares,
        root_token: Option<ClientToken>,
    ) -> Result<Initialized, Error> {
        let vault = Arc::clone(self);
        self.to_completion(async move { vault.make_keys(shares, root_token).await })
            .await
    }

    /// Takes one share of the key, and unseals when it completes them.
    ///
    /// # Errors
    /// A bad request if the shares do not make the key, or nothing is
    /// initialized; an error of storage, or of a mount that does not start. The
    /// shares are forgotten.
    pub async fn unseal(self: &Arc<Self>, share: Zeroizing<Vec<u8>>) -> Result<(), Error> {
        let vault = Arc::clone(self);
        self.to_completion(async move { vault.take(share).await })
            .await
    }

    /// Forgets the shares that were given.
    ///
    /// # Errors
    /// A bad request if it is unsealed.
    pub fn reset_unseal(&self) -> Result<(), Error> {
        match &mut *self.state.write().unwrap_or_else(PoisonError::into_inner) {
            State::Active { .. } => return Err(Error::bad_request("vault is unsealed")),
            State::Sealed { attempt, .. } => *attempt = Attempt::default(),
            State::Uninitialized => {}
        }
        Ok(())
    }

    /// Initializes an empty store with one share and unseals it: a development
    /// server, which nobody else has to unseal.
    ///
    /// # Errors
    /// Those of [`Vault::initialize`] and [`Vault::unseal`].
    pub async fn develop(
        self: &Arc<Self>,
        root_token: Option<ClientToken>,
    ) -> Result<(Arc<Core>, Initialized), Error> {
        let initialized = self.initialize(Shares::ONE, root_token).await?;
        for share in &initialized.shares {
            self.unseal(share.clone()).await?;
        }
        let core = self.core().ok_or_else(errors::sealed)?;
        Ok((core, initialized))
    }

    /// Drops the keys and everything that was read with them. Requests are
    /// refused from the call on.
    pub async fn seal(&self) {
        // First, so that nothing is unsealed again before all of it has ended. What
        // holds it while there is a core does so for an instant.
        let _changes = self.changes.lock().await;
        if let Some((keys, core)) = self.leave_active() {
            core.shut_down().await;
            // The last change of the shares has ended.
            keys.close().await;
            let stored = shares(self.effects.storage.as_ref()).await;
            self.set(State::sealed(stored.unwrap_or_else(|_| keys.shares())));
        }
        self.barrier.seal();
    }

    /// Seals, and ends what still runs. Nothing is removed.
    pub async fn shut_down(&self) {
        let sealed = within(self.tasks.as_ref(), LIMIT, self.seal()).await;
        if sealed.is_none() {
            tracing::warn!("the server stops although it could not be sealed in time");
        }
        self.tasks.shut_down(GRACE).await;
        self.barrier.seal();
    }

    /// What `sys/seal-status` and `sys/health` show.
    pub(super) fn seal_state(&self) -> Seal {
        match &*self.state() {
            State::Uninitialized => Seal::uninitialized(),
            State::Sealed { shares, attempt } => Seal {
                shares: shares.count(),
                threshold: shares.threshold(),
                progress: attempt.progress(),
                nonce: attempt.nonce().to_owned(),
                ..Seal::sealed()
            },
            State::Active { keys, core } => Seal {
                shares: keys.shares().count(),
                threshold: keys.shares().threshold(),
                ..Seal::active(core.cluster().clone())
            },
        }
    }

    #[cfg(test)]
    pub(super) fn barrier_is_sealed(&self) -> bool {
        self.barrier.is_sealed()
    }

    async fn make_keys(
        &self,
        shares: Shares,
        root_token: Option<ClientToken>,
    ) -> Result<Initialized, Error> {
        let _changes = self.changes.lock().await;
        if !matches!(&*self.state(), State::Uninitialized) {
            return Err(already_initialized());
        }
        let entropy = self.effects.entropy.as_ref();
        let root = Key::generate(entropy);
        let seal = Key::generate(entropy);
        let split = split(&seal, shares, entropy)?;
        let staged = Arc::new(Staged::default());
        let root_token = self.stage(&staged, &root, root_token).await?;
        let mut batch = staged.take();
        let protected = Protected::new(&root, &seal, shares, entropy)?;
        batch.extend(protected.writes()?);
        self.store_new(batch, &protected).await?;
        self.set(State::sealed(shares));
        Ok(Initialized {
            shares: split,
            root_token,
        })
    }

    /// Stores the first batch of all. What is stored decides: a write whose failure
    /// was reported may have happened, and then its keys must be handed out.
    async fn store_new(&self, batch: Vec<Write>, new: &Protected) -> Result<(), Error> {
        let storage = &self.effects.storage;
        let absent = vec![Condition::absent(KEYRING)];
        let applied = storage.apply_if(absent, batch).await;
        if matches!(applied, Ok(true)) {
            return Ok(());
        }
        if storage.get(KEYRING).await?.is_none() {
            applied?;
            return Err(lost(KEYRING));
        }
        let stored = StoredKeys::read(storage.as_ref()).await?;
        if stored.current == *new {
            return Ok(());
        }
        // Somebody else was first.
        self.set(State::sealed(stored.current.shares));
        Err(already_initialized())
    }

    /// Writes the keys of a new barrier, and behind it a root token.
    async fn stage(
        &self,
        staged: &Arc<Staged>,
        root: &Key,
        root_token: Option<ClientToken>,
    ) -> Result<ClientToken, Error> {
        let Effects { entropy, clock, .. } = &self.effects;
        let barrier = Barrier::new(
            Arc::<Staged>::clone(staged),
            Arc::clone(entropy),
            Arc::clone(clock),
        );
        barrier.initialize(root.clone(), Vec::new()).await?;
        barrier.unseal(root.clone()).await?;
        let tokens = TokenStore::open(Arc::new(barrier), Arc::clone(clock), Arc::clone(entropy));
        tokens.await?.create(root_token, &["root"]).await
    }

    async fn take(&self, share: Share) -> Result<(), Error> {
        let _changes = self.changes.lock().await;
        match &*self.state() {
            State::Active { .. } => return Ok(()),
            State::Uninitialized => return Err(Error::bad_request("Vault is not initialized")),
            State::Sealed { .. } => {}
        }
        let storage = self.effects.storage.as_ref();
        // Writes of the time before the sealing whose callers were dropped: what is
        // read from here on does not change behind its reader.
        storage.apply(Vec::new()).await?;
        let stored = StoredKeys::read(storage).await?;
        let shares = stored.current.shares;
        let (least, most) = stored.thresholds();
        let given = self.give(share, shares);
        if given.len() < least {
            return Ok(());
        }
        let opened = match stored.open(&given) {
            Ok(opened) => opened,
            Err(_) if given.len() < most => return Ok(()),
            Err(reason) => {
                self.set(State::sealed(shares));
                return Err(attempt::invalid(&reason));
            }
        };
        self.set(State::sealed(shares));
        if opened.which == Which::Previous {
            tracing::warn!(
                "the shares before the last rotation open the store: that rotation is undone"
            );
        }
        self.barrier.unseal(opened.root).await?;
        let effects = Effects {
            storage: Arc::clone(&self.barrier) as _,
            ..self.effects.clone()
        };
        let keys = Arc::new(RootKeys::new(
            Arc::clone(&self.effects.storage),
            Arc::clone(&self.barrier),
            Arc::clone(&self.effects.entropy),
            shares,
        ));
        if let Err(error) = keys.settle(&stored, opened.which).await {
            tracing::warn!(%error, "the shares before and after the last rotation both open the store");
        }
        let beside = Some(Arc::clone(&keys));
        let started = Core::start_with_keys(self.config.clone(), effects, beside);
        match started.await {
            Ok(core) => {
                self.set(State::Active { keys, core });
                Ok(())
            }
            Err(error) => {
                self.barrier.seal();
                self.set(State::sealed(keys.shares()));
                Err(error)
            }
        }
    }

    /// Adds a share to those that were given, and returns all of them.
    fn give(&self, share: Share, shares: Shares) -> Vec<Share> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut attempt = match &mut *state {
            State::Sealed { attempt, .. } => std::mem::take(attempt),
            _ => Attempt::default(),
        };
        attempt.add(share, self.effects.entropy.as_ref());
        let given = attempt.given().to_vec();
        *state = State::Sealed { shares, attempt };
        given
    }

    /// What was unsealed, if anything was: the state is sealed now.
    fn leave_active(&self) -> Option<(Arc<RootKeys>, Arc<Core>)> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let State::Active { keys, .. } = &*state else {
            return None;
        };
        let sealed = State::sealed(keys.shares());
        match std::mem::replace(&mut *state, sealed) {
            State::Active { keys, core } => Some((keys, core)),
            _ => None,
        }
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Work that ends whether or not its client stays.
    pub(super) fn to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> RunToCompletion<T> {
        RunToCompletion::new(Arc::clone(&self.tasks) as _, work)
    }
}

impl State {
    fn sealed(shares: Shares) -> Self {
        Self::Sealed {
            shares,
            attempt: Attempt::default(),
        }
    }
}

/// How the key of an initialized store is split.
async fn shares(storage: &dyn Storage) -> Result<Shares, Error> {
    Ok(StoredKeys::read(storage).await?.current.shares)
}

fn already_initialized() -> Error {
    Error::bad_request("Vault is already initialized")
}
