//! Enabling and tuning mounts, and restoring them after a restart; their
//! removal is in [`removal`].
//!
//! Every change of a mount affects storage, memory and the engine. It runs to
//! completion even if its client hangs up, and the state of the entry in the
//! table lets a restart finish or undo it. Locks are per path, so an engine
//! that hangs blocks no other mount.

mod names;
mod remount;
mod removal;
mod table;
#[cfg(test)]
mod tests;
mod tuning;
mod versions;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logical::effects::within;
use logical::{
    Backend, BackendContext, BackendKind, Error, Factory, NamedLocks, Object, RunToCompletion,
    Storage as _, TaskGroup, Tasks, Write,
};

pub(crate) use self::names::normalize;
pub(crate) use self::removal::Removed;
use self::table::Table;
pub(crate) use self::tuning::Tuning;
use crate::effects::Effects;
use crate::identity::Entities;
use crate::leases::Leases;
use crate::routing::{
    AUTH, LeaseTtls, Mount, MountEntry, MountRequest, Router, Settings, State, check_new,
    check_tuned, panicked,
};
use crate::storage::{Fence, View};

/// Limit for starting a backend when it is mounted.
const INITIALIZE_LIMIT: Duration = Duration::from_mins(1);
/// Limit for stopping a backend.
const CLEAN_UP_LIMIT: Duration = Duration::from_mins(1);
/// How long tasks of a stopped mount may finish.
const TASKS_GRACE: Duration = Duration::from_secs(5);
/// Limit for a periodic call.
const PERIODIC_LIMIT: Duration = Duration::from_secs(90);
/// How long a change of a mount waits for requests to leave it.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);
/// How long the end of an engine waits for its writes.
const WRITES_LIMIT: Duration = Duration::from_secs(30);
/// Number of storage entries that a removal deletes at a time.
const WIPE_BATCH: usize = 256;

/// The option that selects the version of the `kv` engine.
const VERSION: &str = "version";

/// The available engines by type.
pub(crate) type Factories = BTreeMap<String, Arc<dyn Factory>>;

/// All mounts, and the operations that change them.
pub(crate) struct Mounts {
    effects: Effects,
    factories: Arc<Factories>,
    table: Table,
    router: Arc<Router>,
    leases: Arc<Leases>,
    entities: Arc<Entities>,
    tasks: Arc<dyn TaskGroup>,
    builtin_version: String,
    /// What mounts inherit.
    lease_ttls: LeaseTtls,
    /// Held by path while an entry is changed.
    changing: NamedLocks,
    /// Held by path during a removal.
    removing: NamedLocks,
    /// Fences around the storage of each engine, by the id of its mount.
    fences: Mutex<HashMap<String, Arc<Fence>>>,
}

/// What mounts are part of.
pub(crate) struct Parts {
    pub(crate) router: Arc<Router>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) entities: Arc<Entities>,
    pub(crate) tasks: Arc<dyn TaskGroup>,
}

impl Mounts {
    /// Loads the table and starts the backend of every mount. A mount whose
    /// backend does not start is an error: its leases could not be revoked.
    pub(crate) async fn open(
        effects: Effects,
        factories: Arc<Factories>,
        parts: Parts,
        builtin_version: String,
        lease_ttls: LeaseTtls,
    ) -> Result<Self, Error> {
        let root = View::new(Arc::clone(&effects.storage), "");
        let table = Table::open(root, effects.entropy.as_ref()).await?;
        let mounts = Self {
            effects,
            factories,
            table,
            router: parts.router,
            leases: parts.leases,
            entities: parts.entities,
            tasks: parts.tasks,
            builtin_version,
            lease_ttls,
            changing: NamedLocks::default(),
            removing: NamedLocks::default(),
            fences: Mutex::default(),
        };
        for entry in mounts.table.engines() {
            match entry.state() {
                // Neither has leases: an enabling mount never served a request,
                // and those of a wiping one are revoked. Its storage may be
                // incomplete, so its backend must not be started.
                State::Enabling | State::Wiping => mounts.discard(&entry).await?,
                State::Active | State::Removing => {
                    let path = entry.path.clone();
                    let mount = mounts.create(entry)?;
                    if let Err(error) = mount.initialize().await {
                        mounts.stop(&mount).await;
                        return Err(does_not_start(&path, error));
                    }
                    mounts.router.insert(path, mount);
                }
            }
        }
        Ok(mounts)
    }

    /// Mounts a built-in backend at its path in the table.
    pub(crate) fn mount_builtin(&self, kind: &str, backend: &Arc<dyn Backend>) {
        let entries = self.table.builtin().iter();
        for entry in entries.filter(|entry| entry.kind == kind) {
            let mount = Mount::builtin(
                Settings::new(entry.clone(), self.lease_ttls),
                Arc::clone(backend),
                self.builtin_version.clone(),
                (self.effects.task_groups)(),
            );
            self.router.insert(entry.path.clone(), Arc::new(mount));
        }
    }

