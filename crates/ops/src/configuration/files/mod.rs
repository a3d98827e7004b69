//! Files of configuration, read into trees whose values know their line.
//!
//! YAML is read, and JSON with it. `${…}` is resolved here, so that what follows
//! sees plain values; `{{…}}` belongs to the server's policies and passes. Which
//! keys there are is not known here.

mod expression;
mod node;
mod read;
mod template;

pub(crate) use node::{Content, Node};
pub use read::{Source, read};
pub(crate) use template::{Scope, expand};
