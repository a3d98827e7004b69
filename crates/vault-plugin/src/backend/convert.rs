//! Requests and responses between the wire and `logical`.
//!
//! On the wire, data is JSON text that must be an object or `null`, durations
//! are nanoseconds, and a lease without its issue time fails the request
//! (`sdk/plugin/pb/translation.go` in both hosts).

mod auth;
mod connection;

use std::time::Duration;

use jiff::Timestamp;
use logical::request::UnknownOperation;
use logical::{
    Error, LeaseOptions, Object, Operation, Request, Response, Secret, SpecialPaths, WrapInfo,
};
use serde_json::{Value, json};

use crate::pb::backend as pb;

/// Seconds of Go's zero time, the first moment of the year 1.
const GO_ZERO_TIME: i64 = -62_135_596_800;

/// Why a request cannot be given to a backend.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// A newer host uses something that this plugin does not know.
    Operation(UnknownOperation),
    /// The host sent invalid JSON.
    Data(Error),
}

impl From<Unreadable> for Error {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Operation(_) => Self::unsupported_operation(),
            Unreadable::Data(error) => error,
        }
    }
}

/// The request of a host.
pub(super) fn request(request: pb::Request) -> Result<Request, Unreadable> {
    let operation: Operation = request.operation.parse().map_err(Unreadable::Operation)?;
    let data = object("the request's data", &request.data).map_err(Unreadable::Data)?;
    let secret = request
        .secret
        .map(secret_from)
        .transpose()
        .map_err(Unreadable::Data)?;
    let login = request
        .auth
        .map(auth::from_wire)
        .transpose()
        .map_err(Unreadable::Data)?;
    let mut read = Request::new(operation, request.path).with_data(data);
    read.id = request.id;
    read.secret = secret;
    read.auth = login.map(Box::new);
    read.mount_point = request.mount_point;
    read.mount_type = request.mount_type;
    read.mount_accessor = request.mount_accessor;
    read.display_name = request.display_name;
    read.entity_id = request.entity_id;
    read.client_token = request.client_token;
    read.client_token_accessor = request.client_token_accessor;
    read.unauthenticated = request.unauthenticated;
    read.connection = request.connection.map(connection::from_wire);
    read.headers = request
        .headers
        .into_iter()
        .map(|(name, values)| (name.to_ascii_lowercase(), values.header))
        .collect();
    read.wrap_ttl = request
        .wrap_info
        .map(|wish| duration(wish.ttl))
        .filter(|ttl| !ttl.is_zero());
    Ok(read)
}

/// The TTL that an engine asks its answer to be wrapped for; the host makes the token.
fn wrap_info(wish: &WrapInfo) -> pb::ResponseWrapInfo {
    pb::ResponseWrapInfo {
        ttl: nanoseconds(wish.ttl),
        ..pb::ResponseWrapInfo::default()
    }
}

/// A response with a status of its own, in the form that hosts know for it: a
/// raw body, which has the members that hosts give to answers
/// (`RespondWithStatusCode` in `sdk/logical/response_util.go`).
fn raw(status: u16, response: Response) -> Response {
    let body = json!({
        "request_id": "",
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": response.data,
        "wrap_info": null,
        "warnings": (!response.warnings.is_empty()).then_some(response.warnings),
        "auth": null,
    });
    let data = [
        ("http_status_code", Value::from(status)),
        ("http_content_type", "application/json".into()),
        ("http_raw_body", body.to_string().into()),
    ];
    Response::with_data(Object::from_iter(
        data.map(|(key, value)| (key.to_owned(), value)),
    ))
}

/// A backend's answer. `now` is the issue time of a new lease.
pub(super) fn response(mut response: Response, now: Timestamp) -> pb::Response {
    if let Some(status) = response.status.take() {
        let headers = std::mem::take(&mut response.headers);
        response = raw(status, response);
        response.headers = headers;
    }
    pb::Response {
        secret: response.secret.map(|secret| secret_to(secret, now)),
        auth: response.auth.map(|login| auth::to_wire(*login, now)),
        data: response.data.map_or_else(|| "null".to_owned(), json),
        redirect: response.redirect,
        warnings: response.warnings,
        wrap_info: response.wrap_info.as_deref().map(wrap_info),
        headers: response
            .headers
            .into_iter()
            .map(|(name, header)| (name, pb::Header { header }))
            .collect(),
        ..pb::Response::default()
    }
}

/// Paths that the host treats differently.
pub(super) fn paths(paths: SpecialPaths) -> pb::Paths {
    pb::Paths {
        root: paths.root,
        unauthenticated: paths.unauthenticated,
        local_storage: paths.local_storage,
        seal_wrap_storage: paths.seal_wrap_storage,
        ..pb::Paths::default()
    }
}

/// An object as JSON text.
pub(super) fn json(object: Object) -> String {
    Value::Object(object).to_string()
}

