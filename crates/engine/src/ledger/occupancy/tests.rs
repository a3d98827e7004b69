//! Which leases and seats count, without storage.

use jiff::Timestamp;

use super::*;
use crate::credential::{Holder, IssuedKey, example};
use crate::ids::{KeyId, StorageId};
use crate::scope::ScopeOf;

fn role() -> RoleName {
    RoleName::new("app")
}

fn holder(letter: char) -> HolderId {
    HolderId::parse(&letter.to_string().repeat(13)).unwrap()
}

fn requester(name: &str) -> RequesterId {
    let storage = StorageId::parse("AAAAAAAAAAAAA").unwrap();
    RequesterId::new(&storage, ScopeOf::Entity(name))
}

/// A live shared key with these holders.
fn credential(holders: &str, of: Option<&str>) -> Credential {
    let end = Timestamp::UNIX_EPOCH;
    let held = |letter| {
        let lease = Holder::new(end, end).of(of.map(requester));
        (holder(letter), lease)
    };
    Credential {
        state: State::Live {
            key: IssuedKey::without_secret(KeyId::new("KEY")),
        },
        holders: holders.chars().map(held).collect(),
        ..example::intended(end)
    }
}

fn watched() -> Arc<Occupancy> {
    let occupancy = Arc::new(Occupancy::default());
    occupancy.watch();
    occupancy
}

const OF_ROLE: Limit = Limit {
    of_role: 2,
    of_requester: 0,
};
const OF_REQUESTER: Limit = Limit {
    of_role: 0,
    of_requester: 1,
};

impl Occupancy {
    fn sits(self: &Arc<Self>, letter: char, of: Option<&str>, limit: Limit) -> Result<Seat, Full> {
        self.seat(&role(), &holder(letter), of.map(requester), limit)
    }

    /// How many leases and seats there are.
    fn taken(&self) -> u64 {
        let counts = self.counts();
        counts.roles.get(&role()).map_or(0, Count::taken)
    }
}

#[test]
fn the_seats_of_one_requester_count_for_it_alone() {
    let occupancy = watched();
    let first = occupancy.sits('A', Some("alice"), OF_REQUESTER);
    assert!(first.is_ok());
    let second = occupancy.sits('B', Some("alice"), OF_REQUESTER);
    assert_eq!(second.err(), Some(Full::Requester(1)));
    assert!(occupancy.sits('C', Some("bob"), OF_REQUESTER).is_ok());
    drop(first);
    assert!(occupancy.sits('B', Some("alice"), OF_REQUESTER).is_ok());
}

#[test]
fn a_requester_without_a_limit_is_not_refused() {
    let occupancy = watched();
    assert!(occupancy.sits('A', Some("alice"), OF_ROLE).is_ok());
}

#[test]
fn a_seat_counts_once_whatever_becomes_of_its_holder() {
    let occupancy = watched();
    let seat = occupancy.sits('A', None, OF_ROLE);
    occupancy.note_all(&credential("A", None));
    assert_eq!(occupancy.taken(), 1);
    // Its write failed, and what is in storage was read again.
    occupancy.note_all(&credential("", None));
    assert_eq!(occupancy.taken(), 1);
    drop(seat);
    assert_eq!(occupancy.taken(), 0);
}

#[test]
fn the_holders_of_a_key_that_ends_are_no_leases() {
    let occupancy = watched();
    occupancy.note_all(&credential("AB", None));
    assert_eq!(occupancy.taken(), 2);
    let retiring = Credential {
        state: State::Retiring {
            key: KeyId::new("KEY"),
            since: Timestamp::UNIX_EPOCH,
            cause: None,
        },
        ..credential("AB", None)
    };
    occupancy.note_all(&retiring);
    assert_eq!(occupancy.taken(), 0);
}

#[test]
fn what_happened_while_storage_was_read_counts_more_than_what_was_read() {
    for (happened, read) in [("", "A"), ("AB", "A")] {
        let occupancy = watched();
        occupancy.note_all(&credential(happened, None));
        assert!(!occupancy.is_complete());
        occupancy.complete([credential(read, None)]);
        assert!(occupancy.is_complete());
        assert_eq!(occupancy.taken(), happened.len() as u64);
    }
}

#[test]
fn nothing_is_kept_of_keys_and_requesters_without_leases() {
    let occupancy = watched();
    occupancy.note_all(&credential("", None));
    occupancy.complete([]);
    let keeps = |count: &Count| !count.keys.is_empty();
    assert!(!occupancy.counts().roles.values().any(keeps));
    occupancy.note_all(&credential("A", Some("alice")));
    let release = Event::Release {
        holder: holder('A'),
    };
    let touched = occupancy.touched(&release);
    occupancy.note(&credential("", None), touched);
    let counts = occupancy.counts();
    let count = counts.roles.get(&role()).unwrap();
    assert!(count.keys.is_empty());
    assert!(count.by_requester.is_empty());
}

#[test]
fn a_lease_that_is_renewed_or_released_twice_counts_once() {
    let occupancy = watched();
    let (lease, renewed) = (holder('A'), credential("A", Some("alice")));
    let renew = Event::Renew {
        holder: (lease.clone(), renewed.holders[&lease].clone()),
    };
    for _ in 0..3 {
        occupancy.note(&renewed, occupancy.touched(&renew));
        assert_eq!(occupancy.taken(), 1);
    }
    let release = Event::Release { holder: lease };
    for _ in 0..2 {
        occupancy.note(&credential("", None), occupancy.touched(&release));
        assert_eq!(occupancy.taken(), 0);
    }
}
