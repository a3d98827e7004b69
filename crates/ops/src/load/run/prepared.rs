//! Requests that are built once and sent often.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use crate::load::headers::Headers;
use crate::load::targets::{Capture, Dynamic, Origin, Target, Values, address};

/// How much of a body tells errors apart.
const FOR_ERRORS: usize = 512;
/// How much of a body is looked through for what is to be captured.
const FOR_CAPTURES: usize = 1 << 20;

/// A request with all its headers.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) origin: Origin,
    method: Method,
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
    expected: Vec<u16>,
    pub(super) captures: Vec<Capture>,
    dynamic: Option<Dynamic>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}{}", self.method, self.origin, self.path.path())
    }
}

impl Prepared {
    pub(super) fn new(target: &Target, given: &Headers) -> Self {
        let mut headers = given.map.clone();
        for (name, value) in &target.headers.map {
            headers.append(name, value.clone());
        }
        let host = target.headers.host.clone().or_else(|| given.host.clone());
        if let Some(host) = host.or_else(|| host_of(&target.origin)) {
            headers.insert(HOST, host);
        }
        if !headers.contains_key(USER_AGENT) {
            let agent = concat!("lockkeeper/", env!("CARGO_PKG_VERSION"));
            headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        }
        if let Some(authorization) = &target.authorization
            && !headers.contains_key(AUTHORIZATION)
        {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let mut prepared = Self {
            origin: target.origin.clone(),
            method: target.method.clone(),
            path: target.path.clone(),
            headers,
            body: target.body.clone(),
            expected: target.expected.clone(),
            captures: target.captures.clone(),
            dynamic: target.dynamic.clone(),
        };
        prepared.tell_empty_body();
        prepared
    }

    /// Whether an answer with this status is good.
    pub(super) fn expects(&self, status: u16) -> bool {
        if self.expected.is_empty() {
            return (200..300).contains(&status);
        }
        self.expected.contains(&status)
    }

    /// How much of the body of an answer is needed.
    pub(super) fn kept(&self) -> usize {
        if self.captures.is_empty() {
            FOR_ERRORS
        } else {
            FOR_CAPTURES
        }
    }

    /// Whether it is different each time.
    pub(super) fn is_dynamic(&self) -> bool {
        self.dynamic.is_some()
    }

    /// The request with this number; none while a value is missing, or when a value
    /// fits no header.
    pub(super) fn filled(&self, number: u64, values: &Values) -> Option<Self> {
        let Some(dynamic) = &self.dynamic else {
            return Some(self.clone());
        };
        let mut filled = self.clone();
        filled.dynamic = None;
        if let Some(url) = &dynamic.url {
            let parts = address::parse(&url.fill(number, values)?).ok()?;
            filled.path = parts.path;
        }
        for (name, value) in &dynamic.headers {
            let name: HeaderName = name.parse().ok()?;
            let mut value = HeaderValue::from_str(value.fill(number, values)?.trim()).ok()?;
            value.set_sensitive(true);
            filled.headers.append(name, value);
        }
        if let Some(body) = &dynamic.body {
            let text = body.fill(number, values)?;
            filled.body = Bytes::from_owner(zeroize::Zeroizing::new(text.as_bytes().to_vec()));
        }
        filled.tell_empty_body();
        Some(filled)
    }

    /// Servers expect a length from methods that usually have a body.
    fn tell_empty_body(&mut self) {
        let usually = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if usually && self.body.is_empty() {
            self.headers
                .insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        } else {
            self.headers.remove(CONTENT_LENGTH);
        }
    }

    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// The request that follows a redirect, as Go's clients make it: 307 and 308
    /// repeat method and body, the others ask with GET. A login of HTTP or a cookie
    /// does not go along to another host; a token of Vault's does.
    pub(super) fn redirected(&self, status: u16, origin: Origin, path: Uri) -> Self {
        let mut next = Self {
            path,
            ..self.clone()
        };
        if !matches!(status, 307 | 308) {
            if next.method != Method::HEAD {
                next.method = Method::GET;
            }
            next.body = Bytes::new();
        }
        if origin != next.origin {
            if origin.host != next.origin.host {
                next.headers.remove(AUTHORIZATION);
                next.headers.remove(COOKIE);
            }
            if let Some(host) = host_of(&origin) {
                next.headers.insert(HOST, host);
            }
            next.origin = origin;
        }
        next.tell_empty_body();
        next
    }

    /// The URL, to which a redirect may be relative.
    pub(super) fn url(&self) -> Option<url::Url> {
        url::Url::parse(&format!("{}{}", self.origin, self.path)).ok()
    }
}

fn host_of(origin: &Origin) -> Option<HeaderValue> {
    HeaderValue::from_str(&origin.authority).ok()
}
