//! The fields that limit how many leases a role may have at once.

use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};

use crate::role::caps::Caps;

pub(super) fn fields() -> [Field; 2] {
    [
        Field::new(
            "max_active",
            FieldKind::Integer,
            "How many leases the role may have at once. Zero: any number.",
        ),
        Field::new(
            "max_active_per_requester",
            FieldKind::Integer,
            "How many leases of the role one entity may have at once, or one token that belongs to no \
             entity. Counted from when it is set. Zero: any number.",
        ),
    ]
}

/// What the request gives over what is stored.
pub(super) fn parse(stored: Option<Caps>, fields: &Fields) -> Result<Caps, Error> {
    let stored = stored.unwrap_or_default();
    Ok(Caps {
        max_active: number("max_active", stored.max_active, fields)?,
        max_active_per_requester: number(
            "max_active_per_requester",
            stored.max_active_per_requester,
            fields,
        )?,
    })
}

fn number(field: &str, stored: u64, fields: &Fields) -> Result<u64, Error> {
    let Some(given) = fields.integer(field) else {
        return Ok(stored);
    };
    u64::try_from(given).map_err(|_| {
        Error::bad_request(format!(
            "`{field}` is {given}: give the number of leases that there may be at once, or 0 for any"
        ))
    })
}

pub(super) fn show(caps: Caps, data: &mut Object) {
    data.insert("max_active".into(), caps.max_active.into());
    let of_requester = caps.max_active_per_requester;
    data.insert("max_active_per_requester".into(), of_requester.into());
}
