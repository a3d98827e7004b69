//! Sending requests: authentication, time limits, and what came of it.

use std::fmt;
use std::time::Duration;

use reqwest::header::{ACCEPT, RETRY_AFTER};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::credentials::Hidden;
use crate::{Credentials, Endpoint, Error, ErrorKind, tls};

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// How much of a header is kept.
const HEADER_LIMIT: usize = 100;

/// The largest answer that is read: far above a page of 100 keys.
const ANSWER_LIMIT: usize = 8 << 20;

/// What a client is made of.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Where the control plane is.
    pub endpoint: Endpoint,
    /// What to authenticate with.
    pub credentials: Credentials,
    /// Roots to trust beside the system's, PEM.
    pub ca_cert: Option<String>,
}

/// A configuration that no client can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(String);

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidConfig {}

/// A client of one organization's control plane. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    credentials: Credentials,
    hidden: Hidden,
}

/// An answer of the 2xx kind.
pub(crate) struct Answer {
    request: String,
    status: u16,
    request_id: Option<String>,
    body: Zeroizing<Vec<u8>>,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// When `ca_cert` holds no usable certificate.
    pub fn new(config: ClientConfig) -> Result<Self, InvalidConfig> {
        let tls = tls::config(config.ca_cert.as_deref()).map_err(InvalidConfig)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            // A redirect must not carry the credential elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("lockkeeper/", env!("CARGO_PKG_VERSION")));
        if config.endpoint.is_loopback() {
            http = http.no_proxy();
        }
        Ok(Self {
            http: http
                .build()
                .map_err(|error| InvalidConfig(root_cause(&error)))?,
            endpoint: config.endpoint,
            hidden: config.credentials.hidden(),
            credentials: config.credentials,
        })
    }

    /// Sends a request for a path of the API and reads the whole answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let request = format!("{method} {path}");
        let mut builder = self
            .http
            .request(method, self.endpoint.join(path, query))
            .header(ACCEPT, "application/json");
        builder = self.authenticate(builder);
        if let Some(body) = body {
            builder = builder.json(body);
        }
        let mut response = builder
            .send()
            .await
            .map_err(|error| transport_error(&request, &error))?;
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            let shown = !self.hidden.appears_in(value);
            shown.then(|| value.chars().take(HEADER_LIMIT).collect::<String>())
        };
        let request_id = header("x-request-id");
        let retry_after = header(RETRY_AFTER.as_str())
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(Duration::from_secs);
        // In one piece, so that growing leaves no copies of a secret behind.
        let expected = response
            .content_length()
            .unwrap_or(0)
            .min(ANSWER_LIMIT as u64);
        let mut read = Zeroizing::new(Vec::with_capacity(usize::try_from(expected).unwrap_or(0)));
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| cut_off(&request, status, &error))?
        {
            if read.len() + chunk.len() > ANSWER_LIMIT {
                let detail = format!("the answer is longer than {ANSWER_LIMIT} bytes");
                return Err(malformed(&request, status, detail));
            }
            read.extend_from_slice(&chunk);
        }
        if !(200..300).contains(&status) {
            return Err(Error::of_answer(
                &request,
                status,
                retry_after,
                request_id,
                &read,
                &self.hidden,
            ));
        }
        Ok(Answer {
            request,
            status,
            request_id,
            body: read,
        })
    }

    fn authenticate(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Credentials::Basic { key_id, secret } => {
                request.basic_auth(key_id.as_str(), Some(secret.expose()))
            }
            Credentials::Bearer(token) => request.bearer_auth(token.as_str()),
        }
    }
}

impl Answer {
    /// The body as a type.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The place only: the error's own text may quote a secret.
            let place = format!("line {} column {}", error.line(), error.column());
            self.malformed(place)
        })
    }

    /// The error for an answer that is well received and of no use.
    pub(crate) fn malformed(&self, detail: String) -> Error {
        Error {
            request_id: self.request_id.clone(),
            ..malformed(&self.request, self.status, detail)
        }
    }
}

fn malformed(request: &str, status: u16, detail: String) -> Error {
    Error {
        status: Some(status),
        ..Error::without_answer(request, ErrorKind::Malformed, Some(detail))
    }
}

/// A cut answer does not tell whether the request was carried out.
fn cut_off(request: &str, status: u16, error: &reqwest::Error) -> Error {
    let kind = if error.is_timeout() {
        ErrorKind::TimedOut
    } else {
        ErrorKind::Malformed
    };
    Error {
        status: Some(status),
        ..Error::without_answer(request, kind, Some("the answer was cut off".into()))
    }
}

/// Before a connection stands nothing can have happened; after that a request
/// without an answer may have been carried out.
fn transport_error(request: &str, error: &reqwest::Error) -> Error {
    let kind = if error.is_connect() {
        ErrorKind::Unreachable
    } else if error.is_timeout() {
        ErrorKind::TimedOut
    } else {
        ErrorKind::Malformed
    };
    Error::without_answer(request, kind, Some(root_cause(error)))
}

/// The innermost cause, which is the one that a person can act on; reqwest's
/// own text would repeat the whole address.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().chars().take(200).collect()
}
