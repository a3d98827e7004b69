//! Answers, before the network serializes them.
//!
//! The members of the envelope and their order are Vault's
//! (`sdk/logical/translate_response.go`); `respond` maps responses to statuses.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logical::{Auth, Error, Object, Operation, Response, TokenType};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

use crate::wiped::{self, WipedBuffer};
use crate::wrapping::Wrapped;

/// Paths under `sys/` whose answers repeat their data at top level, for old
/// clients (`http/handler.go` in Vault).
const DATA_AT_TOP_LEVEL: [&str; 7] = [
    "sys/audit",
    "sys/mounts",
    "sys/auth",
    "sys/capabilities",
    "sys/policy",
    "sys/remount",
    "sys/key-status",
];

/// The answer to one request.
#[derive(Clone, PartialEq)]
pub struct Answer {
    status: u16,
    body: Body,
    headers: Vec<(Cow<'static, str>, String)>,
}

#[derive(Clone, PartialEq)]
enum Body {
    Empty,
    Envelope(Box<Envelope>),
    Bare(Object),
    Raw {
        content_type: String,
        bytes: Vec<u8>,
    },
    Errors(Vec<String>),
}

/// The envelope of most answers.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) request_id: String,
    pub(crate) lease_id: String,
    pub(crate) renewable: bool,
    /// Seconds.
    pub(crate) lease_duration: u64,
    pub(crate) data: Option<Object>,
    pub(crate) warnings: Vec<String>,
    pub(crate) mount_type: String,
    /// The token that a login or a creation gives.
    pub(crate) auth: Option<Box<Auth>>,
    pub(crate) wrapped: Option<Wrapped>,
    /// Whether the members of `data` are repeated at top level, as old clients
    /// expect of some paths under `sys/`.
    pub(crate) data_at_top_level: bool,
}

/// One pair for each value.
fn flattened(
    headers: BTreeMap<String, Vec<String>>,
) -> impl Iterator<Item = (Cow<'static, str>, String)> {
    headers.into_iter().flat_map(|(name, values)| {
        let values = values.into_iter();
        values.map(move |value| (Cow::Owned(name.clone()), value))
    })
}

impl Answer {
    fn new(status: u16, body: Body) -> Self {
        Self {
            status,
            body,
            headers: Vec::new(),
        }
    }

