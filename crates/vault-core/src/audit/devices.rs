//! Which devices there are: those that the configuration declares, and those
//! that clients made.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use logical::{Clock, Entropy, Error, Object, TaskGroup, Tasks};

use super::config::{AuditConfig, AuditDevice};
use super::entry::{AuthEntry, RequestEntry, ResponseEntry};
use super::log::{self, Device, NotWritten, Trail};
use super::mask::{self, Mask, Salt};
use super::options::Options;
use super::path::{normalize, overlap};
use super::table::{Origin, Record, Table};
use crate::effects::Effects;
use crate::random;

/// The audit log of an unsealed core.
pub(crate) struct Audit {
    config: AuditConfig,
    table: Table,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tasks: Arc<dyn TaskGroup>,
    devices: RwLock<Arc<Vec<Arc<Device>>>>,
    /// Held while the devices change.
    changing: tokio::sync::Mutex<()>,
}

impl Audit {
    /// The log with all devices in use, so that no request is answered without
    /// them.
    ///
    /// # Errors
    /// An error of storage; of a device in storage whose options this program
    /// does not know; or of a newly declared device that cannot write.
    pub(crate) async fn open(
        config: AuditConfig,
        effects: &Effects,
        tasks: Arc<dyn TaskGroup>,
    ) -> Result<Self, Error> {
        let audit = Self {
            config,
            table: Table::new(Arc::clone(&effects.storage)),
            clock: Arc::clone(&effects.clock),
            entropy: Arc::clone(&effects.entropy),
            tasks,
            devices: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
        };
        let declared = audit.config.declared();
        let mut devices = Vec::new();
        let mut salts = BTreeMap::new();
        for record in audit.table.all().await? {
            let declared = declared.iter().find(|device| is_at(&record.path, device));
            match declared {
                None if record.origin == Origin::Declared => {
                    audit.table.remove(&record.path).await?;
                    tracing::info!(path = record.path, "an audit device is no longer declared");
                }
                // It is replaced below.
                Some(declared)
                    if record.origin == Origin::Declared && !record.is_as_declared(declared) =>
                {
                    salts.insert(record.path.clone(), record.salt().clone());
                }
                _ => {
                    let path = record.path.clone();
                    let device = audit.device(record).map_err(|error| of(&path, &error))?;
                    devices.push(device);
                }
            }
        }
        audit.set(devices);
        audit.reconcile(&salts).await?;
        Ok(audit)
    }

    /// Whether there is a device.
    pub(crate) fn is_enabled(&self) -> bool {
        !self.devices().is_empty()
    }

    /// Writes the line of a request, before it is carried out.
    ///
    /// # Errors
    /// If there are devices and none has written it.
    pub(crate) async fn request(
        &self,
        auth: &AuthEntry<'_>,
        request: &RequestEntry<'_>,
        error: &str,
    ) -> Result<Option<Trail>, NotWritten> {
        let devices = self.devices();
        let with = (self.tasks.as_ref() as &dyn Tasks, self.clock.now());
        log::request(&devices, with, auth, request, error).await
    }

    /// Writes the line of a response, before the answer leaves.
    ///
    /// # Errors
    /// If no device has written it.
    pub(crate) fn response(
        &self,
        trail: &Trail,
        login: Option<&AuthEntry<'_>>,
        response: &ResponseEntry<'_>,
        error: &str,
    ) -> impl Future<Output = Result<(), NotWritten>> + Send + use<> {
        let with = (Arc::clone(&self.tasks) as Arc<dyn Tasks>, self.clock.now());
        trail.response(with, login, response, error)
    }

    /// All devices, as `sys/audit` shows them.
    pub(crate) fn shown(&self) -> Object {
        let devices = self.devices();
        let shown = devices.iter().map(|device| {
            let record = &device.record;
            (record.path.clone(), record.shown().into())
        });
        shown.collect()
    }

    /// The HMAC of a text in the lines of a device.
    ///
    /// # Errors
    /// A bad request if there is no such device.
    pub(crate) fn hash(&self, path: &str, input: &str) -> Result<String, Error> {
        let path = normalize(path)?;
        let devices = self.devices();
        let device = devices.iter().find(|device| device.record.path == path);
        let device =
            device.ok_or_else(|| Error::bad_request(format!("unknown audit backend {path:?}")))?;
        Ok(device.mask.hash(input).to_string())
    }

    /// Makes a device for a client, after it has written a line.
    ///
    /// # Errors
    /// A bad request if clients may not, if the path is in use, if an option is
    /// wrong, or if the device does not write; or an error of storage.
    pub(crate) async fn enable(&self, device: AuditDevice) -> Result<(), Error> {
        if !self.config.allows_api() {
            return Err(Error::bad_request(
                "cannot enable audit device via API; use declarative, config-based audit device \
                 management instead",
            ));
        }
        let _changing = self.changing.lock().await;
        self.add(device, Origin::Api, None).await
    }

