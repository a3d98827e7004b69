//! Routing: from a path to the backend that serves it. The router, its mounts,
//! and the stored entry of each.
//!
//! This module knows neither tokens nor leases, and never changes the stored
//! table of mounts; [`mounts`](crate::mounts) does.

mod entry;
mod lease_ttls;
mod lockout_tuning;
mod mount;
mod router;
mod special_paths;
mod tuning;

pub(crate) use entry::{AUTH, MountEntry, State, check_new, check_tuned, read_ttl};
pub use entry::{MountConfig, MountRequest};
pub use lease_ttls::LeaseTtls;
pub(crate) use lockout_tuning::LockoutLimits;
pub use lockout_tuning::LockoutTuning;
pub(crate) use mount::{Closed, Entered, Mount, Settings, panicked};
pub(crate) use router::Router;
pub use tuning::{ListingVisibility, MountTokenType, MountTuning};
