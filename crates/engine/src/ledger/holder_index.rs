//! Maps the holders of a shared key to their entries in storage.
//!
//! Holders that are written together lie in one entry. An entry never gets
//! another member: a holder that is renewed gets a further entry, and its
//! latest deadline counts. So a stale process that rewrites an entry can only
//! bring back an earlier deadline, which is harmless, and never removes a holder
//! that it does not know.
//!
//! A removed holder is **struck**: a small entry lists members of another entry
//! that no longer count, so that ending one of a thousand leases does not rewrite
//! the others. An entry is rewritten when half of its members are gone, and removed
//! with the last one, together with the entries that struck its members.

use std::collections::{BTreeMap, BTreeSet};

use logical::{Error, Write};

use super::layout::{self, HolderEntry};
use crate::credential::Holder;
use crate::ids::{CredentialId, HolderId};

/// The most holders in an entry, which then stays well below 256 KiB.
pub(super) const LARGEST: usize = 1024;

/// The most holders that one small entry strikes.
const STRUCK_TOGETHER: usize = 32;

/// The entries in which the holders of a key lie.
#[derive(Debug, Default)]
pub(super) struct HolderIndex {
    /// The name of the entry with the latest deadline of each holder. No hash
    /// map: one that grew has room for twice as many, and leaves its earlier
    /// tables to the allocator.
    current: BTreeMap<HolderId, HolderId>,
    /// Further entries, with earlier deadlines, of holders that were renewed.
    older: BTreeMap<HolderId, Vec<HolderId>>,
    /// Entries of several holders, by name. That of a single one has its name,
    /// and is not here.
    groups: BTreeMap<HolderId, Group>,
}

#[derive(Debug)]
struct Group {
    /// Its members, as they are stored.
    members: Box<[HolderId]>,
    /// How many of them have their latest deadline here.
    current: usize,
    /// Small entries that strike members of this one, by name.
    struck: Vec<(HolderId, Vec<HolderId>)>,
}

/// The changes of holders in one write.
#[derive(Debug, Default)]
pub(super) struct HolderChanges {
    /// New holders, and new deadlines.
    pub(super) put: BTreeMap<HolderId, Holder>,
    /// Holders to remove.
    pub(super) strike: BTreeSet<HolderId>,
    /// An unused name for an entry of several holders.
    pub(super) name: Option<HolderId>,
}

/// Writes, with what is in doubt until they are done.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// How many of the writes only add holders. These come first.
    pub(super) puts: usize,
    pub(super) writes: Vec<Write>,
    pub(super) doubts: Doubts,
}

/// Where storage may differ from memory, because a write failed.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubts {
    /// Names of entries of holders.
    pub(super) names: BTreeSet<HolderId>,
    /// Holders.
    pub(super) holders: BTreeSet<HolderId>,
    /// Whether the credential's own entry is among it.
    pub(super) state: bool,
}

impl Doubts {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.holders.is_empty() && !self.state
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.holders.extend(other.holders);
        self.state |= other.state;
    }
}

impl HolderIndex {
    /// The index of entries that were read, and the holders that count.
    pub(super) fn of(
        read: impl IntoIterator<Item = (HolderId, HolderEntry)>,
    ) -> (Self, BTreeMap<HolderId, Holder>) {
        let mut index = Self::default();
        let mut holders = BTreeMap::new();
        index.add(read, &BTreeMap::new(), &mut holders);
        (index, holders)
    }

    /// The names of the entries to read when these are in doubt.
    pub(super) fn names_to_read(&self, doubts: &Doubts) -> BTreeSet<HolderId> {
        let mut names = doubts.names.clone();
        for holder in &doubts.holders {
            names.extend(self.names_of(holder));
        }
        let notes = names.iter().filter_map(|name| self.groups.get(name));
        let notes: Vec<_> = notes
            .flat_map(|group| group.struck.iter().map(|(note, _)| note.clone()))
            .collect();
        names.extend(notes);
        names
    }

    /// Replaces what was known of entries by what was read.
    pub(super) fn replace(
        &mut self,
        doubts: &Doubts,
        names: &BTreeSet<HolderId>,
        read: Vec<(HolderId, HolderEntry)>,
        holders: &mut BTreeMap<HolderId, Holder>,
    ) {
        let mut affected = doubts.holders.clone();
        // An entry that is not read again may count in place of a removed one
        // for a moment. Its deadline is not known here, only that it is earlier.
        // All entries of a holder in doubt are read, and tell which is the latest:
        // memory may mean one that was never written.
        let mut latest = BTreeMap::new();
        for name in names {
            for id in self.members(name) {
                if self.current.get(&id) == Some(name) && !doubts.holders.contains(&id) {
                    latest.entry(id.clone()).or_insert_with(|| name.clone());
                }
                affected.insert(id);
            }
        }
        for name in names {
            self.remove_entry(name);
        }
        for id in affected {
            if !self.current.contains_key(&id) {
                holders.remove(&id);
            }
        }
        self.add(read, &latest, holders);
    }

