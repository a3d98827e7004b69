//! What is reported of logins, and for which time it says something.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use logical::Error;
use serde::{Deserialize, Serialize};

use crate::ids::KeyId;

/// How many keys one report may name.
pub(crate) const MOST_KEYS: usize = 10_000;

/// How long a text of the reader may be.
const LONGEST_SOURCE: usize = 256;
const LONGEST_OFFSETS: usize = 16_384;

/// How far the clock of whoever writes the log may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(1);

/// For which time every login is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// From when on: the watermark of the first report of this source.
    pub(crate) since: Timestamp,
    /// Until when.
    pub(crate) watermark: Timestamp,
    /// Where the reports come from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) source: String,
    /// Where the reader goes on.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) offsets: String,
}

/// What a reader of the log reports.
#[derive(Debug)]
pub(crate) struct Report {
    watermark: Timestamp,
    source: Option<String>,
    offsets: Option<String>,
    pub(super) logins: BTreeMap<KeyId, Timestamp>,
}

impl Report {
    /// A report whose times and texts are in their limits.
    pub(crate) fn new(
        watermark: Timestamp,
        source: Option<&str>,
        offsets: Option<&str>,
        logins: BTreeMap<KeyId, Timestamp>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let is_ahead = |time: Timestamp| time.duration_since(now) > AHEAD;
        if is_ahead(watermark) {
            return Err(Error::bad_request(format!(
                "`watermark` is {watermark}, which is in the future: give the time up to which the \
                 log was read"
            )));
        }
        if let Some((key, at)) = logins.iter().find(|(_, at)| is_ahead(**at)) {
            return Err(Error::bad_request(format!(
                "`keys` says that `{key}` logged in at {at}, which is in the future: give times of \
                 the log"
            )));
        }
        for (field, text, longest) in [
            ("source", source, LONGEST_SOURCE),
            ("offsets", offsets, LONGEST_OFFSETS),
        ] {
            if let Some(text) = text.filter(|text| text.len() > longest) {
                return Err(Error::bad_request(format!(
                    "`{field}` has {} bytes: give {longest} at most",
                    text.len()
                )));
            }
        }
        Ok(Self {
            watermark,
            source: source.map(str::to_owned),
            offsets: offsets.map(str::to_owned),
            logins,
        })
    }

    /// What is known after this report. With another source the evidence begins
    /// anew: nobody knows whether the one goes on where the other ended.
    pub(super) fn after(&self, stored: Option<&Evidence>) -> Result<Evidence, Error> {
        let Some(stored) = stored else {
            return Ok(Evidence {
                since: self.watermark,
                watermark: self.watermark,
                source: self.source.clone().unwrap_or_default(),
                offsets: self.offsets.clone().unwrap_or_default(),
            });
        };
        if self.watermark < stored.watermark {
            return Err(Error::bad_request(format!(
                "`watermark` is {}, before {}, which was reported already: read `usage` and go on \
                 from its `offsets`",
                self.watermark, stored.watermark
            )));
        }
        let source = self.source.as_ref().unwrap_or(&stored.source);
        let goes_on = *source == stored.source;
        Ok(Evidence {
            since: [self.watermark, stored.since][usize::from(goes_on)],
            watermark: self.watermark,
            source: source.clone(),
            offsets: self.offsets.as_ref().unwrap_or(&stored.offsets).clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn report(watermark: i64, source: Option<&str>) -> Report {
        Report::new(at(watermark), source, None, BTreeMap::new(), at(1000)).unwrap()
    }

    #[test]
    fn evidence_counts_from_the_first_watermark_and_goes_on() {
        let first = report(100, Some("one")).after(None).unwrap();
        assert_eq!((first.since, first.watermark), (at(100), at(100)));
        let second = report(200, None).after(Some(&first)).unwrap();
        assert_eq!((second.since, second.watermark), (at(100), at(200)));
        assert_eq!(second.source, "one");
        assert_eq!(report(200, None).after(Some(&second)).unwrap(), second);
    }

    #[test]
    fn evidence_of_another_source_begins_anew() {
        let first = report(100, Some("one")).after(None).unwrap();
        let other = report(200, Some("two")).after(Some(&first)).unwrap();
        assert_eq!((other.since, other.watermark), (at(200), at(200)));
    }

    #[test]
    fn a_watermark_never_goes_back() {
        let first = report(100, None).after(None).unwrap();
        let back = report(99, None).after(Some(&first)).unwrap_err();
        assert!(back.message().starts_with("`watermark` is"), "{back}");
    }

    #[test]
    fn a_minute_ahead_is_a_clock_and_more_is_the_future() {
        let of = |watermark| Report::new(at(watermark), None, None, BTreeMap::new(), at(1000));
        assert!(of(1060).is_ok());
        assert!(of(1061).is_err());
        let logins = [(KeyId::new("K7"), at(1061))].into();
        let ahead = Report::new(at(1000), None, None, logins, at(1000)).unwrap_err();
        assert!(ahead.message().starts_with("`keys` says"), "{ahead}");
    }
}
