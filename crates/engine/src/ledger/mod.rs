//! The ledger: one entry for every credential, from before its key is made
//! until after it is gone, and the holders that justify it.
//!
//! [`credential`](crate::credential) says what an entry is, [`mod@step`] decides what happens to it
//! (pure), [`store`] and `tombstone` keep it in storage and `entry` in memory,
//! `driver` performs what was decided, asking Confluent through `upstream`, and
//! `due_queue` remembers when to look at what again. Nothing outside this module
//! changes an entry.

pub mod step;
pub mod store;

mod batch;
mod change;
mod deletions;
mod driver;
mod due_queue;
mod entry;
mod failure;
mod holder_index;
mod journal;
mod layout;
mod tombstone;
mod upstream;

pub use crate::credential::{Credential, Holder, IssuedKey, Purpose, RequestedBy, Sharing, State};
pub(crate) use driver::Ledger;
pub(crate) use due_queue::Stage;
pub(crate) use entry::Entry;
pub(crate) use failure::{Failure, is_transient};
pub use step::{Effect, Event, Refusal, step};
