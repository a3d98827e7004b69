//! A response: its status, its body, and what follows from both.

use std::fmt;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{LOCATION, RETRY_AFTER};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::{Error, Result, Secret};

/// The largest response that is read, in bytes.
const BODY_LIMIT: usize = 32 << 20;

/// A raw response, with any status. `Debug` does not show the body.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body; empty if there was none.
    body: Zeroizing<Vec<u8>>,
    url: Url,
    method: Method,
    location: Option<String>,
    retry_after: Option<Duration>,
    /// Whether the server was asked to wrap what it answers.
    must_be_wrapped: bool,
}

/// A response that was not read to its end.
pub(crate) enum Unread {
    /// The connection failed.
    Broken(reqwest::Error),
    /// It is longer than anything that the API answers.
    TooLong,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// `url` is the URL of the request as errors may show it.
    pub(crate) async fn read(
        mut response: reqwest::Response,
        method: Method,
        url: Url,
        must_be_wrapped: bool,
    ) -> std::result::Result<Self, Unread> {
        let header = |name| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let location = header(LOCATION);
        let retry_after = header(RETRY_AFTER).and_then(|value| value.trim().parse().ok());
        let status = response.status().as_u16();
        let expected = response.content_length().unwrap_or(0);
        let expected = usize::try_from(expected).unwrap_or(BODY_LIMIT);
        let mut body = Zeroizing::new(Vec::with_capacity(expected.min(BODY_LIMIT)));
        while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(Unread::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status,
            body,
            url,
            method,
            location,
            retry_after: retry_after.map(Duration::from_secs),
            must_be_wrapped,
        })
    }

    /// Where the server sends the client, if this is a redirect.
    pub(crate) fn redirect(&self) -> Option<&str> {
        let location = self.location.as_deref()?;
        matches!(self.status, 301 | 302 | 307).then_some(location)
    }

    /// When the server wants to be asked again, if it says so.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The JSON of the body; null if there is no body. Whether it is wrapped is
    /// not looked at.
    ///
    /// # Errors
    ///
    /// When the body is not JSON.
    fn json(&self) -> Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| self.not_vault(&error))
    }

    /// The envelope of an answer to a write; none if it was empty.
    pub(crate) fn accepted(self) -> Result<Option<Secret>> {
        self.succeeded()?.secret()
    }

    /// The same answer, if the server did what it was asked for.
    fn succeeded(self) -> Result<Self> {
        match self.status {
            // A redirect that was not followed: nothing has been done.
            300..400 => Err(Error::Redirected {
                url: Box::new(self.url),
                status: self.status,
                location: self.location,
            }),
            400.. => Err(self.into_error()),
            _ => Ok(self),
        }
    }

    /// The envelope of an answer to a read; none if there is nothing.
    pub(crate) fn found(self) -> Result<Option<Secret>> {
        if self.status != 404 {
            return self.accepted();
        }
        match self.secret() {
            Ok(Some(secret)) if secret.has_content() => Ok(Some(secret)),
            Ok(_) if !self.gives_a_reason() => Ok(None),
            Err(error @ Error::NotWrapped { .. }) => Err(error),
            // A reason, or a 404 without the API's JSON, which is not about the
            // path.
            _ => Err(self.into_error()),
        }
    }

    fn gives_a_reason(&self) -> bool {
        let errors = self.json().ok().and_then(|json| errors(&json));
        errors.is_some_and(|errors| !errors.is_empty())
    }

    /// The answer of an endpoint without an envelope.
    pub(crate) fn bare<T: serde::de::DeserializeOwned>(self) -> Result<T> {
        let answer = self.succeeded()?;
        serde_json::from_slice(&answer.body).map_err(|error| answer.not_vault(&error))
    }

    fn secret(&self) -> Result<Option<Secret>> {
        let secret = match self.json()? {
            Value::Null => return Ok(None),
            json => Secret::from_answer(json).map_err(|error| self.not_vault(&error))?,
        };
        match secret {
            Some(secret) if self.must_be_wrapped && secret.is_exposed() => Err(Error::NotWrapped {
                url: Box::new(self.url.clone()),
                lease_id: secret.lease_id,
            }),
            secret => Ok(secret),
        }
    }

    fn into_error(self) -> Error {
        let text = || String::from_utf8_lossy(&self.body).into_owned();
        let errors = self.json().ok().and_then(|json| errors(&json));
        Error::Api {
            status: self.status,
            raw_message: errors.is_none().then(text),
            errors: errors.unwrap_or_default(),
            url: Box::new(self.url),
            method: self.method,
        }
    }

    fn not_vault(&self, error: &serde_json::Error) -> Error {
        // Without the parser's message, which may quote a secret.
        let problem = if error.is_data() {
            "its JSON has another form"
        } else {
            "it is not JSON"
        };
        Error::NotVault {
            url: self.url.clone(),
            problem: problem.to_owned(),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// The texts of an answer's `errors`; none if it has no such list.
fn errors(json: &Value) -> Option<Vec<String>> {
    let list = json.get("errors")?.as_array()?;
    let texts = list.iter().map(|error| match error {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    Some(texts.collect())
}
