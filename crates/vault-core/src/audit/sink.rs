//! Where lines go, as a host injects it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use logical::Error;
use zeroize::Zeroizing;

/// The end of one device to which lines are written.
pub trait AuditSink: Send + Sync {
    /// Takes a line, whose last byte ends it. Lines are written in the order of
    /// the calls, whether or not the future is awaited; the future tells whether
    /// the line was written.
    fn write(&self, line: Zeroizing<Vec<u8>>) -> BoxFuture<'static, Result<(), Error>>;

    /// Opens its file or connection again, after the file was renamed.
    fn reopen(&self) -> BoxFuture<'static, Result<(), Error>>;
}

/// Makes sinks.
pub trait AuditSinks: Send + Sync {
    /// The sink of a device with these options. Nothing is opened before its
    /// first line.
    ///
    /// # Errors
    /// A bad request that names a type, or an option of it, that is unknown or
    /// wrong.
    fn sink(
        &self,
        kind: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<Arc<dyn AuditSink>, Error>;
}

/// A host without audit devices.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSinks;

impl AuditSinks for NoSinks {
    fn sink(&self, kind: &str, _: &BTreeMap<String, String>) -> Result<Arc<dyn AuditSink>, Error> {
        Err(unknown(kind))
    }
}

/// The error for a type of devices that does not exist, with OpenBao's text.
fn unknown(kind: &str) -> Error {
    Error::bad_request(format!("unknown backend type: {kind:?}"))
}
