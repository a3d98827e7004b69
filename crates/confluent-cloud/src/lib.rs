//! Typed client of Confluent Cloud's control plane over HTTPS.
//!
//! It makes, reads, lists and deletes API keys, turns the five shapes of error
//! that the API has into one, and tells whether a request that failed may have
//! been carried out all the same. What may pass is tried again within a limit of
//! time, but for what could happen twice: creating a key is not idempotent. It
//! knows nothing of leases, roles or Vault.
//!
//! [`ids`] and [`secret`] stand by themselves, for programs that only need to
//! recognise what Confluent makes.

mod api_keys;
mod bucket;
mod budget;
mod client;
mod credentials;
mod effects;
mod endpoint;
mod error;
mod paging;
mod resource;
mod retry;
mod send;
mod tls;
mod wire;

pub mod ids;
pub mod secret;

pub use api_keys::{ApiKey, CreatedApiKey, ListFilter, NewApiKey, ResourceReference};
pub use budget::{Budgets, Purpose, Rate};
pub use client::{Client, ClientConfig, InvalidConfig};
pub use credentials::Credentials;
pub use effects::{Effects, Sleep, TokioEffects};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{Error, ErrorKind};
pub use paging::Listing;
pub use resource::{KeyResource, UnknownResource};
pub use retry::RetryPolicy;
pub use secret::ApiSecret;
