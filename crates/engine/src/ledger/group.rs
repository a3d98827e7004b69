//! Holders of a shared key that are written together.
//!
//! Readers who come while a write is under way wait, and are then written in
//! one entry. Such an entry only ever loses holders. One that is renewed gets an
//! entry of its own beside it: another process that still runs, and removes a
//! holder, then writes back an old deadline where it does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logical::Error;

use super::credential::Holder;
use super::store::StoredHolder;
use crate::ids::HolderId;
use crate::together::Together;

/// So many holders fit in an entry of 256 KiB with room to spare.
const LARGEST: usize = 1024;

/// New holders of a key on their way to storage, and those who only wait for
/// them.
pub(super) type NewHolders = Together<Option<(HolderId, Holder)>, Result<(), Error>>;

/// No holder is on its way.
pub(super) fn no_new_holders() -> NewHolders {
    Together::new(LARGEST)
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

    #[test]
    fn a_group_stays_far_below_256_kib() {
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
