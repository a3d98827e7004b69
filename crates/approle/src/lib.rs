//! The auth method AppRole: a program logs in with the id of its role and a
//! secret id that an operator or another program made for it.
//!
//! Paths, answers and texts are those of Vault's method of the same name, as
//! OpenBao 2.7.2 was observed to give them. The method decides who may log in;
//! its host makes the token. A secret id is stored as an HMAC only, and its use
//! is counted in the transaction that stores the token.

mod factory;
mod hashes;
mod login;
mod method;
mod paths;
mod role;
mod secret_id;
mod store;
#[cfg(test)]
mod tests;
mod tidy;

pub use factory::AppRoleFactory;
