//! Auth methods that are built in.

mod token;

pub(crate) use token::{CREATE, Parts, TOKEN_MOUNT, caller_fields, created, paths};
