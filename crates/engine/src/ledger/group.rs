//! Holders of a shared key that are written together.
//!
//! Readers who come while a write is under way wait, and are then written in
//! one entry. The writer takes who is waiting and writes at once. Such an entry
//! only ever loses holders. One that is renewed gets an entry of its own beside
//! it: another process that still runs, and removes a holder, then writes back
//! an old deadline where it does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use logical::{Entropy, Error};

use super::credential::Holder;
use super::store::StoredHolder;
use crate::ids::HolderId;

/// So many holders fit in an entry of 256 KiB with room to spare.
const LARGEST: usize = 1024;

/// New holders that are written together.
pub(super) struct Group {
    members: Mutex<Vec<(HolderId, Holder)>>,
    /// The name of its entry, should it have several members.
    pub(super) name: HolderId,
    /// What came of the write. A writer that was dropped leaves none, and the
    /// next member writes the same again.
    pub(super) outcome: OnceLock<Result<(), Error>>,
}

impl Group {
    /// The holders.
    pub(super) fn members(&self) -> BTreeMap<HolderId, Holder> {
        lock(&self.members).iter().cloned().collect()
    }
}

/// The groups of one key.
#[derive(Default)]
pub(super) struct Groups {
    /// The group that is joined by who comes now, until it is written.
    open: Mutex<Option<Arc<Group>>>,
    /// Held by the writer.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Groups {
    /// Joins those who wait.
    pub(super) fn join(&self, id: &HolderId, holder: &Holder, entropy: &dyn Entropy) -> Arc<Group> {
        let mut open = lock(&self.open);
        let member = (id.clone(), holder.clone());
        if let Some(group) = &*open {
            let mut members = lock(&group.members);
            if members.len() < LARGEST {
                members.push(member);
                return Arc::clone(group);
            }
        }
        let group = Arc::new(Group {
            members: Mutex::new(vec![member]),
            name: HolderId::random(entropy),
            outcome: OnceLock::new(),
        });
        *open = Some(Arc::clone(&group));
        group
    }

    /// Nobody joins this group any more.
    pub(super) fn close(&self, group: &Arc<Group>) {
        lock(&self.open).take_if(|open| Arc::ptr_eq(open, group));
    }
}

/// Holders that were read, each once: of two entries the later deadline counts.
pub(super) fn merged(read: Vec<StoredHolder>) -> BTreeMap<HolderId, Holder> {
    let mut holders: BTreeMap<HolderId, Holder> = BTreeMap::new();
    for known in read {
        holders
            .entry(known.id)
            .and_modify(|holder| holder.extend_to(known.holder.deadline()))
            .or_insert(known.holder);
    }
    holders
}

/// In which entries the holders of a key lie. One that is not here lies in an
/// entry of its own name.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// No hash map: one that grew has room for twice as many, and leaves its
    /// earlier tables to the allocator.
    by_holder: BTreeMap<HolderId, Arc<Place>>,
    /// Those who have an entry of their own as well.
    renewed: BTreeSet<HolderId>,
}

#[derive(Debug)]
struct Place {
    name: HolderId,
    members: Box<[HolderId]>,
}

impl Places {
    /// The places of holders that were read.
    pub(super) fn of(holders: &[StoredHolder]) -> Self {
        let mut places = Self::default();
        let mut shared: BTreeMap<&HolderId, Vec<HolderId>> = BTreeMap::new();
        for known in holders {
            if let Some(place) = &known.place {
                shared.entry(place).or_default().push(known.id.clone());
            }
        }
        for (name, members) in shared {
            places.put(name.clone(), members);
        }
        for known in holders.iter().filter(|known| known.place.is_none()) {
            places.renew(&known.id);
        }
        places
    }

    /// Holders that lie in the entry of this name.
    pub(super) fn put(&mut self, name: HolderId, members: Vec<HolderId>) {
        let members = members.into_boxed_slice();
        let place = Arc::new(Place { name, members });
        for member in &place.members {
            self.by_holder.insert(member.clone(), Arc::clone(&place));
        }
    }

    /// A holder gets an entry of its own.
    pub(super) fn renew(&mut self, holder: &HolderId) {
        if self.by_holder.contains_key(holder) {
            self.renewed.insert(holder.clone());
        }
    }