/// A duration from nanoseconds; `None` if they are out of range.
pub(super) fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn object(what: &str, text: &str) -> Result<Object, Error> {
    if text.is_empty() {
        return Ok(Object::new());
    }
    serde_json::from_str::<Option<Object>>(text)
        .map(Option::unwrap_or_default)
        // The parser's text could quote the data.
        .map_err(|error| {
            Error::bad_request(format!(
                "{what} is not a JSON object: {:?} error at column {}",
                error.classify(),
                error.column()
            ))
        })
}

fn secret_from(secret: pb::Secret) -> Result<Secret, Error> {
    let lease = secret.lease_options.unwrap_or_default();
    let internal_data = object("the lease's internal data", &secret.internal_data)?;
    Ok(Secret::from_parts(
        lease_from(&lease),
        internal_data,
        secret.lease_id,
    ))
}

fn lease_from(lease: &pb::LeaseOptions) -> LeaseOptions {
    let mut options = LeaseOptions::renewable(duration(lease.ttl), duration(lease.max_ttl))
        .with_renewable(lease.renewable)
        .with_increment(duration(lease.increment));
    options.issue_time = lease.issue_time.and_then(timestamp_from);
    options
}

fn lease_to(lease: &LeaseOptions, now: Timestamp) -> pb::LeaseOptions {
    pb::LeaseOptions {
        ttl: nanoseconds(lease.ttl),
        renewable: lease.renewable,
        increment: nanoseconds(lease.increment),
        issue_time: Some(timestamp_to(lease.issue_time.unwrap_or(now))),
        max_ttl: nanoseconds(lease.max_ttl),
    }
}

fn secret_to(secret: Secret, now: Timestamp) -> pb::Secret {
    pb::Secret {
        lease_options: Some(lease_to(&secret.lease, now)),
        internal_data: json(secret.internal_data),
        lease_id: secret.lease_id,
    }
}

fn timestamp_from(timestamp: prost_types::Timestamp) -> Option<Timestamp> {
    if timestamp.seconds == GO_ZERO_TIME {
        return None;
    }
    Timestamp::new(timestamp.seconds, timestamp.nanos).ok()
}

