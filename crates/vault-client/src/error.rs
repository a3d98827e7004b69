//! Errors of requests, each with its remedy.

use std::fmt::Write;
use std::time::Duration;

use reqwest::Method;
use url::Url;

use crate::address::is_loopback;

/// The result of a request.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server answered with an error. Printed as Vault's command line
    /// prints it, because scripts and people look for that form.
    #[error("{}", api_message(method, url, *status, errors, raw_message.as_deref()))]
    Api {
        /// The HTTP status, 400 or more.
        status: u16,
        /// The texts of the answer's `errors`.
        errors: Vec<String>,
        /// The whole body, when it was not the API's JSON: most often an
        /// answer of a proxy.
        raw_message: Option<String>,
        /// The URL of the request, after a redirect.
        url: Box<Url>,
        /// The method of the request.
        method: Method,
    },

    /// No server answered, after all retries.
    #[error(
        "cannot reach a server at `{address}`: {cause}; {}",
        unreachable_remedy(address)
    )]
    Unreachable {
        /// The server's address.
        address: Url,
        /// The error of the network.
        cause: String,
    },

    /// The server did not answer in time. Whether it executed the request is
    /// unknown.
    #[error(
        "no answer from `{address}` within {} s; the server may have executed the request: \
         check before you repeat it, or set VAULT_CLIENT_TIMEOUT to wait longer",
        timeout.as_secs()
    )]
    TimedOut {
        /// The server's address.
        address: Url,
        /// The timeout.
        timeout: Duration,
    },

    /// The TLS handshake failed. Nothing was sent.
    #[error("no TLS connection to `{address}`: {cause}; {remedy}")]
    Handshake {
        /// The server's address.
        address: Box<Url>,
        /// The error of TLS.
        cause: String,
        /// What to do about it.
        remedy: &'static str,
    },

    /// The request was sent, and the connection broke before the whole answer
    /// arrived. Whether the server executed it is unknown.
    #[error(
        "the connection to `{address}` broke before the answer: {cause}; the server may have \
         executed the request: check before you repeat it"
    )]
    Broken {
        /// The server's address.
        address: Url,
        /// The error of the network.
        cause: String,
    },

    /// The server sent the client to another address, where the client did not
    /// follow. Nothing was done.
    #[error(
        "`{url}` was not executed: the server answered {status}{}; {}",
        to_location(location.as_deref()),
        redirect_remedy(location.as_deref())
    )]
    Redirected {
        /// The URL of the request.
        url: Box<Url>,
        /// The HTTP status.
        status: u16,
        /// The target of the redirect, as the server wrote it.
        location: Option<String>,
    },

    /// The server sent the client away from TLS.
    #[error(
        "refused to follow the redirect of `{from}` to `{to}`, which is not encrypted; \
         set VAULT_ADDR to the server that should answer"
    )]
    InsecureRedirect {
        /// The URL of the request.
        from: Box<Url>,
        /// The target of the redirect.
        to: Box<Url>,
    },

    /// The answer was a success but not the API's JSON.
    #[error("`{url}` did not answer like a Vault server: {problem}; is VAULT_ADDR right?")]
    NotVault {
        /// The URL of the request.
        url: Url,
        /// What is wrong with the answer.
        problem: String,
    },

    /// The path is invalid.
    #[error("`{path}` is not a valid path: {problem}")]
    Path {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A variable, flag or file has an invalid value.
    #[error("`{name}`: {problem}")]
    Setting {
        /// The variable, or what it sets.
        name: String,
        /// What is wrong, and what is expected.
        problem: String,
    },

    /// The response was not wrapped, though wrapping was requested. It is
    /// dropped.
    #[error(
        "`{url}` did not wrap its answer, which VAULT_WRAP_TTL or `-wrap-ttl` asks for: the answer \
         is not shown{}",
        left_lease(lease_id)
    )]
    NotWrapped {
        /// The URL of the request.
        url: Box<Url>,
        /// The lease in the response; empty if there is none.
        lease_id: String,
    },

    /// Nothing was sent, because only the `curl` command was wanted.
    #[error("{curl}")]
    NotSent {
        /// The command.
        curl: String,
    },

    /// The certificates to trust cannot be used.
    #[error("cannot use the certificates in `{source_name}`: {problem}; PEM is expected")]
    Certificates {
        /// The file, folder or variable.
        source_name: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The TLS library refused its settings.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl Error {
    /// An invalid setting.
    pub(crate) fn setting(name: &str, problem: String) -> Self {
        Self::Setting {
            name: name.to_owned(),
            problem,
        }
    }

    /// The same error about the variable or file that the setting came from.
    pub(crate) fn renamed(self, name: &str) -> Self {
        match self {
            Self::Setting { problem, .. } => Self::setting(name, problem),
            other => other,
        }
    }

    /// The reason that the server gave, when it answered that there is nothing
    /// at a path.
    pub fn reason_of_absence(&self) -> Option<&str> {
        match self {
            Self::Api {
                status: 404,
                errors,
                ..
            } => errors.first().map(String::as_str),
            _ => None,
        }
    }
}

fn to_location(location: Option<&str>) -> String {
    location.map_or_else(String::new, |location| {
        format!(", a redirect to `{location}`")
    })
}

fn redirect_remedy(location: Option<&str>) -> &'static str {
    match location {
        Some(_) => {
            "set VAULT_ADDR to the server that should answer, or leave out VAULT_DISABLE_REDIRECTS, \
             so that one redirect is followed"
        }
        None => "is VAULT_ADDR right?",
    }
}

