//! A world with a clock, in process and on the network.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::counts::Counts;
use crate::credential::Credential;
use crate::faults::{Faults, Fired, Operation};
use crate::limits::{Limits, Standing};
use crate::random::Random;
use crate::serve::serve;
use crate::world::{AboutKey, Happening};
use crate::{
    AdminKey, ArmedFault, Arming, Clock, ClockError, CreatedKey, InvalidWorld, Key, NewKey,
    Options, RateLimits, Refusal, RequestCount, State, World, http,
};

/// A control plane. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Simulator {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    admin_key: AdminKey,
    clock: Clock,
    world: Mutex<World>,
    faults: Mutex<Faults>,
    limits: Mutex<Limits>,
    counts: Mutex<Counts>,
    traces: Mutex<Random>,
}

impl Simulator {
    /// A simulator with the world that [`Options`] describe.
    ///
    /// # Errors
    /// When the world's file does not fit together. Without one there is none
    /// in practice.
    pub fn new(options: &Options) -> Result<Self, InvalidWorld> {
        let now = options.clock.now();
        let (world, admin_key) = World::begin(options, now)?;
        Ok(Self {
            shared: Arc::new(Shared {
                admin_key,
                clock: options.clock.clone(),
                world: Mutex::new(world),
                faults: Mutex::default(),
                limits: Mutex::new(Limits::new(options.rate_limits)),
                counts: Mutex::default(),
                traces: Mutex::new(Random::new(options.seed, "traces")),
            }),
        })
    }

    /// The Cloud API key that may do everything.
    pub fn admin_key(&self) -> &AdminKey {
        &self.shared.admin_key
    }

    /// What time it is here.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Moves a virtual clock on, and tells the new time.
    ///
    /// # Errors
    /// As [`Clock::advance`].
    pub fn advance(&self, by: Duration) -> Result<Timestamp, ClockError> {
        self.clock().advance(by)
    }

    /// All that exists, as `GET /simulator/state` shows it.
    pub fn state(&self) -> State {
        State::of(&self.world())
    }

