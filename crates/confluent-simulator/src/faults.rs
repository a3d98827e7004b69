//! Faults that are armed beforehand and fire at matching requests. Pure: `http`
//! carries them out.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::parse_duration;

/// Defaults of `delay`: how far a stale list lags behind, and how long an answer
/// is delayed or a rate limit lasts.
const DEFAULT_LAG: Duration = Duration::from_mins(1);
const DEFAULT_DELAY: Duration = Duration::from_secs(1);

/// Which requests a fault matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// `POST /iam/v2/api-keys`.
    CreateApiKey,
    /// `DELETE /iam/v2/api-keys/{id}`.
    DeleteApiKey,
    /// `GET /iam/v2/api-keys`.
    ListApiKeys,
    /// Every request but those to `/simulator/`, those of the data planes too.
    Any,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// It is done, then the connection ends without an answer.
    LoseAnswer,
    /// 500, and nothing is done.
    FailBefore,
    /// It is done, and answered with 500.
    FailAfter,
    /// It is done after a while.
    Delay,
    /// The connection is reset, and nothing is done.
    Reset,
    /// 429 with the headers of a rate limit, and nothing is done.
    RateLimit,
    /// The list of keys is as it was a while ago. Fires for lists only.
    StaleList,
    /// 403 `forbidden_access`, and nothing is done.
    Forbidden,
    /// 502 with the HTML of a proxy, and nothing is done.
    Html,
}

/// A fault to be armed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arming {
    /// Which requests it matches.
    pub operation: Operation,
    /// What goes wrong.
    pub fault: Fault,
    /// How many requests it happens to.
    pub times: u32,
    /// How long `delay` waits (default 1 s), how far `stale-list` lags behind
    /// (60 s), and the `Retry-After` of `rate-limit` (1 s).
    pub delay: Option<Duration>,
}

/// A fault that was armed, and how often it fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArmedFault {
    /// Which requests it matches.
    pub operation: Operation,
    /// What goes wrong.
    pub fault: Fault,
    /// How many requests it happens to in all.
    pub times: u32,
    /// How long the wait, lag or pause is, in milliseconds.
    pub delay_ms: u64,
    /// How many it has happened to.
    pub fired: u32,
}

/// A text that arms no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFault(String);

impl fmt::Display for InvalidFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidFault {}

/// All faults that were armed, in that order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Vec<ArmedFault>);

/// A fault that fires now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) fault: Fault,
    pub(crate) delay: Duration,
}

impl Arming {
    /// A fault that happens to the next request of a kind.
    pub fn once(operation: Operation, fault: Fault) -> Self {
        Self {
            operation,
            fault,
            times: 1,
            delay: None,
        }
    }

    /// Reads the body of `POST /simulator/faults`. Without `times` it is 1.
    ///
    /// # Errors
    /// When a member is missing, unknown or cannot be used.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidFault> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            operation: Operation,
            fault: Fault,
            times: Option<u32>,
            delay: Option<String>,
        }
        let body: Body = serde_json::from_slice(json)
            .map_err(|error| InvalidFault(format!("the fault cannot be read: {error}")))?;
        let times = body.times.unwrap_or(1);
        if times == 0 {
            return Err(InvalidFault("`times` is 0: give 1 or more".into()));
        }
        let delay = body.delay.as_deref().map(parse_duration).transpose();
        Ok(Self {
            operation: body.operation,
            fault: body.fault,
            times,
            delay: delay.map_err(|error| InvalidFault(format!("`delay`: {error}")))?,
        })
    }
}

impl Faults {
    pub(crate) fn arm(&mut self, arming: &Arming) {
        let usual = match arming.fault {
            Fault::StaleList => DEFAULT_LAG,
            _ => DEFAULT_DELAY,
        };
        let delay = arming.delay.unwrap_or(usual);
        self.0.push(ArmedFault {
            operation: arming.operation,
            fault: arming.fault,
            times: arming.times,
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            fired: 0,
        });
    }

    pub(crate) fn all(&self) -> &[ArmedFault] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first armed fault for a request fires; `operation` is what the
    /// request is, `Any` when it is nothing of the others.
    pub(crate) fn fire(&mut self, operation: Operation) -> Option<Fired> {
        let armed = self.0.iter_mut().find(|armed| {
            let waits = armed.operation == Operation::Any || armed.operation == operation;
            let lists = armed.fault != Fault::StaleList || operation == Operation::ListApiKeys;
            waits && lists && armed.fired < armed.times
        })?;
        armed.fired += 1;
        Some(Fired {
            fault: armed.fault,
            delay: Duration::from_millis(armed.delay_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_fires_as_often_as_it_is_armed_and_is_counted() {
        let mut faults = Faults::default();
        faults.arm(&Arming {
            times: 2,
            ..Arming::once(Operation::CreateApiKey, Fault::Reset)
        });
        assert_eq!(faults.fire(Operation::Any), None);
        assert!(faults.fire(Operation::CreateApiKey).is_some());
        assert!(faults.fire(Operation::CreateApiKey).is_some());
        assert_eq!(faults.fire(Operation::CreateApiKey), None);
        assert_eq!(faults.all()[0].fired, 2);
    }

    #[test]
    fn only_lists_are_stale() {
        let mut faults = Faults::default();
        faults.arm(&Arming::once(Operation::Any, Fault::StaleList));
        assert_eq!(faults.fire(Operation::DeleteApiKey), None);
        let fired = faults.fire(Operation::ListApiKeys).unwrap();
        assert_eq!(fired.delay, DEFAULT_LAG);
    }

    #[test]
    fn a_body_arms_a_fault_or_says_what_is_wrong() {
        let body = br#"{"operation":"list-api-keys","fault":"delay","times":3,"delay":"2s"}"#;
        let expected = Arming {
            operation: Operation::ListApiKeys,
            fault: Fault::Delay,
            times: 3,
            delay: Some(Duration::from_secs(2)),
        };
        assert_eq!(Arming::parse(body), Ok(expected));
        for (body, word) in [
            (r#"{"operation":"any"}"#, "`fault`"),
            (r#"{"operation":"all","fault":"html"}"#, "`all`"),
            (r#"{"operation":"any","fault":"html","times":0}"#, "`times`"),
            (
                r#"{"operation":"any","fault":"html","delay":"x"}"#,
                "`delay`",
            ),
            (r#"{"operation":"any","fault":"html","time":1}"#, "`time`"),
            ("[", "cannot be read"),
        ] {
            let error = Arming::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
