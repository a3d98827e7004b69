//! What memory knows of deletions that did not come to pass, and of when
//! Confluent last accepted an account.
//!
//! A deletion that waits for its turn in our own queue is no failure: once the
//! key is durably retiring the sweep owns it, and the host is answered success
//! (`lifecycle-2.md`, 57). Failed ones are brought forward as soon as any call
//! succeeds.

use std::collections::BTreeMap;
use std::time::Duration;

use logical::Error;

use crate::account_ref::AccountRef;
use crate::ids::CredentialId;

/// For how long it counts that Confluent accepted an account.
const ACCEPTED_FOR: Duration = Duration::from_mins(10);

/// For how long one deletion that was held back counts as waiting.
const HELD_BACK_FOR: Duration = Duration::from_mins(1);

/// Labels of [`Undone`].
const HELD_BACK: &str = "held_back";
const UNVERIFIED: &str = "unverified";
const FAILED: &str = "failed";
const REFUSED: &str = "refused";

/// How it is known that a key is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Confluent deleted it.
    Deleted,
    /// Confluent does not know it, and a list of the same account, which is
    /// complete or shows that the account sees such keys, does not have it.
    Unlisted,
}

impl Absence {
    /// As a label of measurements.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Unlisted => "unlisted",
        }
    }
}

/// A deletion that did not come to pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undone {
    /// It waits in our own queue. Nothing was sent.
    HeldBack {
        /// How long it would have waited.
        wait: Duration,
        /// In words.
        error: Error,
    },
    /// Confluent does not know the key, and whether it is gone was not looked
    /// at, since that would have taken the turn of another deletion.
    Unverified(Error),
    /// Confluent did not answer, or failed: it is tried again.
    Failed(Error),
    /// Confluent refused it: a person must mend the account.
    Refused(Error),
}

impl Undone {
    pub(super) fn of(error: Error) -> Self {
        if super::failure::is_transient(&error) {
            Self::Failed(error)
        } else {
            Self::Refused(error)
        }
    }

    /// As a label of measurements.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::HeldBack { .. } => HELD_BACK,
            Self::Unverified(_) => UNVERIFIED,
            Self::Failed(_) => FAILED,
            Self::Refused(_) => REFUSED,
        }
    }

    pub(crate) fn error(&self) -> &Error {
        match self {
            Self::HeldBack { error, .. }
            | Self::Unverified(error)
            | Self::Failed(error)
            | Self::Refused(error) => error,
        }
    }
}

/// How the last deletion of a key went.
#[derive(Debug, Clone, Copy)]
enum Last {
    HeldBack { until: Duration },
    Unverified,
    Failed { at: Duration },
    Refused,
}

impl Last {
    fn word(self) -> &'static str {
        match self {
            Self::HeldBack { .. } => HELD_BACK,
            Self::Unverified => UNVERIFIED,
            Self::Failed { .. } => FAILED,
            Self::Refused => REFUSED,
        }
    }
}

/// Deletions that did not come to pass. All times are monotonic.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    undone: BTreeMap<CredentialId, Last>,
    accepted: BTreeMap<AccountRef, Duration>,
}

impl Deletions {
    /// Notes how a deletion went.
    pub(super) fn note(&mut self, id: &CredentialId, undone: Option<&Undone>, now: Duration) {
        let last = match undone {
            None => {
                self.undone.remove(id);
                return;
            }
            // A later attempt that is slow must not hide a refusal.
            Some(_) if self.was_refused(id) => return,
            Some(Undone::HeldBack { wait, .. }) => Last::HeldBack {
                until: now + (*wait).max(HELD_BACK_FOR),
            },
            Some(Undone::Unverified(_)) => Last::Unverified,
            Some(Undone::Failed(_)) => Last::Failed { at: now },
            Some(Undone::Refused(_)) => Last::Refused,
        };
        self.undone.insert(id.clone(), last);
    }

    pub(super) fn was_refused(&self, id: &CredentialId) -> bool {
        matches!(self.undone.get(id), Some(Last::Refused))
    }

    /// Whether a deletion, or the look after one, waits for its turn.
    pub(super) fn is_held_back(&self, id: &CredentialId) -> bool {
        matches!(
            self.undone.get(id),
            Some(Last::HeldBack { .. } | Last::Unverified)
        )
    }

    /// Whether any deletion waits in our own queue. A key that waits for a look
    /// does not count, or such keys would hold each other back for ever.
    pub(super) fn any_held_back(&self, now: Duration) -> bool {
        let mut all = self.undone.values();
        all.any(|last| matches!(last, Last::HeldBack { until } if now < *until))
    }