fn left_lease(lease_id: &str) -> String {
    if lease_id.is_empty() {
        return String::new();
    }
    format!("; its lease is `{lease_id}`: revoke it")
}

/// The form of `ResponseError` in Vault's `api/response.go`.
fn api_message(
    method: &Method,
    url: &Url,
    status: u16,
    errors: &[String],
    raw_message: Option<&str>,
) -> String {
    let kind = if raw_message.is_some() {
        "Raw Message"
    } else {
        "Errors"
    };
    let mut message =
        format!("Error making API request.\n\nURL: {method} {url}\nCode: {status}. {kind}:\n\n");
    message.push_str(raw_message.unwrap_or_default().trim_end());
    for (index, error) in errors.iter().enumerate() {
        let line_end = if index == 0 { "" } else { "\n" };
        // Writing to a string cannot fail.
        let _ = write!(message, "{line_end}* {error}");
    }
    message.trim_end().to_owned()
}

fn unreachable_remedy(address: &Url) -> &'static str {
    if address.scheme() == "https" && is_loopback(address) {
        return "is it running? A development server speaks plain HTTP: set VAULT_ADDR to its \
                address with `http://`";
    }
    "is it running? Set VAULT_ADDR to the address of the server that you mean"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn boxed(text: &str) -> Box<Url> {
        Box::new(url(text))
    }

    #[test]
    fn an_answered_error_is_printed_as_vaults_command_line_does() {
        let error = Error::Api {
            status: 400,
            errors: vec!["first".to_owned(), "second".to_owned()],
            raw_message: None,
            url: boxed("http://127.0.0.1:8200/v1/confluent/creds/x"),
            method: Method::PUT,
        };
        assert_eq!(
            error.to_string(),
            "Error making API request.\n\n\
             URL: PUT http://127.0.0.1:8200/v1/confluent/creds/x\n\
             Code: 400. Errors:\n\n\
             * first\n* second"
        );
    }

    #[test]
    fn the_response_of_a_proxy_is_shown_unchanged() {
        let error = Error::Api {
            status: 502,
            errors: Vec::new(),
            raw_message: Some("<html>bad gateway</html>\n".to_owned()),
            url: boxed("https://vault/v1/a"),
            method: Method::GET,
        };
        assert!(
            error
                .to_string()
                .ends_with("Code: 502. Raw Message:\n\n<html>bad gateway</html>")
        );
    }
}
