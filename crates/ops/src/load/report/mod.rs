//! What a test is summed up in when it has ended.

mod hdr;
mod heat;
mod html;
mod summary;
mod text;
mod whole;

pub use self::hdr::log;
pub use self::html::page;
pub use self::summary::{ErrorCount, Gap, StatusCount, Summary, TargetSummary, Times};
pub use self::whole::{IntervalSummary, Report};
