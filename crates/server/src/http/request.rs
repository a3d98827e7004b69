//! Parses HTTP requests for the core: method, path, query, body and headers as
//! Vault reads them (`http/logical.go`, `http/util.go`).
//!
//! Errors never quote the body, which may hold a secret.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bytes::Buf;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use logical::{Connection, Object, Operation, duration};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::form_urlencoded;
use vault_core::{Answer, ClientRequest, ClientToken};
use zeroize::Zeroizing;

use crate::complexity::{self, JsonLimits};
use crate::listener::Limits;

const TOKEN: &str = "x-vault-token";
const NAMESPACE: &str = "x-vault-namespace";
const WRAP_TTL: &str = "x-vault-wrap-ttl";
const WRAP_FORMAT: &str = "x-vault-wrap-format";

/// Parses a request.
///
/// # Errors
/// The answer to a malformed request.
pub(super) async fn read(
    request: Request,
    client: Option<Connection>,
    limits: &Limits,
) -> Result<ClientRequest, Answer> {
    let (parts, body) = request.into_parts();
    let path = path(&parts)?;
    check_namespace(&parts.headers)?;
    let wrap_ttl = wrap_ttl(&parts.headers)?;
    let (operation, query) = operation(&parts)?;
    let data = match operation {
        Operation::Create | Operation::Update | Operation::Patch => {
            read_body(&parts.headers, body, limits).await?
        }
        _ => query,
    };
    let mut request = ClientRequest::new(operation, path)
        .with_data(data)
        .with_token(token(&parts.headers));
    request.wrap_ttl = wrap_ttl;
    request.headers = passed_on(&parts.headers);
    request.connection = client;
    Ok(request)
}

/// The headers that an engine may see, where its mount is tuned to them: none that
/// has the token, and none that is no text.
fn passed_on(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut passed_on = BTreeMap::<String, Vec<String>>::new();
    let bearer = text(headers, AUTHORIZATION.as_str()).starts_with("Bearer ");
    let token_is_bearer = text(headers, TOKEN).is_empty() && bearer;
    for (name, value) in headers {
        let has_token = name == TOKEN || (name == AUTHORIZATION && token_is_bearer);
        if let (false, Ok(value)) = (has_token, value.to_str()) {
            let values = passed_on.entry(name.as_str().to_owned()).or_default();
            values.push(value.to_owned());
        }
    }
    passed_on
}

/// The path below `/v1/`, decoded.
fn path(parts: &Parts) -> Result<String, Answer> {
    let below = parts.uri.path().strip_prefix("/v1/");
    let below = below.ok_or_else(|| Answer::empty_errors(404))?;
    percent_decode_str(below)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Answer::error(400, "the path is not UTF-8 after decoding"))
}

/// Refuses namespaces, which this server does not have. Ignoring one would answer
/// from another.
fn check_namespace(headers: &HeaderMap) -> Result<(), Answer> {
    let is_root = |namespace: &str| matches!(namespace.trim_matches('/'), "" | "root");
    if !all(headers, NAMESPACE, is_root) {
        return Err(Answer::error(404, "namespace not found"));
    }
    Ok(())
}

/// For how long the answer is to be wrapped. What cannot be read is refused:
/// ignoring it would show a secret that was to be wrapped.
fn wrap_ttl(headers: &HeaderMap) -> Result<Option<Duration>, Answer> {
    let wrong = |problem: &str| {
        Answer::error(
            400,
            format!("error parsing X-Vault-Wrap-TTL header: {problem}"),
        )
    };
    let mut values = headers.get_all(WRAP_TTL).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(wrong("it is given more than once"));
    }
    let text = value.to_str().map_err(|_| wrong("it is no text"))?;
    let ttl = duration::parse_signed(text.trim()).map_err(|error| wrong(error.message()))?;
    let ttl =
        Duration::try_from(ttl).map_err(|_| wrong("requested wrap ttl cannot be negative"))?;
    if ttl.is_zero() {
        return Ok(None);
    }
    if !all(headers, WRAP_FORMAT, |format| format != "jwt") {
        return Err(Answer::error(
            400,
            "this server has no wrapping tokens in the format `jwt`: ask without \
             `X-Vault-Wrap-Format`",
        ));
    }
    Ok(Some(ttl))
}

/// Whether all values of a header are accepted; true if there are none.
fn all(headers: &HeaderMap, name: &str, accepted: impl Fn(&str) -> bool) -> bool {
    let mut values = headers.get_all(name).iter();
    values.all(|value| value.to_str().is_ok_and(|text| accepted(text.trim())))
}