    /// The world itself, locked for as long as the guard is held.
    pub fn world(&self) -> MutexGuard<'_, World> {
        unpoisoned(&self.shared.world)
    }

    /// Arms a fault for requests over the network, as `POST
    /// /simulator/faults` does.
    pub fn arm(&self, arming: &Arming) {
        unpoisoned(&self.shared.faults).arm(arming);
    }

    /// The faults that were armed, and how often each fired.
    pub fn faults(&self) -> Vec<ArmedFault> {
        unpoisoned(&self.shared.faults).all().to_vec()
    }

    /// Forgets all faults.
    pub fn disarm(&self) {
        unpoisoned(&self.shared.faults).clear();
    }

    /// The rate limits of the control plane.
    pub fn rate_limits(&self) -> RateLimits {
        unpoisoned(&self.shared.limits).rates()
    }

    /// Sets the rate limits; what was counted so far is forgotten.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        *unpoisoned(&self.shared.limits) = Limits::new(limits);
    }

    /// The requests that arrived over the network, but those to `/simulator/`.
    pub fn request_counts(&self) -> Vec<RequestCount> {
        unpoisoned(&self.shared.counts).all()
    }

    /// Counts requests from zero again.
    pub fn reset_request_counts(&self) {
        unpoisoned(&self.shared.counts).clear();
    }

    /// The latest audit events, oldest first; see [`World::audit_events`].
    pub fn audit_events(&self) -> Vec<Value> {
        self.world().audit_events()
    }

    /// Makes a key, as an administrator.
    ///
    /// # Errors
    /// As [`World::create_key`].
    pub fn create_key(&self, new: &NewKey) -> Result<CreatedKey, Refusal> {
        let now = self.clock().now();
        let mut world = self.world();
        let created = world.create_key(now, new);
        let about = created.as_ref().ok();
        let about = about.map(|created| AboutKey::new(&created.key));
        self.note(&mut world, now, "CreateAPIKey", about);
        created
    }

    /// Reads a key, as an administrator.
    ///
    /// # Errors
    /// As [`World::read_key`].
    pub fn read_key(&self, id: &str) -> Result<Key, Refusal> {
        self.world().read_key(id).cloned()
    }

    /// Lists the keys that exist, of an owner and for a resource where given.
    pub fn list_keys(&self, owner: Option<&str>, resource: Option<&str>) -> Vec<Key> {
        self.world().list_keys(owner, resource).cloned().collect()
    }

    /// Deletes a key, as an administrator.
    ///
    /// # Errors
    /// As [`World::delete_key`].
    pub fn delete_key(&self, id: &str) -> Result<(), Refusal> {
        let now = self.clock().now();
        let mut world = self.world();
        let about = world.read_key(id).ok().map(AboutKey::new);
        self.note(&mut world, now, "DeleteAPIKey", about);
        world.delete_key(now, id)
    }

    /// Serves the control plane on a listener until `shutdown` is done.
    /// From then on the data planes that its answers name are at the
    /// listener's address.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let address = listener.local_addr()?;
        self.is_at(address);
        serve(listener, http::router(self.clone(), address), shutdown).await;
        Ok(())
    }

    /// Serves on a free port of loopback, in a task of its own.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn spawn(&self) -> io::Result<Running> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        self.is_at(address);
        let (stop, stopped) = oneshot::channel();
        let simulator = self.clone();
        let task = tokio::spawn(async move {
            let shutdown = async {
                // An end that was dropped means the same as one that spoke.
                let _ = stopped.await;
            };
            simulator.serve(listener, shutdown).await
        });
        Ok(Running {
            address,
            stop: Some(stop),
            task,
        })
    }

    /// Notes what was done in process, as done with the admin key. A change
    /// of a key that is not named was refused.
    fn note(&self, world: &mut World, now: Timestamp, method: &str, about: Option<AboutKey>) {
        let admin = &self.shared.admin_key.id;
        let owner = world.key_place(admin.as_str());
        let owner = owner.and_then(|place| world.all_keys().get(place));
        let by = owner.map(|key| (key.owner.clone(), Some(admin.clone())));
        let granted = about.is_some();
        let happening = Happening::Request {
            method: method.into(),
            modifies: true,
            by,
            key: about,
        };
        world.record(now, happening, granted);
    }

    fn is_at(&self, address: SocketAddr) {
        self.world().set_data_plane(format!("http://{address}"));
    }

    pub(crate) fn fire(&self, operation: Operation) -> Option<Fired> {
        unpoisoned(&self.shared.faults).fire(operation)
    }

    /// Counts a request, by the owner of its key.
    pub(crate) fn take(&self, credential: &Credential) -> Option<Standing> {
        if !unpoisoned(&self.shared.limits).exist() {
            return None;
        }
        let now = self.clock().now();
        let principal = match credential {
            Credential::Key { id, .. } => {
                let world = self.world();
                world.read_key(id).ok().map(|key| key.owner.to_string())
            }
            Credential::Session(token) => {
                let caller = self.world().resume_session(now, token);
                caller.ok().map(|caller| caller.owner().to_string())
            }
            Credential::None => None,
        };
        unpoisoned(&self.shared.limits).take(now, &principal.unwrap_or_default())
    }

    pub(crate) fn count(&self, method: &str, path: &str, status: Option<u16>) {
        unpoisoned(&self.shared.counts).add(method, path, status);
    }

    pub(crate) fn trace_id(&self) -> String {
        unpoisoned(&self.shared.traces).trace_id()
    }
}

/// Every change of the state is done at once or not at all, so a panic
/// elsewhere does not spoil it.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A simulator that is being served. Dropping it stops the service.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it and waits until requests under way are answered.
    ///
    /// # Errors
    /// Those of the network.
    pub async fn stop(mut self) -> io::Result<()> {
        self.stop.take();
        (&mut self.task).await.map_err(io::Error::other)?
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
    }
}

/// An address that others than this machine could reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedAddress(SocketAddr);

impl fmt::Display for RefusedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` can be reached from other machines, and `/simulator/` asks for no credential: \
             listen on 127.0.0.1, or allow it expressly",
            self.0
        )
    }
}

impl std::error::Error for RefusedAddress {}

/// Listens on an address; on one that other machines could reach only when
/// that is allowed.
///
/// # Errors
/// Those of the network, and [`RefusedAddress`] inside an error of the kind
/// [`io::ErrorKind::PermissionDenied`].
pub async fn bind(address: SocketAddr, allow_remote: bool) -> io::Result<TcpListener> {
    if !allow_remote && !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            RefusedAddress(address),
        ));
    }
    TcpListener::bind(address).await
}
