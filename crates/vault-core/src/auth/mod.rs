//! Auth methods that are built in.

mod token;

pub(crate) use token::{CREATE, TOKEN_MOUNT, caller_fields, created, paths};
