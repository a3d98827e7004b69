//! Errors as answers: which text and status a client sees.
//!
//! Vault has two forms. What an engine says of a bad request, or of an operation
//! that a path does not know, is shown as it is; every other error that comes
//! through the router is shown as a list of errors, in the words of Go's
//! multierror. Clients match on both.

use logical::{Error, ErrorClass};

use crate::Answer;

/// Who found the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A mounted engine.
    Engine,
    /// The core or one of its own paths.
    Core,
}

/// The answer to a request that failed.
pub(crate) fn answer(error: &Error, origin: Origin) -> Answer {
    let listed = match error.class() {
        ErrorClass::UnsupportedOperation if error.says_what_is_supported() => {
            origin == Origin::Core
        }
        ErrorClass::UnsupportedPath | ErrorClass::UnsupportedOperation => true,
        ErrorClass::BadRequest => false,
        _ => origin == Origin::Engine,
    };
    let text = if listed {
        one_of_many(error.message())
    } else {
        error.message().to_owned()
    };
    Answer::error(error.class().status(), text)
}

/// A token that is missing or unknown.
pub(crate) fn unauthenticated() -> Answer {
    Answer::error(403, "permission denied")
}

/// A token whose policies do not allow the request.
pub(crate) fn denied() -> Answer {
    Answer::error(403, one_of_many("permission denied"))
}

/// No mount answers this path.
pub(crate) fn no_route(path: &str) -> Answer {
    Answer::error(
        404,
        format!("no handler for route \"{path}\". route entry not found."),
    )
}

/// The mount of this path is being removed.
pub(crate) fn tainted(path: &str) -> Answer {
    Answer::error(
        404,
        format!("no handler for route \"{path}\". route entry is tainted."),
    )
}

/// The form of Go's multierror with one error in it.
fn one_of_many(text: &str) -> String {
    format!("1 error occurred:\n\t* {text}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: &Error, origin: Origin) -> (u16, String) {
        let answer = answer(error, origin);
        let body: serde_json::Value = serde_json::from_slice(&answer.body().unwrap()).unwrap();
        (
            answer.status(),
            body["errors"][0].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn an_engines_bad_request_is_shown_as_it_is_and_the_rest_as_a_list() {
        assert_eq!(
            text(&Error::bad_request("role `a` is unknown"), Origin::Engine),
            (400, "role `a` is unknown".into())
        );
        assert_eq!(
            text(&Error::upstream("down"), Origin::Engine),
            (503, "1 error occurred:\n\t* down\n\n".into())
        );
        assert_eq!(
            text(&Error::unsupported_operation_but("read it"), Origin::Engine),
            (405, "unsupported operation: read it".into())
        );
        assert_eq!(
            text(&Error::unsupported_path(), Origin::Core),
            (404, "1 error occurred:\n\t* unsupported path\n\n".into())
        );
    }
}
