//! Auth methods that are built in.

mod token;

pub(crate) use token::{TOKEN_MOUNT, caller_fields, created, paths};
