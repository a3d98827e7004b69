//! What is asked of a server: four verbs, so that plans are tested without one.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vault_client::{Client, Error, Url};

use super::place::Problem;

/// Members of a request or an answer.
pub type Data = Map<String, Value>;

/// What a server said of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// There is nothing.
    Absent,
    /// It cannot be read at all, as paths that only do something.
    Unreadable,
    /// What is there.
    Found(Data),
}

/// Which server, and which namespace of it: what is managed in one says nothing of
/// another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whereabouts {
    /// The address, without a login that it may have.
    pub address: String,
    /// The namespace, if it is not the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

impl Whereabouts {
    /// Of a server at an address.
    pub fn new(address: &Url, namespace: Option<&str>) -> Self {
        let namespace = namespace.map(|namespace| namespace.trim_matches('/'));
        Self {
            address: without_login(address.clone()).into(),
            namespace: namespace
                .filter(|namespace| !namespace.is_empty())
                .map(str::to_owned),
        }
    }
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.address)?;
        match &self.namespace {
            Some(namespace) => write!(f, ", namespace `{namespace}`"),
            None => Ok(()),
        }
    }
}

/// An address without the name and the password that it may have.
pub(crate) fn without_login(mut address: Url) -> Url {
    // Addresses that cannot have a login have none.
    let _ = address.set_username("");
    let _ = address.set_password(None);
    address
}

/// A request that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct ServerError {
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The reason, with the request that it is about.
    pub text: String,
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        Self::general(error.text)
    }
}

/// A server that speaks Vault's API.
#[async_trait]
pub trait Server: Send + Sync {
    /// Which server it is.
    fn whereabouts(&self) -> Whereabouts;

    /// What is at a path.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    async fn read(&self, path: &str) -> Result<Reading, ServerError>;

    /// The names below a path; none if there is nothing.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    async fn list(&self, path: &str) -> Result<Vec<String>, ServerError>;

    /// Writes to a path.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    async fn write(&self, path: &str, data: &Data) -> Result<(), ServerError>;

    /// Deletes a path.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    async fn delete(&self, path: &str) -> Result<(), ServerError>;
}

#[async_trait]
impl Server for Client {
    fn whereabouts(&self) -> Whereabouts {
        let settings = self.settings();
        Whereabouts::new(&settings.address, settings.namespace.as_deref())
    }

    async fn read(&self, path: &str) -> Result<Reading, ServerError> {
        match Client::read(self, path, &[]).await {
            Ok(None) => Ok(Reading::Absent),
            Ok(Some(secret)) => Ok(Reading::Found(secret.data.unwrap_or_default())),
            Err(error) => match status(&error) {
                // With a reason, such as that nothing is mounted there yet.
                Some(404) => Ok(Reading::Absent),
                Some(405) => Ok(Reading::Unreadable),
                _ => Err(failed(&error)),
            },
        }
    }

    async fn list(&self, path: &str) -> Result<Vec<String>, ServerError> {
        let listed = match Client::list(self, path).await {
            Err(error) if status(&error) == Some(404) => None,
            listed => listed.map_err(|error| failed(&error))?,
        };
        let keys = listed.and_then(|secret| secret.data?.get("keys").cloned());
        let Some(Value::Array(keys)) = keys else {
            return Ok(Vec::new());
        };
        Ok(keys
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
    }

    async fn write(&self, path: &str, data: &Data) -> Result<(), ServerError> {
        Client::write(self, path, data)
            .await
            .map(drop)
            .map_err(|error| failed(&error))
    }

    async fn delete(&self, path: &str) -> Result<(), ServerError> {
        Client::delete(self, path, &[])
            .await
            .map(drop)
            .map_err(|error| failed(&error))
    }
}

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::Api { status, .. } => Some(*status),
        _ => None,
    }
}

/// The reason on one line: what the server said, without the form in which
/// Vault's command line prints it.
fn failed(error: &Error) -> ServerError {
    let text = match error {
        Error::Api {
            status,
            errors,
            raw_message,
            url,
            method,
        } => {
            let reason = errors.join("; ").replace('\n', " ");
            let reason = raw_message
                .as_ref()
                .map_or(reason, |_| "no answer of a Vault server".to_owned());
            format!(
                "{method} {} was answered with {status}: {reason}",
                url.path()
            )
        }
        other => other.to_string(),
    };
    ServerError {
        status: status(error),
        text,
    }
}
