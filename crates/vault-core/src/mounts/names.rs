//! Valid paths of mounts.

use logical::Error;

use crate::routing::AUTH;

/// First segments that are reserved for the core.
const RESERVED: [&str; 5] = ["sys", "auth", "identity", "cubbyhole", "audit"];

/// Normalizes the path of a mount: no leading slash, one trailing slash.
///
/// # Errors
/// A bad request if the path is empty, relative, or has control characters.
pub(crate) fn normalize(path: &str) -> Result<String, Error> {
    let trimmed = path.trim_matches('/');
    let odd = trimmed
        .split('/')
        .any(|segment| segment.is_empty() || segment == "." || segment == "..");
    if odd || trimmed.chars().any(char::is_control) {
        return Err(Error::bad_request(format!(
            "mount path \"{path}\" is not valid: use segments such as `team/confluent`"
        )));
    }
    Ok(format!("{trimmed}/"))
}

/// Refuses reserved paths. `verb` is `mount` or `unmount`.
///
/// # Errors
/// A bad request that names the path.
pub(crate) fn refuse_reserved(path: &str, verb: &str) -> Result<(), Error> {
    if let Some(method) = path.strip_prefix(AUTH) {
        return refuse_token(method, verb);
    }
    let first = path.split('/').next().unwrap_or_default();
    if RESERVED.contains(&first) {
        return Err(Error::bad_request(format!("cannot {verb} \"{path}\"")));
    }
    Ok(())
}

/// Refuses the built-in auth method, all below it, and `auth/` itself.
fn refuse_token(method: &str, verb: &str) -> Result<(), Error> {
    match (method, verb) {
        ("", _) => Err(Error::bad_request(format!("cannot {verb} \"{AUTH}\""))),
        ("token/", "unmount") => Err(Error::bad_request(
            "token credential backend cannot be disabled",
        )),
        (method, "mount") if method.starts_with("token/") => {
            Err(Error::bad_request("path is already in use at token/"))
        }
        _ => Ok(()),
    }
}

/// The existing mount that equals, contains or is contained in a path.
pub(crate) fn conflict<'a>(
    path: &str,
    existing: impl IntoIterator<Item = &'a String>,
) -> Option<&'a str> {
    existing
        .into_iter()
        .map(String::as_str)
        .find(|other| path.starts_with(other) || other.starts_with(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gets_one_slash_at_its_end() {
        assert_eq!(normalize("confluent").unwrap(), "confluent/");
        assert_eq!(normalize("/v1/prod/kv/").unwrap(), "v1/prod/kv/");
        for odd in ["", "/", "a//b", "a/../b", ".", "a\u{7}"] {
            assert!(normalize(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn a_mount_is_neither_above_nor_below_another() {
        let existing = ["a/b/".to_owned(), "c/".to_owned()];
        assert_eq!(conflict("a/", &existing), Some("a/b/"));
        assert_eq!(conflict("a/b/", &existing), Some("a/b/"));
        assert_eq!(conflict("c/d/", &existing), Some("c/"));
        assert_eq!(conflict("a/bc/", &existing), None);
        assert_eq!(conflict("cc/", &existing), None);
    }

    #[test]
    fn paths_of_the_core_are_refused() {
        for path in [
            "sys/",
            "sys/x/",
            "auth/",
            "identity/",
            "cubbyhole/",
            "audit/x/",
        ] {
            let error = refuse_reserved(path, "mount").unwrap_err();
            assert_eq!(error.message(), format!("cannot mount \"{path}\""));
        }
        assert!(refuse_reserved("system/", "mount").is_ok());
        assert!(refuse_reserved("auth/approle/", "mount").is_ok());
        let token = |verb| refuse_reserved("auth/token/", verb).unwrap_err();
        for path in ["auth/token/", "auth/token/x/"] {
            let refused = refuse_reserved(path, "mount").unwrap_err();
            assert_eq!(refused.message(), "path is already in use at token/");
        }
        assert!(refuse_reserved("auth/tokens/", "mount").is_ok());
        assert_eq!(
            token("unmount").message(),
            "token credential backend cannot be disabled"
        );
    }

    proptest::proptest! {
        #[test]
        fn two_mounts_that_do_not_conflict_never_share_a_request(
            one in "[ab/]{1,6}", two in "[ab/]{1,6}", rest in "[ab/]{0,4}",
        ) {
            let (Ok(one), Ok(two)) = (normalize(&one), normalize(&two)) else {
                return Ok(());
            };
            if conflict(&one, [&two]).is_none() {
                let request = format!("{one}{rest}");
                proptest::prop_assert!(!request.starts_with(&two));
            }
        }
    }
}
