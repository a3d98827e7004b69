//! The engine's state: what was handed in, and the parts made of it.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logical::effects::within;
use logical::{
    BackendContext, Clock, Entropy, Error, ErrorClass, RunToCompletion, Storage, SystemView, Tasks,
};

use crate::account::Accounts;
use crate::control_plane::{ControlPlane, Keys};
use crate::known_places::KnownPlaces;
use crate::ledger::store::LedgerStore;
use crate::ledger::{Ledger, Pins};
use crate::licence::Sweep;
use crate::measurements::Measurements;
use crate::presence::Presence;
use crate::role::{Role, Roles};
use crate::settings::StoredSettings;
use crate::slots::Slots;
use crate::spare_pool::{AllPins, Pools, SparePointers};
use crate::static_role::{Rotations, StaticRoles};
use crate::timekeeper::Timekeeper;
use crate::usage::Usage;
use crate::work::SchedulerState;

/// How long it is believed that this node is active.
const ACTIVE_FOR: Duration = Duration::from_secs(1);

/// An engine of one mount.
pub(crate) struct Engine {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) system: Arc<dyn SystemView>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timekeeper: Timekeeper,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) control: Arc<dyn ControlPlane>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) roles: Roles,
    pub(crate) static_roles: Arc<StaticRoles>,
    pub(crate) scheduler: Arc<SchedulerState>,
    pub(crate) rotations: Rotations,
    pub(crate) pools: Pools,
    pub(crate) places: KnownPlaces,
    pub(crate) settings: StoredSettings,
    pub(crate) usage: Usage,
    pub(crate) ledger: Ledger,
    pub(crate) measurements: Arc<Measurements>,
    pub(crate) slots: Arc<Slots>,
    /// Set once the entries of the Go plugin were taken over.
    pub(crate) taken_over: tokio::sync::OnceCell<()>,
    /// Until when this node is believed to be active, in monotonic time.
    active_until: Mutex<Duration>,
    /// The host's last answers on the leases of the mount.
    host_limits: Mutex<HostLimits>,
    pub(crate) sweep: Mutex<Sweep>,
    pub(crate) presence: Mutex<Presence>,
    /// Held by whoever sweeps.
    pub(crate) sweeping: tokio::sync::Mutex<()>,
    /// Held while deletions that wait are sent in the background.
    pub(crate) draining: tokio::sync::Mutex<()>,
    /// Held shared while a key is made, so that a mount which is removed can
    /// wait for all of them.
    pub(crate) making: tokio::sync::RwLock<()>,
}

/// How long a lease lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseTimes {
    /// From now.
    pub(crate) ttl: Duration,
    /// From when it was made.
    pub(crate) max_ttl: Duration,
    /// The longest that the mount allows.
    pub(crate) longest: Duration,
}

impl LeaseTimes {
    /// Neither is ever zero, so that tuning the mount later does not move them
    /// (`lifecycle.md`, 12).
    fn new(role: &Role, longest: Duration, default: Duration) -> Self {
        let max_ttl = match role.max_ttl() {
            Duration::ZERO => longest,
            wished => wished.min(longest),
        };
        let of_key = role.sharing.lease_left(Duration::ZERO);
        let ttl = match role.ttl() {
            Duration::ZERO => default,
            wished => wished,
        };
        let times = Self {
            ttl: ttl.min(max_ttl),
            max_ttl,
            longest,
        };
        times.within(of_key)
    }

    /// Not longer than what is left for leases on a key, if that is limited.
    pub(crate) fn within(self, left: Option<Duration>) -> Self {
        let Some(left) = left else {
            return self;
        };
        Self {
            ttl: self.ttl.min(left),
            max_ttl: self.max_ttl.min(left),
            ..self
        }
    }
}

/// The host's limits for the leases of the mount: how long they may live, and how
/// long those do that say nothing.
#[derive(Default)]
struct HostLimits {
    longest: Option<Duration>,
    default: Option<Duration>,
}

