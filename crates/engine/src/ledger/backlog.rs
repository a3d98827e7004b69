//! Deletions that wait for room in the pace, in the order in which they are
//! sent: an operator's before the host's before the sweep's. Within each, owners
//! take turns, and the key of an owner that has waited longest goes first
//! (`lifecycle.md`, 58). Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};

use jiff::Timestamp;

use crate::control_plane::RemovalBy;
use crate::ids::{CredentialId, OwnerId};

/// The place of a deletion in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// On whose behalf the key is deleted.
    pub(crate) by: RemovalBy,
    /// The owner of the key.
    pub(crate) owner: OwnerId,
    /// Since when the key is to be deleted.
    pub(crate) since: Timestamp,
}

/// Deletions that wait, and those that are being sent again.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    known: HashMap<CredentialId, Known>,
    classes: [Turns; 3],
}

#[derive(Debug)]
struct Known {
    place: Place,
    /// Whether it waits: it is not being sent.
    waits: bool,
}

/// The deletions of one class.
#[derive(Debug, Default)]
struct Turns {
    owners: HashMap<OwnerId, BTreeSet<(Timestamp, CredentialId)>>,
    /// The owners of deletions that wait, the next one first.
    order: VecDeque<OwnerId>,
}

impl Backlog {
    /// Adds a deletion that waits. One that is known keeps the best class that it
    /// had.
    pub(super) fn push(&mut self, id: &CredentialId, mut place: Place) {
        if let Some(known) = self.known.get(id)
            && (known.place.by as usize) < place.by as usize
        {
            place.by = known.place.by;
        }
        self.remove(id);
        self.classes[place.by as usize].push(id, &place);
        let known = Known { place, waits: true };
        self.known.insert(id.clone(), known);
    }

    /// Takes the deletion that is sent next. It stays known until it is pushed
    /// again or removed.
    pub(super) fn take(&mut self) -> Option<(CredentialId, RemovalBy)> {
        let id = self.classes.iter_mut().find_map(Turns::pop)?;
        let known = self.known.get_mut(&id)?;
        known.waits = false;
        Some((id, known.place.by))
    }

    /// A deletion that waits no more.
    pub(super) fn remove(&mut self, id: &CredentialId) {
        if let Some(Known { place, waits: true }) = self.known.remove(id) {
            self.classes[place.by as usize].remove(id, &place);
        }
    }

    /// A deletion was sent and is none any more, unless it waits again.
    pub(super) fn end(&mut self, id: &CredentialId) {
        if self.known.get(id).is_some_and(|known| !known.waits) {
            self.known.remove(id);
        }
    }

    pub(super) fn contains(&self, id: &CredentialId) -> bool {
        self.known.contains_key(id)
    }

    /// Since when each waits, those included that are being sent.
    pub(super) fn all(&self) -> impl Iterator<Item = Timestamp> {
        self.known.values().map(|known| known.place.since)
    }

    /// Whether no deletion waits, those that are being sent excepted.
    pub(super) fn is_empty(&self) -> bool {
        self.classes.iter().all(|turns| turns.order.is_empty())
    }
}

impl Turns {
    fn push(&mut self, id: &CredentialId, place: &Place) {
        if !self.owners.contains_key(&place.owner) {
            self.order.push_back(place.owner.clone());
        }
        let of_owner = self.owners.entry(place.owner.clone()).or_default();
        of_owner.insert((place.since, id.clone()));
    }

    fn pop(&mut self) -> Option<CredentialId> {
        let owner = self.order.pop_front()?;
        let of_owner = self.owners.get_mut(&owner)?;
        let (_, id) = of_owner.pop_first()?;
        if of_owner.is_empty() {
            self.owners.remove(&owner);
        } else {
            self.order.push_back(owner);
        }
        Some(id)
    }

    fn remove(&mut self, id: &CredentialId, place: &Place) {
        let Some(of_owner) = self.owners.get_mut(&place.owner) else {
            return;
        };
        of_owner.remove(&(place.since, id.clone()));
        if of_owner.is_empty() {
            self.owners.remove(&place.owner);
            self.order.retain(|owner| *owner != place.owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(letter: char) -> CredentialId {
        CredentialId::parse(&letter.to_string().repeat(13)).unwrap()
    }

    fn place(by: RemovalBy, owner: &str, since: i64) -> Place {
        Place {
            by,
            owner: OwnerId::new(owner),
            since: Timestamp::from_second(since).unwrap(),
        }
    }

    fn order(backlog: &mut Backlog) -> String {
        let ids = std::iter::from_fn(|| backlog.take());
        ids.map(|(id, _)| id.to_string().chars().next().unwrap())
            .collect()
    }

    #[test]
    fn operators_go_before_the_host_and_the_host_before_the_sweep() {
        let mut backlog = Backlog::default();
        backlog.push(&id('A'), place(RemovalBy::Sweep, "sa-1", 1));
        backlog.push(&id('B'), place(RemovalBy::Host, "sa-1", 2));
        backlog.push(&id('C'), place(RemovalBy::Operator, "sa-1", 3));
        assert_eq!(order(&mut backlog), "CBA");
        assert!(backlog.is_empty());
    }

    #[test]
    fn owners_take_turns_and_the_oldest_of_each_goes_first() {
        let mut backlog = Backlog::default();
        for (letter, owner, since) in [
            ('A', "sa-1", 4),
            ('B', "sa-1", 1),
            ('C', "sa-1", 2),
            ('D', "sa-2", 9),
            ('E', "sa-3", 8),
            ('F', "sa-3", 7),
        ] {
            backlog.push(&id(letter), place(RemovalBy::Sweep, owner, since));
        }
        assert_eq!(order(&mut backlog), "BDFCEA");
    }

    #[test]
    fn a_deletion_keeps_the_class_of_the_one_who_asked_first_for_more() {
        let mut backlog = Backlog::default();
        backlog.push(&id('A'), place(RemovalBy::Host, "sa-1", 5));
        backlog.push(&id('B'), place(RemovalBy::Operator, "sa-1", 9));
        let taken = backlog.take();
        assert_eq!(taken, Some((id('B'), RemovalBy::Operator)));
        // It found no room, and a sweep met it meanwhile.
        backlog.push(&id('B'), place(RemovalBy::Sweep, "sa-1", 9));
        assert_eq!(order(&mut backlog), "BA");
    }

    #[test]
    fn a_deletion_that_was_removed_is_not_sent() {
        let mut backlog = Backlog::default();
        backlog.push(&id('A'), place(RemovalBy::Host, "sa-1", 1));
        backlog.push(&id('B'), place(RemovalBy::Host, "sa-2", 1));
        backlog.remove(&id('A'));
        backlog.push(&id('C'), place(RemovalBy::Host, "sa-1", 1));
        backlog.take();
        backlog.remove(&id('B'));
        assert_eq!(order(&mut backlog), "C");
        assert!(backlog.is_empty());
    }
}
