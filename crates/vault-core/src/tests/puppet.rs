//! A backend that does as it is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use logical::{
    Auth, Backend, BackendContext, Error, Existence, Factory, LeaseOptions, Object, Operation,
    Request, Response, Secret, SpecialPaths, Storage,
};
use serde_json::json;

/// What the puppet does when it is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Does {
    /// What a backend should.
    #[default]
    Work,
    /// An error that may pass.
    Fail,
    /// Nothing, for ever.
    Hang,
    /// A panic.
    Panic,
}

/// A backend that answers everything under a lease of ten seconds, at most
/// thirty, and notes which were revoked.
#[derive(Default)]
pub(crate) struct Puppet {
    does: Mutex<BTreeMap<&'static str, Does>>,
    pub(crate) ticks: AtomicU64,
    /// How often it was cleaned up.
    pub(crate) cleaned: AtomicU64,
    initialized: AtomicU64,
    answered: AtomicU64,
    revoked: Mutex<Vec<u64>>,
    storage: Mutex<Option<Arc<dyn Storage>>>,
}

impl Puppet {
    /// Sets what it does when it is asked to `revoke`, `tick`, `initialize`,
    /// `second initialize` (each second time), `cleanup` or `handle`.
    pub(crate) fn on(&self, call: &'static str, does: Does) {
        self.does.lock().unwrap().insert(call, does);
    }

    async fn obey(&self, call: &'static str) -> Result<(), Error> {
        let does = self.does.lock().unwrap().get(call).copied();
        match does.unwrap_or_default() {
            Does::Work => Ok(()),
            Does::Fail => Err(Error::upstream("the puppet fails")),
            Does::Hang => std::future::pending().await,
            Does::Panic => panic!("the puppet panics"),
        }
    }

    /// The numbers of the answers that were revoked.
    pub(crate) fn revoked(&self) -> Vec<u64> {
        let revoked = self.revoked.lock();
        revoked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lease() -> LeaseOptions {
        LeaseOptions::renewable(Duration::from_secs(10), Duration::from_secs(30))
    }
}

pub(super) struct PuppetFactory(pub(super) Arc<Puppet>);

impl Factory for PuppetFactory {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        *self.0.storage.lock().unwrap() = Some(context.storage);
        Ok(Arc::clone(&self.0) as _)
    }

    fn version(&self) -> &'static str {
        "v0.0.1"
    }
}

#[async_trait]
impl Backend for Puppet {
    async fn initialize(&self) -> Result<(), Error> {
        let storage = self.storage.lock().unwrap().clone().unwrap();
        storage.put("initialized", b"{}").await?;
        let is_second = self.initialized.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        if is_second {
            self.obey("second initialize").await?;
        }
        self.obey("initialize").await
    }

    async fn cleanup(&self) {
        self.cleaned.fetch_add(1, Ordering::SeqCst);
        let _ = self.obey("cleanup").await;
    }

    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        if !matches!(request.operation, Operation::Revoke | Operation::Renew) {
            self.obey("handle").await?;
        }
        match request.operation {
            Operation::Read if request.path == "lease" => {
                let number = self.answered.fetch_add(1, Ordering::SeqCst);
                let mut data = Object::new();
                data.insert("number".into(), number.into());
                let mut internal_data = Object::new();
                internal_data.insert("number".into(), number.into());
                let lease = Secret::from_parts(Self::lease(), internal_data, "");
                Ok(Some(Response::with_data(data).under(lease)))
            }
            Operation::Read if request.path == "login" => {
                let lease = LeaseOptions::fixed(Duration::from_secs(10));
                let auth = Auth::new("puppet", ["root".to_owned()], lease);
                Ok(Some(Response::login(auth)))
            }
            Operation::Read if matches!(request.path.as_str(), "asker" | "open" | "rooted") => {
                let data = json!({
                    "unauthenticated": request.unauthenticated,
                    "type": request.mount_type,
                    "name": request.display_name,
                    "token": request.client_token,
                    "mount": request.mount_point,
                });
                Ok(data.as_object().cloned().map(Response::with_data))
            }
            Operation::Read if request.path == "headers" => {
                let data = json!(request.headers);
                let mut response = Response::with_data(data.as_object().cloned().unwrap());
                for (name, values) in [("x-answered", ["one", "two"]), ("x-hidden", ["no", "no"])] {
                    let values = values.map(str::to_owned).to_vec();
                    response.headers.insert(name.to_owned(), values);
                }
                Ok(Some(response))
            }
            Operation::Read if request.path == "elsewhere" => {
                let mut response = Response::default();
                response.redirect = "https://elsewhere.example/v1/there".to_owned();
                Ok(Some(response))
            }
            Operation::Update | Operation::Create => {
                let storage = self.storage.lock().unwrap().clone().unwrap();
                storage.put(&request.path, b"{}").await?;
                let mut data = Object::new();
                data.insert("operation".into(), request.operation.as_str().into());
                Ok(Some(Response::with_data(data)))
            }
            Operation::Renew => Ok(request.secret.map(|mut secret| {
                secret.lease = Self::lease();
                Response::renewed(secret)
            })),
            Operation::Revoke => {
                self.obey("revoke").await?;
                let secret = request.secret.unwrap();
                let number = secret.internal_data["number"].as_u64().unwrap();
                self.revoked.lock().unwrap().push(number);
                Ok(None)
            }
            _ => Err(Error::unsupported_path()),
        }
    }

    async fn exists(&self, request: Request) -> Result<Existence, Error> {
        let storage = self.storage.lock().unwrap().clone().unwrap();
        Ok(match storage.get(&request.path).await? {
            Some(_) => Existence::Present,
            None => Existence::Absent,
        })
    }

    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths::new()
            .unauthenticated(["open"])
            .root(["rooted"])
    }

    async fn periodic(&self) -> Result<(), Error> {
        self.ticks.fetch_add(1, Ordering::SeqCst);
        self.obey("tick").await
    }
}
