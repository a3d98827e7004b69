//! The fields of roles that say what is expected of a new key.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::USUAL_TIMEOUT;
use crate::{Kind, Mode, Plan};

/// Nobody waits longer for a key to become ready: the clients of Vault and
/// OpenBao give up after 60 s.
pub const LONGEST_WAIT: Duration = Duration::from_secs(50);

const LONGEST_DELAY: Duration = Duration::from_hours(1);
const SHORTEST_TIMEOUT: Duration = Duration::from_mins(1);
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24);

/// The field `not_ready`: what a reader gets whose key is not ready when the wait
/// is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotReady {
    /// The key, with a warning that says when it works.
    #[default]
    Warn,
    /// 503.
    Refuse,
}

/// The settings of a role, as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    readiness: Mode,
    /// Zero for the documented wait of the kind.
    #[serde(default, skip_serializing_if = "is_zero")]
    delay_seconds: u64,
    timeout_seconds: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    wait_ready_seconds: u64,
    #[serde(default)]
    not_ready: NotReady,
}

/// What a request gives of the settings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// `readiness`
    pub readiness: Option<&'a str>,
    /// `readiness_delay`
    pub readiness_delay: Option<Duration>,
    /// `readiness_timeout`
    pub readiness_timeout: Option<Duration>,
    /// `wait_ready`
    pub wait_ready: Option<Duration>,
    /// `not_ready`
    pub not_ready: Option<&'a str>,
}

/// A field that cannot be as it was given: a bad request, whose text names the
/// field and what it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSetting(String);

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSetting {}

impl Settings {
    /// The defaults, where `readiness` is this: [`Mode::None`] for roles with
    /// leases, [`Mode::Probe`] for static roles.
    pub fn of(readiness: Mode) -> Self {
        Self {
            readiness,
            delay_seconds: 0,
            timeout_seconds: USUAL_TIMEOUT.as_secs(),
            wait_ready_seconds: 0,
            not_ready: NotReady::default(),
        }
    }

    /// The same with what a request gives, for keys of a kind.
    ///
    /// # Errors
    /// When a field is out of its range, or two do not go together.
    pub fn with(self, given: &Given<'_>, kind: Kind) -> Result<Self, InvalidSetting> {
        let seconds = |given: Option<Duration>, stored| given.map_or(stored, |time| time.as_secs());
        let settings = Self {
            readiness: given.readiness.map_or(Ok(self.readiness), mode)?,
            delay_seconds: seconds(given.readiness_delay, self.delay_seconds),
            timeout_seconds: seconds(given.readiness_timeout, self.timeout_seconds),
            wait_ready_seconds: seconds(given.wait_ready, self.wait_ready_seconds),
            not_ready: given
                .not_ready
                .map_or(Ok(self.not_ready), NotReady::parse)?,
        };
        settings.check(kind)?;
        Ok(settings)
    }

    fn check(&self, kind: Kind) -> Result<(), InvalidSetting> {
        let invalid = |text: String| Err(InvalidSetting(text));
        let (delay, timeout) = (self.readiness_delay(), self.readiness_timeout());
        if delay > LONGEST_DELAY {
            return invalid(format!(
                "`readiness_delay` is {}s: give 1h at most, or 0 for the usual time of the kind",
                delay.as_secs()
            ));
        }
        if !(SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout) {
            return invalid(format!(
                "`readiness_timeout` is {}s: give 1m to 24h",
                timeout.as_secs()
            ));
        }
        let wait = self.wait_ready();
        if wait > LONGEST_WAIT {
            return invalid(format!(
                "`wait_ready` is {}s: give {}s at most, since clients give up after 60s",
                wait.as_secs(),
                LONGEST_WAIT.as_secs()
            ));
        }
        match self.readiness {
            Mode::None if !wait.is_zero() => {
                invalid("`wait_ready` needs `readiness`: give `probe` or `delay`, or 0".to_owned())
            }
            Mode::None if self.not_ready == NotReady::Refuse => {
                invalid("`not_ready=refuse` needs `readiness`: give `probe` or `delay`".to_owned())
            }
            Mode::Probe if self.wait(kind) >= timeout => invalid(format!(
                "`readiness_timeout` is {}s, and a key of {kind} may take {}s: give more",
                timeout.as_secs(),
                self.wait(kind).as_secs()
            )),
            Mode::None | Mode::Probe | Mode::Delay => Ok(()),
        }
    }

    /// What is expected of a key of a kind.
    pub fn plan(&self, kind: Kind) -> Plan {
        Plan {
            kind,
            mode: self.readiness,
            wait: self.wait(kind),
            timeout: self.readiness_timeout(),
            strict: false,
        }
    }

    /// `readiness`
    pub fn readiness(&self) -> Mode {
        self.readiness
    }

    /// `readiness_delay`; zero for the documented wait of the kind.
    pub fn readiness_delay(&self) -> Duration {
        Duration::from_secs(self.delay_seconds)
    }

    /// `readiness_timeout`
    pub fn readiness_timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// `wait_ready`: how long a read waits for a key to become ready.
    pub fn wait_ready(&self) -> Duration {
        Duration::from_secs(self.wait_ready_seconds)
    }

