//! Body members that are not fields of their path.

use crate::framework::Path;
use crate::{Error, Object};

/// Minimum similarity of two names, from 0 to 1, to suggest one for the other.
const ALIKE: f64 = 0.75;

/// The names of the members that are not fields.
pub(super) fn names<'a, S>(path: &Path<S>, body: &'a Object) -> impl Iterator<Item = &'a str> {
    body.keys()
        .map(String::as_str)
        .filter(|name| !path.arbitrary && path.fields.iter().all(|field| field.name != *name))
}

/// Refuses a body with members that are not fields.
///
/// # Errors
/// A bad request that names each, with the most similar field.
pub(super) fn refuse<S>(path: &Path<S>, body: &Object) -> Result<(), Error> {
    let fields: Vec<&str> = path.fields.iter().map(|field| field.name).collect();
    let faults: Vec<String> = names(path, body)
        .map(|name| match closest(name, &fields) {
            Some(meant) => format!("unknown field `{name}`: did you mean `{meant}`?"),
            None => format!(
                "unknown field `{name}`: the fields are `{}`",
                fields.join("`, `")
            ),
        })
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::bad_request(faults.join("; ")))
}

fn closest<'a>(name: &str, fields: &[&'a str]) -> Option<&'a str> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let likeness = |field: &str| strsim::normalized_damerau_levenshtein(&name, field);
    fields
        .iter()
        .map(|field| (likeness(field), *field))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, field)| field)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::framework::{Field, FieldKind};

    fn refused(body: &serde_json::Value) -> String {
        let path: Path<()> = Path::new("role").fields([
            Field::new("resource", FieldKind::Text, ""),
            Field::new("ttl", FieldKind::DurationSeconds, ""),
            Field::new("max_ttl", FieldKind::DurationSeconds, ""),
        ]);
        let refused = refuse(&path, body.as_object().unwrap());
        refused.map_or_else(|error| error.message().to_owned(), |()| String::new())
    }

    #[test]
    fn a_mistyped_field_is_refused_with_the_one_that_was_meant() {
        let said = refused(&json!({"ressource": "lkc-1", "max-ttl": "1h", "ttl": "5m"}));
        assert!(
            said.contains("unknown field `ressource`: did you mean `resource`?"),
            "{said}"
        );
        assert!(
            said.contains("unknown field `max-ttl`: did you mean `max_ttl`?"),
            "{said}"
        );
    }

    #[test]
    fn a_field_like_no_other_is_refused_with_all_that_there_are() {
        let said = refused(&json!({"color": "red"}));
        assert_eq!(
            said,
            "unknown field `color`: the fields are `resource`, `ttl`, `max_ttl`"
        );
    }

    #[test]
    fn known_fields_are_not_refused() {
        assert_eq!(refused(&json!({"resource": "lkc-1", "ttl": null})), "");
    }
}
