//! The smallest client of a Vault-like HTTP API: one request, one connection.
//!
//! It shares no code with our servers and clients, so it cannot hide their bugs.
//! No TLS, no redirects, no retries: the test sees exactly what the server
//! answered.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// Longer than any answer takes.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A client of one server, with or without a token.
#[derive(Debug, Clone)]
pub struct Http {
    /// `host:port`.
    authority: String,
    token: Option<String>,
    /// The value of `Authorization`.
    login: Option<String>,
    /// Whether a standby may ask the active node.
    forwarding: bool,
    /// Further headers, each a whole line.
    headers: String,
}

impl Http {
    /// A client of the server at `address`, such as `http://127.0.0.1:8200`.
    ///
    /// # Panics
    ///
    /// When the address is not a plain `http://host:port`.
    pub fn new(address: &str) -> Self {
        let authority = address
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("the test client speaks plain http only, not `{address}`"));
        Self {
            authority: authority.trim_end_matches('/').to_owned(),
            token: None,
            login: None,
            forwarding: true,
            headers: String::new(),
        }
    }

    /// The address of the server, as it was given.
    pub fn address(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// The same client with `token` in `X-Vault-Token`.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same client with a name and a password, as HTTP's basic login.
    #[must_use]
    pub fn with_login(mut self, name: &str, password: &str) -> Self {
        let login = BASE64_STANDARD.encode(format!("{name}:{password}"));
        self.login = Some(format!("Basic {login}"));
        self
    }

    /// The same client, whose requests a standby answers by itself or not at all: a
    /// request that it would forward is a 307.
    #[must_use]
    pub fn without_forwarding(mut self) -> Self {
        self.forwarding = false;
        self
    }

    /// The same client, which also sends the header `name` with each request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// Sends a request to `/v1/{path}`; the status and the JSON of the answer,
    /// null if it had no body.
    ///
    /// # Panics
    ///
    /// When there is no answer, or the body is not JSON.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.try_request(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path} at {}: {error}", self.authority))
    }

    /// Like [`Http::request`], for a server that may be killed meanwhile.
    ///
    /// # Errors
    /// When there is no complete answer.
    ///
    /// # Panics
    ///
    /// When the body is not JSON.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<(u16, Value)> {
        let (status, text) = self.exchange(method, &format!("/v1/{path}"), body)?;
        if text.trim().is_empty() {
            return Ok((status, Value::Null));
        }
        let json = serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{method} {path}: {status} is not JSON ({error}): {text}")
        });
        Ok((status, json))
    }

    /// Sends a request to `path`, without the prefix `/v1/`; returns status and text.
    ///
    /// # Panics
    ///
    /// When there is no answer.
    pub fn raw(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        self.exchange(method, path, body)
            .unwrap_or_else(|error| panic!("{method} http://{}{path}: {error}", self.authority))
    }

    /// The status of `sys/health`; none without an answer.
    pub fn health(&self) -> Option<u16> {
        let answer = self.exchange("GET", "/v1/sys/health", None);
        answer.ok().map(|(status, _)| status)
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.authority)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(self.head_and_body(method, path, body).as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        parse(&answer).ok_or_else(|| {
            let text = String::from_utf8_lossy(&answer).into_owned();
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no HTTP answer: {text:?}"),
            )
        })
    }

    fn head_and_body(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let body = body.map(Value::to_string).unwrap_or_default();
        let token = self.token.as_ref();
        let token = token.map(|token| format!("X-Vault-Token: {token}\r\n"));
        let login = self.login.as_ref();
        let login = login.map(|login| format!("Authorization: {login}\r\n"));
        let forwarding = if self.forwarding {
            ""
        } else {
            "X-Vault-No-Request-Forwarding: true\r\n"
        };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             X-Vault-Request: true\r\n{forwarding}{}{}{}Content-Length: {}\r\n\r\n{body}",
            self.authority,
            self.headers,
            token.unwrap_or_default(),
            login.unwrap_or_default(),
            body.len(),
        )
    }
}

/// Status and body of an answer that ends with its connection.
fn parse(answer: &[u8]) -> Option<(u16, String)> {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..split]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = &answer[split + 4..];
    let chunked = head
        .to_ascii_lowercase()
        .contains("\r\ntransfer-encoding: chunked");
    let body = if chunked {
        unchunk(body)?
    } else {
        body.to_vec()
    };
    Some((status, String::from_utf8(body).ok()?))
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let chunk = rest.get(line + 2..line + 2 + size)?;
        body.extend_from_slice(chunk);
        rest = rest.get(line + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_with_a_length_is_read() {
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n{\"errors\":[]}";
        assert_eq!(parse(answer), Some((404, "{\"errors\":[]}".to_owned())));
    }

    #[test]
    fn an_answer_in_chunks_is_joined() {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(parse(answer), Some((200, "abc0123456789".to_owned())));
    }

    #[test]
    fn an_answer_that_breaks_off_is_none() {
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(
            parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
            None
        );
    }
}
