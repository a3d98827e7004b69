//! The product as users meet it: real programs, the unmodified command line,
//! a simulated Confluent Cloud.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod agent;
mod audit;
mod beside;
mod broker;
mod churn;
mod clients;
mod cloud;
mod commands;
mod conformance;
mod entities;
mod faults;
mod flood;
mod golang;
mod guides;
mod hardness;
mod hosts;
mod hvac;
mod hvac_suite;
mod in_process;
mod kafka;
mod kafka_rotation;
mod killed;
mod limits;
mod memory;
mod mounted;
mod on_disk;
mod parsers;
mod policies;
mod raft;
mod readers;
mod reference;
mod request_ids;
mod sealed;
mod shares;
mod transcript;
