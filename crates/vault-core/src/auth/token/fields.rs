//! Fields that several paths share.

use logical::framework::{Field, FieldKind};

pub(super) const TOKEN: &str = "token";
pub(super) const ACCESSOR: &str = "accessor";
pub(super) const INCREMENT: &str = "increment";

pub(super) fn token() -> Field {
    Field::new(TOKEN, FieldKind::Text, "The token.")
}

pub(super) fn accessor() -> Field {
    Field::new(ACCESSOR, FieldKind::Text, "The accessor of the token.")
}

pub(super) fn increment() -> Field {
    Field::new(
        INCREMENT,
        FieldKind::DurationSeconds,
        "Requested TTL from now. Zero leaves it to the token.",
    )
}
