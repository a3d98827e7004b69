//! A control plane that behaves like Confluent Cloud's: in process for tests,
//! or on loopback for `lockkeeper dev` and `lockkeeper simulator`.
//!
//! [`World`] is the state and its rules, without clock or network. A
//! [`Simulator`] is a world with a clock, which may be asked in process and
//! served over HTTP at `/` and `/api/`. Beside the vendor's API it has paths of
//! its own below `/simulator/`: what exists, which faults are to happen, what
//! time it is, and what was done with which key. They never show a secret.
//!
//! Its answers are written after observed and documented ones. With the client
//! it shares ids and the checksum of secrets only: if it took the client's JSON
//! types, a mistake in them would agree with itself. It is not Confluent Cloud,
//! no Kafka runs behind it, and the addresses in its answers lead to itself or
//! nowhere.

mod clock;
mod counts;
mod credential;
mod duration;
mod faults;
mod http;
mod limits;
mod options;
mod propagation;
mod random;
mod refusal;
mod serve;
mod settings;
mod simulator;
mod state;
mod world;

pub use clock::{Clock, ClockError, InvalidClock, parse_clock};
pub use counts::RequestCount;
pub use duration::{InvalidDuration, parse_duration};
pub use faults::{ArmedFault, Arming, Fault, InvalidFault, Operation};
pub use limits::{InvalidRate, LimitBy, Rate, RateLimits};
pub use options::{
    AdminKey, InvalidAdminKey, KeyCreated, LastPage, Options, Switches, UnknownTarget, UsualLimits,
    parse_admin_key,
};
pub use propagation::{Propagation, parse_propagation};
pub use refusal::{Refusal, Source};
pub use simulator::{RefusedAddress, Running, Simulator, bind};
pub use state::{
    EnvironmentState, KafkaClusterState, KeyState, KsqldbClusterState, SchemaRegistryState,
    ServiceAccountState, State, UserState,
};
pub use world::{
    Availability, Caller, CloudProvider, ClusterConfig, ClusterSpec, CreatedKey, Environment,
    InvalidWorld, KafkaCluster, Key, KeyChange, KsqldbCluster, NewKey, OrganizationSettings,
    Package, ReleasePriority, Resource, RoleBinding, SchemaRegistry, ServiceAccount, User, World,
    WorldFile, parse_world,
};