fn timestamp_to(timestamp: Timestamp) -> prost_types::Timestamp {
    // The wire counts nanoseconds upwards, also before 1970.
    let nanos = timestamp.subsec_nanosecond();
    let (seconds, nanos) = if nanos < 0 {
        (timestamp.as_second() - 1, nanos + 1_000_000_000)
    } else {
        (timestamp.as_second(), nanos)
    };
    prost_types::Timestamp { seconds, nanos }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn wire(operation: &str, data: &str) -> pb::Request {
        pb::Request {
            operation: operation.into(),
            data: data.into(),
            ..pb::Request::default()
        }
    }

    fn map(value: &Value) -> Object {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn null_and_no_data_are_an_empty_object() {
        for data in ["null", "{}", ""] {
            let read = request(wire("read", data)).unwrap();
            assert_eq!(read.data, Object::new(), "{data:?}");
        }
    }

    #[test]
    fn numbers_of_a_request_keep_their_digits() {
        let read = request(wire("update", r#"{"n":12345678901234567890,"f":1.50}"#)).unwrap();
        assert_eq!(read.data["n"].to_string(), "12345678901234567890");
        assert_eq!(read.data["f"].to_string(), "1.50");
    }

    #[test]
    fn data_that_is_no_object_is_refused_without_being_shown() {
        for data in ["[\"canary\"]", "\"canary\"", "{\"canary"] {
            let Err(Unreadable::Data(error)) = request(wire("update", data)) else {
                panic!("{data} was accepted");
            };
            assert!(!error.message().contains("canary"), "{error}");
        }
    }

    #[test]
    fn an_operation_of_a_newer_host_is_unsupported() {
        let error = Error::from(request(wire("resolve-path", "null")).unwrap_err());
        assert_eq!(error, Error::unsupported_operation());
    }

    #[test]
    fn no_data_and_empty_data_stay_apart() {
        let none = response(Response::default(), now());
        assert_eq!(none.data, "null");
        let empty = response(Response::with_data(Object::new()), now());
        assert_eq!(empty.data, "{}");
    }

    #[test]
    fn a_status_of_its_own_is_a_raw_body_with_the_members_of_an_answer() {
        let data = map(&json!({"version": 2}));
        let gone = Response::with_data(data).warn("odd").with_status(404);
        let data: Value = serde_json::from_str(&response(gone, now()).data).unwrap();
        assert_eq!(data["http_status_code"], 404);
        let body: Value = serde_json::from_str(data["http_raw_body"].as_str().unwrap()).unwrap();
        assert_eq!(body["data"], json!({"version": 2}));
        assert_eq!(body["warnings"], json!(["odd"]));
    }

    #[test]
    fn every_member_of_a_request_arrives() {
        let header = |values: &[&str]| pb::Header {
            header: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let read = request(pb::Request {
            id: "r-1".into(),
            path: "creds/app".into(),
            mount_point: "confluent/".into(),
            mount_type: "plugin".into(),
            mount_accessor: "plugin_1".into(),
            display_name: "token-app".into(),
            entity_id: "e-1".into(),
            client_token: "salted".into(),
            client_token_accessor: "accessor".into(),
            unauthenticated: true,
            connection: Some(pb::Connection {
                remote_addr: "192.0.2.7".into(),
                remote_port: 4711,
                peer_certificates_raw: vec![vec![1, 2], vec![3]],
                ..pb::Connection::default()
            }),
            headers: [("X-Asked".to_owned(), header(&["one", "two"]))].into(),
            wrap_info: Some(pb::RequestWrapInfo {
                ttl: 90_000_000_000,
                ..pb::RequestWrapInfo::default()
            }),
            ..wire("update", r#"{"a": 1}"#)
        })
        .unwrap_or_else(|_| panic!("a request that is read"));
        assert_eq!(read.operation, Operation::Update);
        assert_eq!(read.data, map(&json!({"a": 1})));
        let texts = [
            (&read.id, "r-1"),
            (&read.path, "creds/app"),
            (&read.mount_point, "confluent/"),
            (&read.mount_type, "plugin"),
            (&read.mount_accessor, "plugin_1"),
            (&read.display_name, "token-app"),
            (&read.entity_id, "e-1"),
            (&read.client_token, "salted"),
            (&read.client_token_accessor, "accessor"),
        ];
        for (found, expected) in texts {
            assert_eq!(found, expected);
        }
        assert!(read.unauthenticated);
        let connection = read.connection.unwrap();
        assert_eq!(connection.remote_address, "192.0.2.7".parse().ok());
        assert_eq!(connection.remote_port, 4711);
        assert_eq!(connection.client_certificates, [vec![1, 2], vec![3]]);
        assert_eq!(read.headers["x-asked"], ["one", "two"]);
        assert_eq!(read.wrap_ttl, Some(Duration::from_secs(90)));
    }

    #[test]
    fn every_member_of_a_response_leaves() {
        let mut answer = Response::with_data(map(&json!({"a": 1}))).warn("odd");
        answer.redirect = "https://elsewhere.example".into();
        answer.wrap_info = Some(Box::new(WrapInfo::for_ttl(Duration::from_secs(90))));
        let values = vec!["one".to_owned(), "two".to_owned()];
        answer.headers.insert("x-answered".into(), values.clone());
        let sent = response(answer.clone(), now());
        assert_eq!(sent.data, r#"{"a":1}"#);
        assert_eq!(sent.warnings, ["odd"]);
        assert_eq!(sent.redirect, "https://elsewhere.example");
        assert_eq!(sent.wrap_info.unwrap().ttl, 90_000_000_000);
        assert_eq!(sent.headers["x-answered"].header, values);
        let with_status = response(answer.with_status(404), now());
        assert_eq!(with_status.headers["x-answered"].header, values);
    }

    #[test]
    fn a_new_lease_has_an_issue_time_and_internal_data() {
        let lease = LeaseOptions::renewable(Duration::from_mins(1), Duration::ZERO);
        let answer = Response::renewed(Secret::from_parts(lease, Object::new(), ""));
        let secret = response(answer, now()).secret.unwrap();
        assert_eq!(secret.internal_data, "{}");
        let lease = secret.lease_options.unwrap();
        assert_eq!(lease.ttl, 60_000_000_000);
        assert_eq!(lease.issue_time.unwrap().seconds, 1_700_000_000);
    }

    #[test]
    fn a_lease_comes_back_as_it_was_sent() {
        let lease = LeaseOptions::renewable(Duration::from_millis(1500), Duration::from_hours(1))
            .with_increment(Duration::from_secs(15))
            .issued_at(Timestamp::new(-5, -250_000_000).unwrap());
        let notes = map(&json!({"secret_type": "key", "id": "sa-1"}));
        let secret = Secret::from_parts(lease, notes, "kv/lease/1");
        let back = secret_from(secret_to(secret.clone(), now())).unwrap();
        assert_eq!(back, secret);
    }

    #[test]
    fn a_lease_without_options_or_with_gos_zero_time_has_no_issue_time() {
        let bare = secret_from(pb::Secret::default()).unwrap();
        assert_eq!(bare.lease.issue_time, None);
        let zero = pb::Secret {
            lease_options: Some(pb::LeaseOptions {
                ttl: -1,
                issue_time: Some(prost_types::Timestamp {
                    seconds: GO_ZERO_TIME,
                    nanos: 0,
                }),
                ..pb::LeaseOptions::default()
            }),
            ..pb::Secret::default()
        };
        let lease = secret_from(zero).unwrap().lease;
        assert_eq!((lease.issue_time, lease.ttl), (None, Duration::ZERO));
    }
}