    /// Removes a device that a client made, if it exists.
    ///
    /// # Errors
    /// A bad request for a device of the configuration, or an error of storage.
    pub(crate) async fn disable(&self, path: &str) -> Result<(), Error> {
        let path = normalize(path)?;
        let _changing = self.changing.lock().await;
        let devices = self.devices();
        let device = devices.iter().find(|device| device.record.path == path);
        match device.map(|device| device.record.origin) {
            None => Ok(()),
            Some(Origin::Declared) => Err(Error::bad_request(
                "cannot disable configuration-managed audit device",
            )),
            Some(Origin::Api) => self.remove(&path).await,
        }
    }

    /// Opens all files and connections again, and makes the devices those that
    /// are declared by now.
    ///
    /// # Errors
    /// Of the first device that cannot be made, or an error of storage. The
    /// others are in use all the same.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        for device in self.devices().iter() {
            let path = &device.record.path;
            match device.reopen(self.tasks.as_ref()).await {
                Ok(()) => tracing::info!(path, "an audit device was opened again"),
                Err(error) => {
                    tracing::error!(path, %error, "an audit device cannot be opened again");
                }
            }
        }
        self.reconcile(&BTreeMap::new()).await
    }

    /// Makes declared devices that are missing, replaces those that have
    /// changed, and removes those that are no longer declared. `salts` are of
    /// devices that were not put into use.
    async fn reconcile(&self, salts: &BTreeMap<String, Salt>) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        let declared = self.config.declared();
        let mut result = Ok(());
        // New ones first: there is no moment without a device.
        for device in &declared {
            if let Err(error) = self.declare(device, salts).await {
                tracing::error!(path = device.path, %error, "an audit device is not in use");
                result = result.and(Err(of(&device.path, &error)));
            }
        }
        for known in self.devices().iter() {
            let record = &known.record;
            let is_declared = declared.iter().any(|device| is_at(&record.path, device));
            if record.origin == Origin::Declared && !is_declared {
                self.remove(&record.path).await?;
            }
        }
        result
    }

    async fn declare(
        &self,
        device: &AuditDevice,
        salts: &BTreeMap<String, Salt>,
    ) -> Result<(), Error> {
        let path = normalize(&device.path)?;
        let devices = self.devices();
        let known = devices.iter().find(|known| known.record.path == path);
        match known.map(|known| &known.record) {
            Some(known) if known.origin == Origin::Api => Err(Error::bad_request(
                "a client has made a device of this name: remove one of the two",
            )),
            Some(known) if known.is_as_declared(device) => Ok(()),
            known => {
                let salt = known.map(Record::salt).or_else(|| salts.get(&path));
                let salt = salt.cloned();
                self.add(device.clone(), Origin::Declared, salt).await
            }
        }
    }

    /// Tries a device, stores it and puts it into use. One of the same name is
    /// replaced. A device without a salt gets a new one.
    async fn add(
        &self,
        device: AuditDevice,
        origin: Origin,
        salt: Option<Salt>,
    ) -> Result<(), Error> {
        let path = normalize(&device.path)?;
        let devices = self.devices();
        let is_taken = |other: &Record| {
            overlap(&other.path, &path) && (origin == Origin::Api || other.path != path)
        };
        if devices.iter().any(|other| is_taken(&other.record)) {
            return Err(Error::bad_request("path already in use"));
        }
        let salt = salt.unwrap_or_else(|| mask::new_salt(self.entropy.as_ref()));
        let record = Record::new(device, path.clone(), origin, salt);
        let device = self.device(record)?;
        let id = random::uuid(self.entropy.as_ref());
        let with = (self.tasks.as_ref() as &dyn Tasks, self.clock.now());
        let tried = device.try_out(with, &id).await;
        tried.map_err(|error| {
            Error::bad_request(format!("audit backend failed test message: {error}"))
        })?;
        self.table.put(&device.record).await?;
        let others = devices.iter().filter(|other| other.record.path != path);
        let mut devices: Vec<_> = others.cloned().collect();
        devices.push(device);
        self.set(devices);
        tracing::info!(path, "an audit device is in use");
        Ok(())
    }

    async fn remove(&self, path: &str) -> Result<(), Error> {
        self.table.remove(path).await?;
        let devices = self.devices();
        let others = devices.iter().filter(|device| device.record.path != path);
        self.set(others.cloned().collect());
        tracing::info!(path, "an audit device was removed");
        Ok(())
    }

    fn device(&self, record: Record) -> Result<Arc<Device>, Error> {
        let options = Options::parse(&record.options)?;
        let others = Options::others(&record.options);
        let sink = self.config.sinks().sink(&record.kind, &others)?;
        Ok(Arc::new(Device {
            mask: Mask::new(record.salt(), &options),
            options,
            sink,
            record,
        }))
    }

    fn devices(&self) -> Arc<Vec<Arc<Device>>> {
        let devices = self.devices.read();
        Arc::clone(&devices.unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, mut devices: Vec<Arc<Device>>) {
        devices.sort_by(|one, other| one.record.path.cmp(&other.record.path));
        let mut current = self.devices.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(devices);
    }
}

fn is_at(path: &str, device: &AuditDevice) -> bool {
    normalize(&device.path).is_ok_and(|normal| normal == path)
}

/// An error with the device that it is of.
fn of(path: &str, error: &Error) -> Error {
    Error::bad_request(format!("audit device `{path}`: {error}"))
}
