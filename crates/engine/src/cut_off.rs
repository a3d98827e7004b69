//! The error of work that was dropped before its end.

use logical::Error;

/// A task was dropped before its end: the mount stops, or the task failed.
pub(crate) fn cut_off() -> Error {
    Error::upstream("the work was cut off before its end: try again")
}
