//! The vocabulary that a secrets engine and its host share: requests,
//! responses, leases, errors, the [`Backend`] trait, the effects that a host
//! hands in, and the [`framework`] that turns a table of paths into a backend.
//!
//! This crate is pure. It opens no socket, reads no clock and no environment,
//! spawns nothing and knows neither Confluent nor any particular host. The
//! words are Vault's, so that what a Vault developer knows holds here too.

pub mod auth;
pub mod backend;
pub mod cidr;
pub mod duration;
pub mod effects;
pub mod error;
pub mod framework;
pub mod lease;
pub mod request;
pub mod response;
pub mod token_settings;

pub use auth::{Alias, Auth, Changes, CreatedToken, TokenType};
pub use backend::{
    Backend, BackendContext, BackendKind, Existence, Factory, LoginSubject, OtherName, SpecialPaths,
};
pub use effects::{
    Clock, Condition, Entropy, Metrics, NamedLocks, NoMetrics, RunToCompletion, Storage,
    SystemView, TaskGroup, Tasks, Write,
};
pub use error::{Error, ErrorClass};
pub use lease::{LeaseOptions, Secret};
pub use request::{Connection, Operation, Request};
pub use response::{Response, WrapInfo};
pub use token_settings::{RoleTokenType, TokenSettings};

/// A JSON object, the shape of request and response data.
pub type Object = serde_json::Map<String, serde_json::Value>;
