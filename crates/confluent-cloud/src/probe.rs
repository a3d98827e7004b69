//! Probes whether a new key works yet, with the key itself.
//!
//! A new key takes a while to reach the servers that check it: about two minutes
//! for Kafka, some seconds for the control plane. The control plane does not say
//! when. This module makes one call, once, and says what the answer tells of the
//! key; when to try and how often is up to the caller.
//!
//! The client's own credentials are sent nowhere. The new key is sent to the
//! control plane, or to an address that is Confluent's
//! ([`Endpoint::may_lead_to`]); redirects are not followed. Each probe makes a
//! connection of its own, so that it meets any of the servers behind an address.

mod attempt;
mod hosts;
mod verdict;

use std::time::Duration;

use crate::ids::{ApiKeyId, EnvironmentId, OrganizationId, ResourceId};
use crate::{ApiSecret, Client, Credentials, Endpoint};

use attempt::Question;
use hosts::Hosts;
use verdict::{Shape, Verdict};

/// How long a probe may take, connecting included.
const LIMIT: Duration = Duration::from_secs(10);

/// What a service that limits the rate is given, where it does not say more.
const PAUSE: Duration = Duration::from_secs(30);

/// Probes keys, at most two at once at one host: failed logins are counted by
/// the address that they come from. Clones share that limit: a process has one.
#[derive(Debug, Clone)]
pub struct Prober {
    hosts: Hosts,
    limit: Duration,
}

impl Default for Prober {
    fn default() -> Self {
        Self {
            hosts: Hosts::default(),
            limit: LIMIT,
        }
    }
}

/// What a key is tried at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAt {
    /// A Kafka cluster: its topics are listed.
    Kafka {
        /// The [`http_endpoint`](crate::KafkaCluster::http_endpoint).
        address: Endpoint,
        /// The cluster.
        cluster: ResourceId,
    },
    /// A Schema Registry: one of its subjects is listed.
    SchemaRegistry {
        /// The [`http_endpoint`](crate::SchemaRegistry::http_endpoint).
        address: Endpoint,
    },
    /// A region of Flink: one of the environment's statements is listed.
    Flink {
        /// The address of the region.
        address: Endpoint,
        /// The organization.
        organization: OrganizationId,
        /// The environment.
        environment: EnvironmentId,
    },
    /// Tableflow, at the control plane: its regions are listed.
    Tableflow,
    /// The control plane, for Cloud and global keys: an environment is listed.
    ControlPlane,
}

/// What a probe found out. The sentences hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// The key was accepted. A cluster has several servers, so that one success
    /// proves nothing for the others: the vendor's Terraform provider demands
    /// two in a row.
    LoggedIn,
    /// The key was accepted, and its owner may not do what was asked: 403 in
    /// the form of that very service.
    LoggedInWithoutRights(String),
    /// The key is not known: 401 in any form.
    NotYet(String),
    /// Nothing is known of the key: no connection, no answer in time, a failure,
    /// or an answer that is not that service's.
    Unreachable(String),
    /// The address is not one of Confluent's. Nothing was sent.
    ForeignAddress(String),
    /// There was no room for the probe in the pace or beside other probes of the
    /// host, or the service limits the rate. The next should not be before the
    /// wait is over.
    HeldBack(Duration),
}

impl Prober {
    /// The same with another time for one probe, instead of 10 s: connecting and
    /// the answer included.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Tries a key once. The client lends its connections' settings and, at the
    /// control plane, its organization's pace; its own credentials are not sent.
    pub async fn probe(
        &self,
        client: &Client,
        at: &ProbeAt,
        key_id: &ApiKeyId,
        secret: &ApiSecret,
    ) -> Probed {
        let call = Call::of(at);
        let own = &client.account.endpoint;
        if let Some(address) = call.address
            && !own.may_lead_to(address)
        {
            return Probed::ForeignAddress(format!(
                "`{address}` is no address of Confluent Cloud: no key is sent there"
            ));
        }
        let address = call.address.unwrap_or(own);
        let Some(_place) = self.hosts.enter(&address.host()).await else {
            return Probed::HeldBack(PAUSE);
        };
        let credentials = Credentials::Basic {
            key_id: key_id.clone(),
            secret: secret.clone(),
        };
        let question = Question {
            address,
            path: &call.path,
            query: call.query,
            credentials: &credentials,
            within_pace: call.address.is_none(),
            limit: self.limit,
        };
        let verdict = match question.ask(client).await {
            Ok(answer) => call.shape.of_answer(&answer),
            Err(attempt::Failure::HeldBack(wait)) => return Probed::HeldBack(wait),
            Err(attempt::Failure::Failed(error)) => call.shape.of_error(&error),
        };
        match verdict {
            Verdict::LoggedIn => Probed::LoggedIn,
            Verdict::WithoutRights(answer) => {
                Probed::LoggedInWithoutRights(call.words(address, &answer))
            }
            Verdict::NotYet(answer) => Probed::NotYet(call.words(address, &answer)),
            Verdict::Nothing(answer) => Probed::Unreachable(call.words(address, &answer)),
            Verdict::TooMany(wait) => Probed::HeldBack(wait.unwrap_or(PAUSE)),
        }
    }
}

/// One call that tells whether a key works.
struct Call<'a> {
    /// Absent for the control plane.
    address: Option<&'a Endpoint>,
    path: String,
    query: &'a [(&'a str, &'a str)],
    shape: Shape,
}

impl<'a> Call<'a> {
    fn of(at: &'a ProbeAt) -> Self {
        match at {
            ProbeAt::Kafka { address, cluster } => Self {
                address: Some(address),
                path: format!("/kafka/v3/clusters/{cluster}/topics"),
                query: &[],
                shape: Shape::Kafka,
            },
            ProbeAt::SchemaRegistry { address } => Self {
                address: Some(address),
                path: "/subjects".to_owned(),
                query: &[("limit", "1")],
                shape: Shape::SchemaRegistry,
            },
            ProbeAt::Flink {
                address,
                organization,
                environment,
            } => Self {
                address: Some(address),
                path: format!(
                    "/sql/v1/organizations/{organization}/environments/{environment}/statements"
                ),
                query: &[("page_size", "1")],
                shape: Shape::List,
            },
            ProbeAt::Tableflow => Self {
                address: None,
                path: "/tableflow/v1/regions".to_owned(),
                query: &[("page_size", "1")],
                shape: Shape::List,
            },
            ProbeAt::ControlPlane => Self {
                address: None,
                path: "/org/v2/environments".to_owned(),
                query: &[("page_size", "1")],
                shape: Shape::List,
            },
        }
    }

    fn words(&self, address: &Endpoint, answer: &str) -> String {
        format!("`GET {}` at `{address}`: {answer}", self.path)
    }
}
