//! The fields that configure when a new key counts as ready.

use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};
use readiness::{Given, Kind, Mode, Settings};

use crate::control_plane::Target;

/// The fields of static roles, which serve ready keys only.
pub(super) fn fields_of_static_roles() -> [Field; 3] {
    [
        Field::new(
            "readiness",
            FieldKind::Text,
            "What a new key must do before it is served: `probe` (log in at its resource), `delay` \
             (wait as long as new keys take) or `none`. Default: probe.",
        ),
        Field::new(
            "readiness_delay",
            FieldKind::DurationSeconds,
            "How long a new key is taken to need where it cannot be tried. Zero: as long as keys of \
             its kind do.",
        ),
        Field::new(
            "readiness_timeout",
            FieldKind::DurationSeconds,
            "After which time a key that does not log in is given up. Default: 20 minutes.",
        ),
    ]
}

/// Merges the fields of a request into the stored record.
pub(super) fn parse_of_static_role(
    stored: Option<Settings>,
    target: &Target,
    fields: &Fields,
) -> Result<Settings, Error> {
    let given = Given {
        readiness: fields.text_given("readiness"),
        readiness_delay: fields.duration("readiness_delay"),
        readiness_timeout: fields.duration("readiness_timeout"),
        ..Given::default()
    };
    let kind = target.resource.kind().map_or(Kind::Cloud, Kind::from);
    stored
        .unwrap_or_else(|| Settings::of(Mode::Probe))
        .with(&given, kind)
        .map_err(|error| Error::bad_request(error.to_string()))
}

pub(super) fn show_of_static_role(settings: &Settings, data: &mut Object) {
    let mut insert = |name: &str, value: serde_json::Value| data.insert(name.to_owned(), value);
    insert("readiness", settings.readiness().word().into());
    insert(
        "readiness_delay",
        settings.readiness_delay().as_secs().into(),
    );
    insert(
        "readiness_timeout",
        settings.readiness_timeout().as_secs().into(),
    );
}
