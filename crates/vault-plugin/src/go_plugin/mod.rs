//! go-plugin's protocol, the half that is the same for every kind of plugin:
//! how a host starts a program, trusts it, talks to it and ends it.
//!
//! It follows `hashicorp/go-plugin` with gRPC and mutual TLS. It knows nothing
//! of secrets engines.

pub(crate) mod broker;
pub(crate) mod controller;
mod flush_coalescer;

pub(crate) mod handshake;
pub(crate) mod health;
pub(crate) mod listener;
pub(crate) mod log;
pub(crate) mod parent;
pub(crate) mod stdio;
pub(crate) mod tls;
