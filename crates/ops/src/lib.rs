//! Tools for those who operate a Vault, an `OpenBao` or our server, each a
//! module of its own: they speak Vault's HTTP API and know nothing of the
//! engine or of Confluent. Parsing of command lines, printing and exit codes
//! belong to the program, not here.

pub mod approle;
pub mod configuration;
pub mod load;
