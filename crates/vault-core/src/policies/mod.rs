//! Policies: the rights of tokens. The default is deny.
//!
//! A text is parsed into rules (`parse`), the rules of all policies of a token
//! are compiled into an [`Acl`] (`acl`), and that is kept until one of its
//! policies changes (`store`). Everything but the store is pure.

mod acl;
mod builtin;
mod parameters;
mod parse;
mod rule;
mod store;
mod template;

pub(crate) use acl::{Acl, Attempt};
pub(crate) use builtin::{DEFAULT, RESPONSE_WRAPPING, ROOT};
pub use parse::check_policy;
pub(crate) use rule::Policy;
pub(crate) use store::PolicyStore;
