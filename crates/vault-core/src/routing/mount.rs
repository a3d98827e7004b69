//! A running mount: its backend, its settings, and the requests in progress.
//!
//! Every call of the backend goes through this type, so that a panic fails only
//! the call that caused it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use logical::effects::{Replication, catch_panic, within};
use logical::{
    Backend, Error, ErrorClass, Existence, LoginSubject, Request, Response, SystemView, TaskGroup,
    Tasks,
};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use super::special_paths::Special;
use super::{LeaseTtls, MountEntry};

/// Pause after the first failed removal; it doubles with each failure.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(30);

/// A mounted backend.
pub(crate) struct Mount {
    pub(crate) settings: Arc<Settings>,
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) version: String,
    pub(crate) tasks: Arc<dyn TaskGroup>,
    special: Special,
    is_builtin: bool,
    /// Requests hold it shared; the removal of the mount waits for them by
    /// taking it exclusively.
    gate: Arc<tokio::sync::RwLock<()>>,
    /// Held during a periodic call.
    ticking: tokio::sync::Mutex<()>,
    removal: Mutex<Removal>,
    closed: Mutex<Option<Closed>>,
}

/// Why a mount takes no requests for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The engine is being replaced by one of a newer version.
    Upgrading,
    /// The mount is being moved, or was moved, to another path.
    Moving,
}

/// Progress of a removal. State that must survive a restart is in the entry.
#[derive(Debug, Default)]
struct Removal {
    /// Failed attempts, and when the next one is due on the monotonic clock.
    failures: u32,
    next: Duration,
    /// A lease cannot be revoked: requests are let in again, so that the
    /// configuration can be corrected.
    is_stuck: bool,
    /// The backend was stopped, by a removal or by the shutdown of the core.
    is_stopped: bool,
    /// All leases were revoked by a removal.
    leases_ended: bool,
}

/// Marks a request as in progress until dropped.
pub(crate) type Entered = OwnedRwLockReadGuard<()>;

impl Mount {
    /// A mount of an engine.
    pub(crate) fn new(
        settings: Arc<Settings>,
        backend: Arc<dyn Backend>,
        version: String,
        tasks: Arc<dyn TaskGroup>,
    ) -> Self {
        Self {
            special: Special::new(backend.special_paths()),
            settings,
            backend,
            version,
            tasks,
            is_builtin: false,
            gate: Arc::default(),
            ticking: tokio::sync::Mutex::default(),
            removal: Mutex::default(),
            closed: Mutex::default(),
        }
    }

    /// A built-in mount.
    pub(crate) fn builtin(
        settings: Settings,
        backend: Arc<dyn Backend>,
        version: String,
        tasks: Arc<dyn TaskGroup>,
    ) -> Self {
        Self {
            is_builtin: true,
            ..Self::new(Arc::new(settings), backend, version, tasks)
        }
    }

    /// The path with a trailing slash.
    pub(crate) fn path(&self) -> String {
        self.settings.read(|entry| entry.path.clone())
    }

    /// Whether it is the mount of an auth method.
    pub(crate) fn is_auth(&self) -> bool {
        self.settings.read(MountEntry::is_auth)
    }

    /// Whether the mount is built in.
    pub(crate) fn is_builtin(&self) -> bool {
        self.is_builtin
    }

    /// Whether the removal has begun, so that no lease may be issued.
    pub(crate) fn is_tainted(&self) -> bool {
        self.settings.read(MountEntry::is_tainted)
    }

