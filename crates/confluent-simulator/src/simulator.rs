//! A world with a clock, in process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::counts::Counts;
use crate::credential::Credential;
use crate::faults::{Faults, Fired, Operation};
use crate::limits::{LimitState, Limits};
use crate::random::Random;
use crate::world::{AuditRecord, KeyReference};
use crate::{
    AdminKey, ArmedFault, Arming, Clock, ClockError, CreatedKey, InvalidWorld, Key, NewKey,
    Options, RateLimits, Refusal, RequestCount, State, World,
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
        let (world, admin_key) = World::begin(&options.beginning(), now)?;
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

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Advances a virtual clock and returns the new time.
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
        lock(&self.shared.world)
    }

    /// Arms a fault for requests over the network, as `POST
    /// /simulator/faults` does.
    pub fn arm(&self, arming: &Arming) {
        lock(&self.shared.faults).arm(arming);
    }

    /// The faults that were armed, and how often each fired.
    pub fn faults(&self) -> Vec<ArmedFault> {
        lock(&self.shared.faults).all().to_vec()
    }

    /// Forgets all faults.
    pub fn disarm(&self) {
        lock(&self.shared.faults).clear();
    }

    /// The rate limits of the control plane.
    pub fn rate_limits(&self) -> RateLimits {
        lock(&self.shared.limits).rates()
    }

    /// Sets the rate limits and resets their counters.
    pub fn set_rate_limits(&self, limits: RateLimits) {
        *lock(&self.shared.limits) = Limits::new(limits);
    }

    /// The requests that arrived over the network, but those to `/simulator/`.
    pub fn request_counts(&self) -> Vec<RequestCount> {
        lock(&self.shared.counts).all()
    }

    /// Counts requests from zero again.
    pub fn reset_request_counts(&self) {
        lock(&self.shared.counts).clear();
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
        let key = created.as_ref().ok();
        let key = key.map(|created| KeyReference::new(&created.key));
        self.record(&mut world, now, "CreateAPIKey", key);
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
        let key = world.read_key(id).ok().map(KeyReference::new);
        self.record(&mut world, now, "DeleteAPIKey", key);
        world.delete_key(now, id)
    }

    /// Records an operation in process as one of the admin key. Without a key it
    /// was refused.
    fn record(&self, world: &mut World, now: Timestamp, method: &str, key: Option<KeyReference>) {
        let admin = &self.shared.admin_key.id;
        let owner = world.key_place(admin.as_str());
        let owner = owner.and_then(|place| world.all_keys().get(place));
        let by = owner.map(|key| (key.owner.clone(), Some(admin.clone())));
        let granted = key.is_some();
        let record = AuditRecord::Request {
            method: method.into(),
            modifies: true,
            by,
            key,
        };
        world.record(now, record, granted);
    }

    pub(crate) fn set_address(&self, address: SocketAddr) {
        self.world().set_data_plane(format!("http://{address}"));
    }

    pub(crate) fn fire(&self, operation: Operation) -> Option<Fired> {
        lock(&self.shared.faults).fire(operation)
    }

    /// Counts a request, by the owner of its key.
    pub(crate) fn count_toward_limit(&self, credential: &Credential) -> Option<LimitState> {
        if !lock(&self.shared.limits).exist() {
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
        lock(&self.shared.limits).take(now, &principal.unwrap_or_default())
    }

    pub(crate) fn count(&self, method: &str, path: &str, status: Option<u16>) {
        lock(&self.shared.counts).add(method, path, status);
    }

    pub(crate) fn trace_id(&self) -> String {
        lock(&self.shared.traces).trace_id()
    }
}

/// Locks a mutex, also one that a panic poisoned: every change of the state is
/// made as a whole or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
