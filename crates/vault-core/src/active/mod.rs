//! Everything that exists while the core is unsealed: state read from storage,
//! and background work. It starts and stops as a whole.

use std::sync::Arc;
use std::time::Duration;

use logical::effects::catch_panic;
use logical::{Backend, Error, TaskGroup};

use crate::audit::Audit;
use crate::config::CoreConfig;
use crate::effects::Effects;
use crate::identity::Entities;
use crate::leases::{EndsTokens, Leases};
use crate::lockout::Lockout;
use crate::mounts::{self, Mounts};
use crate::policies::PolicyStore;
use crate::quotas::{LeaseCounts, Quotas};
use crate::revocation::Revocation;
use crate::rights::Rights;
use crate::routing::Router;
use crate::storage::Fence;
use crate::tokens::TokenStore;
use crate::unseal_keys::RootKeys;
use crate::wrapping::Wrapping;
use crate::{auth, cubbyhole, errors, sys};

/// Interval of the backends' periodic work.
const TICK: Duration = Duration::from_mins(1);
/// How long background tasks may finish when the core stops.
const TASKS_GRACE: Duration = Duration::from_secs(5);
/// How long stopping the core waits for writes to storage.
const WRITES_LIMIT: Duration = Duration::from_secs(30);

/// An unsealed core.
pub(crate) struct Active {
    pub(crate) effects: Effects,
    pub(crate) router: Arc<Router>,
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) tokens: Arc<TokenStore>,
    pub(crate) entities: Arc<Entities>,
    pub(crate) rights: Arc<Rights>,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) lockout: Arc<Lockout>,
    /// Tasks that end by themselves.
    pub(crate) tasks: Arc<dyn TaskGroup>,
    pub(crate) revocation: Arc<Revocation>,
    pub(crate) wrapping: Arc<Wrapping>,
    /// The keys of storage, if it has any.
    keys: Option<Arc<RootKeys>>,
    pub(crate) audit: Arc<Audit>,
    running: Running,
}

/// Everything that must be stopped with the core.
struct Running {
    router: Arc<Router>,
    tasks: Arc<dyn TaskGroup>,
    /// Loops that never end by themselves.
    loops: Arc<dyn TaskGroup>,
    /// Guards the storage of everything that runs.
    fence: Arc<Fence>,
}

impl Active {
    /// Loads the state from storage and starts every mount and the background
    /// work.
    ///
    /// # Errors
    /// An error of storage or of a mount's backend. A mount that fails to start
    /// is an error, because its leases could not be revoked. Everything that
    /// was started before the error is stopped again.
    pub(crate) async fn start(
        config: CoreConfig,
        keys: Option<Arc<RootKeys>>,
        effects: &Effects,
    ) -> Result<Arc<Self>, Error> {
        let fence = Arc::new(Fence::new(
            Arc::clone(&effects.storage),
            (effects.task_groups)(),
            errors::sealed,
        ));
        let effects = Effects {
            storage: Arc::clone(&fence) as _,
            ..effects.clone()
        };
        let running = Running {
            router: Arc::default(),
            tasks: (effects.task_groups)(),
            loops: (effects.task_groups)(),
            fence,
        };
        let parts = catch_panic(running.parts(config, keys.clone(), &effects)).await;
        match parts.unwrap_or_else(|_| Err(panicked())) {
            Ok(parts) => {
                let active = Arc::new(Self {
                    effects,
                    router: Arc::clone(&running.router),
                    tasks: Arc::clone(&running.tasks),
                    mounts: parts.mounts,
                    leases: parts.leases,
                    tokens: parts.tokens,
                    entities: parts.entities,
                    rights: parts.rights,
                    quotas: parts.quotas,
                    lockout: parts.lockout,
                    revocation: parts.revocation,
                    wrapping: parts.wrapping,
                    keys,
                    audit: parts.audit,
                    running,
                });
                active.tick_for_ever();
                Ok(active)
            }
            Err(error) => {
                running.stop().await;
                Err(error)
            }
        }
    }

    /// Stops all background work and every backend, then closes storage to
    /// anything that still runs. Nothing is removed.
    pub(crate) async fn stop(&self) {
        self.running.stop().await;
    }

    fn tick_for_ever(self: &Arc<Self>) {
        let mounts = Arc::clone(&self.mounts);
        let revocation = Arc::clone(&self.revocation);
        let tasks = Arc::clone(&self.tasks);
        let keys = self.keys.clone();
        let quotas = Arc::clone(&self.quotas);
        let lockout = Arc::clone(&self.lockout);
        let loops = Arc::clone(&self.running.loops);
        self.running.loops.spawn(Box::pin(async move {
            loop {
                mounts.tick();
                quotas.purge();
                let lockout = Arc::clone(&lockout);
                tasks.spawn(Box::pin(async move { lockout.tidy().await }));
                let revocation = Arc::clone(&revocation);
                tasks.spawn(Box::pin(async move {
                    if let Err(error) = revocation.resume().await {
                        tracing::warn!(%error, "revocations of tokens cannot be listed");
                    }
                }));
                if let Some(keys) = keys.clone() {
                    tasks.spawn(Box::pin(async move {
                        if let Err(error) = keys.barrier().rotate_if_due().await {
                            tracing::warn!(%error, "the key that encrypts is due and cannot be replaced yet");
                        }
                    }));
                }
                loops.sleep(TICK).await;
            }
        }));
    }
}

