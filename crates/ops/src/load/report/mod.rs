//! What a test is summed up in when it has ended.

mod hdr;
mod heat;
mod html;
mod whole;

pub use self::hdr::log;
pub use self::html::page;
pub use self::whole::{IntervalSummary, Report};
