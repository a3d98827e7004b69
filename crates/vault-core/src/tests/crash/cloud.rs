//! What engines make outside, which outlives every process, and the engine that
//! makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use logical::{
    Backend, BackendContext, Error, Existence, Factory, LeaseOptions, Object, Operation, Request,
    Response, Secret, Storage,
};
use tokio::time::Instant;
use virtual_world::Process;

pub(super) const TTL: Duration = Duration::from_mins(1);
pub(super) const MAX_TTL: Duration = Duration::from_mins(5);

/// A lease that a client relies on.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) number: u64,
    pub(super) expires: Instant,
    /// Somebody asked for its end, successfully or not.
    pub(super) is_released: bool,
}

/// The outside.
#[derive(Default)]
pub(super) struct Cloud {
    pub(super) alive: Mutex<BTreeSet<u64>>,
    pub(super) held: Mutex<Vec<Held>>,
    pub(super) broken: Mutex<Vec<String>>,
    /// When each mount ticked last, by the id of the mount.
    pub(super) ticks: Mutex<BTreeMap<String, Instant>>,
    /// Secrets that the host gave back without a lease.
    pub(super) unregistered: Mutex<BTreeSet<u64>>,
    made: Mutex<u64>,
    armed: Mutex<Vec<(&'static str, bool)>>,
}

impl Cloud {
    pub(super) fn made(&self) -> u64 {
        *self.made.lock().unwrap()
    }

    /// Lets the next call of a kind panic, or else fail.
    pub(super) fn arm(&self, call: &'static str, panics: bool) {
        self.armed.lock().unwrap().push((call, panics));
    }

    /// How many calls are yet to panic or fail.
    pub(super) fn armed(&self) -> usize {
        self.armed.lock().unwrap().len()
    }

    pub(super) fn disarm(&self) {
        self.armed.lock().unwrap().clear();
    }

    fn obey(&self, call: &str) -> Result<(), Error> {
        let mut armed = self.armed.lock().unwrap();
        let Some(at) = armed.iter().position(|(kind, _)| *kind == call) else {
            return Ok(());
        };
        let (_, panics) = armed.remove(at);
        drop(armed);
        assert!(!panics, "the engine panics, as it was told to");
        Err(Error::upstream("the engine fails, as it was told to"))
    }

    fn make(&self) -> u64 {
        let mut made = self.made.lock().unwrap();
        let number = *made;
        *made += 1;
        self.alive.lock().unwrap().insert(number);
        number
    }

    fn end(&self, number: u64) {
        self.alive.lock().unwrap().remove(&number);
        let held = self.held.lock().unwrap();
        let early = held.iter().find(|held| {
            held.number == number && !held.is_released && held.expires > Instant::now()
        });
        if let Some(early) = early {
            let text = format!("secret {number} died under the lease {}", early.id);
            self.broken.lock().unwrap().push(text);
        }
    }
}

/// Makes the engine in one process.
pub(super) struct EngineFactory {
    pub(super) cloud: Arc<Cloud>,
    pub(super) process: Arc<Process>,
}

impl Factory for EngineFactory {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(Engine {
            cloud: Arc::clone(&self.cloud),
            process: Arc::clone(&self.process),
            storage: context.storage,
            uuid: context.uuid,
        }))
    }

    fn version(&self) -> &'static str {
        "v0.0.1"
    }
}

struct Engine {
    cloud: Arc<Cloud>,
    process: Arc<Process>,
    storage: Arc<dyn Storage>,
    uuid: String,
}

#[async_trait]
impl Backend for Engine {
    async fn initialize(&self) -> Result<(), Error> {
        self.storage.put("initialized", b"{}").await?;
        self.cloud.obey("initialize")
    }

    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        let call = async { self.process.step(async {}).await };
        match request.operation {
            Operation::Read => {
                self.cloud.obey("handle")?;
                call.await;
                // Nothing awaits between this and the host, so that only the
                // host can lose it.
                let number = self.cloud.make();
                let notes = Object::from_iter([("number".to_owned(), number.into())]);
                let data = notes.clone();
                let lease = LeaseOptions::renewable(TTL, MAX_TTL);
                let secret = Secret::from_parts(lease, notes, "");
                Ok(Some(Response::with_data(data).under(secret)))
            }
            Operation::Renew => Ok(request.secret.map(|mut secret| {
                secret.lease = LeaseOptions::renewable(TTL, MAX_TTL);
                Response::renewed(secret)
            })),
            Operation::Revoke => {
                let secret = request.secret.ok_or_else(|| Error::internal("no secret"))?;
                let number = secret.internal_data["number"].as_u64().unwrap();
                // A secret whose lease could not be stored, and that cannot be
                // revoked either, is left to the engine's own records.
                let is_unregistered = secret.lease_id.is_empty();
                if is_unregistered {
                    self.cloud.unregistered.lock().unwrap().insert(number);
                }
                self.cloud.obey("revoke")?;
                call.await;
                self.cloud.end(number);
                Ok(None)
            }
            _ => Err(Error::unsupported_path()),
        }
    }

    async fn exists(&self, _: Request) -> Result<Existence, Error> {
        Ok(Existence::Unchecked)
    }

    async fn periodic(&self) -> Result<(), Error> {
        let uuid = self.uuid.clone();
        let _ = self
            .cloud
            .ticks
            .lock()
            .unwrap()
            .insert(uuid, Instant::now());
        self.storage.put("ticked", b"{}").await?;
        self.cloud.obey("tick")
    }

    async fn cleanup(&self) {
        let _ = self.storage.put("cleaned", b"{}").await;
        let _ = self.cloud.obey("cleanup");
    }
}