    /// `not_ready`
    pub fn not_ready(&self) -> NotReady {
        self.not_ready
    }

    fn wait(&self, kind: Kind) -> Duration {
        if self.delay_seconds == 0 {
            kind.documented_wait()
        } else {
            self.readiness_delay()
        }
    }
}

fn mode(text: &str) -> Result<Mode, InvalidSetting> {
    let modes = [Mode::None, Mode::Probe, Mode::Delay];
    let found = modes.into_iter().find(|mode| mode.word() == text);
    found.ok_or_else(|| {
        InvalidSetting(format!(
            "`readiness` is {}: give `none`, `probe` or `delay`",
            quoted(text)
        ))
    })
}

impl NotReady {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }

    fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let ways = [Self::Warn, Self::Refuse];
        let found = ways.into_iter().find(|way| way.word() == text);
        found.ok_or_else(|| {
            InvalidSetting(format!(
                "`not_ready` is {}: give `warn` or `refuse`",
                quoted(text)
            ))
        })
    }
}

/// A text of a request as errors repeat it: short and printable.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let escaped = short.escape_debug();
    format!("`{escaped}`")
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(stored: Settings, given: Given<'_>) -> Result<Settings, InvalidSetting> {
        stored.with(&given, Kind::Kafka)
    }

    fn probing() -> Settings {
        Settings::of(Mode::Probe)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_not_given_stays() {
        let given = Given {
            readiness_delay: Some(seconds(90)),
            readiness_timeout: Some(seconds(600)),
            wait_ready: Some(seconds(50)),
            not_ready: Some("refuse"),
            ..Given::default()
        };
        let stored = with(probing(), given).unwrap();
        assert_eq!(with(stored, Given::default()), Ok(stored));
        assert_eq!(stored.readiness(), Mode::Probe);
        assert_eq!(stored.readiness_delay(), seconds(90));
        assert_eq!(stored.readiness_timeout(), seconds(600));
        assert_eq!(stored.wait_ready(), LONGEST_WAIT);
        assert_eq!(stored.not_ready(), NotReady::Refuse);
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_the_field() {
        let none = Given::default();
        for (given, words) in [
            (
                Given {
                    readiness: Some("wait"),
                    ..none
                },
                "`readiness` is `wait`: give `none`, `probe` or `delay`",
            ),
            (
                Given {
                    readiness_delay: Some(seconds(3601)),
                    ..none
                },
                "`readiness_delay` is 3601s: give 1h at most, or 0 for the usual time of the kind",
            ),
            (
                Given {
                    readiness_timeout: Some(seconds(59)),
                    ..none
                },
                "`readiness_timeout` is 59s: give 1m to 24h",
            ),
            (
                Given {
                    readiness_timeout: Some(seconds(86_401)),
                    ..none
                },
                "`readiness_timeout` is 86401s: give 1m to 24h",
            ),
            (
                Given {
                    wait_ready: Some(seconds(90)),
                    ..none
                },
                "`wait_ready` is 90s: give 50s at most, since clients give up after 60s",
            ),
            (
                Given {
                    not_ready: Some("fail"),
                    ..none
                },
                "`not_ready` is `fail`: give `warn` or `refuse`",
            ),
        ] {
            let error = with(probing(), given).unwrap_err();
            assert_eq!(error.to_string(), words);
        }
    }

    #[test]
    fn fields_that_do_not_go_together_are_refused() {
        let none = Given::default();
        for (given, words) in [
            (
                Given {
                    readiness: Some("none"),
                    wait_ready: Some(seconds(5)),
                    ..none
                },
                "`wait_ready` needs `readiness`",
            ),
            (
                Given {
                    readiness: Some("none"),
                    not_ready: Some("refuse"),
                    ..none
                },
                "`not_ready=refuse` needs `readiness`",
            ),
            (
                Given {
                    readiness_timeout: Some(seconds(120)),
                    ..none
                },
                "`readiness_timeout` is 120s, and a key of a Kafka cluster may take 120s: give more",
            ),
        ] {
            let error = with(probing(), given).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
        // Only a key that is tried can time out.
        let delayed = Given {
            readiness: Some("delay"),
            readiness_delay: Some(seconds(3600)),
            ..none
        };
        assert!(with(probing(), delayed).is_ok());
    }

    #[test]
    fn a_value_is_repeated_short_and_printable() {
        let long = format!("\n{}", "x".repeat(500));
        let given = Given {
            readiness: Some(&long),
            ..Given::default()
        };
        let error = with(probing(), given).unwrap_err().to_string();
        assert!(error.len() < 120 && !error.contains('\n'), "{error}");
    }

    #[test]
    fn settings_are_stored_as_short_as_they_are() {
        let usual = serde_json::to_value(probing()).unwrap();
        let expected = serde_json::json!({
            "readiness": "probe", "timeout_seconds": 1200, "not_ready": "warn",
        });
        assert_eq!(usual, expected);
        let read: Settings = serde_json::from_value(usual).unwrap();
        assert_eq!(read, probing());
    }
}
