//! Typed client of Confluent Cloud's control plane over HTTPS.
//!
//! It makes, reads, lists and deletes API keys, turns the five shapes of error
//! that the API has into one, and tells whether a request that failed may have
//! been carried out all the same. It knows nothing of leases, roles or Vault,
//! and it repeats nothing by itself: creating a key is not idempotent.
//!
//! [`ids`] and [`secret`] stand by themselves, for programs that only need to
//! recognise what Confluent makes.

mod api_keys;
mod client;
mod credentials;
mod endpoint;
mod error;
mod resource;
mod tls;

pub mod ids;
pub mod secret;

pub use api_keys::{ApiKey, CreatedApiKey, ListFilter, Listing, NewApiKey, ResourceReference};
pub use client::{Client, ClientConfig, InvalidConfig};
pub use credentials::Credentials;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{Error, ErrorKind};
pub use resource::{KeyResource, UnknownResource};
pub use secret::ApiSecret;