    /// Mounts an engine.
    ///
    /// # Errors
    /// A bad request if the path is taken or reserved, the engine is unknown,
    /// or the settings are inconsistent; otherwise the error of the engine that
    /// does not start.
    pub(crate) async fn enable(self: &Arc<Self>, mut request: MountRequest) -> Result<(), Error> {
        let path = normalize(&request.path)?;
        names::refuse_reserved(&path, "mount")?;
        self.resolve_name(&mut request)?;
        self.check_kind(&path, &request)?;
        self.check_version(&request.kind, &request.tuning.plugin_version)?;
        check_new(request.config, self.lease_ttls)?;
        let entry = MountEntry::new(path, request, self.effects.entropy.as_ref());
        let mounts = Arc::clone(self);
        self.run(async move { mounts.add(entry).await }).await
    }

    /// Changes the settings of a mount.
    ///
    /// # Errors
    /// A bad request if there is no such mount or the settings are
    /// inconsistent.
    pub(crate) async fn tune(self: &Arc<Self>, path: &str, tuning: Tuning) -> Result<(), Error> {
        let path = normalize(path)?;
        let mounts = Arc::clone(self);
        self.run(async move { mounts.change(&path, tuning).await })
            .await
    }

    /// Every mount with the version of its backend, built-in mounts included.
    pub(crate) fn list(&self) -> Vec<(MountEntry, String)> {
        let mounts = self.router.all().into_iter();
        mounts
            .map(|mount| {
                let entry = mount.settings.read(Clone::clone);
                (entry, mount.version.clone())
            })
            .collect()
    }

    /// The mount that a path is in.
    pub(crate) fn serving(&self, path: &str) -> Option<Arc<Mount>> {
        self.router.route(path).map(|(mount, _)| mount)
    }

    /// The settings of the mount at a path, with effective TTLs.
    pub(crate) fn tuning(&self, path: &str) -> Option<Object> {
        let mount = self.router.get(path)?;
        Some(mount.settings.read(|entry| entry.tuning(self.lease_ttls)))
    }

    /// The mount that serves a path.
    pub(crate) fn find(&self, path: &str) -> Option<(MountEntry, String)> {
        let path = format!("{}/", path.trim_end_matches('/'));
        self.list()
            .into_iter()
            .find(|(entry, _)| path.starts_with(&entry.path))
    }

    /// The names and versions of what can be mounted.
    pub(crate) fn catalog(&self, kind: BackendKind) -> Vec<(&str, &str)> {
        self.factories
            .iter()
            .filter(|(_, factory)| factory.kind() == kind)
            .map(|(name, factory)| (name.as_str(), factory.version()))
            .collect()
    }

