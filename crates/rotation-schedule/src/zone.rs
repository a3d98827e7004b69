//! `rotation_timezone`: the time zone in which a schedule is read.

use std::fmt;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::error::{FieldError, quoted};

const FIELD: &str = "rotation_timezone";

/// The zones of this build, never those of the machine.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone of the IANA database, such as `Europe/Berlin`, or `UTC`. In JSON it is
/// the name as it was given.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName {
    name: String,
    zone: TimeZone,
}

impl TimeZoneName {
    /// UTC, which a schedule without a zone is read in.
    pub fn utc() -> Self {
        Self {
            name: "UTC".into(),
            zone: TimeZone::UTC,
        }
    }

    /// Looks a name up, whatever its capitals.
    pub fn parse(name: &str) -> Result<Self, FieldError> {
        if name.is_empty() {
            return Err(FieldError::new(
                FIELD,
                format!(
                    "`{FIELD}` is empty: give a zone of the IANA database, such as \
                     `Europe/Berlin`, or `UTC`"
                ),
            ));
        }
        let zone = ZONES.get(name).ok().filter(|zone| !zone.is_unknown());
        zone.map(|zone| Self {
            name: name.into(),
            zone,
        })
        .ok_or_else(|| unknown(name))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }
}

fn unknown(name: &str) -> FieldError {
    let wanted = name.to_ascii_lowercase().replace(' ', "_");
    // Comparing takes the product of the lengths.
    let comparable = wanted.len() <= 64;
    let nearest = ZONES
        .available()
        .filter(|_| comparable)
        .filter_map(|zone| {
            let zone = zone.as_str().to_owned();
            let likeness = likeness(&wanted, &zone.to_ascii_lowercase());
            (likeness > 0.8).then_some((likeness, zone))
        })
        .max_by(|left, right| left.0.total_cmp(&right.0));
    let remedy = nearest.map_or_else(
        || "such as `Europe/Berlin`, or `UTC`".into(),
        |(_, zone)| format!("perhaps `{zone}`"),
    );
    FieldError::new(
        FIELD,
        format!(
            "`{FIELD}` is {}, which is no time zone: give a name of the IANA database, {remedy}",
            quoted(name)
        ),
    )
}

/// How alike a wish is to the whole name, or to the city alone.
fn likeness(wanted: &str, zone: &str) -> f64 {
    let city = zone.rsplit('/').next().unwrap_or(zone);
    strsim::jaro_winkler(wanted, zone).max(strsim::jaro_winkler(wanted, city))
}

impl TryFrom<String> for TimeZoneName {
    type Error = FieldError;

    fn try_from(name: String) -> Result<Self, FieldError> {
        Self::parse(&name)
    }
}

impl From<TimeZoneName> for String {
    fn from(zone: TimeZoneName) -> Self {
        zone.name
    }
}

impl PartialEq for TimeZoneName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for TimeZoneName {}

impl fmt::Debug for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TimeZoneName").field(&self.name).finish()
    }
}

impl fmt::Display for TimeZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(name: &str, text: &str) {
        let error = TimeZoneName::parse(name).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.field(), "rotation_timezone");
    }

    #[test]
    fn names_of_the_iana_database_are_taken_and_kept_as_given() {
        for name in [
            "UTC",
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "america/sao_paulo",
            "Etc/GMT+5",
            "Asia/Calcutta",
        ] {
            assert_eq!(TimeZoneName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn an_unknown_zone_is_refused_with_the_most_similar_name() {
        refused(
            "Europe/Berln",
            "`rotation_timezone` is `Europe/Berln`, which is no time zone: give a name of the \
             IANA database, perhaps `Europe/Berlin`",
        );
        refused(
            "new york",
            "`rotation_timezone` is `new york`, which is no time zone: give a name of the IANA \
             database, perhaps `America/New_York`",
        );
        refused(
            "+02:00",
            "`rotation_timezone` is `+02:00`, which is no time zone: give a name of the IANA \
             database, such as `Europe/Berlin`, or `UTC`",
        );
    }

    #[test]
    fn an_empty_name_and_the_unknown_zone_are_refused() {
        refused(
            "",
            "`rotation_timezone` is empty: give a zone of the IANA database, such as \
             `Europe/Berlin`, or `UTC`",
        );
        assert!(TimeZoneName::parse("Etc/Unknown").is_err());
        assert!(TimeZoneName::parse(&"x".repeat(100_000)).is_err());
    }

    #[test]
    fn json_has_the_name() {
        let zone: TimeZoneName = serde_json::from_str("\"Europe/Berlin\"").unwrap();
        assert_eq!(serde_json::to_string(&zone).unwrap(), "\"Europe/Berlin\"");
        assert!(serde_json::from_str::<TimeZoneName>("\"Mars\"").is_err());
    }
}
