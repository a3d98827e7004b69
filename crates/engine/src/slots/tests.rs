//! What readers of a slot find, at which age of its key and whatever became of the
//! next one.

use jiff::Timestamp;
use virtual_world::ManualClock;

use super::*;
use crate::SecretText;
use crate::credential::{Credential, IssuedKey, Proving, example};
use crate::ids::{CredentialId, KeyId};
use crate::scope::{ScopeId, ScopeOf};

const MAX_AGE: Duration = Duration::from_secs(1000);
const SECOND: Duration = Duration::from_secs(1);

/// Slots at a time of keys that are made at 0.
struct World {
    clock: Arc<ManualClock>,
    slots: Arc<Slots>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let slots = Arc::new(Slots::new(Arc::clone(&clock) as Arc<dyn Clock>));
        Self { clock, slots }
    }

    fn at(&self, second: u32) {
        self.clock.set_monotonic(SECOND * second);
    }

    fn claim(&self, id: &SlotId) -> Claim {
        self.slots.claim(id, Some(MAX_AGE), || true)
    }

    /// Whoever finds nothing places a key and the next one.
    fn place(&self, id: &SlotId, key: &SharedKey, next: Option<&SharedKey>) {
        let Claim::Turn(turn) = self.claim(id) else {
            panic!("the slot is not free");
        };
        assert!(turn.end(Ok((key.clone(), next.cloned()))));
    }

    /// The turn to have the next key made.
    fn prepares(&self, id: &SlotId) -> Option<Turn> {
        match self.claim(id) {
            Claim::Key(_, turn) => turn,
            Claim::Wait(_) | Claim::Turn(_) => None,
        }
    }

    /// Which key a reader gets.
    fn key(&self, id: &SlotId) -> Option<CredentialId> {
        match self.claim(id) {
            Claim::Key(key, _) => Some(key.entry.id().clone()),
            Claim::Wait(_) | Claim::Turn(_) => None,
        }
    }

    fn waits(&self, id: &SlotId) -> bool {
        matches!(self.claim(id), Claim::Wait(_))
    }
}

fn generation() -> Generation {
    Generation::parse("GGGGGGGGGGGGG").unwrap()
}

fn slot(name: &str) -> SlotId {
    let storage = crate::ids::StorageId::parse("AAAAAAAAAAAAA").unwrap();
    SlotId {
        generation: generation(),
        scope: Some(ScopeId::new(&storage, ScopeOf::Token(name))),
    }
}

fn credential(letter: char, state: State) -> Credential {
    Credential {
        id: CredentialId::parse(&letter.to_string().repeat(13)).unwrap(),
        state,
        ..example::intended(Timestamp::UNIX_EPOCH)
    }
}

/// A key that was made at 0.
fn key(letter: char) -> SharedKey {
    made_at(letter, 0)
}

fn made_at(letter: char, second: u32) -> SharedKey {
    let key = IssuedKey {
        id: KeyId::new("KEY"),
        secret: Some(SecretText::new("secret")),
        proving: Proving::NotAsked,
    };
    let entry = Entry::of(credential(letter, State::Live { key }));
    SharedKey::aged(entry, SECOND * second, Duration::ZERO, false)
}

/// A key that was made at 0 and has ended.
fn ended(letter: char) -> SharedKey {
    let state = State::Retiring {
        key: KeyId::new("KEY"),
        since: Timestamp::UNIX_EPOCH,
        cause: None,
    };
    let entry = Entry::of(credential(letter, state));
    SharedKey::aged(entry, Duration::ZERO, Duration::ZERO, false)
}

fn id_of(key: &SharedKey) -> CredentialId {
    key.entry.id().clone()
}

#[test]
fn failed_attempts_are_repeated_after_a_wait_that_doubles() {
    let waits: Vec<u64> = (0..10)
        .map(|failures| retry_after(failures).as_secs())
        .collect();
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
    assert_eq!(retry_after(u32::MAX), LONGEST_RETRY);
}

#[test]
fn a_next_key_that_was_found_in_storage_is_not_made_again() {
    let (world, id) = (World::new(), slot("one"));
    let (first, next) = (key('A'), made_at('B', 900));
    world.place(&id, &first, Some(&next));
    world.at(950);
    assert!(world.prepares(&id).is_none());
    assert_eq!(world.key(&id), Some(id_of(&first)));
    world.at(1000);
    assert_eq!(world.key(&id), Some(id_of(&next)));
}

