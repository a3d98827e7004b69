//! From a path to the backend that answers it: the router, the mounts in it,
//! and what is stored of each.
//!
//! This module knows no tokens and no leases, and it changes no table in
//! storage: [`mounts`](crate::mounts) does.

mod entry;
mod mount;
mod router;
mod special_paths;
mod tuning;

pub use entry::{MountConfig, MountRequest};
pub(crate) use entry::{MountEntry, State, check_new, check_tuned, read_ttl};
pub(crate) use mount::{Entered, Mount, Settings, panicked};
pub(crate) use router::Router;
pub use tuning::{ListingVisibility, MountTuning};
