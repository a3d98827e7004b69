//! Probes whether a new key works yet, with the key itself.
//!
//! A new key takes a while to reach the servers that check it: about two minutes
//! for Kafka, some seconds for the control plane. The control plane does not say
//! when. How often and for how long to probe is up to the caller.

use std::sync::Arc;

use reqwest::Method;

use crate::account::Account;
use crate::ids::{ApiKeyId, ResourceId};
use crate::{ApiSecret, Client, Credentials, Endpoint, Error, ErrorKind};

/// Whether a new key works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It was accepted. A Kafka cluster has several servers, so that one success
    /// proves nothing for the others: the vendor's Terraform provider demands two
    /// in a row.
    Ready,
    /// The key or its rights have not arrived yet: 401 or 403.
    NotYet,
    /// Another refusal, which waiting will not change: most likely a wrong
    /// cluster or address.
    Refused(Error),
}

impl Client {
    /// Lists the topics of a Kafka cluster with a new key
    /// (`GET /kafka/v3/clusters/{id}/topics` at the cluster's
    /// [`http_endpoint`](crate::KafkaCluster::http_endpoint)). The client's own
    /// credentials are not sent there.
    ///
    /// # Errors
    /// See [`Error`]: the cluster cannot be reached (it may be in a private
    /// network), does not answer, fails, or limits the rate.
    pub async fn probe_kafka_key(
        &self,
        http_endpoint: &Endpoint,
        cluster: &ResourceId,
        key_id: &ApiKeyId,
        secret: &ApiSecret,
    ) -> Result<Readiness, Error> {
        let path = format!("/kafka/v3/clusters/{cluster}/topics");
        let elsewhere = Self {
            // The pace covers the control plane only.
            budgets: None,
            ..self.with_key(http_endpoint, key_id, secret)
        };
        readiness(elsewhere.send(Method::GET, &path, &[], None).await)
    }

    /// Lists environments with a new Cloud or global key
    /// (`GET /org/v2/environments`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn probe_cloud_key(
        &self,
        key_id: &ApiKeyId,
        secret: &ApiSecret,
    ) -> Result<Readiness, Error> {
        let same = self.with_key(&self.account.endpoint, key_id, secret);
        let query = [("page_size", "1")];
        let path = "/org/v2/environments";
        readiness(same.send(Method::GET, path, &query, None).await)
    }

    /// The same client with another key of the same organization, whose pace
    /// covers the new key's requests as well.
    fn with_key(&self, endpoint: &Endpoint, key_id: &ApiKeyId, secret: &ApiSecret) -> Self {
        let credentials = Credentials::Basic {
            key_id: key_id.clone(),
            secret: secret.clone(),
        };
        let organization = self.organization().cloned();
        let account = Account::new(endpoint.clone(), credentials, organization);
        Self {
            account: Arc::new(account),
            ..self.clone()
        }
    }
}

fn readiness<T>(answer: Result<T, Error>) -> Result<Readiness, Error> {
    let Err(error) = answer else {
        return Ok(Readiness::Ready);
    };
    match error.kind {
        ErrorKind::Unauthorized | ErrorKind::Forbidden => Ok(Readiness::NotYet),
        ErrorKind::NotFound
        | ErrorKind::QuotaExceeded
        | ErrorKind::Conflict
        | ErrorKind::Rejected => Ok(Readiness::Refused(error)),
        ErrorKind::RateLimited { .. }
        | ErrorKind::HeldBack { .. }
        | ErrorKind::Upstream
        | ErrorKind::NotConfluent
        | ErrorKind::Unreachable
        | ErrorKind::Untrusted
        | ErrorKind::NotTls
        | ErrorKind::TimedOut
        | ErrorKind::Malformed => Err(error),
    }
}
