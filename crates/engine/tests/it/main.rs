//! The engine under a simulated world: storage in memory, a control plane
//! with faults, virtual time, and a host that leases and revokes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod batches;
mod crash;
mod cuts;
mod deletions;
mod go_plugin;
mod journal;
mod keys;
mod leases;
mod lost_answers;
mod many_static_roles;
mod measurements;
mod no_gap;
mod reconcile;
mod remembering;
mod removal;
mod roles;
mod several_accounts;
mod sharing;
mod static_roles;
mod static_roles_by_hand;
mod stored;
mod sweeping;
mod tombstones;
mod unproven;
mod upgrade;
mod world;
