//! Who is at work, and how long to wait for somebody else.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ops::configuration::{Holder, Lock, Store};

use crate::failure::Failure;

pub(super) fn of(store: Arc<Store>) -> Lock {
    Lock {
        store,
        clock: Arc::new(|| {
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        }),
    }
}

/// This user and process.
pub(super) fn holder() -> Holder {
    let who = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "unknown".to_owned());
    Holder {
        who,
        at: format!("{}, process {}", machine.trim(), std::process::id()),
    }
}

/// How long to wait for the lock.
///
/// # Errors
/// When it is not a duration.
pub(super) fn patience(given: Option<&str>) -> Result<Duration, Failure> {
    let parsed = given.map(::logical::duration::parse).transpose();
    let parsed = parsed.map_err(|error| Failure::local(format!("-lock-timeout: {error}")))?;
    Ok(parsed.unwrap_or_default())
}
