//! Configuration as code: files say what is to be on a server, a plan says what
//! has to change, and applying it changes that and no more.
//!
//! The way is `files` (trees with lines), `document` (objects), `plan` (changes),
//! `apply`. What an owner manages is on record (`state`, in a `store`), so that two
//! owners share a server, and nothing is deleted that another one made. The server
//! is seen through a trait of four verbs. Printing and exit codes belong to the
//! program.

mod adoption;
mod apply;
mod compare;
mod document;
mod files;
mod group_alias;
mod import;
mod likeness;
mod lint;
mod mounts;
mod object;
mod place;
mod plan;
mod redact;
mod replacement;
mod saved;
mod secret_names;
mod server;
mod state;
mod store;
mod vault_commands;

pub use adoption::Adoption;
pub use apply::{Applied, Event, Failed, apply};
pub use document::{Desired, Surroundings, interpret};
pub use files::{Source, read};
pub use import::{Part, import};
pub use object::Kind;
pub use place::{Place, Problem};
pub use plan::{Action, Change, FieldChange, Plan, PlanOptions, Shown, json, make, text};
pub use saved::SavedPlan;
pub use server::{Data, Reading, Server, ServerError, Whereabouts};
pub use state::State;
pub use store::{Clock, Held, Holder, Location, Lock, Store, write_private};
pub use vault_commands::vault_commands;