/// The panic itself is logged.
fn panicked() -> Error {
    Error::internal("the server does not start: see its log for the panic")
}

/// The parts of the core that a start creates.
struct Parts {
    mounts: Arc<Mounts>,
    leases: Arc<Leases>,
    tokens: Arc<TokenStore>,
    entities: Arc<Entities>,
    rights: Arc<Rights>,
    quotas: Arc<Quotas>,
    lockout: Arc<Lockout>,
    revocation: Arc<Revocation>,
    wrapping: Arc<Wrapping>,
    audit: Arc<Audit>,
}

impl Running {
    /// Starts everything. After an error, some parts may be running.
    async fn parts(
        &self,
        config: CoreConfig,
        keys: Option<Arc<RootKeys>>,
        effects: &Effects,
    ) -> Result<Parts, Error> {
        // First: nothing is begun if it cannot be logged.
        let audit = Audit::open(config.audit, effects, Arc::clone(&self.tasks)).await?;
        let audit = Arc::new(audit);
        let tokens = TokenStore::open(
            Arc::clone(&effects.storage),
            Arc::clone(&effects.clock),
            Arc::clone(&effects.entropy),
        );
        let tokens = Arc::new(tokens.await?);
        let policies = Arc::new(PolicyStore::new(
            Arc::clone(&effects.storage),
            Arc::clone(&effects.clock),
        ));
        let entities = Entities::open(
            Arc::clone(&effects.storage),
            Arc::clone(&effects.clock),
            Arc::clone(&effects.entropy),
        );
        let entities = Arc::new(entities.await?);
        let rights = Arc::new(Rights::new(&policies, &entities));
        let quotas = Quotas::open(Arc::clone(&effects.storage), Arc::clone(&effects.clock));
        let quotas = Arc::new(quotas.await?);
        let counts = Arc::new(LeaseCounts::open(Arc::clone(&effects.storage)).await?);
        let lockout = Lockout::open(
            Arc::clone(&effects.storage),
            Arc::clone(&effects.clock),
            config.user_lockout,
        );
        let lockout = Arc::new(lockout.await?);
        let leases = Arc::new(Leases::new(
            effects,
            counts,
            Arc::clone(&self.router),
            Arc::clone(&tokens),
            Arc::clone(&self.tasks) as _,
        ));
        let mounts = Mounts::open(
            effects.clone(),
            Arc::new(config.factories),
            mounts::Parts {
                router: Arc::clone(&self.router),
                leases: Arc::clone(&leases),
                entities: Arc::clone(&entities),
                tasks: Arc::clone(&self.tasks),
            },
            format!("v{}", config.server_info.version),
            config.lease_ttls,
        );
        let mounts = Arc::new(mounts.await?);
        let revocation = Arc::new(Revocation::new(
            Arc::clone(&tokens),
            Arc::clone(&leases),
            Arc::clone(&self.tasks) as _,
        ));
        let wrapping = Arc::new(Wrapping::new(
            Arc::clone(&tokens),
            Arc::clone(&leases),
            Arc::clone(&revocation),
            Arc::clone(&effects.clock),
        ));
        let system = sys::paths(sys::Parts {
            mounts: &mounts,
            leases: &leases,
            tokens: &tokens,
            policies: &policies,
            rights: &rights,
            wrapping: &wrapping,
            quotas: &quotas,
            lockout: &lockout,
            audit: &audit,
            tasks: &self.tasks,
            effects,
            revocation: &revocation,
            without_token: config.without_token,
            keys,
        })?;
        let system: Arc<dyn Backend> = Arc::new(system);
        mounts.mount_builtin("system", &system);
        let cubbyhole: Arc<dyn Backend> = Arc::new(cubbyhole::paths(&tokens, &self.tasks)?);
        mounts.mount_builtin(cubbyhole::CUBBYHOLE_MOUNT, &cubbyhole);
        let token: Arc<dyn Backend> = Arc::new(auth::paths(auth::Parts {
            tokens: &tokens,
            policies: &policies,
            rights: &rights,
            revocation: &revocation,
            leases: &leases,
            router: &self.router,
            tasks: &self.tasks,
            clock: &effects.clock,
        })?);
        mounts.mount_builtin(auth::TOKEN_MOUNT, &token);
        let token_end: Arc<dyn EndsTokens> = Arc::clone(&revocation) as _;
        leases.revoke_tokens_with(Arc::downgrade(&token_end));
        leases.run(self.loops.as_ref());
        revocation.resume().await?;
        Ok(Parts {
            mounts,
            leases,
            tokens,
            entities,
            rights,
            quotas,
            lockout,
            revocation,
            wrapping,
            audit,
        })
    }

    async fn stop(&self) {
        self.loops.shut_down(Duration::ZERO).await;
        self.tasks.shut_down(TASKS_GRACE).await;
        mounts::stop_all(&self.router, self.tasks.as_ref()).await;
        if !self.fence.close(WRITES_LIMIT).await {
            tracing::warn!("a write to storage is still in progress after the core was sealed");
        }
    }
}

#[cfg(test)]
mod tests;
