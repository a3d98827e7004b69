//! Configuration as code against a server in memory.

mod fake;
mod files;
mod lock;
mod neighbours;
mod properties;
mod purge;
mod removal;
mod replacement;
mod secrets;
mod servers;