#[test]
fn in_the_place_of_a_next_key_that_ended_another_is_prepared_after_a_while() {
    let (world, id) = (World::new(), slot("one"));
    let (first, next) = (key('A'), made_at('B', 900));
    world.place(&id, &first, Some(&next));
    world.at(910);
    // The key of another slot's reader.
    world.slots.forget_entry(&id, &key('C').entry);
    assert!(world.prepares(&id).is_none());
    world.slots.forget_entry(&id, &next.entry);
    assert_eq!(world.key(&id), Some(id_of(&first)));
    world.at(914);
    assert!(world.prepares(&id).is_none());
    world.at(915);
    assert!(world.prepares(&id).is_some());
}

#[test]
fn readers_of_a_key_that_ended_wait_for_the_next_one_that_is_being_made() {
    let (world, id) = (World::new(), slot("one"));
    let (first, next) = (key('A'), made_at('B', 910));
    world.place(&id, &first, None);
    world.at(910);
    let turn = world.prepares(&id).unwrap();
    world.slots.forget_entry(&id, &first.entry);
    assert!(world.waits(&id));
    assert!(turn.end(Ok((next.clone(), None))));
    assert_eq!(world.key(&id), Some(id_of(&next)));
}

#[test]
fn a_turn_of_a_slot_that_was_forgotten_changes_nothing() {
    let (world, id) = (World::new(), slot("one"));
    let Claim::Turn(before) = world.claim(&id) else {
        panic!("the slot is not free");
    };
    world.slots.forget(&generation());
    let Claim::Turn(after) = world.claim(&id) else {
        panic!("the slot is not free");
    };
    assert!(!before.end(Ok((key('A'), None))));
    assert!(world.waits(&id));
    let first = key('B');
    assert!(after.end(Ok((first.clone(), None))));
    assert_eq!(world.key(&id), Some(id_of(&first)));
}

#[test]
fn a_next_key_for_a_slot_that_was_forgotten_is_nobodys() {
    let (world, id) = (World::new(), slot("one"));
    world.place(&id, &key('A'), None);
    world.at(910);
    let before = world.prepares(&id).unwrap();
    world.slots.forget(&generation());
    world.place(&id, &key('A'), None);
    let after = world.prepares(&id).unwrap();
    assert!(!before.end(Ok((key('B'), None))));
    world.at(1000);
    assert!(world.waits(&id));
    let next = made_at('C', 1000);
    assert!(after.end(Ok((next.clone(), None))));
    assert_eq!(world.key(&id), Some(id_of(&next)));
}

#[test]
fn only_the_first_reader_of_a_key_that_was_held_for_readers_lets_go_of_it() {
    let (world, id) = (World::new(), slot("one"));
    let mut held = key('A');
    held.reserved = true;
    world.place(&id, &held, None);
    assert!(!world.slots.take_reserved(&id, &key('B').entry));
    assert!(world.slots.take_reserved(&id, &held.entry));
    assert!(!world.slots.take_reserved(&id, &held.entry));
}

#[test]
fn where_there_are_many_slots_those_go_whose_keys_have_ended() {
    let world = World::new();
    for number in 0..PRUNE_AT {
        world.place(&slot(&format!("ended {number}")), &ended('A'), None);
    }
    let names = ["in use", "prepares", "has the next", "had a next"];
    let [in_use, prepares, has_next, had_next] = names.map(slot);
    world.place(&in_use, &key('B'), None);
    world.place(&prepares, &ended('C'), None);
    world.place(&has_next, &ended('D'), Some(&key('E')));
    world.place(&had_next, &ended('F'), Some(&ended('H')));
    world.at(910);
    let preparing = world.prepares(&prepares);
    assert!(preparing.is_some());
    let Claim::Turn(being_made) = world.claim(&slot("being made")) else {
        panic!("the slot is not free");
    };
    world.slots.table().prune_at = 0;
    let Claim::Turn(_another) = world.claim(&slot("another")) else {
        panic!("the slot is not free");
    };
    let left: Vec<SlotId> = world.slots.table().slots.keys().cloned().collect();
    let stay = [
        "in use",
        "prepares",
        "has the next",
        "being made",
        "another",
    ]
    .map(slot);
    assert_eq!(left.len(), stay.len());
    assert!(stay.iter().all(|id| left.contains(id)));
    assert_eq!(world.slots.table().prune_at, PRUNE_AT);
    drop((preparing, being_made));
}

#[test]
fn slots_of_keys_that_ended_are_dropped_before_there_are_many_more() {
    let world = World::new();
    for number in 0..PRUNE_AT * 3 {
        world.place(&slot(&format!("ended {number}")), &ended('A'), None);
    }
    assert!(world.slots.table().slots.len() <= PRUNE_AT);
}
