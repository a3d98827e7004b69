//! The simulator as its users meet it: over HTTP, and in process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod access;
mod accounts;
mod api_keys;
mod audit;
mod bindings;
mod clients;
mod connectors;
mod control;
mod data_planes;
mod faults;
mod integrations;
mod inventory;
mod kinds;
mod limits;
mod live_cli;
mod live_terraform;
mod members;
mod nonsense;
mod paging;
mod process;
mod propagation;
mod quotas;
mod shapes;
mod switches;
mod wire;
