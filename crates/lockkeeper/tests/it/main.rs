//! The program as people and scripts use it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod approle;
mod both;
mod client_certificates;
mod commands_like_bao;
mod configuration;
mod dev;
mod dev_on_disk;
mod exec;
mod help;
mod http2;
mod keys;
mod kv_like_bao;
mod like_bao;
mod load;
mod logins;
mod mistakes;
mod own_server;
mod plugin;
mod protected;
mod render;
mod server;
mod simulator;
mod workload;
