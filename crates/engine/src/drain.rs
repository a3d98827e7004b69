//! Sends deletions that wait for room in the pace, in their order and as fast as
//! the pace allows (`lifecycle.md`, 57 and 58).
//!
//! What must end is on record before it waits here, or is found again by the
//! sweep; this is memory only.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::control_plane::RemovalBy;
use crate::ids::{CredentialId, KeyId};
use crate::ledger::{SENT_WITHIN, Sent};
use crate::licence::Licence;
use crate::state::Engine;

/// How many deletions are tried at once before it is known how much room there
/// is.
pub(crate) const AT_FIRST: usize = 8;

/// More than this at once would only wait: several times what the pace has in
/// flight at most.
pub(crate) const AT_MOST: usize = 256;

/// A request that sends waiting deletions takes no new ones after this; the rest goes on
/// in the background.
const FOR_A_REQUEST: Duration = Duration::from_secs(30);

/// Between two looks for room, where there was none.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How many deletions are sent at once, as far as the pace has room: found by
/// trying, like the window of a connection. Pure.
struct Room {
    limit: usize,
    /// How many were deleted since the limit changed.
    deleted: usize,
    /// Whether there was no room for one more at some time.
    was_full: bool,
    /// How long the last one that found no room would have waited.
    wait: Duration,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            limit: AT_FIRST,
            deleted: 0,
            was_full: false,
            wait: Duration::ZERO,
        }
    }
}

impl Room {
    /// Learns from what came of one deletion, while so many others are being sent.
    fn note(&mut self, sent: &Sent, others: usize) {
        match sent {
            Sent::Ended => {
                self.deleted += 1;
                if !self.was_full || self.deleted >= self.limit {
                    self.deleted = 0;
                    self.limit = (self.limit + 1).min(AT_MOST);
                }
            }
            Sent::HeldBack(wait) => {
                self.wait = *wait;
                self.was_full = true;
                self.deleted = 0;
                self.limit = others.max(1);
            }
            Sent::Undone => self.limit = self.limit.min(AT_FIRST),
        }
    }

    /// How long to wait when there was no room for a single one: until it can
    /// enter the queue of the pace.
    fn pause(&self) -> Duration {
        let wait = self.wait.saturating_sub(SENT_WITHIN);
        wait.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

impl Engine {
    /// Sends the deletions that wait in the background, unless that is done
    /// already.
    pub(crate) fn drain_in_background(self: &Arc<Self>) {
        if !self.ledger.any_deletion_waits() {
            return;
        }
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            // One that came while the last of a drain was sent is looked for
            // after that drain let go.
            while engine.ledger.any_deletion_waits() && engine.is_licensed() {
                let Ok(_draining) = engine.draining.try_lock() else {
                    return;
                };
                engine.drain(Licence::Periodic).await;
            }
        }));
    }

    /// Sends the deletions that wait until none does; where a request asked for it, as
    /// far as there is room and time. Gives the keys that went.
    pub(crate) async fn drain(&self, licence: Licence) -> Vec<KeyId> {
        let until = self.clock.monotonic() + FOR_A_REQUEST;
        let mut went = Vec::new();
        let mut room = Room::default();
        let mut sending = FuturesUnordered::new();
        loop {
            while sending.len() < room.limit
                && self.may_go_on(licence, until)
                && let Some((id, by)) = self.ledger.next_deletion()
            {
                sending.push(self.send_deletion(id, by));
            }
            if sending.is_empty() {
                return went;
            }
            // Another may come while there is room for it.
            let more = std::pin::pin!(self.ledger.another_deletion_waits());
            let has_room = sending.len() < room.limit;
            let sent = match select(sending.next(), more).await {
                Either::Left((sent, _)) => sent,
                Either::Right(_) if has_room => None,
                Either::Right(((), next)) => next.await,
            };
            let Some((sent, key)) = sent else {
                continue;
            };
            went.extend(key);
            room.note(&sent, sending.len());
            if matches!(sent, Sent::HeldBack(_)) && sending.is_empty() {
                if licence == Licence::Request {
                    return went;
                }
                self.tasks.sleep(room.pause()).await;
            }
        }
    }

    fn may_go_on(&self, licence: Licence, until: Duration) -> bool {
        match licence {
            Licence::Request => self.clock.monotonic() < until,
            Licence::Periodic => self.is_licensed(),
        }
    }

    async fn send_deletion(&self, id: CredentialId, by: RemovalBy) -> (Sent, Option<KeyId>) {
        let settled = self.settle_for(by, &id).await;
        self.ledger.was_tried(&id);
        (self.ledger.last_deletion(&id), settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(12);

    #[test]
    fn the_room_doubles_until_one_finds_none_and_grows_slowly_after_that() {
        let mut room = Room::default();
        for _ in 0..8 {
            room.note(&Sent::Ended, 7);
        }
        assert_eq!(room.limit, 16);
        room.note(&Sent::HeldBack(WAIT), 10);
        assert_eq!(room.limit, 10);
        for _ in 0..9 {
            room.note(&Sent::Ended, 9);
            assert_eq!(room.limit, 10);
        }
        room.note(&Sent::Ended, 9);
        assert_eq!(room.limit, 11);
    }

    #[test]
    fn one_deletion_is_tried_when_there_is_room_for_none() {
        let mut room = Room::default();
        room.note(&Sent::HeldBack(WAIT), 0);
        assert_eq!((room.limit, room.pause() + SENT_WITHIN), (1, WAIT));
        room.note(&Sent::HeldBack(WAIT * 60), 0);
        assert_eq!(room.pause(), LONGEST_PAUSE);
        room.note(&Sent::HeldBack(Duration::ZERO), 0);
        assert_eq!(room.pause(), SHORTEST_PAUSE);
    }

    #[test]
    fn few_are_tried_while_confluent_deletes_nothing_and_never_too_many() {
        let mut room = Room::default();
        for _ in 0..1000 {
            room.note(&Sent::Ended, 7);
        }
        assert_eq!(room.limit, AT_MOST);
        room.note(&Sent::Undone, 7);
        assert_eq!(room.limit, AT_FIRST);
    }
}
