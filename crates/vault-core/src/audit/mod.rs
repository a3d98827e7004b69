//! The audit log: two lines of JSON for each request, one before it is carried
//! out and one before its answer leaves.
//!
//! A device has options and a salt of its own. Texts that may be secret stand in
//! its lines as their HMAC (`mask`), and `entry` has the members of a line in
//! OpenBao's order. `devices` keeps which devices there are, and demands that at
//! least one has written each line. Where lines go is up to the [`AuditSinks`]
//! that a host injects: this module opens nothing.

mod config;
mod devices;
mod entry;
mod log;
mod mask;
mod options;
mod path;
mod sink;
mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use config::{AuditConfig, AuditDevice};
pub(crate) use devices::Audit;
pub(crate) use entry::{
    AuthEntry, MountEntry, PolicyResults, RequestEntry, ResponseEntry, WrapEntry,
};
pub(crate) use log::{NotWritten, Trail};
pub use sink::{AuditSink, AuditSinks, NoSinks};
