//! Mounts: engines at paths. Enabling, tuning and removing them, and their
//! return after a restart.

mod entry;
mod mount;
mod names;
mod router;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use logical::effects::within;
use logical::{Backend, BackendContext, Error, Factory, Storage, TaskGroup, Write};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

pub use entry::{MountConfig, MountRequest};
pub(crate) use entry::{MountEntry, read_ttl};
pub(crate) use mount::{Mount, Settings};
pub(crate) use names::normalize;
pub(crate) use router::Router;

use crate::effects::Effects;
use crate::leases::{Leases, Mode};
use crate::storage::View;

/// Where the table of mounts is kept.
const TABLE: &str = "core/mounts";
/// How long a backend may take to stop.
const CLEAN_UP: Duration = Duration::from_mins(1);
/// How long tasks of a removed mount may run on.
const TASKS_GRACE: Duration = Duration::from_secs(5);
/// How long a periodic call may take.
const PERIODIC_LIMIT: Duration = Duration::from_secs(90);
/// How many entries of a removed mount are deleted at a time.
const WIPE_BATCH: usize = 256;

/// The engines that can be mounted, by the name that clients say.
pub(crate) type Factories = BTreeMap<String, Arc<dyn Factory>>;

/// What is kept: the mounts of engines, and those of the core.
#[derive(Default, Serialize, Deserialize)]
struct Table {
    engines: Vec<MountEntry>,
    core: Vec<MountEntry>,
}

/// The mounts, and what changes them.
pub(crate) struct Mounts {
    effects: Effects,
    factories: Factories,
    router: Arc<Router>,
    leases: Arc<Leases>,
    tasks: Arc<dyn TaskGroup>,
    core: Vec<MountEntry>,
    core_version: String,
    /// Held while the table changes.
    changing: Mutex<()>,
}

/// A change of a mount; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tuning {
    pub(crate) default_lease_ttl: Option<u64>,
    pub(crate) max_lease_ttl: Option<u64>,
    pub(crate) description: Option<String>,
}

impl Mounts {
    /// Reads the table and starts the backend of every mount. A mount whose
    /// backend does not start is an error: its leases could not be revoked.
    pub(crate) async fn open(
        effects: Effects,
        factories: Factories,
        router: Arc<Router>,
        leases: Arc<Leases>,
        tasks: Arc<dyn TaskGroup>,
        core_version: String,
    ) -> Result<Self, Error> {
        let root = View::new(Arc::clone(&effects.storage), "");
        let stored: Option<Table> = root.read(TABLE).await?;
        let is_new = stored.is_none();
        let mut table = stored.unwrap_or_default();
        if is_new {
            table.core = core_entries(&effects);
        }
        let mounts = Self {
            effects,
            factories,
            router,
            leases,
            tasks,
            core: table.core,
            core_version,
            changing: Mutex::new(()),
        };
        if is_new {
            mounts.save(Vec::new()).await?;
        }
        for entry in table.engines {
            let path = entry.path.clone();
            let mount = mounts.start(entry).await?;
            mounts.router.insert(path, mount);
        }
        Ok(mounts)
    }

    /// Mounts an engine.
    ///
    /// # Errors
    /// A bad request when the path is taken or reserved, the engine unknown,
    /// or the limits contradict each other; what the engine says when it does
    /// not start.
    pub(crate) async fn enable(&self, request: MountRequest) -> Result<(), Error> {
        let path = normalize(&request.path)?;
        names::refuse_reserved(&path, "mount")?;
        self.check_kind(&request)?;
        entry::check_new(request.config)?;
        let _changing = self.changing.lock().await;
        let paths = self.router.paths();
        if let Some(taken) = names::conflict(&path, &paths) {
            return Err(Error::bad_request(format!(
                "path is already in use at {taken}"
            )));
        }
        let entry = MountEntry::new(path.clone(), request, self.effects.entropy.as_ref());
        let mount = self.start(entry.clone()).await?;
        let mut entries = self.entries();
        entries.push(entry);
        if let Err(error) = self.save(entries).await {
            self.stop(&mount).await;
            return Err(error);
        }
        self.router.insert(path, mount);
        Ok(())
    }

