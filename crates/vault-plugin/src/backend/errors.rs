//! Errors of a backend as hosts understand them, and errors of a host as
//! `logical` understands them.
//!
//! A backend's error never becomes a gRPC status: hosts answer those with 500
//! and a text of gRPC. It becomes an error response or a typed error, and only
//! the types 0 to 10 exist: a host reads any other number as "no error"
//! (`sdk/plugin/pb/translation.go` in both).

use logical::error::READ_ONLY_STORAGE;
use logical::{Error, ErrorClass, Object};
use tonic::{Code, Status};

use super::convert;
use crate::pb::backend::{HandleExistenceCheckReply, HandleRequestReply, ProtoError, Response};

/// Text only: 500, and the one that keeps the read-only text comparable.
const PLAIN: u32 = 0;
/// A user's mistake, as existence checks report it.
const USER: u32 = 1;
/// 500.
const INTERNAL: u32 = 2;
/// Any HTTP status, in `err_code`.
const CODED: u32 = 3;
/// 400.
const BAD_REQUEST: u32 = 4;
/// 405, with the host's own text unless a response comes with it.
const UNSUPPORTED_OPERATION: u32 = 5;
/// 404, with the host's own text.
const UNSUPPORTED_PATH: u32 = 6;
/// 403, with the host's own text.
const PERMISSION_DENIED: u32 = 8;
/// 500; a lease is given up at once.
const UNRECOVERABLE: u32 = 10;

/// The reply to a request that failed.
///
/// A bad request is a response whose data is `{"error": text}`, which hosts
/// answer with 400 and the text as it is. Beside a typed error such a response
/// gives the text, and the type the status.
pub(super) fn reply(error: &Error) -> HandleRequestReply {
    let bad = matches!(
        error.class(),
        ErrorClass::BadRequest | ErrorClass::InvalidCredentials
    );
    HandleRequestReply {
        response: (bad || error.says_what_is_supported()).then(|| telling(error)),
        err: (!bad).then(|| typed(error)),
    }
}

fn telling(error: &Error) -> Response {
    let mut data = Object::new();
    data.insert("error".into(), error.message().into());
    Response {
        data: convert::json(data),
        ..Response::default()
    }
}

/// The reply to an existence check that failed. Types other than those of a
/// user's mistake and an unknown path lose their text there.
pub(super) fn existence_reply(error: &Error) -> HandleExistenceCheckReply {
    let err = match error.class() {
        ErrorClass::BadRequest | ErrorClass::InvalidCredentials => of_type(USER, error),
        _ => typed(error),
    };
    HandleExistenceCheckReply {
        err: Some(err),
        ..HandleExistenceCheckReply::default()
    }
}

/// An error with the type of its class.
pub(super) fn typed(error: &Error) -> ProtoError {
    match error.class() {
        ErrorClass::BadRequest | ErrorClass::InvalidCredentials => of_type(BAD_REQUEST, error),
        ErrorClass::PermissionDenied if *error == Error::permission_denied() => {
            of_type(PERMISSION_DENIED, error)
        }
        ErrorClass::UnsupportedPath => of_type(UNSUPPORTED_PATH, error),
        ErrorClass::UnsupportedOperation => of_type(UNSUPPORTED_OPERATION, error),
        ErrorClass::ReadOnlyStorage => of_type(PLAIN, error),
        ErrorClass::Internal => of_type(INTERNAL, error),
        ErrorClass::Unrecoverable => of_type(UNRECOVERABLE, error),
        ErrorClass::PermissionDenied
        | ErrorClass::NotFound
        | ErrorClass::UpstreamRateLimited
        | ErrorClass::UpstreamFailed
        | ErrorClass::Status(_) => coded(error),
    }
}

fn coded(error: &Error) -> ProtoError {
    ProtoError {
        err_code: i64::from(error.class().status()),
        ..of_type(CODED, error)
    }
}

fn of_type(err_type: u32, error: &Error) -> ProtoError {
    ProtoError {
        err_type,
        err_msg: error.message().to_owned(),
        err_code: 0,
    }
}

