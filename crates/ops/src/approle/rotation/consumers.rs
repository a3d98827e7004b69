//! The users of the role are waited for.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Event, Rotation};
use crate::approle::consumers::{Missing, Progress, Watch};
use crate::approle::error::{Error, Result};
use crate::approle::server::Tokens;

/// The shortest and the longest time between two looks.
const PERIODS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];

impl Rotation<'_> {
    pub(super) async fn wait_for_consumers(&mut self) -> Result<()> {
        let wait = self.record.options.wait.clone();
        let start = self.parts.clock.now();
        let limit = add_seconds(start, wait.limit);
        if let Some(seconds) = wait.pause {
            self.pause(seconds).await?;
        }
        if let Some(wanted) = wait.consumers {
            let quiet = Duration::from_secs(wait.quiet);
            let mut watch = Watch::new(self.all_of(wanted), quiet, self.parts.clock.now());
            loop {
                let progress = self.look(&mut watch).await?;
                if progress.is_complete() {
                    self.done(progress.to_string());
                    break;
                }
                let period = (quiet / 10).clamp(PERIODS[0], PERIODS[1]);
                self.wait_until(limit, period, progress.missing()).await?;
            }
        }
        if let Some(command) = &wait.command {
            while let Err(problem) = self.parts.shell.run(command, None).await {
                let missing = missing(format!("-wait-command: {problem}"));
                self.wait_until(limit, PERIODS[1], missing).await?;
            }
            self.done("-wait-command succeeded".to_owned());
        }
        Ok(())
    }

    /// The number of tokens that show so many users: a trial that was cut off may
    /// have left a token that nobody uses.
    fn all_of(&self, wanted: usize) -> usize {
        wanted + self.record.open_trials
    }

    /// The beginning is on record, so that a rotation that was cut off does not wait
    /// anew.
    async fn pause(&mut self, seconds: u64) -> Result<()> {
        let now = self.parts.clock.now();
        let on_record = self.record.pause_from.as_deref();
        let from = if let Some(from) = on_record.and_then(|time| time.parse::<Timestamp>().ok()) {
            from
        } else {
            self.record.pause_from = Some(now.to_string());
            self.save().await?;
            now
        };
        let until = add_seconds(from, seconds);
        if until > now {
            (self.parts.tell)(&Event::Waiting(missing(format!("until {until}"))));
            let left = until.duration_since(now).unsigned_abs();
            self.parts.clock.sleep(left).await;
        }
        Ok(())
    }

    async fn look(&self, watch: &mut Watch) -> Result<Progress> {
        let Tokens::All(accessors) = self.parts.server.tokens().await? else {
            return Err(Error::Rights(vec![
                "`sudo` on `auth/token/accessors`, to count the tokens of consumers".to_owned(),
            ]));
        };
        let mut new = 0;
        let mut old = Vec::new();
        for accessor in accessors {
            let Some(token) = self.parts.server.token(&accessor).await? else {
                continue;
            };
            if !self.record.place.has_login(&token) {
                continue;
            }
            if self.record.is_of_new_id(&token.metadata) {
                new += 1;
            } else {
                old.push(token);
            }
        }
        Ok(watch.observe(self.parts.clock.now(), new, &old))
    }

    async fn wait_until(&self, limit: Timestamp, period: Duration, missing: Missing) -> Result<()> {
        let now = self.parts.clock.now();
        if now >= limit {
            let missing = missing.text;
            return Err(Error::OutOfTime { missing });
        }
        (self.parts.tell)(&Event::Waiting(missing));
        let left = limit.duration_since(now).unsigned_abs();
        self.parts.clock.sleep(period.min(left)).await;
        Ok(())
    }
}

fn missing(text: String) -> Missing {
    Missing { text, moved: None }
}

fn add_seconds(time: Timestamp, seconds: u64) -> Timestamp {
    let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    time.checked_add(seconds).unwrap_or(Timestamp::MAX)
}