    /// Removes a mount: first its leases, then its backend, then its storage.
    /// A mount that does not exist is no error.
    ///
    /// # Errors
    /// What the first lease that cannot be revoked says. The mount then stays
    /// closed to requests, and removing it can be tried again.
    pub(crate) async fn disable(&self, path: &str) -> Result<(), Error> {
        let path = normalize(path)?;
        names::refuse_reserved(&path, "unmount")?;
        let _changing = self.changing.lock().await;
        let Some(mount) = self.router.get(&path) else {
            return Ok(());
        };
        let mut entry = mount.settings.read(Clone::clone);
        entry.tainted = true;
        self.replace(&mount, entry).await?;
        let _alone = mount.gate.write().await;
        mount.tick(self.tasks.as_ref(), PERIODIC_LIMIT).await;
        self.leases.revoke_prefix(&path, Mode::Sync).await?;
        self.stop(&mount).await;
        let uuid = mount.settings.read(|entry| entry.uuid.clone());
        wipe(&self.view_of(&uuid)).await?;
        let entries = self.entries();
        let rest = entries.into_iter().filter(|entry| entry.path != path);
        self.save(rest.collect()).await?;
        self.router.remove(&path);
        Ok(())
    }

    /// Changes the settings of a mount.
    ///
    /// # Errors
    /// A bad request when there is no such mount or the limits contradict
    /// each other.
    pub(crate) async fn tune(&self, path: &str, tuning: Tuning) -> Result<(), Error> {
        let path = normalize(path)?;
        let _changing = self.changing.lock().await;
        let mount = self.router.get(&path).ok_or_else(|| {
            Error::bad_request(format!(
                "tune of path \"{path}\" failed: no mount entry found"
            ))
        })?;
        let mut entry = mount.settings.read(Clone::clone);
        if let Some(ttl) = tuning.default_lease_ttl {
            entry.config.default_lease_ttl = ttl;
        }
        if let Some(ttl) = tuning.max_lease_ttl {
            entry.config.max_lease_ttl = ttl;
        }
        entry::check_tuned(entry.config)?;
        if let Some(description) = tuning.description {
            entry.description = description;
        }
        self.replace(&mount, entry).await
    }

    /// Every mount with the version of its backend, engines and core.
    pub(crate) fn list(&self) -> Vec<(MountEntry, String)> {
        let core = self.core.iter().cloned();
        let mut all: Vec<_> = core
            .map(|entry| (entry, self.core_version.clone()))
            .chain(self.router.all().into_iter().map(|mount| {
                let entry = mount.settings.read(Clone::clone);
                (entry, mount.version.clone())
            }))
            .collect();
        all.sort_by(|one, other| one.0.path.cmp(&other.0.path));
        all
    }

    /// The mount, of an engine or the core, that a path lies in.
    pub(crate) fn find(&self, path: &str) -> Option<(MountEntry, String)> {
        let path = format!("{}/", path.trim_end_matches('/'));
        self.list()
            .into_iter()
            .find(|(entry, _)| path.starts_with(&entry.path))
    }

    /// The names and versions of what can be mounted.
    pub(crate) fn catalog(&self) -> Vec<(&str, &str)> {
        self.factories
            .iter()
            .map(|(name, factory)| (name.as_str(), factory.version()))
            .collect()
    }

    /// One periodic call to every backend, each in a task of its own.
    pub(crate) fn tick(&self) {
        for mount in self.router.all() {
            let tasks = Arc::clone(&self.tasks);
            self.tasks.spawn(Box::pin(async move {
                mount.tick(tasks.as_ref(), PERIODIC_LIMIT).await;
            }));
        }
    }

    /// Stops all backends; nothing is removed.
    pub(crate) async fn shut_down(&self) {
        let stops = self.router.all();
        let stops = stops.iter().map(|mount| self.stop(mount));
        futures_util::future::join_all(stops).await;
    }