/// An error of the host's storage. The read-only message is kept as it is.
pub(super) fn of_host(doing: &str, text: &str) -> Error {
    if text.contains(READ_ONLY_STORAGE) {
        return Error::new(ErrorClass::ReadOnlyStorage, text);
    }
    Error::internal(format!("{doing} in the host: {text}"))
}

/// A call to the host that failed, or that the host refused as a whole.
pub(super) fn of_status(doing: &str, status: &Status) -> Error {
    match status.code() {
        // Hosts put errors of their own here with no more than a text.
        Code::Unknown => of_host(doing, status.message()),
        code => of_host(doing, &format!("{} ({code:?})", status.message())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn err(error: &Error) -> (u32, String, i64) {
        let err = reply(error).err.unwrap();
        (err.err_type, err.err_msg, err.err_code)
    }

    #[test]
    fn a_bad_request_is_a_response_with_nothing_but_the_text() {
        let reply = reply(&Error::bad_request("role `a` is unknown"));
        assert_eq!(reply.err, None);
        let response = reply.response.unwrap();
        assert_eq!(response.data, r#"{"error":"role `a` is unknown"}"#);
    }

    #[test]
    fn what_an_operation_is_refused_for_is_told_beside_its_type() {
        let reply = reply(&Error::unsupported_operation_but("read `a`"));
        assert_eq!(reply.err.unwrap().err_type, UNSUPPORTED_OPERATION);
        let response = reply.response.unwrap();
        assert_eq!(
            response.data,
            r#"{"error":"unsupported operation: read `a`"}"#
        );
        let reply = super::reply(&Error::unsupported_operation());
        assert_eq!(reply.response, None);
    }

    #[test]
    fn every_class_has_a_type_that_hosts_know() {
        let not_found = Error::new(ErrorClass::NotFound, "no lease");
        let forbidden = Error::new(ErrorClass::PermissionDenied, "not yours");
        let cases = [
            (Error::read_only(), PLAIN, 0),
            (Error::internal("disk full"), INTERNAL, 0),
            (Error::upstream("no answer"), CODED, 503),
            (Error::rate_limited("slow down"), CODED, 503),
            (not_found, CODED, 404),
            (forbidden, CODED, 403),
            (Error::coded(412, "changed"), CODED, 412),
            (Error::coded(200, "no error"), CODED, 500),
            (Error::permission_denied(), PERMISSION_DENIED, 0),
            (Error::unrecoverable("gone for good"), UNRECOVERABLE, 0),
            (Error::unsupported_operation(), UNSUPPORTED_OPERATION, 0),
            (Error::unsupported_path(), UNSUPPORTED_PATH, 0),
        ];
        for (error, kind, code) in cases {
            assert_eq!(err(&error), (kind, error.message().to_owned(), code));
        }
    }

    #[test]
    fn the_read_only_text_of_the_host_comes_back_to_it_unchanged() {
        let error = of_host("writing `role/app`", READ_ONLY_STORAGE).context("creating");
        assert_eq!(err(&error), (PLAIN, READ_ONLY_STORAGE.to_owned(), 0));
        let longer = format!("1 error occurred: * {READ_ONLY_STORAGE}");
        let error = of_status("writing `role/app`", &Status::unknown(&longer));
        assert_eq!(err(&error), (PLAIN, longer, 0));
    }

    #[test]
    fn other_failures_of_the_host_say_what_was_being_done() {
        let error = of_status(
            "reading `config`",
            &Status::unavailable("connection closed"),
        );
        assert_eq!(
            error.message(),
            "reading `config` in the host: connection closed (Unavailable)"
        );
    }

    #[test]
    fn an_existence_check_reports_a_users_mistake_as_one() {
        let reply = existence_reply(&Error::bad_request("field `size`"));
        assert_eq!(reply.err.unwrap().err_type, USER);
        let reply = existence_reply(&Error::unsupported_path());
        assert_eq!(reply.err.unwrap().err_type, UNSUPPORTED_PATH);
    }
}
