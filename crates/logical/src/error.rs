//! Errors that both hosts answer in the same way.
//!
//! An [`Error`] says what happened, to which object, and what the user can
//! do; its [`ErrorClass`] decides the HTTP status. It never carries a secret
//! and it is not a place for stack traces.

use std::fmt;

/// The text with which a node that may not write refuses a write.
///
/// Vault and OpenBao compare it to decide that a request must be forwarded to
/// the active node, so it is passed on byte for byte
/// (`sdk/logical/error.go` in both).
pub const READ_ONLY_STORAGE: &str = "cannot write to readonly storage";

/// What hosts say by themselves of an operation that a path does not know.
const UNSUPPORTED_OPERATION: &str = "unsupported operation";

/// Why a request failed, as far as a host needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request cannot be carried out as it was put: 400.
    BadRequest,
    /// A login with a credential that is wrong, which a host may count: 400.
    InvalidCredentials,
    /// The caller may not do this: 403.
    PermissionDenied,
    /// The object does not exist: 404.
    NotFound,
    /// The engine has no such path: 404.
    UnsupportedPath,
    /// The path exists but not this operation on it: 405.
    UnsupportedOperation,
    /// This node may not write; the active node must answer instead.
    ReadOnlyStorage,
    /// The service behind the engine limits the rate of requests: 503.
    UpstreamRateLimited,
    /// The service behind the engine failed or cannot be reached: 503.
    UpstreamFailed,
    /// Any other status of HTTP, such as 409 or 412.
    Status(u16),
    /// The end of a lease that can never succeed, so that hosts do not try
    /// again but leave it to a person: 500.
    Unrecoverable,
    /// Something that the caller cannot change: 500.
    Internal,
}

impl ErrorClass {
    /// The HTTP status that a host answers with.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::InvalidCredentials => 400,
            Self::PermissionDenied => 403,
            Self::NotFound | Self::UnsupportedPath => 404,
            Self::UnsupportedOperation => 405,
            Self::UpstreamRateLimited | Self::UpstreamFailed => 503,
            Self::Status(status @ 400..=599) => status,
            Self::Status(_) | Self::ReadOnlyStorage | Self::Unrecoverable | Self::Internal => 500,
        }
    }
}

/// A failed request: a class for the host and a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    class: ErrorClass,
    message: String,
}

impl Error {
    /// An error of the given class with a sentence for the user.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }

    /// The request cannot be carried out as it was put.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::BadRequest, message)
    }

    /// A login with a credential that is wrong.
    pub fn invalid_credentials(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::InvalidCredentials, message)
    }

    /// The caller may not do this.
    pub fn permission_denied() -> Self {
        Self::new(ErrorClass::PermissionDenied, "permission denied")
    }

    /// The engine has no such path.
    pub fn unsupported_path() -> Self {
        Self::new(ErrorClass::UnsupportedPath, "unsupported path")
    }

    /// The path exists but does not know this operation.
    pub fn unsupported_operation() -> Self {
        Self::new(ErrorClass::UnsupportedOperation, UNSUPPORTED_OPERATION)
    }

    /// The path exists but does not know this operation, with what to do
    /// instead.
    pub fn unsupported_operation_but(instead: impl fmt::Display) -> Self {
        let text = format!("{UNSUPPORTED_OPERATION}: {instead}");
        Self::new(ErrorClass::UnsupportedOperation, text)
    }

    /// Whether this says more than that an operation is not supported, so that
    /// hosts should show it and not their own text.
    pub fn says_what_is_supported(&self) -> bool {
        self.class == ErrorClass::UnsupportedOperation && self.message != UNSUPPORTED_OPERATION
    }

    /// This node may not write. The text is fixed, see [`READ_ONLY_STORAGE`].
    pub fn read_only() -> Self {
        Self::new(ErrorClass::ReadOnlyStorage, READ_ONLY_STORAGE)
    }

    /// The service behind the engine failed or cannot be reached.
    pub fn upstream(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::UpstreamFailed, message)
    }

    /// The service behind the engine limits the rate of requests.
    pub fn rate_limited(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::UpstreamRateLimited, message)
    }

    /// The object does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::NotFound, message)
    }

    /// An error with a status of its own. What is no status of an error is
    /// answered with 500.
    pub fn coded(status: u16, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Status(status), message)
    }

    /// The end of a lease can never succeed. Hosts give the lease up at once:
    /// never for a fault that may pass.
    pub fn unrecoverable(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Unrecoverable, message)
    }

    /// Something failed that the caller cannot change.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Internal, message)
    }

    /// What kind of failure this is.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// The sentence for the user.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same error, with the failed action in front of its text.
    ///
    /// A read-only error is returned as it is, because hosts compare its text.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display) -> Self {
        if self.class == ErrorClass::ReadOnlyStorage {
            return self;
        }
        Self {
            class: self.class,
            message: format!("{doing}: {}", self.message),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_read_only_text_survives_added_context() {
        let error = Error::read_only().context("writing role `app`");
        assert_eq!(error.message(), READ_ONLY_STORAGE);
    }

    #[test]
    fn a_coded_error_has_its_status_if_it_is_one_of_an_error() {
        for (status, answered) in [(409, 409), (412, 412), (599, 599), (200, 500), (0, 500)] {
            let error = Error::coded(status, "role `app` has changed");
            assert_eq!(error.class().status(), answered);
        }
    }

    #[test]
    fn context_is_put_in_front_of_other_errors() {
        let error = Error::internal("disk full").context("writing role `app`");
        assert_eq!(error.to_string(), "writing role `app`: disk full");
    }
}
