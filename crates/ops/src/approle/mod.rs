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
mod command;
mod consumers;
mod error;
mod evidence;
mod file;
mod journal;
mod kubernetes;
mod kv;
mod kv_journal;
mod kv_secret;
mod list;
mod private_file;
mod record;
mod restrictions;
mod rotation;
mod secret_id;
mod server;
mod shell;
mod stage;
mod status;
mod target;
mod targets;
mod vault;
mod wrapped;

#[cfg(test)]
mod tests;

pub use clock::{Clock, RealClock};
pub use command::CommandTarget;
pub use consumers::{Missing, Wait};
pub use error::{Error, Result};
pub use evidence::Evidence;
pub use file::FileTarget;
pub use journal::{FileJournal, Journal};
pub use kubernetes::KubernetesTarget;
pub use kv::KvTarget;
pub use kv_journal::KvJournal;
pub use list::{Entry, read_list};
pub use record::{Options, Proof, Record, Revocation};
pub use restrictions::Restrictions;
pub use rotation::{Aborted, Event, Parts, Rotation};
pub use secret_id::SecretId;
pub use server::{
    IdEntry, Login, LoginAnswer, Made, NewId, Place, Role, Server, TokenEntry, Tokens, Wrapped,
};
pub use shell::{RealShell, Shell};
pub use stage::{Order, Stage};
pub use status::{IdStatus, Limits, RoleStatus};
pub use target::Target;
pub use targets::{Means, targets};
pub use vault::VaultServer;
pub use wrapped::WrappedTarget;
