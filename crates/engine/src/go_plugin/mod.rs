//! Taking over from the Go plugin: its account, its roles, its live shared keys
//! and its leases (`lifecycle.md`, 31).
//!
//! [`entries`] reads what it wrote, `takeover` makes ours of it, and
//! [`presence`] knows how long we were away. Its entries
//! stay as they are, apart from ours, so that it can be put back; what it
//! changed meanwhile is taken over again at the next start. Nothing here writes
//! in its shapes.

pub(crate) mod entries;
pub(crate) mod presence;
mod takeover;