    /// A status without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, Body::Empty)
    }

    /// An error with one message.
    pub fn error(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, Body::Errors(vec![text.into()]))
    }

    /// An error without a message, such as 404 for a missing object.
    pub fn empty_errors(status: u16) -> Self {
        Self::new(status, Body::Errors(Vec::new()))
    }

    /// An object without the envelope.
    pub(crate) fn bare(status: u16, object: Object) -> Self {
        Self::new(status, Body::Bare(object))
    }

    /// The answer for a backend's response (`RespondErrorCommon` and
    /// `respondLogical` in Vault). `envelope` has the members that the core
    /// knows.
    pub(crate) fn respond(
        operation: Operation,
        response: Option<Response>,
        envelope: Envelope,
    ) -> Self {
        let Some(mut response) = response else {
            return match operation {
                Operation::Read | Operation::Header | Operation::List | Operation::Scan => {
                    Self::empty_errors(404)
                }
                _ => Self::empty(204),
            };
        };
        let headers = flattened(std::mem::take(&mut response.headers));
        let mut answer = Self::of_response(operation, response, envelope);
        answer.headers.extend(headers);
        answer
    }

    fn of_response(operation: Operation, response: Response, mut envelope: Envelope) -> Self {
        if !response.redirect.is_empty() {
            // As in Vault: 302 would let clients change the method.
            let mut answer = Self::empty(307);
            answer
                .headers
                .push((Cow::Borrowed("location"), response.redirect));
            return answer;
        }
        if let Some(raw) = response.data.as_ref().and_then(raw) {
            return raw;
        }
        if operation == Operation::List && is_empty_list(&response) {
            return Self::empty_errors(404);
        }
        let status = response.status.unwrap_or(200);
        if status == 404 && response.data.is_none() && response.warnings.is_empty() {
            return Self::empty_errors(status);
        }
        if let Some(refresh) = response.refresh_after {
            envelope.lease_duration = refresh.as_secs();
        }
        let envelope = Envelope {
            data: response.data,
            warnings: response.warnings,
            ..envelope
        };
        Self::new(status, Body::Envelope(Box::new(envelope)))
    }

    /// What the client gets in place of an answer that was wrapped. Its request
    /// id is in the wrapped answer.
    pub(crate) fn wrapped(wrapped: Wrapped) -> Self {
        let envelope = Envelope {
            wrapped: Some(wrapped),
            ..Envelope::default()
        };
        Self::new(200, Body::Envelope(Box::new(envelope)))
    }

    /// The body, if it is one to wrap: errors and empty answers are not.
    pub(crate) fn wrappable_body(&self) -> Option<Result<Zeroizing<String>, Error>> {
        let is_wrappable = matches!(self.body, Body::Envelope(_) | Body::Raw { .. });
        let is_success = (200..300).contains(&self.status);
        let body = self.body().filter(|_| is_wrappable && is_success)?;
        let text = std::str::from_utf8(&body).map(|text| Zeroizing::new(text.to_owned()));
        Some(text.map_err(|_| Error::internal("an answer that is no text cannot be wrapped")))
    }

    /// Adds headers.
    pub(crate) fn add_headers(&mut self, headers: Vec<(&'static str, String)>) {
        let headers = headers.into_iter();
        self.headers
            .extend(headers.map(|(name, value)| (Cow::Borrowed(name), value)));
    }

    /// Headers beside those of every answer, in lower case.
    pub fn headers(&self) -> &[(Cow<'static, str>, String)] {
        &self.headers
    }

    /// The first error, if it is one with a text.
    pub(crate) fn first_error(&self) -> Option<&str> {
        match &self.body {
            Body::Errors(errors) => errors.first().map(String::as_str),
            _ => None,
        }
    }

    /// The envelope, if it has one.
    pub(crate) fn envelope(&self) -> Option<&Envelope> {
        match &self.body {
            Body::Envelope(envelope) => Some(envelope),
            _ => None,
        }
    }

    /// The body as an object, if it has no envelope.
    pub(crate) fn bare_object(&self) -> Option<&Object> {
        match &self.body {
            Body::Bare(object) => Some(object),
            _ => None,
        }
    }

    /// The body that its response set itself, with its content type.
    pub(crate) fn raw_body(&self) -> Option<(&str, &[u8])> {
        match &self.body {
            Body::Raw {
                content_type,
                bytes,
            } => Some((content_type, bytes)),
            _ => None,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The content type of the body.
    pub fn content_type(&self) -> &str {
        match &self.body {
            Body::Raw { content_type, .. } if !content_type.is_empty() => content_type,
            _ => "application/json",
        }
    }

    /// The bytes of the body, or `None` when there is none.
    pub fn body(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut json = WipedBuffer::new();
        let written = match &self.body {
            Body::Empty => return None,
            Body::Raw { bytes, .. } if bytes.is_empty() => return None,
            Body::Raw { bytes, .. } => return Some(Zeroizing::new(bytes.clone())),
            Body::Envelope(envelope) => serde_json::to_writer(&mut json, envelope),
            Body::Bare(object) => serde_json::to_writer(&mut json, object),
            Body::Errors(errors) => serde_json::to_writer(&mut json, &Errors { errors }),
        };
        // JSON of maps with text keys cannot fail.
        written.ok().map(|()| json.into_bytes())
    }

    /// Wipes what it answers, once that has been written. A token wipes itself.
    pub fn wipe(&mut self) {
        match &mut self.body {
            Body::Envelope(envelope) => {
                if let Some(data) = &mut envelope.data {
                    wiped::wipe(data);
                }
            }
            Body::Bare(object) => wiped::wipe(object),
            Body::Raw { bytes, .. } => bytes.zeroize(),
            Body::Empty | Body::Errors(_) => {}
        }
    }
}

#[derive(Serialize)]
struct Errors<'a> {
    errors: &'a [String],
}

impl Serialize for Envelope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let (true, Some(data)) = (self.data_at_top_level, &self.data) {
            for (key, value) in data {
                map.serialize_entry(key, value)?;
            }
        }
        let warnings = (!self.warnings.is_empty()).then_some(&self.warnings);
        map.serialize_entry("request_id", &self.request_id)?;
        map.serialize_entry("lease_id", &self.lease_id)?;
        map.serialize_entry("renewable", &self.renewable)?;
        map.serialize_entry("lease_duration", &self.lease_duration)?;
        map.serialize_entry("data", &self.data)?;
        map.serialize_entry("wrap_info", &self.wrapped.as_ref().map(ShownWrapped))?;
        map.serialize_entry("warnings", &warnings)?;
        map.serialize_entry("auth", &self.auth.as_deref().map(ShownAuth))?;
        map.serialize_entry("mount_type", &self.mount_type)?;
        map.end()
    }
}

