//! The tokens that were got with old secret ids are revoked: destroying a secret
//! id leaves its tokens alive.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Rotation;
use crate::approle::error::Result;
use crate::approle::record::{Revocation, add};
use crate::approle::server::Tokens;

impl Rotation<'_> {
    pub(super) async fn revoke_old_tokens(&mut self) -> Result<()> {
        match self.record.revocation() {
            Revocation::Now => {}
            Revocation::AfterSeconds(seconds) => self.wait_for_revocation(seconds).await?,
            Revocation::Never => {
                let end = self.end_of_tokens();
                self.warn(format!(
                    "tokens that were got with old secret ids are not revoked: {end}; \
                     `-revoke-tokens=now` revokes them"
                ));
                return Ok(());
            }
        }
        let Tokens::All(accessors) = self.parts.server.tokens().await? else {
            let end = self.end_of_tokens();
            self.warn(format!(
                "tokens that were got with old secret ids are not revoked, since the token lacks \
                 `sudo` on `auth/token/accessors`: {end}"
            ));
            return Ok(());
        };
        let mut revoked = 0_usize;
        for accessor in accessors {
            let Some(token) = self.parts.server.token(&accessor).await? else {
                continue;
            };
            if self.record.place.has_login(&token) && !self.record.is_of_new_id(&token.metadata) {
                self.parts.server.revoke(&accessor).await?;
                add(&mut self.record.revoked, &accessor);
                revoked += 1;
            }
        }
        self.done(format!("revoked {revoked} tokens of old secret ids"));
        Ok(())
    }

    /// The time is on record, so that a rotation that was cut off does not wait
    /// anew.
    async fn wait_for_revocation(&mut self, seconds: u64) -> Result<()> {
        let now = self.parts.clock.now();
        let on_record = self.record.revoke_from.as_deref();
        let from = if let Some(from) = on_record.and_then(|time| time.parse::<Timestamp>().ok()) {
            from
        } else {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            let from = now.checked_add(SignedDuration::from_secs(seconds));
            let from = from.unwrap_or(Timestamp::MAX);
            self.record.revoke_from = Some(from.to_string());
            self.save().await?;
            from
        };
        let left = from.duration_since(now).unsigned_abs();
        if from > now && left > Duration::ZERO {
            self.done(format!("old tokens are revoked at {from}"));
            self.parts.clock.sleep(left).await;
        }
        Ok(())
    }

    fn end_of_tokens(&self) -> String {
        match self.role.token_max_ttl {
            0 => "they end at the latest after the maximum TTL of the auth method".to_owned(),
            seconds => format!("each ends at the latest {seconds} s after its login"),
        }
    }
}
