//! The fields for the rotation schedule of a static role and the overlap of its
//! keys.

use std::time::Duration;

use jiff::Timestamp;
use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};
use rotation_schedule::{OverlapFields, Timing, TimingFields};

use crate::rotation::RetireRequest;
use crate::static_role::StaticRole;

pub(super) fn description_field() -> Field {
    Field::new(
        "key_description",
        FieldKind::Text,
        "Description of the keys at Confluent Cloud. Default: the name of the static role.",
    )
}

pub(super) fn fields() -> [Field; 10] {
    [
        Field::new(
            "rotation_period",
            FieldKind::DurationSeconds,
            "Time from one rotation to the next, at least 10 minutes.",
        ),
        Field::new(
            "rotation_schedule",
            FieldKind::Text,
            "Times of rotation in place of a period: a cron expression of five fields.",
        ),
        Field::new(
            "rotation_timezone",
            FieldKind::Text,
            "Time zone of `rotation_schedule`, such as Europe/Berlin. Default: UTC.",
        ),
        Field::new(
            "rotation_window",
            FieldKind::DurationSeconds,
            "How late after a time of `rotation_schedule` a rotation may be, at least an hour; after \
             that it waits for the next time. Zero: any time.",
        ),
        Field::new(
            "rotation",
            FieldKind::Text,
            "`manual`: only `rotate-role/<name>` rotates, in place of a period or a schedule.",
        ),
        Field::new(
            "grace",
            FieldKind::DurationSeconds,
            "How long the old key lives on after a rotation. Default: a quarter of the shortest time \
             between two rotations, from 5 minutes to a day.",
        ),
        Field::new(
            "refresh",
            FieldKind::DurationSeconds,
            "How soon readers are told to come back, at most a minute less than `grace`. Default: \
             half of `grace`, at most 12 hours.",
        ),
        Field::new(
            "retire_when",
            FieldKind::Text,
            "What ends the old key: `grace` (its end) or `quiet` (the audit log, as it is written to \
             `usage`, shows a login with the new key and none with the old one for `quiet`; `grace` \
             is then the least). Default: grace.",
        ),
        Field::new(
            "quiet",
            FieldKind::DurationSeconds,
            "For how long nothing must have logged in with the old key, with `retire_when=quiet`. At \
             least 10 minutes. Default: a day.",
        ),
        Field::new(
            "max_overlap",
            FieldKind::DurationSeconds,
            "How long the old key lives at most, with `retire_when=quiet`. Default: 7 days, or as much \
             less as the shortest time between two rotations takes.",
        ),
    ]
}

/// Merges the fields of a request into the stored record.
pub(super) fn parse_timing(stored: Option<&Timing>, fields: &Fields) -> Result<Timing, Error> {
    let text = |field| fields.text_given(field).map(str::to_owned);
    let seconds = |field| fields.duration(field).map(|duration| duration.as_secs());
    let given = TimingFields {
        rotation_period: seconds("rotation_period"),
        rotation_schedule: text("rotation_schedule"),
        rotation_timezone: text("rotation_timezone"),
        rotation_window: seconds("rotation_window"),
        rotation: text("rotation"),
    };
    Timing::update(stored, &given).map_err(|error| Error::bad_request(error.to_string()))
}

/// Merges the fields of a request into the stored record. A new timing brings new
/// defaults.
pub(super) fn parse_overlap(stored: Option<&StaticRole>, fields: &Fields) -> OverlapFields {
    let retimed = ["rotation_period", "rotation_schedule", "rotation"];
    let keeps = !retimed.into_iter().any(|field| fields.given(field));
    let stored = stored.filter(|_| keeps).map(|role| role.overlap);
    let grace = fields.duration("grace");
    OverlapFields {
        grace: grace.or_else(|| stored.map(|overlap| overlap.grace())),
        refresh: fields.duration("refresh").or_else(|| {
            stored
                .filter(|_| grace.is_none())
                .map(|overlap| overlap.refresh())
        }),
    }
}

/// What the request gives. What it does not give stays.
pub(super) fn parse_retire(fields: &Fields) -> RetireRequest {
    RetireRequest {
        when: fields.text_given("retire_when").map(str::to_owned),
        quiet: fields.duration("quiet"),
        max_overlap: fields.duration("max_overlap"),
    }
}

pub(super) fn show(role: &StaticRole, data: &mut Object) {
    let timing = role.timing.fields();
    let mut insert = |name: &str, value: serde_json::Value| data.insert(name.to_owned(), value);
    insert(
        "rotation_period",
        timing.rotation_period.unwrap_or(0).into(),
    );
    insert(
        "rotation_schedule",
        timing.rotation_schedule.unwrap_or_default().into(),
    );
    insert(
        "rotation_timezone",
        timing.rotation_timezone.unwrap_or_default().into(),
    );
    insert(
        "rotation_window",
        timing.rotation_window.unwrap_or(0).into(),
    );
    insert("rotation", timing.rotation.unwrap_or_default().into());
    insert("grace", role.overlap.grace().as_secs().into());
    insert("refresh", role.overlap.refresh().as_secs().into());
    let when = ["quiet", "grace"][usize::from(role.retire.is_grace())];
    insert("retire_when", when.into());
    let seconds = |duration: Option<Duration>| duration.map_or(0, |duration| duration.as_secs());
    insert("quiet", seconds(role.retire.quiet()).into());
    insert("max_overlap", seconds(role.retire.max_overlap()).into());
}

/// The time of the last rotation for answers; empty before the first.
pub(super) fn show_last(role: &StaticRole, data: &mut Object) {
    let since = role.served.as_ref().map(|served| served.since);
    data.insert(
        "last_vault_rotation".into(),
        since.map_or_else(String::new, rotation_time).into(),
    );
}

/// A time of rotation in answers.
pub(super) fn rotation_time(time: Timestamp) -> String {
    format!("{time:.9}")
}