    fn check_kind(&self, request: &MountRequest) -> Result<(), Error> {
        let kind = request.kind.as_str();
        if kind.is_empty() {
            return Err(Error::bad_request(
                "backend type must be specified as a string",
            ));
        }
        if self.core.iter().any(|entry| entry.kind == kind) {
            return Err(Error::bad_request(format!(
                "mount type of \"{kind}\" is not mountable"
            )));
        }
        if !self.factories.contains_key(kind) {
            return Err(Error::bad_request(format!(
                "plugin not found in the catalog: {kind}"
            )));
        }
        if request.options.contains_key("version") {
            return Err(Error::bad_request(format!(
                "secrets engine \"{kind}\" does not allow setting a version"
            )));
        }
        Ok(())
    }

    async fn start(&self, entry: MountEntry) -> Result<Arc<Mount>, Error> {
        let factory = self.factories.get(&entry.kind).ok_or_else(|| {
            Error::internal(format!(
                "mount `{}`: no engine `{}` is built in",
                entry.path, entry.kind
            ))
        })?;
        let tasks = (self.effects.task_groups)();
        let settings = Arc::new(Settings::new(entry.clone()));
        let context = BackendContext::new(
            Arc::new(self.view_of(&entry.uuid)),
            Arc::clone(&settings) as _,
            Arc::clone(&self.effects.clock),
            Arc::clone(&self.effects.entropy),
            Arc::clone(&tasks) as _,
        )
        .with_options(entry.options.unwrap_or_default())
        .with_uuid(entry.uuid);
        let backend: Arc<dyn Backend> = factory.create(context)?;
        let version = factory.version().to_owned();
        let mount = Arc::new(Mount::new(settings, backend, version, tasks));
        if let Err(error) = mount.backend.initialize().await {
            self.stop(&mount).await;
            return Err(error.context(format_args!("mount `{}` does not start", entry.path)));
        }
        Ok(mount)
    }

    async fn stop(&self, mount: &Mount) {
        let cleanup = mount.backend.cleanup();
        if within(self.tasks.as_ref(), CLEAN_UP, cleanup)
            .await
            .is_none()
        {
            tracing::warn!(mount = mount.path(), "clean-up took too long");
        }
        mount.tasks.shut_down(TASKS_GRACE).await;
    }

    /// Stores a changed entry, then lets it take effect.
    async fn replace(&self, mount: &Mount, entry: MountEntry) -> Result<(), Error> {
        let mut entries = self.entries();
        for old in entries.iter_mut().filter(|old| old.uuid == entry.uuid) {
            *old = entry.clone();
        }
        self.save(entries).await?;
        mount.settings.replace(entry);
        Ok(())
    }

    async fn save(&self, engines: Vec<MountEntry>) -> Result<(), Error> {
        let table = Table {
            engines,
            core: self.core.clone(),
        };
        let root = View::new(Arc::clone(&self.effects.storage), "");
        root.write(TABLE, &table).await
    }

    fn entries(&self) -> Vec<MountEntry> {
        let mounts = self.router.all();
        mounts
            .iter()
            .map(|mount| mount.settings.read(Clone::clone))
            .collect()
    }

    fn view_of(&self, uuid: &str) -> View {
        View::new(
            Arc::clone(&self.effects.storage),
            format!("logical/{uuid}/"),
        )
    }
}

/// The mounts of the core, which nobody can change.
fn core_entries(effects: &Effects) -> Vec<MountEntry> {
    let rows = [
        (
            "auth/token/",
            "token",
            "auth_token",
            "token based credentials",
        ),
        (
            "sys/",
            "system",
            "system",
            "system endpoints used for control, policy and debugging",
        ),
    ];
    rows.map(|(path, kind, accessor, description)| {
        let entropy = effects.entropy.as_ref();
        MountEntry {
            path: path.into(),
            kind: kind.into(),
            description: description.into(),
            accessor: format!("{accessor}_{}", crate::random::hex8(entropy)),
            uuid: crate::random::uuid(entropy),
            config: MountConfig::default(),
            options: None,
            local: false,
            seal_wrap: path == "sys/",
            tainted: false,
        }
    })
    .into()
}

async fn wipe(view: &View) -> Result<(), Error> {
    let keys = view.walk("").await?;
    for batch in keys.chunks(WIPE_BATCH) {
        view.apply(batch.iter().map(Write::delete).collect())
            .await?;
    }
    Ok(())
}