    /// Adds entries that were read, and the holders that count by them. The
    /// entry with the latest deadline of some holders is known.
    fn add(
        &mut self,
        read: impl IntoIterator<Item = (HolderId, HolderEntry)>,
        latest: &BTreeMap<HolderId, HolderId>,
        holders: &mut BTreeMap<HolderId, Holder>,
    ) {
        let mut struck: BTreeMap<HolderId, Vec<(HolderId, Vec<HolderId>)>> = BTreeMap::new();
        let mut entries = Vec::new();
        for (name, entry) in read {
            match entry.struck {
                Some(of) => struck.entry(of.entry).or_default().push((name, of.holders)),
                None => entries.push((name, entry.holders)),
            }
        }
        for (name, members) in entries {
            let struck = struck.remove(&name).unwrap_or_default();
            let gone: BTreeSet<HolderId> = struck
                .iter()
                .flat_map(|(_, gone)| gone.iter().cloned())
                .collect();
            self.add_group(&name, members.keys().cloned().collect(), struck);
            for (id, times) in members {
                if gone.contains(&id) {
                    continue;
                }
                let known = holders.get(&id).map(Holder::deadline);
                if known.is_none_or(|known| known < times.deadline())
                    || latest.get(&id) == Some(&name)
                    || !self.current.contains_key(&id)
                {
                    self.make_current(&id, &name);
                } else {
                    self.older.entry(id.clone()).or_default().push(name.clone());
                }
                holders
                    .entry(id)
                    .and_modify(|known| known.extend_to(times.deadline()))
                    .or_insert(times);
            }
        }
    }

    /// Notes an entry, unless it is that of a single holder.
    fn add_group(
        &mut self,
        name: &HolderId,
        members: Box<[HolderId]>,
        struck: Vec<(HolderId, Vec<HolderId>)>,
    ) {
        if *members != [name.clone()] || !struck.is_empty() {
            let group = Group {
                members,
                current: 0,
                struck,
            };
            self.groups.insert(name.clone(), group);
        }
    }

    /// A holder's latest deadline lies in this entry from now on.
    fn make_current(&mut self, id: &HolderId, name: &HolderId) {
        match self.current.insert(id.clone(), name.clone()) {
            Some(before) if before == *name => return,
            Some(before) => {
                if let Some(group) = self.groups.get_mut(&before) {
                    group.current -= 1;
                }
                self.older.entry(id.clone()).or_default().push(before);
            }
            None => {}
        }
        if let Some(group) = self.groups.get_mut(name) {
            group.current += 1;
        }
    }

    /// A holder is no longer counted as a member of an entry. Another one that
    /// it lies in, if there is one, counts instead.
    fn leave(&mut self, id: &HolderId, name: &HolderId) {
        let mut next = None;
        if let Some(older) = self.older.get_mut(id) {
            older.retain(|other| other != name);
            if self.current.get(id) == Some(name) {
                next = older.pop();
            }
            if older.is_empty() {
                self.older.remove(id);
            }
        }
        if self.current.get(id) == Some(name) {
            self.current.remove(id);
            if let Some(group) = self.groups.get_mut(name) {
                group.current -= 1;
            }
            if let Some(next) = next {
                self.make_current(id, &next);
            }
        }
    }

    /// The names of all entries that a holder lies in.
    fn names_of(&self, id: &HolderId) -> Vec<HolderId> {
        let older = self.older.get(id).into_iter().flatten();
        self.current
            .get(id)
            .into_iter()
            .chain(older)
            .cloned()
            .collect()
    }

    /// The members that the entry of this name has in storage.
    fn members(&self, name: &HolderId) -> Vec<HolderId> {
        match self.groups.get(name) {
            Some(group) => group.members.to_vec(),
            None => vec![name.clone()],
        }
    }

    fn remove_entry(&mut self, name: &HolderId) {
        for id in self.members(name) {
            self.leave(&id, name);
        }
        self.groups.remove(name);
    }

