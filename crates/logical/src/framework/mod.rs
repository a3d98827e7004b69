//! The framework: an engine is a table of paths, and from that one table come
//! routing, coercion of fields, help and the `OpenAPI` document.
//!
//! It does what Go's `sdk/framework` does, so that clients see no difference.
//! It knows no engine and no host.

mod coerce;
mod definition;
mod describe;
mod display;
mod field;
mod fields;
mod help;
mod merge;
mod openapi;
mod path;
mod serve;

pub use definition::Definition;
pub use describe::Describe;
pub use display::Display;
pub use field::{Field, FieldKind};
pub use fields::{FieldValue, Fields};
pub use merge::merge_patch;
pub use path::{
    Call, ExistenceCheck, Handler, Path, SecretType, answer, generic_name, on_active_node, probe,
};
pub use serve::{Framework, Hooks};
