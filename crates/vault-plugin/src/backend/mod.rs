//! A [`logical::Backend`] as Vault and OpenBao see it: the services that they
//! call, the host's storage and system view that the backend calls, and the
//! translation between the wire and `logical`.

mod calls;
mod convert;
mod errors;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod host;
mod instances;
mod service;
mod single_flight;
mod storage;
mod system_view;
mod transactions;

pub(crate) use instances::Instances;
pub(crate) use service::{Engine, Multiplexing, Version};

/// The longest message either way. Hosts allow as much; tonic's own limit of
/// 4 MiB is far below what a request body may have.
pub(crate) const MESSAGE_LIMIT: usize = i32::MAX as usize;
