//! What the audit log tells of keys: noting it, and what it says of one key.

use std::collections::BTreeSet;

use jiff::Timestamp;
use logical::Error;

use crate::ids::{CredentialId, KeyId};
use crate::ledger::Credential;
use crate::state::Engine;
use crate::usage::Report;

/// The last login with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLogin {
    /// It is known.
    At(Timestamp),
    /// There was none since the key was made.
    Never,
    /// What is known does not cover the time.
    Unknown,
}

impl Engine {
    /// Notes what a reader of the audit log reports, and looks at the keys that
    /// wait for it.
    pub(crate) async fn note_usage(&self, report: Report) -> Result<(), Error> {
        let on_record = || async {
            let known = self.ledger.store.all().await?;
            let keys = known.values().filter_map(Credential::key_id);
            Ok(keys.cloned().collect::<BTreeSet<_>>())
        };
        self.usage.note(report, on_record).await?;
        self.rotations.look_at_waiting(self.clock.now());
        Ok(())
    }

    /// The last login with a key that is on record, and until when logins are
    /// known.
    pub(crate) async fn last_login(
        &self,
        key: &KeyId,
        credential: &Credential,
    ) -> Result<(LastLogin, Option<Timestamp>), Error> {
        let Some(evidence) = self.usage.evidence().await? else {
            return Ok((LastLogin::Unknown, None));
        };
        let last = match self.usage.last_login(key).await? {
            Some(at) => LastLogin::At(at),
            // A key that was imported is older than its record.
            None if credential.id == CredentialId::of_key(key) => LastLogin::Unknown,
            // Logins of keys that are gone are not kept.
            None if credential.is_settled() => LastLogin::Unknown,
            None if evidence.since <= credential.intended_at
                && evidence.watermark > credential.intended_at =>
            {
                LastLogin::Never
            }
            None => LastLogin::Unknown,
        };
        Ok((last, Some(evidence.watermark)))
    }
}
