//! What may be set while a simulator runs, as JSON: `GET` and `POST
//! /simulator/settings`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::Rate;
use crate::{InvalidRate, RateLimits, Simulator};

/// The settings of a simulator.
#[derive(Debug, Serialize)]
pub(crate) struct Settings {
    rate_limits: RateLimitSettings,
}

#[derive(Debug, Serialize)]
struct RateLimitSettings {
    principal: Limit,
    organization: Limit,
    headers: bool,
}

/// Settings to be changed; those that are absent stay.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Changes {
    rate_limits: Option<RateLimitChanges>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RateLimitChanges {
    principal: Option<Limit>,
    organization: Option<Limit>,
    headers: Option<bool>,
}

/// A rate, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(Option<Rate>);

impl Settings {
    /// Those of a simulator.
    pub(crate) fn of(simulator: &Simulator) -> Self {
        let limits = simulator.rate_limits();
        Self {
            rate_limits: RateLimitSettings {
                principal: Limit(limits.per_principal),
                organization: Limit(limits.per_organization),
                headers: limits.headers,
            },
        }
    }
}

impl Changes {
    /// Changes a simulator. Where a rate limit changes, requests are counted
    /// from zero again.
    pub(crate) fn apply(self, simulator: &Simulator) {
        if let Some(changes) = self.rate_limits {
            let before = simulator.rate_limits();
            let rate = |change: Option<Limit>, before| change.map_or(before, |Limit(rate)| rate);
            simulator.set_rate_limits(RateLimits {
                per_principal: rate(changes.principal, before.per_principal),
                per_organization: rate(changes.organization, before.per_organization),
                headers: changes.headers.unwrap_or(before.headers),
            });
        }
    }
}

impl FromStr for Limit {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            rate => rate.parse().map(|rate| Self(Some(rate))),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("none"),
            Some(rate) => rate.fmt(f),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
