//! Audit devices: a file, a socket, or the system's log.
//!
//! Each device has a thread and a queue of its own (`writer`): a disk or a peer
//! that hangs stops that thread and no request, and lines that wait at the same
//! time are written together, in their order. What a line says is up to the core.

mod file;
mod socket;
mod syslog;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use logical::Error;
use vault_core::{AuditSink, AuditSinks};

use self::file::File;
use self::socket::Socket;
use self::syslog::Syslog;
use self::writer::{Target, Writer};

/// The devices that write to this machine and its network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Devices;

type Options = BTreeMap<String, String>;

impl AuditSinks for Devices {
    fn sink(&self, kind: &str, options: &Options) -> Result<Arc<dyn AuditSink>, Error> {
        match kind {
            "file" => {
                known(kind, options, &["file_path", "mode", "path"])?;
                sink(File::new(options)?)
            }
            "socket" => {
                known(kind, options, &["address", "socket_type", "write_timeout"])?;
                sink(Socket::new(options)?)
            }
            "syslog" => {
                known(kind, options, &["facility", "tag"])?;
                sink(Syslog::new(options)?)
            }
            // With OpenBao's text.
            other => Err(Error::bad_request(format!(
                "unknown backend type: {other:?}"
            ))),
        }
    }
}

fn sink(target: impl Target) -> Result<Arc<dyn AuditSink>, Error> {
    Ok(Arc::new(Writer::start(target)?))
}

/// Refuses options that a device does not have: one that is misspelt must not be
/// ignored.
fn known(kind: &str, options: &Options, names: &[&str]) -> Result<(), Error> {
    match options.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Error::bad_request(format!(
            "`{unknown}` is no option of a `{kind}` device: it has `{}`",
            names.join("`, `")
        ))),
    }
}

#[cfg(test)]
mod tests;