/// The operation, and the query as data.
fn operation(parts: &Parts) -> Result<(Operation, Object), Answer> {
    let mut query = read_query(parts.uri.query().unwrap_or_default());
    let help = query.remove("help").is_some_and(|help| help != "");
    let operation = match parts.method.as_str() {
        "GET" if help => Operation::Help,
        "GET" if asks_for(&mut query, "list")? => Operation::List,
        "GET" if asks_for(&mut query, "scan")? => Operation::Scan,
        "GET" => Operation::Read,
        "LIST" => Operation::List,
        "SCAN" => Operation::Scan,
        "HELP" => Operation::Help,
        "HEAD" => Operation::Header,
        "DELETE" => Operation::Delete,
        "POST" | "PUT" => Operation::Update,
        "PATCH" => {
            check_patch(&parts.headers)?;
            Operation::Patch
        }
        _ => return Err(Answer::empty_errors(405)),
    };
    Ok((operation, query))
}

fn read_query(query: &str) -> Object {
    let mut data = Object::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        add(&mut data, name.into_owned(), value.into_owned().into());
    }
    data
}

/// A repeated name becomes a list.
fn add(data: &mut Object, name: String, value: Value) {
    match data.get_mut(&name) {
        None => {
            data.insert(name, value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => {
            let first_value = first.take();
            *first = Value::Array(vec![first_value, value]);
        }
    }
}

/// Whether a boolean query parameter selects another operation, parsed as by
/// Go's `strconv.ParseBool`. The parameter is removed only if it does.
fn asks_for(query: &mut Object, name: &str) -> Result<bool, Answer> {
    let asked = match query.get(name).and_then(Value::as_str) {
        None | Some("") => return Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => true,
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => false,
        Some(_) => {
            return Err(Answer::error(
                400,
                format!("`{name}` in the query is neither true nor false"),
            ));
        }
    };
    if asked {
        query.remove(name);
    }
    Ok(asked)
}

fn check_patch(headers: &HeaderMap) -> Result<(), Answer> {
    let kind = text(headers, CONTENT_TYPE.as_str());
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/merge-patch+json" => Ok(()),
        "" => Err(Answer::error(400, "mime: no media type")),
        _ => Err(Answer::error(
            415,
            "PATCH requires Content-Type: application/merge-patch+json",
        )),
    }
}

async fn read_body(headers: &HeaderMap, body: Body, limits: &Limits) -> Result<Object, Answer> {
    let max_size = limits.max_request_size;
    let limit = limits.timeouts.body;
    let limited = Limited::new(body, max_size).collect();
    let Ok(limited) = tokio::time::timeout(limit, limited).await else {
        return Err(Answer::error(
            408,
            format!("the body took longer than {} seconds", limit.as_secs()),
        ));
    };
    let bytes = match limited {
        Ok(collected) => wiped_copy(collected.aggregate()),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Answer::error(
                413,
                format!("the body is larger than {max_size} bytes"),
            ));
        }
        Err(_) => return Err(Answer::error(400, "the body broke off")),
    };
    parse(headers, &bytes, limits.json)
}

/// The whole body in one piece of memory of ours. What the connection has of it is
/// not ours to wipe.
fn wiped_copy(mut body: impl Buf) -> Zeroizing<Vec<u8>> {
    let mut copy = Zeroizing::new(vec![0; body.remaining()]);
    body.copy_to_slice(&mut copy);
    copy
}

/// How many fields a form may have: each is kept, and hashed for each audit device.
const FORM_FIELDS: usize = 10_000;

/// A body is JSON whatever its content type, unless it is declared as a form
/// and looks like one.
fn parse(headers: &HeaderMap, bytes: &[u8], limits: JsonLimits) -> Result<Object, Answer> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let Some(first) = first else {
        return Ok(Object::new());
    };
    let kind = text(headers, CONTENT_TYPE.as_str());
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    if is_form && !matches!(first, b'{' | b'[') {
        let text = String::from_utf8_lossy(bytes);
        if text.split('&').count() > FORM_FIELDS {
            return Err(Answer::error(400, "the form has too many fields"));
        }
        return Ok(read_query(text.trim()));
    }
    complexity::check(bytes, limits).map_err(|problem| Answer::error(400, problem))?;
    // Parsed as a value first, whose errors name positions, not contents.
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(data)) => Ok(data),
        Ok(Value::Null) => Ok(Object::new()),
        Ok(_) => Err(Answer::error(
            400,
            "error parsing JSON: the body is no object",
        )),
        Err(error) => Err(Answer::error(
            400,
            format!(
                "error parsing JSON: line {} column {}",
                error.line(),
                error.column()
            ),
        )),
    }
}

fn token(headers: &HeaderMap) -> Option<ClientToken> {
    let own = text(headers, TOKEN);
    let bearer = || text(headers, AUTHORIZATION.as_str()).strip_prefix("Bearer ");
    let token = if own.is_empty() { bearer()? } else { own };
    Some(ClientToken::new(token.trim())).filter(|token| !token.expose().is_empty())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
