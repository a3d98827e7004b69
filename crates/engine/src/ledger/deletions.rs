//! Outstanding deletions, and when Confluent last accepted an account. Memory only.
//!
//! Waiting in our own queue is not a failure: once the key is durably retiring the
//! sweep owns its deletion, and the revocation succeeds (`lifecycle.md`, 57).
//! Failed deletions are brought forward as soon as any call succeeds.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use logical::Error;

use super::backlog::{Backlog, Place};
use crate::account_ref::AccountRef;
use crate::control_plane::RemovalBy;
use crate::ids::CredentialId;

/// How long an account counts as accepted after a successful call.
const ACCEPTED_FOR: Duration = Duration::from_mins(10);

/// The least time that a deletion which was held back counts as waiting.
const HELD_BACK_FOR: Duration = Duration::from_mins(1);

/// Labels of [`Undone`].
const HELD_BACK: &str = "held_back";
const UNVERIFIED: &str = "unverified";
const FAILED: &str = "failed";
const REFUSED: &str = "refused";

/// The evidence that a key is gone.
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

/// A deletion that was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undone {
    /// It waits in our own queue. Nothing was sent.
    HeldBack {
        /// How long it would have had to wait.
        wait: Duration,
        /// In words.
        error: Error,
    },
    /// Confluent does not know the key. It was not verified that the key is gone,
    /// since that would have delayed another deletion.
    Unverified(Error),
    /// Confluent did not answer, or failed: it is tried again.
    Failed(Error),
    /// Confluent refused it: an operator must fix the account.
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

/// The outcome of the last deletion of a key.
#[derive(Debug, Clone, Copy)]
enum Last {
    HeldBack { until: Duration, wait: Duration },
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

/// A deletion that did not come to pass.
#[derive(Debug)]
struct Known {
    last: Last,
    /// Since when its key is to be deleted.
    since: Timestamp,
}

/// What came of a deletion that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The key went, or need not go any more.
    Ended,
    /// There was no room, and would have been after this time. It waits again.
    HeldBack(Duration),
    /// Confluent did not delete the key, which is tried again later.
    Undone,
}

/// Deletions that wait, for `status`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaitingDeletions {
    /// How many wait for room in the pace.
    pub(crate) for_room: usize,
    /// How many others wait: Confluent did not answer, or refused them.
    pub(crate) for_confluent: usize,
    /// Since when the oldest of all waits.
    pub(crate) oldest: Option<Timestamp>,
}

/// Deletions that wait for room, and those that did not come to pass. Times
/// without a date are monotonic.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    backlog: Backlog,
    undone: BTreeMap<CredentialId, Known>,
    /// When an account was accepted or refused last, and which of them.
    accepted: BTreeMap<AccountRef, (Duration, bool)>,
}

impl Deletions {
    /// A deletion waits for its turn.
    pub(super) fn wait(&mut self, id: &CredentialId, place: Place) {
        self.backlog.push(id, place);
    }

    /// Takes the deletion that is sent next, and on whose behalf.
    pub(super) fn take(&mut self) -> Option<(CredentialId, RemovalBy)> {
        self.backlog.take()
    }

