//! Where devices are: their names.

use logical::Error;

/// The path of a device with its slash.
///
/// # Errors
/// A bad request for a path without a name.
pub(super) fn normalize(path: &str) -> Result<String, Error> {
    let name = path.trim_matches('/');
    let is_named = !name.is_empty()
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
        && !name.chars().any(char::is_control);
    if !is_named {
        return Err(Error::bad_request(
            "`path` of an audit device must be a name, or names with slashes between them",
        ));
    }
    Ok(format!("{name}/"))
}

/// Whether one path is the other, or lies below it.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_names_and_none_lies_below_another() {
        assert_eq!(normalize("/a/b/").unwrap(), "a/b/");
        for wrong in ["", "/", "a//b", "a/../b", "a\n"] {
            assert!(normalize(wrong).is_err(), "{wrong:?}");
        }
        assert!(overlap("a/", "a/b/") && overlap("a/b/", "a/") && overlap("a/", "a/"));
        assert!(!overlap("a/", "ab/"));
    }
}
