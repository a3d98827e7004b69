//! A control plane that behaves like Confluent Cloud's: in process for tests,
//! or on loopback for `lockkeeper dev` and `lockkeeper simulator`.
//!
//! [`World`] is the state and its rules, without clock or network. A
//! [`Simulator`] is a world with a clock, called in process or served over HTTP
//! at `/` and `/api/`. Beside the vendor's API it has paths of
//! its own below `/simulator/`: state, settings, faults, clock, request counts
//! and audit events. They never show a secret.
//!
//! Its answers are written after observed and documented ones. With the client
//! it shares ids and the checksum of secrets only: sharing the client's JSON
//! types would hide mistakes in them. It is not Confluent Cloud,
//! no Kafka runs behind it, and the addresses in its answers lead to itself or
//! nowhere.

mod admin_key;
mod assumptions;
mod clock;
mod counts;
mod credential;
mod duration;
mod faults;
mod http;
mod limits;
mod network;
mod options;
mod random;
mod refusal;
mod serve;
mod settings;
mod simulator;
mod state;
mod world;

pub use admin_key::{AdminKey, InvalidAdminKey, parse_admin_key};
pub use assumptions::{
    DataPlaneRights, KeyCreated, KeySpread, LastPage, Switches, UnknownTarget, UsualLimits,
};
pub use clock::{Clock, ClockError, InvalidClock, parse_clock};
pub use counts::RequestCount;
pub use duration::{InvalidDuration, parse_duration};
pub use faults::{ArmedFault, Arming, Fault, InvalidFault, Operation};
pub use limits::{InvalidRate, LimitBy, Rate, RateLimits};
pub use network::{RefusedAddress, Running, bind};
pub use options::Options;
pub use refusal::{Refusal, Source};
pub use simulator::Simulator;
pub use state::{
    EnvironmentState, KafkaClusterState, KeyState, KsqldbClusterState, SchemaRegistryState,
    ServiceAccountState, State, UserState,
};
pub use world::{
    Availability, Caller, CloudProvider, ClusterConfig, ClusterSpec, CreatedKey, Environment,
    InvalidWorld, KafkaCluster, Key, KeyChange, KsqldbCluster, NewKey, OrganizationSettings,
    Package, Propagation, ProviderIntegration, ReleasePriority, Resource, RoleBinding,
    SchemaRegistry, ServiceAccount, UnknownCluster, User, World, WorldFile, parse_propagation,
    parse_world,
};
