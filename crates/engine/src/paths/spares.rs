//! The fields that say which keys of a role are kept ready in advance.

use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};
use readiness::{Mode, Settings as Readiness};

use crate::role::sharing::Sharing;
use crate::spare_pool::Counts;
use crate::spare_settings::{AGES, MOST, SpareSettings};

pub(super) fn fields() -> [Field; 2] {
    [
        Field::new(
            "spares",
            FieldKind::Integer,
            "How many keys are made and proven in advance, so that a read gets one that works at \
             once; 10 at most. It needs `readiness`. Default: 0.",
        ),
        Field::new(
            "spare_max_age",
            FieldKind::DurationSeconds,
            "After which time a spare that nobody took is replaced, 1 hour to 30 days. Default: 24h.",
        ),
    ]
}

/// What the request gives over what is stored.
pub(super) fn parse(
    stored: Option<SpareSettings>,
    readiness: &Readiness,
    fields: &Fields,
) -> Result<SpareSettings, Error> {
    let stored = stored.unwrap_or_default();
    let count = match fields.integer("spares") {
        Some(given) => u64::try_from(given)
            .ok()
            .filter(|count| *count <= MOST)
            .ok_or_else(|| {
                Error::bad_request(format!(
                    "`spares` is {given}: give a number from 0 to {MOST}"
                ))
            })?,
        None => stored.count(),
    };
    let age = fields.duration("spare_max_age").map(|age| age.as_secs());
    let age = age.unwrap_or_else(|| stored.max_age_seconds());
    if !AGES.contains(&age) {
        return Err(Error::bad_request(format!(
            "`spare_max_age` is {age}s: give 1h to 720h"
        )));
    }
    if count > 0 && readiness.readiness() == Mode::None {
        return Err(Error::bad_request(
            "`spares` need `readiness`: give `readiness=probe` or `delay`, or `spares=0`",
        ));
    }
    Ok(SpareSettings::new(count, age))
}

/// A spare is made before it is known whose reader will have it.
pub(super) fn fit(spares: &SpareSettings, sharing: Sharing) -> Result<(), Error> {
    if spares.count() > 0 && sharing.is_scoped() {
        let by = sharing.by.as_str();
        return Err(Error::bad_request(format!(
            "`spares` are keys of a whole role, and `sharing` is `{by}`: give `spares=0`, or `sharing` as \
             `role` or `lease`"
        )));
    }
    Ok(())
}

pub(super) fn show(spares: &SpareSettings, data: &mut Object) {
    data.insert("spares".into(), spares.count().into());
    data.insert("spare_max_age".into(), spares.max_age_seconds().into());
}

/// How many spares there are.
pub(super) fn show_counts(counts: Counts, data: &mut Object) {
    data.insert("spares_ready".into(), counts.ready.into());
    data.insert("spares_being_made".into(), counts.being_made.into());
}
