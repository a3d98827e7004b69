//! A control plane that behaves like Confluent Cloud's: in process for tests,
//! or on loopback for `lockkeeper dev` and `lockkeeper simulator`.
//!
//! [`World`] is the state and its rules, without clock or network. A
//! [`Simulator`] is a world with a clock, which may be asked in process and
//! served over HTTP at `/` and `/api/`. Beside the vendor's API it has one path
//! of its own, `GET /simulator/state`, which shows what exists and never a
//! secret.
//!
//! Its answers are written after observed and documented ones. With the client
//! it shares ids and the checksum of secrets only: if it took the client's JSON
//! types, a mistake in them would agree with itself. It is not Confluent Cloud,
//! no Kafka runs behind it, and the addresses in its answers lead to itself or
//! nowhere.

mod http;
mod options;
mod random;
mod refusal;
mod simulator;
mod state;
mod world;

pub use options::{AdminKey, Clock, InvalidAdminKey, Options, UnknownTarget, parse_admin_key};
pub use refusal::{Refusal, Source};
pub use simulator::{RefusedAddress, Running, Simulator, bind};
pub use state::{
    EnvironmentState, KafkaClusterState, KeyState, SchemaRegistryState, ServiceAccountState, State,
    UserState,
};
pub use world::{
    Caller, CreatedKey, Environment, KafkaCluster, Key, KeyChange, NewKey, Resource,
    SchemaRegistry, ServiceAccount, User, World,
};
