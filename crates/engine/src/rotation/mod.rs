//! Static roles: one key that all readers get, replaced without a gap.
//!
//! A record says which key is served, until when the one before lives, and which
//! one is being made. [`decide`] says what a record wants next, without effects;
//! `driver` does it and writes, `due` says to which records. `change` is
//! what operators write, `import` and `adopt` take over a first key that exists,
//! `deletion` is a role's end, `serve` is what readers get and `outputs` in which
//! fields. Old keys wait until nothing logs in with them: `quiet` says whether that
//! is so, without effects, and `waiting` does what follows. Keys are made by
//! `making` and kept by `ledger`, which asks the record before it lets go of one.

mod adopt;
mod change;
mod confirm;
mod decide;
mod deletion;
mod driver;
mod due;
mod evidence;
mod import;
mod keys;
mod login;
mod outputs;
mod pins;
mod quiet;
mod report;
mod serve;
mod stage;
mod waiting;

pub(crate) use change::{FirstKey, Imported, RetireRequest, Rotated, Settings};
pub(crate) use evidence::LastLogin;
pub(crate) use outputs::Outputs;
pub(crate) use stage::KeyBeside;
