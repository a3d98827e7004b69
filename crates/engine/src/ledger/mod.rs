//! The ledger: one entry for every credential, from before its key is made
//! until after it is gone, and the holders that justify it.
//!
//! [`credential`] says what an entry is, [`mod@step`] decides what happens to it
//! (pure), [`store`] and `tombstone` keep it in storage and `entry` in memory,
//! `driver` performs what was decided, asking Confluent through `upstream`, and
//! `agenda` remembers when to look at what again. Nothing outside this module
//! changes an entry.

pub mod codec;
pub mod credential;
pub mod step;
pub mod store;

mod agenda;
mod batch;
mod driver;
mod entry;
mod group;
mod tombstone;
mod upstream;

pub(crate) use agenda::Stage;
pub use credential::{Credential, Holder, IssuedKey, Sharing, State};
pub(crate) use driver::{Failure, Ledger, passes};
pub(crate) use entry::Entry;
pub use step::{Effect, Event, Refusal, step};
