//! A request under way, and the reports of its wait and its end.

use std::future::Future;
use std::time::Instant;

use reqwest::Method;

use crate::answer::{Answer, Failed};
use crate::budget::Turn;
use crate::pace::Outcome;
use crate::{Client, RequestOutcome, RequestReport, TurnReport};

impl Client {
    /// Reports the present state of the organization's pace.
    fn report_pace(&self) {
        if let Some(recorder) = &self.recorder
            && let Some(organization) = self.organization()
            && let Some(pace) = self.pace()
        {
            recorder.pace(organization, &pace);
        }
    }

    /// Awaits a turn, and reports how long that took.
    pub(crate) async fn reported<T, E>(
        &self,
        turn: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(recorder) = &self.recorder else {
            return turn.await;
        };
        let began = self.effects.now();
        let turn = turn.await;
        recorder.turn(&TurnReport {
            class: self.class,
            granted: turn.is_ok(),
            waited: self.effects.now().saturating_duration_since(began),
        });
        self.report_pace();
        turn
    }
}

/// A request under way, which is reported at its end: also when its caller gives
/// it up, and the future is dropped.
pub(crate) struct Underway<'a> {
    client: &'a Client,
    method: &'static str,
    endpoint: &'static str,
    /// Absent without a recorder, and after the end was reported.
    began: Option<Instant>,
    turn: Option<Turn>,
}

impl<'a> Underway<'a> {
    /// A request that is sent now.
    pub(crate) fn begin(
        client: &'a Client,
        method: &Method,
        path: &str,
        turn: Option<Turn>,
    ) -> Self {
        Self {
            client,
            method: method_word(method),
            endpoint: endpoint(path),
            began: client.recorder.as_ref().map(|_| client.effects.now()),
            turn,
        }
    }

    /// Ends it: the pace learns from the answer, and the recorder gets its report.
    pub(crate) fn end(mut self, answer: &Result<Answer, Failed>) {
        if let Some(turn) = self.turn.take() {
            let (outcome, limit_headers) = match answer {
                Ok(answer) => (Outcome::Answered, answer.limit_headers),
                Err(failed) => (failed.outcome(), failed.limit_headers),
            };
            turn.finish(outcome, limit_headers);
        }
        self.report(match answer {
            Ok(_) => RequestOutcome::Succeeded,
            Err(failed) => RequestOutcome::Failed(failed.error.kind),
        });
    }

    fn report(&mut self, outcome: RequestOutcome) {
        if let Some(began) = self.began.take()
            && let Some(recorder) = &self.client.recorder
        {
            recorder.request(&RequestReport {
                method: self.method,
                endpoint: self.endpoint,
                outcome,
                took: self.client.effects.now().saturating_duration_since(began),
            });
            self.client.report_pace();
        }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        // Before the report, which counts the requests in flight.
        drop(self.turn.take());
        self.report(RequestOutcome::Abandoned);
    }
}

fn method_word(method: &Method) -> &'static str {
    let words = ["GET", "POST", "PATCH", "PUT", "DELETE"];
    let mut words = words.into_iter();
    words
        .find(|word| *word == method.as_str())
        .unwrap_or("other")
}

/// The paths of lists, and of one object in each.
const ENDPOINTS: [(&str, &str); 11] = [
    ("/iam/v2/api-keys", "/iam/v2/api-keys/{id}"),
    ("/iam/v2/service-accounts", "/iam/v2/service-accounts/{id}"),
    ("/iam/v2/role-bindings", "/iam/v2/role-bindings/{id}"),
    ("/org/v2/organizations", "/org/v2/organizations/{id}"),
    ("/org/v2/environments", "/org/v2/environments/{id}"),
    ("/cmk/v2/clusters", "/cmk/v2/clusters/{id}"),
    ("/srcm/v3/clusters", "/srcm/v3/clusters/{id}"),
    ("/fcpm/v2/regions", "/fcpm/v2/regions/{id}"),
    ("/ksqldbcm/v2/clusters", "/ksqldbcm/v2/clusters/{id}"),
    (
        "/service-quota/v1/applied-quotas",
        "/service-quota/v1/applied-quotas/{id}",
    ),
    ("/tableflow/v1/regions", "/tableflow/v1/regions/{id}"),
];

/// A path with placeholders. Those of data planes are one.
fn endpoint(path: &str) -> &'static str {
    for (list, one) in ENDPOINTS {
        match path.strip_prefix(list) {
            Some("") => return list,
            Some(rest) if rest.starts_with('/') => return one,
            _ => {}
        }
    }
    "other"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_never_contains_what_a_path_names() {
        for (path, expected) in [
            ("/iam/v2/api-keys", "/iam/v2/api-keys"),
            ("/iam/v2/api-keys/CANARY", "/iam/v2/api-keys/{id}"),
            ("/org/v2/environments/env-1", "/org/v2/environments/{id}"),
            ("/kafka/v3/clusters/lkc-1/topics", "other"),
            ("/iam/v2/api-keysCANARY", "other"),
            ("", "other"),
        ] {
            assert_eq!(endpoint(path), expected, "{path}");
        }
        assert_eq!(method_word(&Method::DELETE), "DELETE");
        assert_eq!(method_word(&Method::TRACE), "other");
    }
}