    /// Whether requests are refused because the mount is being removed, moved or
    /// upgraded.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed().is_some() || (self.is_tainted() && !self.removal().is_stuck)
    }

    /// Whether the engine is being replaced by one of a newer version.
    pub(crate) fn is_upgrading(&self) -> bool {
        *self.closed() == Some(Closed::Upgrading)
    }

    /// Closes the mount for a while, or opens it again.
    pub(crate) fn close(&self, closed: Option<Closed>) {
        *self.closed() = closed;
    }

    /// The same mount, open. Requests that found this one stay outside.
    pub(crate) fn reopened(&self) -> Self {
        Self {
            is_builtin: self.is_builtin,
            ..Self::new(
                Arc::clone(&self.settings),
                Arc::clone(&self.backend),
                self.version.clone(),
                Arc::clone(&self.tasks),
            )
        }
    }

    fn closed(&self) -> std::sync::MutexGuard<'_, Option<Closed>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a path inside the mount needs no token.
    pub(crate) fn is_unauthenticated(&self, path: &str) -> bool {
        self.special.is_unauthenticated(path)
    }

    /// Whether a path inside the mount needs sudo.
    pub(crate) fn needs_sudo(&self, path: &str) -> bool {
        self.special.needs_sudo(path)
    }

    /// Enters the mount for one request, or returns `None` while the mount is
    /// being removed, moved or upgraded. Never waits.
    pub(crate) fn enter(&self) -> Option<Entered> {
        if self.is_closed() {
            return None;
        }
        let entered = Arc::clone(&self.gate).try_read_owned().ok()?;
        // A removal may have begun and ended since the first check.
        (!self.is_closed()).then_some(entered)
    }

    /// Waits for all requests to leave, and keeps others out until the guard is
    /// dropped.
    pub(crate) async fn drain(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.gate).write_owned().await
    }

    /// Answers a request.
    pub(crate) fn handle(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Option<Response>, Error>> + Send {
        caught(self.backend.handle(request))
    }

    /// Whether the target of a write exists.
    pub(crate) async fn exists(&self, request: Request) -> Result<Existence, Error> {
        caught(self.backend.exists(request)).await
    }

    /// Whether the backend tells who a login is for.
    pub(crate) fn tells_logins(&self) -> bool {
        self.backend.tells_logins()
    }

    /// Who a login is for, before it is decided.
    pub(crate) async fn login_subject(
        &self,
        request: Request,
    ) -> Result<Option<LoginSubject>, Error> {
        caught(self.backend.login_subject(request)).await
    }

    /// Starts the backend.
    pub(crate) async fn initialize(&self) -> Result<(), Error> {
        caught(self.backend.initialize()).await
    }

    /// Stops the backend, for up to `limit`, then its tasks. Waits for a
    /// periodic call in progress, which may write; none starts afterwards.
    pub(crate) async fn stop(&self, tasks: &dyn Tasks, limit: Duration, grace: Duration) {
        self.removal().is_stopped = true;
        let _ticking = self.ticking.lock().await;
        let cleanup = catch_panic(self.backend.cleanup());
        match within(tasks, limit, cleanup).await {
            Some(Ok(())) => {}
            Some(Err(_)) => tracing::error!(mount = self.path(), "clean-up panicked"),
            None => tracing::warn!(mount = self.path(), "clean-up took too long"),
        }
        self.tasks.shut_down(grace).await;
    }

    /// Makes one periodic call, unless the previous one is still running. A
    /// backend without periodic work reports an unsupported operation, which is
    /// not a failure.
    pub(crate) async fn tick(&self, tasks: &dyn Tasks, limit: Duration) {
        let Ok(_ticking) = self.ticking.try_lock() else {
            return;
        };
        if self.is_stopped() {
            return;
        }
        let call = caught(self.backend.periodic());
        match within(tasks, limit, call).await {
            Some(Err(error)) if error.class() != ErrorClass::UnsupportedOperation => {
                tracing::warn!(mount = self.path(), %error, "periodic work failed");
            }
            None => tracing::warn!(mount = self.path(), "periodic work took too long"),
            Some(_) => {}
        }
    }

    /// Whether the backend was stopped.
    pub(crate) fn is_stopped(&self) -> bool {
        self.removal().is_stopped
    }

    /// Whether a removal has revoked all leases.
    pub(crate) fn leases_ended(&self) -> bool {
        self.removal().leases_ended
    }

    /// Records that a removal has revoked all leases.
    pub(crate) fn note_leases_ended(&self) {
        self.removal().leases_ended = true;
    }

    /// Whether the last removal failed to revoke a lease.
    pub(crate) fn is_stuck(&self) -> bool {
        self.removal().is_stuck
    }

    /// Lets requests in while a lease cannot be revoked, or closes the mount
    /// again.
    pub(crate) fn set_stuck(&self, is_stuck: bool) {
        self.removal().is_stuck = is_stuck;
    }

    /// Whether the next automatic attempt at the removal is due at this
    /// monotonic time.
    pub(crate) fn removal_is_due(&self, now: Duration) -> bool {
        self.removal().next <= now
    }

    /// Records a failed removal and schedules the next attempt.
    pub(crate) fn removal_failed(&self, now: Duration) {
        let mut removal = self.removal();
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(removal.failures));
        removal.failures = removal.failures.saturating_add(1);
        removal.next = now.saturating_add(pause.min(LONGEST_PAUSE));
    }

    fn removal(&self) -> std::sync::MutexGuard<'_, Removal> {
        self.removal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error of a call that panicked. The panic message may quote secrets, so
/// it is not shown.
pub(crate) fn panicked() -> Error {
    Error::internal("internal error")
}

/// Awaits a backend call and turns a panic into an error.
async fn caught<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    catch_panic(call).await.unwrap_or_else(|_| Err(panicked()))
}

/// The entry of a mount, shared with the backend's view of its host.
pub(crate) struct Settings {
    entry: RwLock<MountEntry>,
    /// What the mount inherits.
    server: LeaseTtls,
}

impl Settings {
    pub(crate) fn new(entry: MountEntry, server: LeaseTtls) -> Self {
        Self {
            entry: RwLock::new(entry),
            server,
        }
    }

    /// TTLs of the mount's leases and tokens.
    pub(crate) fn lease_ttls(&self) -> LeaseTtls {
        self.read(|entry| entry.lease_ttls(self.server))
    }

    /// Reads the entry.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&MountEntry) -> T) -> T {
        look(&self.entry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the entry.
    pub(crate) fn replace(&self, entry: MountEntry) {
        *self.entry.write().unwrap_or_else(PoisonError::into_inner) = entry;
    }
}

#[async_trait]
impl SystemView for Settings {
    async fn default_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(self.lease_ttls().default)
    }

    async fn max_lease_ttl(&self) -> Result<Duration, Error> {
        Ok(self.lease_ttls().max)
    }

    async fn tainted(&self) -> Result<bool, Error> {
        Ok(self.read(MountEntry::is_tainted))
    }

    async fn replication(&self) -> Result<Replication, Error> {
        Ok(Replication::default())
    }

    async fn local_mount(&self) -> Result<bool, Error> {
        Ok(self.read(|entry| entry.local))
    }
}
