//! What memory knows of holders is what storage has, after any changes and
//! whatever became of their writes.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::codec;

fn id(number: u64) -> HolderId {
    HolderId::derived(&format!("holder {number}"))
}

fn times(deadline: i64) -> Holder {
    let at = |second| Timestamp::from_second(second).unwrap();
    Holder::new(at(0), at(deadline))
}

fn credential() -> CredentialId {
    CredentialId::parse("CCCCCCCCCCCCC").unwrap()
}

/// What becomes of the writes of a change.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Done,
    /// So many are done, and all are reported failed.
    Failed(usize),
}

#[derive(Debug, Clone)]
struct Step {
    put: Vec<(u64, i64)>,
    strike: Vec<u64>,
    outcome: Outcome,
}

#[derive(Default)]
struct World {
    storage: BTreeMap<HolderId, Vec<u8>>,
    index: HolderIndex,
    holders: BTreeMap<HolderId, Holder>,
    changes: u64,
}

impl World {
    fn read(&self, names: impl IntoIterator<Item = HolderId>) -> Vec<(HolderId, HolderEntry)> {
        let read = names.into_iter().filter_map(|name| {
            let bytes = self.storage.get(&name)?;
            Some((name, codec::decode("entry", bytes).unwrap()))
        });
        read.collect()
    }

    fn stored(&self) -> BTreeMap<HolderId, Holder> {
        let names: Vec<_> = self.storage.keys().cloned().collect();
        HolderIndex::of(self.read(names)).1
    }

    fn write(&mut self, write: &Write) {
        let name = write.key().rsplit('/').next().unwrap();
        let name = HolderId::parse(name).unwrap();
        match write {
            Write::Put { value, .. } => {
                assert!(value.len() < 200 << 10);
                self.storage.insert(name, value.to_vec());
            }
            Write::Delete { .. } => {
                self.storage.remove(&name);
            }
        }
    }

    fn perform(&mut self, step: &Step) {
        self.changes += 1;
        let mut changes = HolderChanges {
            name: Some(HolderId::derived(&format!("change {}", self.changes))),
            ..HolderChanges::default()
        };
        for (number, deadline) in &step.put {
            let mut holder = times(*deadline);
            if let Some(known) = self.holders.get(&id(*number)) {
                holder.extend_to(known.deadline());
            }
            self.holders.insert(id(*number), holder.clone());
            changes.put.insert(id(*number), holder);
        }
        for number in &step.strike {
            self.holders.remove(&id(*number));
            changes.put.remove(&id(*number));
            changes.strike.insert(id(*number));
        }
        let planned = self
            .index
            .change(&credential(), &self.holders, changes)
            .unwrap();
        let done = match step.outcome {
            Outcome::Done => usize::MAX,
            Outcome::Failed(done) => done,
        };
        for write in planned.writes.iter().take(done) {
            self.write(write);
        }
        if let Outcome::Failed(_) = step.outcome {
            let names = self.index.names_to_read(&planned.doubts);
            let read = self.read(names.clone());
            self.index
                .replace(&planned.doubts, &names, read, &mut self.holders);
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Done),
        1 => (0..6_usize).prop_map(Outcome::Failed),
    ];
    let step = (
        prop::collection::vec((0..20_u64, 1..50_i64), 0..6),
        prop::collection::vec(0..20_u64, 0..4),
        outcome,
    );
    let step = step.prop_map(|(put, strike, outcome)| Step {
        put,
        strike,
        outcome,
    });
    prop::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn memory_has_what_storage_has_whatever_became_of_the_writes(steps in steps()) {
        let mut world = World::default();
        for step in &steps {
            world.perform(step);
            prop_assert_eq!(&world.stored(), &world.holders, "after {:?}", step);
        }
        // In the end all go, and nothing is left of them.
        let all = (0..20).collect();
        world.perform(&Step { put: Vec::new(), strike: all, outcome: Outcome::Done });
        prop_assert!(world.holders.is_empty());
        prop_assert!(world.stored().is_empty());
    }

    #[test]
    fn without_failures_nothing_is_left_in_storage_when_all_have_gone(steps in steps()) {
        let mut world = World::default();
        for mut step in steps {
            step.outcome = Outcome::Done;
            world.perform(&step);
        }
        let all = (0..20).collect();
        world.perform(&Step { put: Vec::new(), strike: all, outcome: Outcome::Done });
        prop_assert!(world.storage.is_empty(), "{:?}", world.storage.keys());
    }
}

#[test]
fn an_entry_of_many_holders_stays_far_below_256_kib() {
    let mut world = World::default();
    let put = (0..3000).map(|number| (number, 10)).collect();
    world.perform(&Step {
        put,
        strike: Vec::new(),
        outcome: Outcome::Done,
    });
    assert_eq!(world.storage.len(), 3);
    assert_eq!(world.stored().len(), 3000);
}

#[test]
fn a_holder_that_goes_does_not_rewrite_the_others() {
    let mut world = World::default();
    let put = (0..1000).map(|number| (number, 10)).collect();
    let step = |put, strike| Step {
        put,
        strike,
        outcome: Outcome::Done,
    };
    world.perform(&step(put, Vec::new()));
    let group = world.storage.clone();
    for number in 0..400 {
        world.perform(&step(Vec::new(), vec![number]));
    }
    for (name, bytes) in &group {
        assert_eq!(world.storage.get(name), Some(bytes));
    }
    assert_eq!(world.stored().len(), 600);
    // 32 of them in each small entry.
    assert_eq!(world.storage.len(), 1 + 13);
}

#[test]
fn a_renewal_that_was_not_written_moves_no_deadline_back_later() {
    let mut world = World::default();
    let step = |put: &[(u64, i64)], outcome| Step {
        put: put.to_vec(),
        strike: Vec::new(),
        outcome,
    };
    world.perform(&step(&[(16, 1)], Outcome::Done));
    // A group with a later deadline, beside the entry that it replaces.
    let group = [(0, 1), (4, 1), (16, 2)];
    world.perform(&step(&group, Outcome::Failed(1)));
    // Back to an entry of its own, which keeps its earlier deadline.
    world.perform(&step(&[(16, 1)], Outcome::Failed(0)));
    // The group loses a member and is written without those that it lost before.
    world.perform(&step(&[(4, 1)], Outcome::Done));
    assert_eq!(world.stored()[&id(16)], times(2));
    assert_eq!(world.stored(), world.holders);
}
