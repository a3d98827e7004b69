//! The fields that say which readers of a role get the same key.

use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object, duration};

use crate::role::sharing::{SharedBy, Sharing};

/// The shortest `max_age` in seconds: the next key is made in its last tenth,
/// and brokers may need a minute to know it.
const SHORTEST_AGE: u64 = 600;

pub(super) fn fields() -> [Field; 3] {
    [
        Field::new(
            "sharing",
            FieldKind::Text,
            "Who gets the same key: `lease` (nobody, each lease has its own), `role` (all readers), \
             `entity` (the readers of one entity) or `token` (the readers with one token). Default: \
             lease.",
        ),
        Field::new(
            "multi_use_key",
            FieldKind::Flag,
            "The Go plugin's name for sharing: `true` is `sharing=role`, `false` is `sharing=lease`. \
             It reads as true wherever leases share a key. Default: false, a key for each lease.",
        ),
        Field::new(
            "max_age",
            FieldKind::DurationSeconds,
            "From which age on a shared key is given to no new reader, who get the next one. A lease \
             on it ends at twice that age at the latest. Zero: as old as the role is in use.",
        ),
    ]
}

/// What the request gives over what is stored.
pub(super) fn parse(stored: Option<Sharing>, fields: &Fields) -> Result<Sharing, Error> {
    let stored = stored.unwrap_or_default();
    let sharing = Sharing {
        by: by(stored.by, fields)?,
        max_age_seconds: fields
            .duration("max_age")
            .map_or(stored.max_age_seconds, |age| age.as_secs()),
    };
    let age = sharing.max_age_seconds;
    if age > 0 && !sharing.is_shared() {
        return Err(Error::bad_request(
            "only a shared key has a `max_age`: give `sharing` as `role`, `entity` or `token`, or \
             `max_age=0`",
        ));
    }
    if age > 0 && age < SHORTEST_AGE {
        return Err(Error::bad_request(format!(
            "`max_age` of {age} seconds is too short: give {SHORTEST_AGE} or more, or 0 for none"
        )));
    }
    Ok(sharing)
}

fn by(stored: SharedBy, fields: &Fields) -> Result<SharedBy, Error> {
    let given = fields.text_given("sharing").map(named).transpose()?;
    let by = match (given, fields.flag("multi_use_key")) {
        (None, None) => stored,
        (None, Some(false)) => SharedBy::Lease,
        (None, Some(true)) if stored.is_shared() => stored,
        (None, Some(true)) => SharedBy::Role,
        (Some(given), Some(multi)) if multi != given.is_shared() => {
            return Err(Error::bad_request(format!(
                "`sharing` is `{}` and `multi_use_key` {multi}: give one of them",
                given.as_str()
            )));
        }
        (Some(given), _) => given,
    };
    Ok(by)
}

fn named(text: &str) -> Result<SharedBy, Error> {
    let mut names = SharedBy::NAMES.iter();
    let found = names.find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        Error::bad_request(format!(
            "`sharing` is `{text}`: give `lease`, `role`, `entity` or `token`"
        ))
    })
}

pub(super) fn show(sharing: Sharing, data: &mut Object) {
    data.insert("sharing".into(), sharing.by.as_str().into());
    data.insert("multi_use_key".into(), sharing.is_shared().into());
    data.insert("max_age".into(), sharing.max_age_seconds.into());
}

/// What a role's writer may not expect.
pub(super) fn warn(sharing: Sharing, ttl: std::time::Duration) -> Option<String> {
    let age = sharing.max_age()?;
    (ttl > age).then(|| {
        format!(
            "leases may be shorter than `ttl` of {}: they end at twice `max_age` of {} after their key \
             was made, so that a reader can be given as little as `max_age`",
            duration::go(ttl),
            duration::go(age)
        )
    })
}
