//! The virtual world, as a backend's test uses it.

mod storage;
mod world;
