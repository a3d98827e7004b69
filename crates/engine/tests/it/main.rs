//! The engine under a simulated world: storage in memory, a control plane
//! with faults, virtual time, and a host that leases and revokes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod adopting;
mod batches;
mod caps;
mod changed_outputs;
mod crash;
mod cuts;
mod deletions;
mod every_write;
mod go_plugin;
mod importing;
mod journal;
mod keys;
mod leases;
mod lost_answers;
mod many_static_roles;
mod measurements;
mod no_gap;
mod readiness;
mod reconcile;
mod remembering;
mod removal;
mod retire_when_quiet;
mod roles;
mod rotation_times;
mod seeds;
mod several_accounts;
mod shared_age;
mod shared_life;
mod shared_next;
mod shared_scopes;
mod shared_scopes_ready;
mod sharing;
mod spares;
mod spares_elsewhere;
mod spares_tended;
mod static_roles;
mod static_roles_by_hand;
mod static_roles_unfinished;
mod stored;
mod sweeping;
mod tombstones;
mod unproven;
mod upgrade;
mod usage;
mod world;
