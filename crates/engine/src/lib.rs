//! The Confluent Cloud secrets engine.
//!
//! It makes API keys on request, shares them, and deletes them when their
//! leases end. It is pure: storage, clocks, randomness, the view of the host
//! and the control plane are handed in. So the same value runs inside a Vault
//! plugin, inside our server, and under a simulated world in a test. It does
//! not know HTTP, any host, or the JSON of Confluent's API.
//!
//! - [`control_plane`]: what the engine needs of Confluent Cloud, as a trait.
//! - [`account`] and [`role`]: what operators write; [`account_ref`]: which
//!   account a key was made with.
//! - [`ledger`]: the record of every key, and the rules of its life.
//! - `making`: the one way to a new key.
//! - `issue`, `share`, `lease`, `sweep`, `ending`: what happens to keys.
//! - `go_plugin`: what is taken over from it.
//! - `account_removal`: an account is removed, unless keys need it.
//! - `proving`: whether a new key works.
//! - `proof`, `preflight`, `target_check`: whether the account is accepted, what
//!   it may do, and whether what roles name is there.
//! - `static_role`, `rotation`: static roles, whose key is replaced without a gap.
//! - `spare_settings`, `spare_pool`, `spares`: keys that are made and proven before
//!   somebody reads them.
//! - `records`: roles, accounts and settings in storage, with their cache.
//! - `inventory`, `reconcile`: what Confluent lists against the ledger.
//! - `work`: when somebody looks at what again; `scheduler`: does what is due to
//!   static roles and spares.
//! - `known_places`, `places`: where resources are, for probes and answers.
//! - `usage`: who logs in with which key, as the audit log tells it.
//! - `paths`: the table of paths.

pub mod account;
pub mod account_ref;
pub mod codec;
pub mod control_plane;
pub mod credential;
pub mod ids;
pub mod ledger;
pub mod role;

mod account_removal;
mod backend;
mod caps;
mod coalescer;
mod cut_off;
mod drain;
mod ending;
mod go_plugin;
mod inventory;
mod issue;
mod known_places;
mod lease;
mod licence;
mod making;
mod measurements;
mod output;
mod paths;
mod places;
mod preflight;
mod presence;
mod proof;
mod proving;
mod reconcile;
mod records;
mod rotation;
mod scheduler;
mod scope;
mod secret;
mod settings;
mod share;
mod slots;
mod spare_pool;
mod spare_settings;
mod spares;
mod state;
mod static_role;
mod sweep;
mod target_check;
mod timekeeper;
mod usage;
mod work;

pub use backend::EngineFactory;
pub use secret::SecretText;

/// Version of the engine, as plugins report it.
pub const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// The name of the kind of secret that `creds/` answers with. It is the Go
/// plugin's, so that either plugin can revoke the leases of the other.
pub const SECRET_TYPE: &str = "ccloud_cluster_apikey";
