//! Typed client of Confluent Cloud's control plane over HTTPS.
//!
//! It makes, reads, changes, lists and deletes API keys, service accounts and
//! role bindings, reads what keys are made for and how many there may be, and
//! probes whether a new key works yet. It turns the five shapes of error that the
//! API has into one, and says whether a request that failed may have been carried
//! out all the same. Transient failures are retried within a time limit, except
//! where a request could take effect twice: creating a key is not idempotent. It
//! keeps a pace for each organization, which it learns from the answers. It knows
//! nothing of leases, roles or Vault.
//!
//! [`ids`] and [`secret`] can be used alone, by programs that only need to
//! recognise Confluent's identifiers and secrets.

mod account;
mod answer;
mod api_keys;
mod budget;
mod budgets;
mod client;
mod clusters;
mod connections;
mod credentials;
mod effects;
mod endpoint;
mod error;
mod error_detail;
mod flink;
mod ksqldb;
mod locate;
mod organizations;
mod pace;
mod paging;
mod probe;
mod quotas;
mod recorder;
mod resource;
mod retry;
mod role_bindings;
mod send;
mod service_accounts;
mod tls;
mod underway;
mod wire;

pub mod ids;
pub mod secret;

pub use api_keys::{ApiKey, ApiKeyChange, CreatedApiKey, ListFilter, NewApiKey, ResourceReference};
pub use budgets::Budgets;
pub use client::{Client, ClientConfig, InvalidConfig};
pub use clusters::{KafkaCluster, SchemaRegistry};
pub use credentials::Credentials;
pub use effects::{Effects, Sleep, TokioEffects};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{Error, ErrorKind};
pub use flink::FlinkRegion;
pub use ksqldb::KsqldbCluster;
pub use locate::Location;
pub use organizations::{Environment, Organization};
pub use pace::{Class, Flow, PaceStatus, Rate, RemovalBy, Waiting};
pub use paging::Listing;
pub use probe::{ProbeAt, Probed, Prober};
pub use quotas::{AppliedQuota, QuotaFilter, QuotaScope};
pub use recorder::{Recorder, RequestOutcome, RequestReport, TurnReport};
pub use resource::{KeyResource, UnknownResource};
pub use retry::RetryPolicy;
pub use role_bindings::{NewRoleBinding, RoleBinding, RoleBindingFilter};
pub use secret::ApiSecret;
pub use service_accounts::ServiceAccount;
