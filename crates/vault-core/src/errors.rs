//! Why a request is refused or failed, and the status and text that the client
//! gets.
//!
//! Vault has two forms. A bad request, or an unsupported operation, is reported
//! by an engine as plain text; every other error that passes through the router
//! is reported as a list, in the format of Go's multierror. Clients match on
//! both.

use logical::{Error, ErrorClass};

use crate::Answer;

/// The text of the `kv` engine of Vault during its upgrade, for the time that
/// the replacement of the engine takes.
const UPGRADING: &str = "Upgrading from non-versioned to versioned data. This backend will be \
                         unavailable for a brief period and will resume service shortly.";

const NOT_AUDITED: &str = "no audit device could log this request, so it is not answered: the log of \
                           the server says why";

/// Where an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A mounted engine.
    Engine,
    /// The core or one of its own paths.
    Core,
}

/// The reason why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request is malformed, whatever the caller's rights.
    Malformed(&'static str),
    /// No path answers this kind of request.
    UnsupportedMethod,
    /// The core is sealed.
    Sealed,
    /// The token is missing or unknown.
    Unauthenticated,
    /// A request about a wrapped answer has no token.
    NoWrappingToken,
    /// The token's policies do not allow it.
    Denied,
    /// There were too many requests for this path.
    OverQuota(String),
    /// No mount answers this path.
    NoRoute(String),
    /// The mount of this path is being removed.
    Tainted(String),
    /// The engine of this path is being replaced by one of a newer version.
    Upgrading,
    /// No audit device has written a line of it.
    NotAudited {
        /// What the client has to know of what was undone for that.
        undone: Option<&'static str>,
    },
    /// The backend or the core failed.
    Failed(Error, Origin),
}

impl Refusal {
    /// The status of its answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Upgrading => 400,
            Self::UnsupportedMethod => 405,
            Self::Sealed => 503,
            Self::Unauthenticated | Self::NoWrappingToken | Self::Denied => 403,
            Self::NoRoute(_) | Self::Tainted(_) => 404,
            Self::OverQuota(_) => 429,
            Self::NotAudited { .. } => 500,
            Self::Failed(error, _) => error.class().status(),
        }
    }
}

/// The answer to a request that was refused or failed.
pub(crate) fn answer(refusal: &Refusal) -> Answer {
    let text = match refusal {
        Refusal::UnsupportedMethod => return Answer::empty_errors(refusal.status()),
        Refusal::Malformed(text) => (*text).to_owned(),
        Refusal::Sealed => sealed().message().to_owned(),
        Refusal::Unauthenticated => "permission denied".to_owned(),
        Refusal::NoWrappingToken => "error validating wrapping token: token is empty".to_owned(),
        Refusal::Denied => one_of_many("permission denied"),
        Refusal::OverQuota(path) => {
            format!("request path \"{path}\": rate limit quota exceeded")
        }
        Refusal::NoRoute(path) => {
            format!("no handler for route \"{path}\". route entry not found.")
        }
        Refusal::Tainted(path) => {
            format!("no handler for route \"{path}\". route entry is tainted.")
        }
        Refusal::Upgrading => UPGRADING.to_owned(),
        Refusal::NotAudited { undone: None } => NOT_AUDITED.to_owned(),
        Refusal::NotAudited {
            undone: Some(undone),
        } => format!("{NOT_AUDITED}; {undone}"),
        Refusal::Failed(error, origin) => text(error, *origin),
    };
    Answer::error(refusal.status(), text)
}

/// The error as audit devices log it. They show it, so it never quotes what a
/// client sent: the text of a bad request is hashed as data of the response.
pub(crate) fn audited(refusal: &Refusal) -> String {
    let is_bad_request = match refusal {
        Refusal::Malformed(_) => true,
        Refusal::Failed(error, _) => matches!(
            error.class(),
            ErrorClass::BadRequest | ErrorClass::InvalidCredentials
        ),
        _ => false,
    };
    match refusal {
        _ if is_bad_request => one_of_many("invalid request"),
        Refusal::Unauthenticated | Refusal::NoWrappingToken => one_of_many("permission denied"),
        Refusal::UnsupportedMethod => one_of_many("unsupported operation"),
        Refusal::NoRoute(_) | Refusal::Tainted(_) => one_of_many("unsupported path"),
        Refusal::Failed(error, _) if error.class() == ErrorClass::UnsupportedOperation => {
            one_of_many("unsupported operation")
        }
        Refusal::Failed(error, _) => error.message().to_owned(),
        Refusal::OverQuota(_) => "rate limit quota exceeded".to_owned(),
        Refusal::Malformed(_)
        | Refusal::Sealed
        | Refusal::Denied
        | Refusal::Upgrading
        | Refusal::NotAudited { .. } => {
            answer(refusal).first_error().unwrap_or_default().to_owned()
        }
    }
}

/// The error while the core is sealed.
pub(crate) fn sealed() -> Error {
    Error::coded(503, "Vault is sealed")
}

fn text(error: &Error, origin: Origin) -> String {
    let listed = match error.class() {
        ErrorClass::UnsupportedOperation if error.says_what_is_supported() => {
            origin == Origin::Core
        }
        ErrorClass::UnsupportedPath | ErrorClass::UnsupportedOperation => true,
        ErrorClass::BadRequest | ErrorClass::InvalidCredentials => false,
        _ => origin == Origin::Engine,
    };
    if listed {
        one_of_many(error.message())
    } else {
        error.message().to_owned()
    }
}

/// Go's multierror format with a single error.
fn one_of_many(text: &str) -> String {
    format!("1 error occurred:\n\t* {text}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(error: Error, origin: Origin) -> (u16, String) {
        let answer = answer(&Refusal::Failed(error, origin));
        let body: serde_json::Value = serde_json::from_slice(&answer.body().unwrap()).unwrap();
        (
            answer.status(),
            body["errors"][0].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn an_engines_bad_request_is_shown_as_it_is_and_the_rest_as_a_list() {
        assert_eq!(
            shown(Error::bad_request("role `a` is unknown"), Origin::Engine),
            (400, "role `a` is unknown".into())
        );
        assert_eq!(
            shown(Error::upstream("down"), Origin::Engine),
            (503, "1 error occurred:\n\t* down\n\n".into())
        );
        assert_eq!(
            shown(Error::unsupported_operation_but("read it"), Origin::Engine),
            (405, "unsupported operation: read it".into())
        );
        assert_eq!(
            shown(Error::unsupported_path(), Origin::Core),
            (404, "1 error occurred:\n\t* unsupported path\n\n".into())
        );
    }
}