impl Engine {
    pub(crate) fn new(context: BackendContext, control: Arc<dyn ControlPlane>) -> Self {
        let accounts = Arc::new(Accounts::new(Arc::clone(&context.storage), &context.clock));
        let static_roles = Arc::new(StaticRoles::new(
            Arc::clone(&context.storage),
            Arc::clone(&context.clock),
        ));
        let spares = Arc::new(SparePointers::new(Arc::clone(&context.storage)));
        let pins = AllPins {
            static_roles: Arc::clone(&static_roles) as Arc<dyn Pins>,
            spares: Arc::clone(&spares),
        };
        let measurements = Arc::new(Measurements::new(context.metrics, context.uuid));
        let ledger = Ledger::new(
            LedgerStore::new(Arc::clone(&context.storage)),
            Arc::clone(&control) as Arc<dyn Keys>,
            Arc::clone(&accounts),
            Arc::new(pins),
            Arc::clone(&context.clock),
            Arc::clone(&context.entropy),
            Arc::clone(&measurements),
        );
        let sweep = Sweep::starting(context.clock.monotonic());
        let slots = Arc::new(Slots::new(Arc::clone(&context.clock)));
        let scheduler = Arc::new(SchedulerState::default());
        Self {
            roles: Roles::new(Arc::clone(&context.storage), Arc::clone(&context.clock)),
            static_roles,
            rotations: Rotations::new(Arc::clone(&scheduler)),
            pools: Pools::new(spares, Arc::clone(&scheduler)),
            scheduler,
            places: KnownPlaces::new(Arc::clone(&context.storage), Arc::clone(&context.clock)),
            settings: StoredSettings::new(Arc::clone(&context.storage), Arc::clone(&context.clock)),
            usage: Usage::new(Arc::clone(&context.storage), Arc::clone(&context.clock)),
            storage: context.storage,
            system: context.system,
            timekeeper: Timekeeper::new(Arc::clone(&context.clock)),
            clock: context.clock,
            entropy: context.entropy,
            tasks: context.tasks,
            control,
            accounts,
            ledger,
            measurements,
            slots,
            taken_over: tokio::sync::OnceCell::new(),
            active_until: Mutex::default(),
            host_limits: Mutex::default(),
            sweep: Mutex::new(sweep),
            presence: Mutex::default(),
            sweeping: tokio::sync::Mutex::new(()),
            draining: tokio::sync::Mutex::new(()),
            making: tokio::sync::RwLock::new(()),
        }
    }

    /// Times to live of a role's leases.
    pub(crate) async fn lease_times(&self, role: &Role) -> Result<LeaseTimes, Error> {
        let max = self.system.max_lease_ttl().await?;
        // Each question is a call to the host: the mount's default is asked for
        // only where it counts.
        let default = match role.ttl() {
            Duration::ZERO => Some(self.system.default_lease_ttl().await?),
            _ => None,
        };
        let mut limits = self.host_limits();
        limits.longest = Some(max);
        limits.default = default.or(limits.default);
        Ok(LeaseTimes::new(role, max, default.unwrap_or_default()))
    }

    /// Times to live of a role's leases, should the host answer as it did last.
    pub(crate) fn likely_times(&self, role: &Role) -> Option<LeaseTimes> {
        let limits = self.host_limits();
        let default = match role.ttl() {
            Duration::ZERO => limits.default?,
            _ => Duration::ZERO,
        };
        Some(LeaseTimes::new(role, limits.longest?, default))
    }

    fn host_limits(&self) -> MutexGuard<'_, HostLimits> {
        self.host_limits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the mount is being removed.
    pub(crate) async fn is_tainted(&self) -> Result<bool, Error> {
        self.system.tainted().await
    }

    /// Does work to its end, whatever becomes of the request, and gives what
    /// came of it if that was in time.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        within(&*self.tasks, limit, self.run_to_completion(work)).await
    }

    /// Does work to its end, whatever becomes of the request.
    pub(crate) fn run_to_completion<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> RunToCompletion<T> {
        RunToCompletion::new(Arc::clone(&self.tasks), work)
    }

    /// Refuses where this node must not make or delete keys: the read-only
    /// error makes the host forward the request (`lifecycle.md`, 27).
    pub(crate) async fn require_active(&self) -> Result<(), Error> {
        let replication = self.system.replication().await?;
        if replication.is_standby() {
            return Err(Error::read_only());
        }
        if replication.is_secondary() && !self.system.local_mount().await? {
            return Err(Error::read_only());
        }
        Ok(())
    }

    /// Whether this node may make and delete keys. As for leases, that is believed
    /// for a second.
    pub(crate) async fn is_active(&self) -> Result<bool, Error> {
        match self.require_active_for_lease().await {
            Ok(()) => Ok(true),
            Err(error) if error.class() == ErrorClass::ReadOnlyStorage => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// As [`Engine::require_active`], for a lease. That this node is active is
    /// believed for a second: one that is active no more hands out nothing
    /// meanwhile, since it can write neither intent nor holder.
    pub(crate) async fn require_active_for_lease(&self) -> Result<(), Error> {
        let now = self.clock.monotonic();
        if now < *self.active_until() {
            return Ok(());
        }
        self.require_active().await?;
        *self.active_until() = now + ACTIVE_FOR;
        Ok(())
    }

    fn active_until(&self) -> MutexGuard<'_, Duration> {
        self.active_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
