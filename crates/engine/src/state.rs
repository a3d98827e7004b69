//! The engine's state: what was handed in, and the parts made of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use logical::{BackendContext, Clock, Entropy, Error, SystemView, Tasks};

use crate::account::Accounts;
use crate::control_plane::ControlPlane;
use crate::ledger::Ledger;
use crate::ledger::store::LedgerStore;
use crate::role::{Role, Roles};
use crate::share::Slots;
use crate::sweep::Sweep;
use crate::timekeeper::Timekeeper;

/// An engine of one mount.
pub(crate) struct Engine {
    pub(crate) system: Arc<dyn SystemView>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timekeeper: Timekeeper,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) control: Arc<dyn ControlPlane>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) roles: Roles,
    pub(crate) ledger: Ledger,
    pub(crate) slots: Slots,
    pub(crate) sweep: Mutex<Sweep>,
    /// Held while `config` or a role is changed, so that two writers do not
    /// merge into the same old entry.
    pub(crate) writing: tokio::sync::Mutex<()>,
}

/// How long a lease lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaseTimes {
    /// From now.
    pub(crate) ttl: Duration,
    /// From when it was made.
    pub(crate) max_ttl: Duration,
}

impl Engine {
    pub(crate) fn new(context: BackendContext, control: Arc<dyn ControlPlane>) -> Self {
        let accounts = Arc::new(Accounts::new(Arc::clone(&context.storage)));
        let ledger = Ledger::new(
            LedgerStore::new(Arc::clone(&context.storage)),
            Arc::clone(&control),
            Arc::clone(&accounts),
            Arc::clone(&context.clock),
            Arc::clone(&context.entropy),
        );
        Self {
            roles: Roles::new(context.storage),
            system: context.system,
            timekeeper: Timekeeper::new(Arc::clone(&context.clock)),
            clock: context.clock,
            entropy: context.entropy,
            tasks: context.tasks,
            control,
            accounts,
            ledger,
            slots: Slots::default(),
            sweep: Mutex::default(),
            writing: tokio::sync::Mutex::new(()),
        }
    }

    /// Times to live of a role's leases. Neither is ever zero, so that tuning
    /// the mount later does not move them (`lifecycle.md`, 12).
    pub(crate) async fn lease_times(&self, role: &Role) -> Result<LeaseTimes, Error> {
        let (default, max) =
            futures_util::try_join!(self.system.default_lease_ttl(), self.system.max_lease_ttl())?;
        let wished = |wish: Duration, otherwise| if wish.is_zero() { otherwise } else { wish };
        let max_ttl = wished(role.max_ttl(), max).min(max);
        let ttl = wished(role.ttl(), default).min(max_ttl);
        Ok(LeaseTimes { ttl, max_ttl })
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
}
