//! The fields for the TTLs of leases, shared by several paths.

use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};

/// TTLs in seconds; zero means the mount's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) ttl: u64,
    pub(super) max_ttl: u64,
}

pub(super) fn fields() -> [Field; 2] {
    [
        Field::new(
            "ttl",
            FieldKind::DurationSeconds,
            "Time to live of a lease. Zero: the mount's.",
        ),
        Field::new(
            "max_ttl",
            FieldKind::DurationSeconds,
            "Maximum life of a lease, renewals included. Zero: the mount's.",
        ),
    ]
}

pub(super) fn show(times: Times, data: &mut Object) {
    data.insert("ttl".into(), times.ttl.into());
    data.insert("max_ttl".into(), times.max_ttl.into());
}

/// Merges the fields of a request into the stored record.
pub(super) fn parse(current: Option<Times>, fields: &Fields) -> Result<Times, Error> {
    let seconds = |field: &str, stored: fn(Times) -> u64| {
        let given = fields.duration(field).map(|duration| duration.as_secs());
        given.or_else(|| current.map(stored)).unwrap_or(0)
    };
    let times = Times {
        ttl: seconds("ttl", |times| times.ttl),
        max_ttl: seconds("max_ttl", |times| times.max_ttl),
    };
    if times.max_ttl > 0 && times.ttl > times.max_ttl {
        return Err(Error::bad_request(format!(
            "`ttl` of {} seconds is longer than `max_ttl` of {}: shorten the one or lengthen the other",
            times.ttl, times.max_ttl
        )));
    }
    Ok(times)
}
