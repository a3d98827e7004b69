//! Writes the lines of a request to all devices.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use logical::effects::within;
use logical::{Error, Object, Operation, Tasks};
use serde::Serialize;
use zeroize::Zeroizing;

use super::entry::{AuthEntry, RequestEntry, ResponseEntry, Shown};
use super::mask::Mask;
use super::options::Options;
use super::sink::AuditSink;
use super::table::Record;

/// How long a device may take to write a line. One that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(10);
/// Room for most lines: one that grows leaves copies of what `log_raw` shows.
const ROOM: usize = 4096;

/// A device in use.
pub(super) struct Device {
    pub(super) record: Record,
    pub(super) mask: Mask,
    pub(super) options: Options,
    pub(super) sink: Arc<dyn AuditSink>,
}

/// What the line of a request said, for the line of its response.
pub(crate) struct Trail(Vec<Traced>);

struct Traced {
    device: Arc<Device>,
    auth: Zeroizing<Vec<u8>>,
    request: Zeroizing<Vec<u8>>,
}

/// No device has written the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotWritten;

/// Writes the line of a request, or nothing if there are no devices.
pub(super) async fn request(
    devices: &[Arc<Device>],
    (tasks, now): (&dyn Tasks, Timestamp),
    auth: &AuthEntry<'_>,
    request: &RequestEntry<'_>,
    error: &str,
) -> Result<Option<Trail>, NotWritten> {
    if devices.is_empty() {
        return Ok(None);
    }
    let traced = devices.iter().map(|device| Traced {
        device: Arc::clone(device),
        auth: device.json(auth),
        request: device.json(request),
    });
    let trail = Trail(traced.collect());
    let lines = trail.0.iter().map(|traced| {
        let line = traced.line(now, "request", None, &[], error);
        (Arc::clone(&traced.device), line)
    });
    write(tasks, lines.collect()).await?;
    Ok(Some(trail))
}

impl Trail {
    /// Writes the line of a response to the devices that wrote the one of the
    /// request. A login has the token that it made in place of its caller's.
    pub(super) fn response(
        &self,
        (tasks, now): (Arc<dyn Tasks>, Timestamp),
        login: Option<&AuthEntry<'_>>,
        response: &ResponseEntry<'_>,
        error: &str,
    ) -> impl Future<Output = Result<(), NotWritten>> + Send + use<> {
        let lines = self.0.iter().map(|traced| {
            let device = &traced.device;
            let auth = login.map(|login| device.json(login));
            let response = device.json(response);
            let line = traced.line(now, "response", auth.as_deref(), &response, error);
            (Arc::clone(device), line)
        });
        let lines: Vec<_> = lines.collect();
        async move { write(tasks.as_ref(), lines).await }
    }
}

impl Traced {
    fn line(
        &self,
        now: Timestamp,
        kind: &str,
        auth: Option<&Vec<u8>>,
        response: &[u8],
        error: &str,
    ) -> Zeroizing<Vec<u8>> {
        let Self {
            device, request, ..
        } = self;
        let auth = auth.unwrap_or(&self.auth);
        let room = device.options.prefix.len() + auth.len() + request.len() + response.len();
        let mut line = Zeroizing::new(Vec::with_capacity(room + error.len() + 256));
        line.extend_from_slice(device.options.prefix.as_bytes());
        line.extend_from_slice(br#"{"time":""#);
        line.extend_from_slice(now.to_string().as_bytes());
        line.extend_from_slice(br#"","type":""#);
        line.extend_from_slice(kind.as_bytes());
        line.extend_from_slice(br#"","auth":"#);
        line.extend_from_slice(auth);
        line.extend_from_slice(br#","request":"#);
        line.extend_from_slice(request);
        if !response.is_empty() {
            line.extend_from_slice(br#","response":"#);
            line.extend_from_slice(response);
        }
        if !error.is_empty() {
            line.extend_from_slice(br#","error":"#);
            line.extend_from_slice(&to_json(&error));
        }
        line.extend_from_slice(b"}\n");
        line
    }
}

impl Device {
    fn json<T>(&self, entry: &T) -> Zeroizing<Vec<u8>>
    where
        for<'a> Shown<'a, T>: Serialize,
    {
        to_json(&Shown {
            mask: &self.mask,
            elides_lists: self.options.elide_list_responses,
            entry,
        })
    }

    /// Writes the line with which a new device is tried.
    pub(super) async fn try_out(
        self: &Arc<Self>,
        (tasks, now): (&dyn Tasks, Timestamp),
        id: &str,
    ) -> Result<(), Error> {
        let data = Object::new();
        let entry = RequestEntry {
            id,
            operation: Operation::Update,
            mount: None,
            client_token: "",
            client_token_accessor: "",
            path: "sys/audit/test",
            data: &data,
            shown: Vec::new(),
            connection: None,
            wrap_ttl: None,
        };
        let traced = Traced {
            device: Arc::clone(self),
            auth: self.json(&AuthEntry::default()),
            request: self.json(&entry),
        };
        self.write(tasks, traced.line(now, "request", None, &[], ""))
            .await
    }

    /// Opens its file or connection again.
    pub(super) async fn reopen(&self, tasks: &dyn Tasks) -> Result<(), Error> {
        let reopened = within(tasks, LIMIT, self.sink.reopen()).await;
        reopened.unwrap_or_else(|| Err(too_slow()))
    }

    async fn write(&self, tasks: &dyn Tasks, line: Zeroizing<Vec<u8>>) -> Result<(), Error> {
        let written = within(tasks, LIMIT, self.sink.write(line)).await;
        written.unwrap_or_else(|| Err(too_slow()))
    }
}

fn too_slow() -> Error {
    Error::internal(format!("it took longer than {} seconds", LIMIT.as_secs()))
}

/// Writes to all devices at once, and demands that one of them succeeds. The
/// lines are in the order of the calls.
async fn write(
    tasks: &dyn Tasks,
    lines: Vec<(Arc<Device>, Zeroizing<Vec<u8>>)>,
) -> Result<(), NotWritten> {
    let written = join_all(lines.into_iter().map(|(device, line)| async move {
        let written = device.write(tasks, line).await;
        if let Err(error) = &written {
            let path = &device.record.path;
            tracing::error!(path, %error, "an audit device did not write a line");
        }
        written.is_ok()
    }));
    if written.await.contains(&true) {
        Ok(())
    } else {
        Err(NotWritten)
    }
}

fn to_json<T: Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut json = Zeroizing::new(Vec::with_capacity(ROOM));
    // Maps with text keys, written to memory: nothing can fail.
    let _ = serde_json::to_writer(&mut *json, value);
    json
}
