//! The fields that say what is expected of a new key before it is handed out.

use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};
use readiness::{Given, Kind, Mode, Settings};

use crate::control_plane::Target;

/// Those of roles with leases.
pub(super) fn fields_of_roles() -> [Field; 5] {
    [
        Field::new(
            "readiness",
            FieldKind::Text,
            "What a new key must do before it is handed out: `probe` (log in at its resource), `delay` \
             (wait as long as new keys take) or `none`. Default: none.",
        ),
        delay_field(),
        timeout_field(),
        Field::new(
            "wait_ready",
            FieldKind::DurationSeconds,
            "How long a read waits for its key to be ready, at most 50 seconds. Default: 0.",
        ),
        Field::new(
            "not_ready",
            FieldKind::Text,
            "What a read gets whose key is not ready after that: `warn` (the key, with a warning that \
             says when it works) or `refuse` (503; the key is kept for the next read). Default: warn.",
        ),
    ]
}

/// Those of static roles, which serve no key that is not ready.
pub(super) fn fields_of_static_roles() -> [Field; 3] {
    [
        Field::new(
            "readiness",
            FieldKind::Text,
            "What a new key must do before it is served: `probe` (log in at its resource), `delay` \
             (wait as long as new keys take) or `none`. Default: probe.",
        ),
        delay_field(),
        timeout_field(),
    ]
}

fn delay_field() -> Field {
    Field::new(
        "readiness_delay",
        FieldKind::DurationSeconds,
        "How long a new key is taken to need where it cannot be tried. Zero: as long as keys of its \
         kind do.",
    )
}

fn timeout_field() -> Field {
    Field::new(
        "readiness_timeout",
        FieldKind::DurationSeconds,
        "After which time a key that does not log in is given up. Default: 20 minutes.",
    )
}

/// What the request gives over what is stored.
pub(super) fn parse_of_role(
    stored: Option<Settings>,
    target: &Target,
    fields: &Fields,
) -> Result<Settings, Error> {
    parse(stored, Mode::None, target, fields)
}

/// What the request gives over what is stored.
pub(super) fn parse_of_static_role(
    stored: Option<Settings>,
    target: &Target,
    fields: &Fields,
) -> Result<Settings, Error> {
    parse(stored, Mode::Probe, target, fields)
}

fn parse(
    stored: Option<Settings>,
    usual: Mode,
    target: &Target,
    fields: &Fields,
) -> Result<Settings, Error> {
    let given = Given {
        readiness: fields.text_given("readiness"),
        readiness_delay: fields.duration("readiness_delay"),
        readiness_timeout: fields.duration("readiness_timeout"),
        wait_ready: fields.duration("wait_ready"),
        not_ready: fields.text_given("not_ready"),
    };
    let kind = target.resource.kind().map_or(Kind::Cloud, Kind::from);
    stored
        .unwrap_or_else(|| Settings::of(usual))
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

pub(super) fn show_of_role(settings: &Settings, data: &mut Object) {
    show_of_static_role(settings, data);
    let wait = settings.wait_ready().as_secs();
    data.insert("wait_ready".into(), wait.into());
    let not_ready = settings.not_ready().word();
    data.insert("not_ready".into(), not_ready.into());
}
