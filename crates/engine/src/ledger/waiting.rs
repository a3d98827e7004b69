//! Deletions that wait: which is sent next, and whether the sweep durably owns
//! one, so that whoever asked for it need not wait (`lifecycle.md`, 57).

use std::time::Duration;

use super::backlog::Place;
use super::deletions::{Sent, Undone, WaitingDeletions};
use super::driver::Ledger;
use super::entry::{Entry, lock};
use super::failure::Failure;
use super::step::Event;
use crate::account_ref::AccountRef;
use crate::control_plane::{Access, Caller, RemovalBy};
use crate::credential::{Sharing, State};
use crate::ids::CredentialId;

/// Confluent is not asked again so soon whether it accepts an account, after a
/// question without an answer.
const UNANSWERED: Duration = Duration::from_secs(30);

impl Ledger {
    /// Notes how a deletion went.
    pub(super) fn note_deletion(&self, entry: &Entry, by: RemovalBy, undone: Option<&Undone>) {
        let place = entry.look(|known| Place {
            by,
            owner: known.target.owner.clone(),
            since: match &known.state {
                State::Retiring { since, .. } => *since,
                _ => self.clock.now(),
            },
        });
        let mut deletions = lock(&self.deletions);
        match place {
            Some(place) => {
                deletions.note(&entry.id, place, undone, self.clock.monotonic());
                if matches!(undone, Some(Undone::HeldBack { .. })) {
                    self.deletion_waits.notify_one();
                }
            }
            // A write failed meanwhile: the entry is looked at again.
            None => deletions.forget(&entry.id),
        }
    }

    /// A deletion waits for its turn.
    pub(crate) fn await_turn(&self, id: &CredentialId, place: Place) {
        lock(&self.deletions).wait(id, place);
        self.deletion_waits.notify_one();
    }

    /// Takes the deletion that is sent next, and on whose behalf. Its taker says
    /// when it was [tried](Ledger::was_tried).
    pub(crate) fn next_deletion(&self) -> Option<(CredentialId, RemovalBy)> {
        lock(&self.deletions).take()
    }

    /// A deletion that was taken was tried.
    pub(crate) fn was_tried(&self, id: &CredentialId) {
        lock(&self.deletions).tried(id);
    }

    /// Whether a deletion waits for its turn.
    pub(crate) fn any_deletion_waits(&self) -> bool {
        lock(&self.deletions).any_waits()
    }

    /// How many deletions wait, and since when.
    pub(crate) fn waiting_deletions(&self) -> WaitingDeletions {
        lock(&self.deletions).waiting()
    }

    /// Whether Confluent refused the last deletion of a key that has ended.
    pub(crate) fn was_refused(&self, entry: &Entry) -> bool {
        lock(&self.deletions).was_refused(&entry.id)
    }

    /// Whether Confluent refused the account of a key when it was asked last.
    pub(crate) fn refused_account_of(&self, entry: &Entry) -> bool {
        let account = entry.look(|known| known.account.clone());
        account.is_some_and(|account| self.accepted_lately(&account) == Some(false))
    }

    /// Whether the sweep durably owns the deletion of a key that waits for its
    /// turn in our own queue, while Confluent accepts the account.
    pub(crate) async fn owns_deletion(&self, entry: &Entry) -> bool {
        self.is_held_back(entry) && is_on_record(entry) && self.accepts_account_of(entry).await
    }

    /// Whether the sweep durably owns the deletion of a key that is still under
    /// way, however slow our queue, Confluent or storage is.
    pub(crate) async fn owns_late_deletion(&self, entry: &Entry) -> bool {
        !self.was_refused(entry) && is_on_record(entry) && self.accepts_account_of(entry).await
    }

    /// Puts on record that a key retires whose deletion is under way. Gives
    /// whether it does.
    pub(crate) async fn record_late_deletion(&self, entry: &Entry) -> Result<bool, Failure> {
        let cause = "its deletion took long".to_owned();
        self.apply(entry, Event::DeleteLate { cause }).await?;
        Ok(is_on_record(entry))
    }

    /// Whether the last deletion of a key waits in our own queue.
    pub(crate) fn is_held_back(&self, entry: &Entry) -> bool {
        lock(&self.deletions).is_held_back(&entry.id)
    }

    /// What came of the last deletion of a key.
    pub(crate) fn last_deletion(&self, id: &CredentialId) -> Sent {
        lock(&self.deletions).sent(id)
    }

    /// Waits until another deletion waits for its turn.
    pub(crate) async fn another_deletion_waits(&self) {
        self.deletion_waits.notified().await;
    }

    /// Whether deletions wait in our own queue: nothing is looked for meanwhile.
    pub(crate) fn holds_back_deletions(&self) -> bool {
        lock(&self.deletions).any_held_back(self.clock.monotonic())
    }

    /// How many deletions did not come to pass yet, by cause.
    pub(crate) fn deletions_due(&self) -> Vec<(&'static str, usize)> {
        lock(&self.deletions).due()
    }

    /// A failed deletion to try, to notice that Confluent answers again.
    pub(crate) fn deletion_to_try(&self) -> Option<CredentialId> {
        lock(&self.deletions).longest_failed()
    }

    /// Whether Confluent accepts the account of a key. Where it was not asked
    /// lately, it is now: leases may end all at once after a quiet hour, or after
    /// a restart, and only the first of their deletions find room.
    async fn accepts_account_of(&self, entry: &Entry) -> bool {
        let Some(account) = entry.look(|known| known.account.clone()) else {
            return false;
        };
        if let Some(accepts) = self.accepted_lately(&account) {
            return accepts;
        }
        let mut unanswered = self.asking_whether_accepted.lock().await;
        if let Some(accepts) = self.accepted_lately(&account) {
            return accepts;
        }
        let now = self.clock.monotonic();
        let is_recent =
            |(of, at): &(AccountRef, Duration)| *of == account && now < *at + UNANSWERED;
        if unanswered.as_ref().is_some_and(is_recent) {
            return false;
        }
        let own = |access: Access| async move {
            let access =
                access.on_behalf_of(Caller::operator().within(super::upstream::SENT_WITHIN));
            self.control.read_key(&access, &access.key_id).await
        };
        let accepts = self.ask(&account, own).await.is_ok();
        if !accepts {
            *unanswered = Some((account, self.clock.monotonic()));
        }
        accepts
    }

    fn accepted_lately(&self, account: &AccountRef) -> Option<bool> {
        lock(&self.deletions).accepted_lately(account, self.clock.monotonic())
    }
}

/// Whether storage has it that a key is to be deleted: all that joined the
/// journal is written. A single-use key is marked only when its deletion fails or
/// takes long.
fn is_on_record(entry: &Entry) -> bool {
    let memory = entry.memory();
    let marked = memory.known().is_some_and(|known| match &known.state {
        State::Retiring { cause, .. } => cause.is_some() || known.sharing == Sharing::Shared,
        _ => false,
    });
    marked && memory.pending.is_empty()
}