/// A wrapping as answers show it.
struct ShownWrapped<'a>(&'a Wrapped);

impl Serialize for ShownWrapped<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(wrapped) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("token", wrapped.token.expose())?;
        map.serialize_entry("accessor", &wrapped.accessor)?;
        map.serialize_entry("ttl", &wrapped.ttl.as_secs())?;
        map.serialize_entry("creation_time", &wrapped.creation_time.to_string())?;
        map.serialize_entry("creation_path", &wrapped.creation_path)?;
        if let Some(accessor) = &wrapped.inner_accessor {
            map.serialize_entry("wrapped_accessor", accessor)?;
        }
        map.end()
    }
}

/// A login as answers show it.
struct ShownAuth<'a>(&'a Auth);

impl Serialize for ShownAuth<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(auth) = self;
        let metadata = (!auth.metadata.is_empty()).then_some(&auth.metadata);
        let token_type = match auth.token_type {
            TokenType::Batch => "batch",
            TokenType::Default | TokenType::Service => "service",
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("client_token", auth.token.text.as_str())?;
        map.serialize_entry("accessor", &auth.token.accessor)?;
        map.serialize_entry("policies", &auth.policies)?;
        if !auth.policies.is_empty() {
            map.serialize_entry("token_policies", &auth.policies)?;
        }
        map.serialize_entry("metadata", &metadata)?;
        map.serialize_entry("lease_duration", &auth.lease.ttl.as_secs())?;
        map.serialize_entry("renewable", &auth.lease.renewable)?;
        map.serialize_entry("entity_id", &auth.token.entity_id)?;
        map.serialize_entry("token_type", token_type)?;
        map.serialize_entry("orphan", &auth.token.orphan)?;
        map.serialize_entry("mfa_requirement", &Value::Null)?;
        map.serialize_entry("num_uses", &auth.num_uses)?;
        map.end()
    }
}

/// A response that sets status and body itself, with the keys that Vault has
/// for this (`sdk/logical/response.go`). The body is base64 or plain text.
fn raw(data: &Object) -> Option<Answer> {
    let status = data.get("http_status_code")?;
    let status = status
        .as_u64()
        .or_else(|| status.as_str()?.parse().ok())
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (200..600).contains(status))?;
    let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default();
    let body = text("http_raw_body");
    let bytes = STANDARD
        .decode(body)
        .unwrap_or_else(|_| body.as_bytes().to_vec());
    let content_type = text("http_content_type").to_owned();
    Some(Answer::new(
        status,
        Body::Raw {
            content_type,
            bytes,
        },
    ))
}

