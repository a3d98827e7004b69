//! Serves a secrets engine written in Rust to HashiCorp Vault and OpenBao, as
//! an external plugin.
//!
//! A server starts the plugin as a program and talks to it in gRPC over a unix
//! socket, with mutual TLS in which each side trusts exactly one certificate
//! (go-plugin's protocol 5 with AutoMTLS). The plugin calls back for storage.
//! All of that is in here; what is left to write is a [`logical::Backend`] and
//! a [`logical::Factory`] of it, and this `main`:
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use logical::{Backend, BackendContext, Error, Factory};
//! # struct Engine;
//! # impl Factory for Engine {
//! #     fn create(&self, _: BackendContext) -> Result<Arc<dyn Backend>, Error> {
//! #         Err(Error::internal("an example"))
//! #     }
//! #     fn version(&self) -> &str {
//! #         "v0.1.0"
//! #     }
//! # }
//! fn main() -> std::process::ExitCode {
//!     vault_plugin::Plugin::new(Engine).run()
//! }
//! ```
//!
//! `examples/key_value.rs` is a whole plugin, and
//! `docs/write-a-vault-plugin.md` the guide to it. This crate knows no engine, speaks
//! no older protocol, and does not serve where a host runs its plugins in
//! containers and wants all connections on one socket.

mod arguments;
mod backend;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod go_plugin;
pub mod pb;
mod plugin;

pub use arguments::without_client_flags;
/// The vocabulary of engines, so that a plugin needs one dependency for both.
pub use logical;
pub use plugin::Plugin;