    /// Keeps what is known of these holders and takes the rest from another.
    pub(super) fn replace<'a>(&mut self, kept: impl Iterator<Item = &'a HolderId>, other: Self) {
        let known = std::mem::replace(self, other);
        for holder in kept {
            if let Some(place) = known.by_holder.get(holder) {
                self.by_holder.insert(holder.clone(), Arc::clone(place));
            }
        }
    }

    /// The entry that a holder shares, by its name, with those of the holders
    /// that lie in it.
    pub(super) fn shared<'a>(
        &'a self,
        holder: &HolderId,
        holders: &BTreeMap<HolderId, Holder>,
    ) -> Option<(&'a HolderId, BTreeMap<HolderId, Holder>)> {
        let place = self.by_holder.get(holder)?;
        let members = place.members.iter();
        let left = members.filter_map(|id| Some((id.clone(), holders.get(id)?.clone())));
        Some((&place.name, left.collect()))
    }

    /// Whether a holder has an entry of its own.
    pub(super) fn has_own(&self, holder: &HolderId) -> bool {
        !self.by_holder.contains_key(holder) || self.renewed.contains(holder)
    }

    /// A holder is gone from storage.
    pub(super) fn forget(&mut self, holder: &HolderId) {
        self.by_holder.remove(holder);
        self.renewed.remove(holder);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn id(letter: char) -> HolderId {
        HolderId::parse(&letter.to_string().repeat(13)).unwrap()
    }

    fn holder() -> Holder {
        Holder::new(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)
    }

    struct Counting(Mutex<u8>);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            let mut next = self.0.lock().unwrap();
            *next += 1;
            buffer.fill(*next);
        }
    }

    fn join(groups: &Groups, letter: char) -> Arc<Group> {
        groups.join(&id(letter), &holder(), &Counting(Mutex::new(0)))
    }

    #[test]
    fn those_who_come_before_a_group_is_closed_are_in_it() {
        let groups = Groups::default();
        let first = join(&groups, 'A');
        assert!(Arc::ptr_eq(&first, &join(&groups, 'B')));
        groups.close(&first);
        let third = join(&groups, 'C');
        // One that is closed again closes no other.
        groups.close(&first);
        assert!(Arc::ptr_eq(&third, &join(&groups, 'D')));
        let members: Vec<_> = first.members().into_keys().collect();
        assert_eq!(members, [id('A'), id('B')]);
    }

    #[test]
    fn a_group_stays_far_below_256_kib() {
        let groups = Groups::default();
        let first = join(&groups, 'A');
        for _ in 1..LARGEST {
            assert!(Arc::ptr_eq(&first, &join(&groups, 'A')));
        }
        assert!(!Arc::ptr_eq(&first, &join(&groups, 'A')));
        let one = serde_json::to_string(&(id('A'), holder())).unwrap().len();
        assert!(LARGEST * (one + 32) < 200 << 10);
    }

    #[test]
    fn who_lies_in_a_shared_entry_and_who_in_one_of_its_own_is_known() {
        let stored = |letter, place: Option<char>| StoredHolder {
            id: id(letter),
            holder: holder(),
            place: place.map(id),
        };
        let read = [
            stored('A', Some('G')),
            stored('B', Some('G')),
            stored('B', None),
            stored('C', None),
        ];
        let mut places = Places::of(&read);
        let mut holders: BTreeMap<_, _> = ['A', 'B', 'C'].map(|of| (id(of), holder())).into();
        let shared = |places: &Places, of, holders: &_| {
            let shared = places.shared(&id(of), holders)?;
            Some((shared.0.clone(), shared.1.into_keys().collect::<Vec<_>>()))
        };
        let both = Some((id('G'), vec![id('A'), id('B')]));
        assert_eq!(shared(&places, 'A', &holders), both);
        assert_eq!(shared(&places, 'C', &holders), None);
        let own = ['A', 'B', 'C'].map(|of| places.has_own(&id(of)));
        assert_eq!(own, [false, true, true]);
        holders.remove(&id('A'));
        let left = Some((id('G'), vec![id('B')]));
        assert_eq!(shared(&places, 'A', &holders), left);
        places.forget(&id('A'));
        assert_eq!(shared(&places, 'A', &holders), None);
        assert_eq!(shared(&places, 'B', &holders), left);
    }
}
