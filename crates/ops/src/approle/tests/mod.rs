//! Rotations in an imagined world, in which each effect can be the last one.

mod aborted;
mod canaries;
mod killed;
mod proofs;
mod refused;
mod world;