    /// Whether a deletion waits for its turn.
    pub(super) fn any_waits(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Notes how a deletion went. One that found no room waits for its turn.
    pub(super) fn note(
        &mut self,
        id: &CredentialId,
        place: Place,
        undone: Option<&Undone>,
        now: Duration,
    ) {
        let since = place.since;
        match undone {
            // One that was refused is tried again when it is due, and not at once.
            Some(Undone::HeldBack { .. }) if !self.was_refused(id) => self.backlog.push(id, place),
            _ => self.backlog.remove(id),
        }
        let last = match undone {
            None => {
                self.undone.remove(id);
                return;
            }
            // The time-out of a later attempt must not hide a refusal.
            Some(_) if self.was_refused(id) => return,
            Some(Undone::HeldBack { wait, .. }) => Last::HeldBack {
                until: now + (*wait).max(HELD_BACK_FOR),
                wait: *wait,
            },
            Some(Undone::Unverified(_)) => Last::Unverified,
            Some(Undone::Failed(_)) => Last::Failed { at: now },
            Some(Undone::Refused(_)) => Last::Refused,
        };
        self.undone.insert(id.clone(), Known { last, since });
    }

    /// Nothing is left to delete.
    pub(super) fn forget(&mut self, id: &CredentialId) {
        self.backlog.remove(id);
        self.undone.remove(id);
    }

    /// A deletion was tried, and found none.
    pub(super) fn tried(&mut self, id: &CredentialId) {
        self.backlog.end(id);
    }

    pub(super) fn was_refused(&self, id: &CredentialId) -> bool {
        matches!(self.last(id), Some(Last::Refused))
    }

    /// Whether a deletion, or its verification, waits in our own queue.
    pub(super) fn is_held_back(&self, id: &CredentialId) -> bool {
        matches!(
            self.last(id),
            Some(Last::HeldBack { .. } | Last::Unverified)
        )
    }

    /// What came of a deletion that was sent.
    pub(super) fn sent(&self, id: &CredentialId) -> Sent {
        match self.last(id) {
            None => Sent::Ended,
            Some(Last::HeldBack { wait, .. }) => Sent::HeldBack(wait),
            Some(Last::Unverified | Last::Failed { .. } | Last::Refused) => Sent::Undone,
        }
    }

    /// Whether any deletion waits in our own queue. Keys that wait for verification
    /// do not count, or they would hold each other back for ever.
    pub(super) fn any_held_back(&self, now: Duration) -> bool {
        let mut all = self.undone.values();
        all.any(|known| matches!(known.last, Last::HeldBack { until, .. } if now < until))
    }

    /// The number of outstanding deletions, by the label of the cause.
    pub(super) fn due(&self) -> Vec<(&'static str, usize)> {
        let causes = [HELD_BACK, UNVERIFIED, FAILED, REFUSED];
        let count = |cause| {
            let all = self.undone.values();
            (
                cause,
                all.filter(|known| known.last.word() == cause).count(),
            )
        };
        causes.map(count).into()
    }

    /// How many deletions wait, and for how long the oldest has.
    pub(super) fn waiting(&self) -> WaitingDeletions {
        let others = self.undone.iter();
        let others = others.filter(|(id, _)| !self.backlog.contains(id));
        let others: Vec<Timestamp> = others.map(|(_, known)| known.since).collect();
        let oldest = self.backlog.all().chain(others.iter().copied()).min();
        WaitingDeletions {
            for_room: self.backlog.all().count(),
            for_confluent: others.len(),
            oldest,
        }
    }

    fn last(&self, id: &CredentialId) -> Option<Last> {
        self.undone.get(id).map(|known| known.last)
    }

    /// The failed deletion that was tried the longest ago.
    pub(super) fn longest_failed(&self) -> Option<CredentialId> {
        let failed = self
            .undone
            .iter()
            .filter_map(|(id, known)| match known.last {
                Last::Failed { at } => Some((at, id)),
                Last::HeldBack { .. } | Last::Unverified | Last::Refused => None,
            });
        failed.min().map(|(_, id)| id.clone())
    }

    /// Takes the failed deletions, which are due now.
    pub(super) fn take_failed(&mut self) -> Vec<CredentialId> {
        let failed = self
            .undone
            .extract_if(.., |_, known| matches!(known.last, Last::Failed { .. }));
        failed.map(|(id, _)| id).collect()
    }

    /// Confluent accepted an account.
    pub(super) fn note_accepted(&mut self, asked: AccountRef, now: Duration) {
        self.accepted.insert(asked, (now, true));
    }

    /// Confluent refused an account.
    pub(super) fn note_refused(&mut self, asked: AccountRef, now: Duration) {
        self.accepted
            .retain(|known, _| known.account != asked.account);
        self.accepted.insert(asked, (now, false));
    }

    /// Whether Confluent accepted an account that can delete a key of this one, or
    /// refused each that was asked lately; nothing if none was.
    pub(super) fn accepted_lately(&self, of: &AccountRef, now: Duration) -> Option<bool> {
        let accepted = self.accepted.iter().filter(|(asked, (at, _))| {
            of.includes(asked) && now.saturating_sub(*at) < ACCEPTED_FOR
        });
        accepted.map(|(_, (_, accepted))| *accepted).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AccountId, OrganizationId, OwnerId};

    fn id(letter: char) -> CredentialId {
        CredentialId::parse(&letter.to_string().repeat(13)).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn place() -> Place {
        Place {
            by: RemovalBy::Host,
            owner: OwnerId::new("sa-1"),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    fn failed() -> Undone {
        Undone::of(Error::upstream("no answer"))
    }

    #[test]
    fn the_failed_deletion_that_was_tried_the_longest_ago_is_tried_first() {
        let mut deletions = Deletions::default();
        deletions.note(&id('A'), place(), Some(&failed()), SECOND * 2);
        deletions.note(&id('B'), place(), Some(&failed()), SECOND);
        deletions.note(
            &id('C'),
            place(),
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
        deletions.note(&id('A'), place(), Some(&held_back), SECOND);
        assert!(deletions.is_held_back(&id('A')));
        assert!(deletions.any_held_back(SECOND * 90));
        assert!(!deletions.any_held_back(SECOND * 91));
        deletions.note(&id('A'), place(), None, SECOND);
        assert!(!deletions.any_held_back(SECOND));
    }

    #[test]
    fn a_refused_deletion_that_is_held_back_is_not_sent_again_at_once() {
        let mut deletions = Deletions::default();
        let refused = Undone::of(Error::bad_request("no"));
        deletions.note(&id('A'), place(), Some(&refused), SECOND);
        let held_back = Undone::HeldBack {
            wait: SECOND * 90,
            error: Error::rate_limited("wait"),
        };
        deletions.note(&id('A'), place(), Some(&held_back), SECOND);
        assert!(!deletions.any_waits());
        assert!(deletions.was_refused(&id('A')));
    }

    #[test]
    fn a_slow_attempt_does_not_hide_that_confluent_refused_the_account() {
        let mut deletions = Deletions::default();
        deletions.note(
            &id('A'),
            place(),
            Some(&Undone::of(Error::bad_request("no"))),
            SECOND,
        );
        deletions.note(&id('A'), place(), Some(&failed()), SECOND * 2);
        assert!(deletions.was_refused(&id('A')));
        deletions.note(&id('A'), place(), None, SECOND * 3);
        assert!(!deletions.was_refused(&id('A')));
    }

    #[test]
    fn a_key_that_waits_for_a_look_makes_no_other_wait() {
        let mut deletions = Deletions::default();
        let unverified = Undone::Unverified(Error::rate_limited("later"));
        deletions.note(&id('A'), place(), Some(&unverified), SECOND);
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
        let of = |deletions: &Deletions, account, second| {
            deletions.accepted_lately(&named(account), SECOND * second)
        };
        deletions.note_accepted(named("a"), SECOND);
        assert_eq!(of(&deletions, "a", 600), Some(true));
        assert_eq!(of(&deletions, "b", 600), Some(true));
        assert_eq!(of(&deletions, "a", 601), None);
        deletions.note_refused(named("a"), SECOND * 2);
        assert_eq!(of(&deletions, "a", 2), Some(false));
        // Another account of the organization can delete the key as well.
        deletions.note_accepted(named("b"), SECOND * 3);
        assert_eq!(of(&deletions, "a", 3), Some(true));
    }
}
