//! The engine under a simulated world: storage in memory, a control plane
//! with faults, virtual time, and a host that leases and revokes.

mod accounts;
mod leases;
mod lost_answers;
mod roles;
mod sharing;
mod world;
