//! One request with the key that is tried.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::ACCEPT;

use crate::answer::Answer;
use crate::budget::Turn;
use crate::pace::{Outcome, QueueEnd, TurnRequest};
use crate::{Client, Credentials, Endpoint, Error};

/// How long a probe waits for its turn in the pace.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of an answer is read: a cluster may list ten thousand topics.
const BODY_LIMIT: usize = 64 << 10;

/// A request that tries a key.
pub(super) struct Question<'a> {
    pub(super) address: &'a Endpoint,
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// The key.
    pub(super) credentials: &'a Credentials,
    /// Whether it counts in the pace of the organization, which covers the
    /// control plane only.
    pub(super) within_pace: bool,
    /// How long it may take, connecting included.
    pub(super) limit: Duration,
}

/// Why there is no answer of the 2xx kind.
pub(super) enum Failure {
    /// Nothing was sent.
    HeldBack(Duration),
    Failed(Error),
}

impl Question<'_> {
    /// Sends it once, and reads the beginning of the answer.
    pub(super) async fn ask(&self, client: &Client) -> Result<Answer, Failure> {
        let turn = self.turn(client).await.map_err(Failure::HeldBack)?;
        let address = self.address.join(self.path, self.query);
        let request = client
            .connections
            .unpooled()
            .request(Method::GET, address)
            .timeout(self.limit)
            .header(ACCEPT, "application/json");
        let sent = self.credentials.authenticate(request).send().await;
        let name = format!("GET {}", self.path);
        let hidden = self.credentials.hidden();
        let answer = Answer::receive_beginning(name, sent, &hidden, BODY_LIMIT).await;
        let (outcome, limit_headers) = match &answer {
            Ok(answer) => (Outcome::Answered, answer.limit_headers),
            Err(failed) => (failed.outcome(), failed.limit_headers),
        };
        if let Some(turn) = turn {
            turn.finish(outcome, limit_headers);
        }
        answer.map_err(|failed| Failure::Failed(failed.error))
    }

    /// Waits for a turn in the pace of the client's organization, which is the
    /// key's as well.
    async fn turn(&self, client: &Client) -> Result<Option<Turn>, Duration> {
        let Some(budgets) = client.budgets.as_ref().filter(|_| self.within_pace) else {
            return Ok(None);
        };
        let patience = client.patience.unwrap_or(PATIENCE);
        let request = TurnRequest {
            class: client.class,
            flow: &client.flow,
            path: self.path,
            until: client.effects.now() + patience,
            end: QueueEnd::Back,
        };
        let turn = budgets.turn(&client.account, &client.effects, &request);
        turn.await.map(Some)
    }
}
