//! What exists while the core is unsealed: everything that comes from storage,
//! and the work in the background. It starts and ends as a whole.

use std::sync::Arc;
use std::time::Duration;

use logical::{Backend, Error, TaskGroup};

use crate::effects::Effects;
use crate::leases::Leases;
use crate::mounts::{Factories, Mounts};
use crate::revocation::Revocation;
use crate::routing::Router;
use crate::storage::Fence;
use crate::tokens::TokenStore;
use crate::{auth, sys};

/// How often backends do their periodic work.
const TICK: Duration = Duration::from_mins(1);
/// How long background work of the core may run on at its end.
const TASKS_GRACE: Duration = Duration::from_secs(5);

/// An unsealed core.
pub(crate) struct Active {
    pub(crate) effects: Effects,
    pub(crate) router: Arc<Router>,
    pub(crate) mounts: Arc<Mounts>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) tokens: Arc<TokenStore>,
    /// Work that ends by itself.
    pub(crate) tasks: Arc<dyn TaskGroup>,
    revocation: Arc<Revocation>,
    /// Work that never does.
    loops: Arc<dyn TaskGroup>,
    fence: Arc<Fence>,
}

impl Active {
    /// Reads what storage holds, starts every mount and the work in the
    /// background.
    ///
    /// # Errors
    /// What storage or the backend of a mount says. A mount that does not
    /// start is an error, since its leases could not be revoked.
    pub(crate) async fn start(
        factories: Arc<Factories>,
        builtin_version: String,
        effects: &Effects,
    ) -> Result<Arc<Self>, Error> {
        let fence = Arc::new(Fence::new(Arc::clone(&effects.storage)));
        let effects = Effects {
            storage: Arc::clone(&fence) as _,
            ..effects.clone()
        };
        let tasks = (effects.task_groups)();
        let loops = (effects.task_groups)();
        let tokens = TokenStore::open(
            Arc::clone(&effects.storage),
            Arc::clone(&effects.clock),
            Arc::clone(&effects.entropy),
        );
        let tokens = Arc::new(tokens.await?);
        let router = Arc::new(Router::default());
        let leases = Arc::new(Leases::new(
            &effects,
            Arc::clone(&router),
            Arc::clone(&tokens),
            Arc::clone(&tasks) as _,
        ));
        let mounts = Mounts::open(
            effects.clone(),
            factories,
            Arc::clone(&router),
            Arc::clone(&leases),
            Arc::clone(&tasks),
            builtin_version,
        );
        let mounts = Arc::new(mounts.await?);
        let revocation = Arc::new(Revocation::new(
            Arc::clone(&tokens),
            Arc::clone(&leases),
            Arc::clone(&tasks) as _,
        ));
        let system: Arc<dyn Backend> = Arc::new(sys::paths(&mounts, &leases, &tokens, &tasks)?);
        mounts.mount_builtin("system", &system);
        let token: Arc<dyn Backend> = Arc::new(auth::paths(&tokens, &revocation)?);
        mounts.mount_builtin(auth::TOKEN_MOUNT, &token);
        leases.run(loops.as_ref());
        revocation.resume().await?;
        let active = Arc::new(Self {
            effects,
            router,
            mounts,
            leases,
            tokens,
            tasks,
            revocation,
            loops,
            fence,
        });
        active.tick_for_ever();
        Ok(active)
    }

    /// Ends all work in the background and every backend, then keeps what still
    /// runs away from storage. Nothing is removed.
    pub(crate) async fn stop(&self) {
        self.loops.shut_down(Duration::ZERO).await;
        self.tasks.shut_down(TASKS_GRACE).await;
        self.mounts.shut_down().await;
        self.fence.close();
    }

    fn tick_for_ever(self: &Arc<Self>) {
        let mounts = Arc::clone(&self.mounts);
        let revocation = Arc::clone(&self.revocation);
        let tasks = Arc::clone(&self.tasks);
        let loops = Arc::clone(&self.loops);
        self.loops.spawn(Box::pin(async move {
            loop {
                mounts.tick();
                let revocation = Arc::clone(&revocation);
                tasks.spawn(Box::pin(async move {
                    if let Err(error) = revocation.resume().await {
                        tracing::warn!(%error, "revocations of tokens cannot be listed");
                    }
                }));
                loops.sleep(TICK).await;
            }
        }));
    }
}