    /// How many deletions did not come to pass yet, by the label of the cause.
    pub(super) fn due(&self) -> Vec<(&'static str, usize)> {
        let causes = [HELD_BACK, UNVERIFIED, FAILED, REFUSED];
        let count = |cause| {
            let all = self.undone.values();
            (cause, all.filter(|last| last.word() == cause).count())
        };
        causes.map(count).into()
    }

    /// The failed deletion that was tried the longest ago.
    pub(super) fn longest_failed(&self) -> Option<CredentialId> {
        let failed = self.undone.iter().filter_map(|(id, last)| match last {
            Last::Failed { at } => Some((*at, id)),
            Last::HeldBack { .. } | Last::Unverified | Last::Refused => None,
        });
        failed.min().map(|(_, id)| id.clone())
    }

    /// Takes the failed deletions, of which each is now due.
    pub(super) fn take_failed(&mut self) -> Vec<CredentialId> {
        let failed = self
            .undone
            .extract_if(.., |_, last| matches!(last, Last::Failed { .. }));
        failed.map(|(id, _)| id).collect()
    }

    /// Confluent accepted an account.
    pub(super) fn note_accepted(&mut self, asked: AccountRef, now: Duration) {
        self.accepted.insert(asked, now);
    }

    /// Confluent refused an account.
    pub(super) fn note_refused(&mut self, asked: &AccountRef) {
        self.accepted
            .retain(|known, _| known.account != asked.account);
    }

    /// Whether Confluent accepted an account that can delete a key of this one.
    pub(super) fn is_accepted(&self, of: &AccountRef, now: Duration) -> bool {
        let mut accepted = self.accepted.iter();
        accepted.any(|(asked, at)| of.includes(asked) && now.saturating_sub(*at) < ACCEPTED_FOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AccountId, OrganizationId};

    fn id(letter: char) -> CredentialId {
        CredentialId::parse(&letter.to_string().repeat(13)).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn failed() -> Undone {
        Undone::of(Error::upstream("no answer"))
    }

    #[test]
    fn the_failed_deletion_that_was_tried_the_longest_ago_is_tried_first() {
        let mut deletions = Deletions::default();
        deletions.note(&id('A'), Some(&failed()), SECOND * 2);
        deletions.note(&id('B'), Some(&failed()), SECOND);
        deletions.note(
            &id('C'),
            Some(&Undone::of(Error::bad_request("no"))),
            SECOND,
        );
        assert_eq!(deletions.longest_failed(), Some(id('B')));
        assert!(deletions.was_refused(&id('C')));
        assert_eq!(deletions.take_failed(), [id('A'), id('B')]);
        assert_eq!(deletions.longest_failed(), None);
        assert!(deletions.was_refused(&id('C')));
    }

    #[test]
    fn a_deletion_that_was_held_back_counts_as_waiting_until_its_turn() {
        let mut deletions = Deletions::default();
        let held_back = Undone::HeldBack {
            wait: SECOND * 90,
            error: Error::rate_limited("wait"),
        };
        deletions.note(&id('A'), Some(&held_back), SECOND);
        assert!(deletions.is_held_back(&id('A')));
        assert!(deletions.any_held_back(SECOND * 90));
        assert!(!deletions.any_held_back(SECOND * 91));
        deletions.note(&id('A'), None, SECOND);
        assert!(!deletions.any_held_back(SECOND));
    }

    #[test]
    fn a_slow_attempt_does_not_hide_that_confluent_refused_the_account() {
        let mut deletions = Deletions::default();
        deletions.note(
            &id('A'),
            Some(&Undone::of(Error::bad_request("no"))),
            SECOND,
        );
        deletions.note(&id('A'), Some(&failed()), SECOND * 2);
        assert!(deletions.was_refused(&id('A')));
        deletions.note(&id('A'), None, SECOND * 3);
        assert!(!deletions.was_refused(&id('A')));
    }

    #[test]
    fn a_key_that_waits_for_a_look_makes_no_other_wait() {
        let mut deletions = Deletions::default();
        let unverified = Undone::Unverified(Error::rate_limited("later"));
        deletions.note(&id('A'), Some(&unverified), SECOND);
        assert!(deletions.is_held_back(&id('A')));
        assert!(!deletions.any_held_back(SECOND));
    }

    #[test]
    fn an_account_counts_as_accepted_for_ten_minutes_unless_it_is_refused() {
        let mut deletions = Deletions::default();
        let named = |account: &str| AccountRef {
            account: AccountId::new(account),
            organization: Some(OrganizationId::new("org-1")),
        };
        deletions.note_accepted(named("a"), SECOND);
        assert!(deletions.is_accepted(&named("a"), SECOND * 600));
        assert!(deletions.is_accepted(&named("b"), SECOND * 600));
        assert!(!deletions.is_accepted(&named("a"), SECOND * 601));
        deletions.note_refused(&named("a"));
        assert!(!deletions.is_accepted(&named("a"), SECOND * 2));
    }
}