    /// Changes the index, and returns the writes that make storage equal to it: puts
    /// before removals.
    ///
    /// # Errors
    /// When an entry cannot be encoded.
    pub(super) fn change(
        &mut self,
        credential: &CredentialId,
        holders: &BTreeMap<HolderId, Holder>,
        changes: HolderChanges,
    ) -> Result<Planned, Error> {
        let mut planned = Planned::default();
        planned.doubts.holders.extend(changes.put.keys().cloned());
        planned
            .doubts
            .holders
            .extend(changes.strike.iter().cloned());
        // Entries that lose members, with the members to strike.
        let mut left: BTreeMap<HolderId, Vec<HolderId>> = BTreeMap::new();
        let put: Vec<_> = changes.put.into_iter().collect();
        for (number, members) in put.chunks(LARGEST).enumerate() {
            let name = match (members, &changes.name) {
                ([(alone, _)], _) if !self.groups.contains_key(alone) => alone.clone(),
                ([(first, _), ..], None) => part(first, number),
                (_, Some(name)) => part(name, number),
                ([], None) => continue,
            };
            let written = self.put(credential, name, members, &mut left, &mut planned)?;
            planned.writes.push(written);
        }
        planned.puts = planned.writes.len();
        for id in changes.strike {
            for name in self.names_of(&id) {
                self.leave(&id, &name);
                left.entry(name).or_default().push(id.clone());
            }
        }
        for (name, struck) in left {
            self.shrink(credential, holders, &name, struck, &mut planned)?;
        }
        Ok(planned)
    }

    fn put(
        &mut self,
        credential: &CredentialId,
        name: HolderId,
        members: &[(HolderId, Holder)],
        left: &mut BTreeMap<HolderId, Vec<HolderId>>,
        planned: &mut Planned,
    ) -> Result<Write, Error> {
        if self.groups.contains_key(&name) {
            // Written once more, by another caller of the same batch.
            self.remove_entry(&name);
        }
        self.add_group(
            &name,
            members.iter().map(|(id, _)| id.clone()).collect(),
            Vec::new(),
        );
        for (id, _) in members {
            if let Some(before) = self.current.get(id).filter(|before| **before != name) {
                left.entry(before.clone()).or_default();
            }
            self.make_current(id, &name);
            if let Some(older) = self.older.get_mut(id) {
                older.retain(|other| *other != name);
                if older.is_empty() {
                    self.older.remove(id);
                }
            }
        }
        let entry = HolderEntry::of(members.iter().cloned().collect());
        let written = layout::put_holders(credential, &name, &entry)?;
        planned.doubts.names.insert(name);
        Ok(written)
    }

    /// Rewrites or strikes an entry that lost members.
    fn shrink(
        &mut self,
        credential: &CredentialId,
        holders: &BTreeMap<HolderId, Holder>,
        name: &HolderId,
        struck: Vec<HolderId>,
        planned: &mut Planned,
    ) -> Result<(), Error> {
        planned.doubts.names.insert(name.clone());
        let Some(group) = self.groups.get_mut(name) else {
            if self.current.get(name) != Some(name) {
                self.leave(name, name);
                planned
                    .writes
                    .push(layout::delete_holders(credential, name));
            }
            return Ok(());
        };
        if group.current * 2 > group.members.len() {
            return group.strike(credential, name, struck, planned);
        }
        let staying: BTreeMap<HolderId, Holder> = group
            .members
            .iter()
            .filter(|id| self.current.get(*id) == Some(name))
            .filter_map(|id| Some((id.clone(), holders.get(id)?.clone())))
            .collect();
        let notes = std::mem::take(&mut group.struck);
        self.remove_entry(name);
        if staying.is_empty() {
            planned
                .writes
                .push(layout::delete_holders(credential, name));
        } else {
            self.add_group(name, staying.keys().cloned().collect(), Vec::new());
            for id in staying.keys() {
                self.make_current(id, name);
            }
            let entry = HolderEntry::of(staying);
            planned
                .writes
                .push(layout::put_holders(credential, name, &entry)?);
        }
        for (note, _) in notes {
            planned
                .writes
                .push(layout::delete_holders(credential, &note));
            planned.doubts.names.insert(note);
        }
        Ok(())
    }
}

impl Group {
    /// Strikes members without rewriting the others.
    fn strike(
        &mut self,
        credential: &CredentialId,
        name: &HolderId,
        mut struck: Vec<HolderId>,
        planned: &mut Planned,
    ) -> Result<(), Error> {
        if struck.is_empty() {
            return Ok(());
        }
        let room = |last: &mut (_, Vec<HolderId>)| last.1.len() + struck.len() <= STRUCK_TOGETHER;
        if let Some((_, last)) = self.struck.pop_if(room) {
            struck.splice(..0, last);
        }
        let note = HolderId::derived(&format!("{} struck from {name}", struck[0]));
        let entry = HolderEntry::striking(name.clone(), struck.clone());
        planned
            .writes
            .push(layout::put_holders(credential, &note, &entry)?);
        planned.doubts.names.insert(note.clone());
        self.struck.push((note, struck));
        Ok(())
    }
}

/// The name of one of several entries that are written together.
fn part(of: &HolderId, number: usize) -> HolderId {
    HolderId::derived(&format!("part {number} of {of}"))
}

#[cfg(test)]
mod tests;