    /// Makes one periodic call to every backend, and one attempt at every
    /// unfinished change, each in its own task.
    pub(crate) fn tick(self: &Arc<Self>) {
        for mount in self.router.all() {
            let tasks = Arc::clone(&self.tasks);
            self.tasks.spawn(Box::pin(async move {
                mount.tick(tasks.as_ref(), PERIODIC_LIMIT).await;
            }));
        }
        let mounts = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            if let Err(error) = mounts.table.retry_save().await {
                tracing::warn!(%error, "the table of mounts cannot be stored");
            }
            mounts.resume();
        }));
    }

    /// Runs a change to completion, even if its client hangs up.
    fn run<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> RunToCompletion<Result<T, Error>> {
        RunToCompletion::new(Arc::clone(&self.tasks) as _, change)
    }

    /// Mounts an engine while its path is reserved.
    async fn add(&self, entry: MountEntry) -> Result<(), Error> {
        let path = entry.path.clone();
        let _changing = self.changing.lock(&path).await;
        self.table.reserve(entry.clone())?;
        if let Err(error) = self.table.put(entry.clone()).await {
            self.undo(&entry).await;
            return Err(error);
        }
        let started = self.start(entry.in_state(State::Active)).await;
        let stored = match started {
            Ok(mount) => {
                let stored = self.table.put(entry.in_state(State::Active)).await;
                if stored.is_ok() {
                    self.router.insert(path, mount);
                    return Ok(());
                }
                self.stop(&mount).await;
                stored
            }
            Err(error) => Err(error),
        };
        self.undo(&entry).await;
        stored
    }

    /// Undoes a failed mount. What cannot be undone now is retried later.
    async fn undo(&self, entry: &MountEntry) {
        if let Err(error) = self.discard(entry).await {
            tracing::warn!(mount = entry.path, %error, "a failed mount cannot be cleaned up yet and will be retried");
        }
    }

    /// Removes the storage and the entry of a mount without leases.
    async fn discard(&self, entry: &MountEntry) -> Result<(), Error> {
        self.wipe(entry).await?;
        self.table.remove(&entry.path).await
    }

    async fn change(&self, path: &str, tuning: Tuning) -> Result<(), Error> {
        let failed =
            |why: &str| Error::bad_request(format!("tune of path \"{path}\" failed: {why}"));
        let _changing = self.changing.lock(path).await;
        let found = self.router.get(path).zip(self.table.get(path));
        let (mount, mut entry) = found.ok_or_else(|| failed("no mount entry found"))?;
        if entry.is_tainted() {
            return Err(failed("the mount is being removed"));
        }
        if mount.is_stopped() && !mount.is_upgrading() {
            return Err(failed("its engine is stopped"));
        }
        if let Some(ttl) = tuning.default_lease_ttl {
            entry.config.default_lease_ttl = ttl;
        }
        if let Some(ttl) = tuning.max_lease_ttl {
            entry.config.max_lease_ttl = ttl;
        }
        check_tuned(entry.config)?;
        if tuning.user_lockout.is_some() && !mount.tells_logins() {
            return Err(Error::bad_request(format!(
                "tuning of user lockout configuration for auth type {:?} not allowed",
                entry.kind
            )));
        }
        if let Some(version) = &tuning.plugin_version {
            self.check_version(&entry.kind, version)?;
        }
        let new_version = self.new_version(&entry, &tuning)?;
        tuning.apply_to(&mut entry.tuning);
        if let Some(options) = &mut entry.options {
            options.extend(tuning.options);
        }
        if let Some(description) = tuning.description {
            entry.description = description;
        }
        if new_version || mount.is_upgrading() {
            return self.replace(&mount, entry).await;
        }
        self.table.put(entry.clone()).await?;
        mount.settings.replace(entry);
        Ok(())
    }

    /// Replaces another name of a factory by its own, with the version that the
    /// name stands for.
    fn resolve_name(&self, request: &mut MountRequest) -> Result<(), Error> {
        let named = self.factories.iter().find_map(|(kind, factory)| {
            let mut names = factory.other_names().iter();
            let other = names.find(|other| other.name == request.kind)?;
            Some((kind.clone(), other.version))
        });
        let Some((kind, version)) = named else {
            return Ok(());
        };
        if !version.is_empty() {
            let given = request.options.entry(VERSION.to_owned()).or_default();
            if !given.is_empty() && given != version {
                return Err(Error::bad_request(format!(
                    "option `version` is {given:?}, but `{}` is version {version}",
                    request.kind
                )));
            }
            version.clone_into(given);
        }
        request.kind = kind;
        Ok(())
    }

    fn check_kind(&self, path: &str, request: &MountRequest) -> Result<(), Error> {
        let kind = request.kind.as_str();
        if kind.is_empty() {
            return Err(Error::bad_request(
                "backend type must be specified as a string",
            ));
        }
        if self.table.builtin().iter().any(|entry| entry.kind == kind) {
            return Err(Error::bad_request(format!(
                "mount type of \"{kind}\" is not mountable"
            )));
        }
        let wanted = if path.starts_with(AUTH) {
            BackendKind::Auth
        } else {
            BackendKind::Secrets
        };
        let Some(factory) = self.factories.get(kind) else {
            return Err(Error::bad_request(format!(
                "plugin not found in the catalog: {kind}"
            )));
        };
        match (factory.kind(), wanted) {
            (BackendKind::Auth, BackendKind::Secrets) => {
                return Err(Error::bad_request(format!(
                    "\"{kind}\" is an auth method, which `sys/mounts` cannot mount: use `sys/auth`"
                )));
            }
            (BackendKind::Secrets, BackendKind::Auth) => {
                return Err(Error::bad_request(format!(
                    "\"{kind}\" is a secrets engine, which `sys/auth` cannot mount: use `sys/mounts`"
                )));
            }
            _ => {}
        }
        if request.options.contains_key(VERSION) && !factory.has_versions() {
            return Err(no_version_of(kind));
        }
        Ok(())
    }

    /// Checks that a requested engine version is the built-in one.
    fn check_version(&self, kind: &str, wanted: &str) -> Result<(), Error> {
        let built_in = self.factories.get(kind).map(|factory| factory.version());
        let built_in = built_in.unwrap_or_default();
        let is_same = wanted.trim_start_matches('v') == built_in.trim_start_matches('v');
        if wanted.is_empty() || is_same {
            return Ok(());
        }
        Err(Error::bad_request(format!(
            "`plugin_version` is {wanted:?}: the version of `{kind}` in this server is {built_in}"
        )))
    }

    /// Creates the mount of an entry without starting its backend.
    fn create(&self, entry: MountEntry) -> Result<Arc<Mount>, Error> {
        let factory = self.factories.get(&entry.kind).ok_or_else(|| {
            Error::internal(format!(
                "mount `{}`: no engine `{}` is built in",
                entry.path, entry.kind
            ))
        })?;
        let tasks = (self.effects.task_groups)();
        let settings = Arc::new(Settings::new(entry.clone(), self.lease_ttls));
        let context = BackendContext::new(
            self.fenced(&entry.uuid),
            Arc::clone(&settings) as _,
            Arc::clone(&self.effects.clock),
            Arc::clone(&self.effects.entropy),
            Arc::clone(&tasks) as _,
        );
        let context = context
            .with_options(entry.options.unwrap_or_default())
            .with_metrics(Arc::clone(&self.effects.metrics))
            .with_uuid(entry.uuid);
        let create = std::panic::AssertUnwindSafe(|| factory.create(context));
        let backend = std::panic::catch_unwind(create).unwrap_or_else(|_| Err(panicked()))?;
        let version = factory.version().to_owned();
        Ok(Arc::new(Mount::new(settings, backend, version, tasks)))
    }

    /// Creates and starts the mount of a new entry.
    async fn start(&self, entry: MountEntry) -> Result<Arc<Mount>, Error> {
        let path = entry.path.clone();
        let mount = self.create(entry)?;
        let started = within(self.tasks.as_ref(), INITIALIZE_LIMIT, mount.initialize()).await;
        let started = started.unwrap_or_else(|| {
            Err(Error::internal(format!(
                "it did not within {} s",
                INITIALIZE_LIMIT.as_secs()
            )))
        });
        if let Err(error) = started {
            self.stop(&mount).await;
            return Err(does_not_start(&path, error));
        }
        Ok(mount)
    }

    async fn stop(&self, mount: &Mount) {
        stop(mount, self.tasks.as_ref()).await;
    }

    /// The storage of a mount as its engine gets it; [`close`](Self::close)
    /// closes it.
    fn fenced(&self, uuid: &str) -> Arc<Fence> {
        let view = Arc::new(self.view_of(uuid));
        let fence = Arc::new(Fence::new(view, (self.effects.task_groups)(), removed));
        self.fences().insert(uuid.to_owned(), Arc::clone(&fence));
        fence
    }

    /// Closes the storage of a mount to its engine.
    ///
    /// # Errors
    /// An internal error while a write of the engine does not end.
    async fn close(&self, uuid: &str) -> Result<(), Error> {
        let fence = self.fences().get(uuid).cloned();
        if let Some(fence) = fence
            && !fence.close(WRITES_LIMIT).await
        {
            return Err(Error::internal(format!(
                "a write of the engine has not ended within {} s: try again",
                WRITES_LIMIT.as_secs()
            )));
        }
        Ok(())
    }

    /// Deletes everything in the storage of a mount, after closing it to its
    /// engine.
    ///
    /// # Errors
    /// An error of storage, or a write of the engine that does not end.
    async fn wipe(&self, entry: &MountEntry) -> Result<(), Error> {
        let uuid = &entry.uuid;
        self.close(uuid).await?;
        let view = self.view_of(uuid);
        let keys = view.walk("").await?;
        for batch in keys.chunks(WIPE_BATCH) {
            let deletions = batch.iter().map(Write::delete).collect();
            view.apply(deletions).await?;
        }
        self.fences().remove(uuid);
        // Its tokens are gone.
        self.entities.end_mount(&entry.accessor).await
    }

    /// The storage of a mount.
    pub(crate) fn view_of(&self, uuid: &str) -> View {
        View::new(
            Arc::clone(&self.effects.storage),
            format!("logical/{uuid}/"),
        )
    }

    fn fences(&self) -> MutexGuard<'_, HashMap<String, Arc<Fence>>> {
        self.fences.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops all backends; nothing is removed.
pub(crate) async fn stop_all(router: &Router, tasks: &dyn Tasks) {
    let mounts = router.all();
    let stops = mounts.iter().map(|mount| stop(mount, tasks));
    futures_util::future::join_all(stops).await;
    router.clear();
}

async fn stop(mount: &Mount, tasks: &dyn Tasks) {
    mount.stop(tasks, CLEAN_UP_LIMIT, TASKS_GRACE).await;
}

/// The error for a mount that requests do not leave.
fn still_inside() -> Error {
    Error::internal(format!(
        "requests are still inside the mount after {} s: try again",
        DRAIN_LIMIT.as_secs()
    ))
}

/// The error of storage calls by an engine that was removed or replaced.
fn removed() -> Error {
    Error::not_found("the mount was removed or its engine replaced")
}

/// The error for the option `version`, which only `kv` has.
fn no_version_of(kind: &str) -> Error {
    Error::bad_request(format!(
        "secrets engine \"{kind}\" does not allow setting a version"
    ))
}

fn does_not_start(path: &str, error: Error) -> Error {
    error.context(format_args!("mount `{path}` does not start"))
}
