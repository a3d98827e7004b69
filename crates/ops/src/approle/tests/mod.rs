//! Rotations in an imagined world, in which each effect can be the last one.

mod aborted;
mod canaries;
mod consumers;
mod killed;
mod proofs;
mod refused;
mod world;
mod wrapped;
