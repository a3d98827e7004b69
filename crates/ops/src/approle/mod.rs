//! Rotation of the secret ids of `AppRole`s, as the runbook does it by hand: make
//! a new one, hand it over, try it, wait for its users, destroy the others, and
//! prove both.
//!
//! [`Rotation`] does one role. It writes each [`Stage`] to a [`Journal`] before
//! the stage begins, so that [`Rotation::resume`] goes on wherever the program
//! was killed. Server, targets, journal and clock are handed in. No secret id is
//! ever written to the journal, the evidence, an error or a log: a [`SecretId`]
//! leaves through a [`Target`] or a login, and nowhere else.

mod clock;
mod error;
mod evidence;
mod file;
mod journal;
mod private_file;
mod record;
mod rotation;
mod secret_id;
mod server;
mod stage;
mod status;
mod target;
mod targets;
mod vault;

#[cfg(test)]
mod tests;

pub use clock::{Clock, RealClock};
pub use error::{Error, Result};
pub use evidence::Evidence;
pub use file::FileTarget;
pub use journal::{FileJournal, Journal};
pub use record::{Options, Proof, Record, Restrictions, Revocation};
pub use rotation::{Aborted, Event, Parts, Rotation};
pub use secret_id::SecretId;
pub use server::{
    IdEntry, Login, LoginAnswer, Made, NewId, Place, Role, Server, TokenEntry, Tokens,
};
pub use stage::{Order, Stage};
pub use status::{IdStatus, Limits, RoleStatus};
pub use target::Target;
pub use targets::targets;
pub use vault::VaultServer;
