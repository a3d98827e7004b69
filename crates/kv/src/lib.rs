//! The key/value secrets engine (`kv`): version 1 keeps one value for each
//! secret, version 2 keeps its history.
//!
//! Paths, answers and texts are those of Vault's engine of the same name, as
//! OpenBao 2.7.2 was observed to give them. The engine is pure: storage, time
//! and randomness are handed in, and it knows neither tokens nor policies.

mod factory;
mod names;
mod paging;
mod store;
mod v1;
mod v2;

pub use factory::KvFactory;
