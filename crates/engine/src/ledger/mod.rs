//! The ledger: one entry for every credential, from before its key is made
//! until after it is gone, and the holders that justify it.
//!
//! [`credential`](crate::credential) says what an entry is, [`mod@step`] decides what happens to it
//! (pure), [`store`] keeps it in storage and `entry` in memory, `driver` performs the
//! effects, asking Confluent through `upstream`, `waiting` knows the outstanding
//! deletions, `watch` is the due queue, and `search` finds entries by key and by role.
//! Nothing outside this module
//! changes an entry.

pub mod step;
pub mod store;

mod backlog;
mod batch;
mod change;
mod deletions;
mod driver;
mod entry;
mod failure;
mod holder_index;
mod journal;
mod layout;
mod occupancy;
mod own_entry;
mod search;
mod seats;
mod tombstone;
mod upstream;
mod waiting;
mod watch;

pub use crate::credential::{
    Credential, Holder, IssuedKey, Proving, Purpose, RequestedBy, Sharing, State,
};
pub(crate) use backlog::Place;
pub(crate) use deletions::{Sent, WaitingDeletions};
pub(crate) use driver::{Ledger, Pins};
pub(crate) use entry::Entry;
pub(crate) use failure::{Failure, is_transient};
pub(crate) use occupancy::{Full, Limit, Seat};
pub use step::{Effect, Event, Refusal, step};
pub(crate) use upstream::SENT_WITHIN;
pub(crate) use watch::Stage;