/// Whether the data of an answer is repeated at top level.
pub(crate) fn is_data_at_top_level(path: &str) -> bool {
    DATA_AT_TOP_LEVEL
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

/// A response that sets its status and has no body.
pub(crate) fn status_only(status: u16) -> Response {
    let mut data = Object::new();
    data.insert("http_status_code".into(), status.into());
    Response::with_data(data)
}

fn is_empty_list(response: &Response) -> bool {
    let nothing_else = response.warnings.is_empty();
    match &response.data {
        None => nothing_else,
        Some(data) => match data.get("keys") {
            None | Some(Value::Null) => data.is_empty() && nothing_else,
            Some(Value::Array(keys)) => keys.is_empty(),
            Some(_) => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn respond(operation: Operation, response: Option<Response>) -> Answer {
        Answer::respond(operation, response, Envelope::default())
    }

    fn json_of(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.body().unwrap()).unwrap()
    }

    #[test]
    fn nothing_is_404_for_reads_and_204_for_writes() {
        assert_eq!(respond(Operation::Read, None).status(), 404);
        assert_eq!(respond(Operation::List, None).status(), 404);
        assert_eq!(respond(Operation::Update, None).status(), 204);
        assert!(respond(Operation::Update, None).body().is_none());
    }

    #[test]
    fn an_empty_list_is_404_unless_it_says_more() {
        let empty = || Response::list(Vec::new());
        assert_eq!(respond(Operation::List, Some(empty())).status(), 404);
        let warned = empty().warn("look elsewhere");
        assert_eq!(respond(Operation::List, Some(warned)).status(), 200);
        assert_eq!(respond(Operation::Read, Some(empty())).status(), 200);
    }

    #[test]
    fn an_answer_that_was_written_can_be_wiped() {
        let canary = || Object::from_iter([("otp".to_owned(), json!(["canary"]))]);
        let raw = Object::from_iter([("http_raw_body".to_owned(), json!("canary"))]);
        for mut answer in [
            respond(Operation::Read, Some(Response::with_data(canary()))),
            respond(Operation::Read, Some(Response::with_data(raw))),
            Answer::bare(200, canary()),
        ] {
            let shows = |answer: &Answer| {
                let body = answer.body().unwrap_or_default();
                String::from_utf8_lossy(&body).contains("canary")
            };
            assert!(shows(&answer));
            answer.wipe();
            assert!(!shows(&answer));
        }
    }

    #[test]
    fn a_warning_alone_is_200_with_null_data() {
        let answer = respond(Operation::Update, Some(Response::default().warn("odd")));
        assert_eq!(answer.status(), 200);
        assert_eq!(json_of(&answer)["data"], Value::Null);
        assert_eq!(json_of(&answer)["warnings"], json!(["odd"]));
    }

    #[test]
    fn a_response_may_have_another_status_and_keep_its_envelope() {
        let mut data = Object::new();
        data.insert("version".into(), 2.into());
        let gone = respond(
            Operation::Read,
            Some(Response::with_data(data).with_status(404)),
        );
        assert_eq!(gone.status(), 404);
        assert_eq!(json_of(&gone)["data"]["version"], 2);
        let absent = respond(Operation::Patch, Some(Response::default().with_status(404)));
        assert_eq!(
            (absent.status(), json_of(&absent)),
            (404, json!({"errors": []}))
        );
    }

    #[test]
    fn readers_are_told_when_to_read_again_without_a_lease() {
        let refreshed = Response::default().refresh_after(std::time::Duration::from_secs(30));
        let body = json_of(&respond(Operation::Read, Some(refreshed)));
        assert_eq!(
            (&body["lease_duration"], &body["lease_id"]),
            (&json!(30), &json!(""))
        );
    }

    #[test]
    fn some_answers_repeat_their_data_beside_it() {
        let mut data = Object::new();
        data.insert("secret/".into(), json!({"type": "kv"}));
        let envelope = Envelope {
            data_at_top_level: true,
            ..Envelope::default()
        };
        let answer = Answer::respond(Operation::Read, Some(Response::with_data(data)), envelope);
        let body = json_of(&answer);
        assert_eq!(body["secret/"], body["data"]["secret/"]);
    }

    #[test]
    fn a_response_may_set_status_and_body_itself() {
        let mut data = Object::new();
        data.insert("http_status_code".into(), 202.into());
        data.insert("http_content_type".into(), "text/plain".into());
        data.insert("http_raw_body".into(), "aGVsbG8=".into());
        let answer = respond(Operation::Read, Some(Response::with_data(data)));
        assert_eq!(
            (answer.status(), answer.content_type()),
            (202, "text/plain")
        );
        assert_eq!(answer.body().unwrap().as_slice(), b"hello");
        let bodiless = respond(Operation::Update, Some(status_only(202)));
        assert!(bodiless.body().is_none());
    }
}
