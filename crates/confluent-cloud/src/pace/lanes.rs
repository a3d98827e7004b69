//! Who waits, by class, and who is next.
//!
//! The three parts of the pace are served by weight, so that none starves
//! another where the window and not the rate is what limits. Within the general
//! part a reader goes first, and background work gets every second turn at most
//! while readers wait.

use super::class::{Class, Name, Part, RemovalBy};
use super::queue::{Fifo, Place, Queue, RoundRobin, Ticket};

/// The waiting requests of one class: by group of paths, then by flow and
/// caller.
type Lane = RoundRobin<RoundRobin<RoundRobin<Fifo>>>;

/// Where a ticket waits: its group of paths, its flow and its caller.
pub(super) type Path = [Name; 3];

/// How many wait, by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Of [`Class::Operator`].
    pub operator: usize,
    /// Of [`Class::Reader`].
    pub readers: usize,
    /// Of [`Class::Rotation`].
    pub rotations: usize,
    /// Of [`Class::Removal`].
    pub removals: usize,
    /// Of [`Class::Proof`], [`Class::Spare`] and [`Class::Look`].
    pub background: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Lanes {
    operator: Lane,
    readers: Lane,
    background: Lane,
    removal: [Lane; 3],
    rotation: Lane,
    /// How much each part was served, divided by its weight.
    served: [f64; 3],
    /// Whether the last turn of the general part was a reader's.
    reader_was_last: bool,
}

impl Lanes {
    pub(super) fn push(&mut self, class: Class, path: &Path, ticket: Ticket, place: Place) {
        self.catch_up(class.part());
        self.lane_mut(class).push(path, ticket, place);
    }

    pub(super) fn remove(&mut self, class: Class, path: &Path, ticket: Ticket) {
        self.lane_mut(class).remove(path, ticket);
    }

    /// Whether an operator waits in a group that is open.
    pub(super) fn has_operator(&self, open: &impl Fn(&Name) -> bool) -> bool {
        self.operator.any(open)
    }

    /// Whether somebody but an operator waits for a part in a group that is
    /// open.
    pub(super) fn has(&self, part: Part, open: &impl Fn(&Name) -> bool) -> bool {
        match part {
            Part::General => self.readers.any(open) || self.background.any(open),
            Part::Removal => self.removal.iter().any(|lane| lane.any(open)),
            Part::Rotation => self.rotation.any(open),
        }
    }

    /// The part of these that is served next: the one that had the least of
    /// its weight.
    pub(super) fn least_served(&self, parts: impl Iterator<Item = Part>) -> Option<Part> {
        parts.min_by(|one, other| {
            self.served[*one as usize].total_cmp(&self.served[*other as usize])
        })
    }

    pub(super) fn pop_operator(&mut self, open: &impl Fn(&Name) -> bool) -> Option<Ticket> {
        self.operator.pop_where(open)
    }

    /// Takes the next ticket of a part.
    pub(super) fn pop(&mut self, part: Part, open: &impl Fn(&Name) -> bool) -> Option<Ticket> {
        let ticket = match part {
            Part::General => {
                let reader =
                    self.readers.any(open) && !(self.reader_was_last && self.background.any(open));
                self.reader_was_last = reader;
                let lane = if reader {
                    &mut self.readers
                } else {
                    &mut self.background
                };
                lane.pop_where(open)
            }
            Part::Removal => self
                .removal
                .iter_mut()
                .find(|lane| lane.any(open))
                .and_then(|lane| lane.pop_where(open)),
            Part::Rotation => self.rotation.pop_where(open),
        }?;
        self.served[part as usize] += 100.0 / part.percent();
        Some(ticket)
    }

    /// How many would use up tokens of the same part before a ticket that
    /// enters now.
    pub(super) fn ahead(&self, class: Class, path: &Path) -> usize {
        self.ahead_at(class, self.lane(class).ahead(path))
    }

    /// The waiting tickets of each class with how many are ahead of each.
    pub(super) fn positions(&self) -> Vec<(Ticket, usize)> {
        let lanes = [
            Class::Operator,
            Class::Reader,
            Class::Look,
            Class::Removal(RemovalBy::Operator),
            Class::Removal(RemovalBy::Host),
            Class::Removal(RemovalBy::Sweep),
            Class::Rotation,
        ];
        let of_lane = |class| {
            let mut lane = self.lane(class).clone();
            let tickets = std::iter::from_fn(move || lane.pop());
            let placed = tickets.enumerate();
            placed.map(move |(place, ticket)| (ticket, self.ahead_at(class, place)))
        };
        lanes.into_iter().flat_map(of_lane).collect()
    }

    pub(super) fn waiting(&self) -> Waiting {
        Waiting {
            operator: self.operator.len(),
            readers: self.readers.len(),
            rotations: self.rotation.len(),
            removals: self.removal.iter().map(Queue::len).sum(),
            background: self.background.len(),
        }
    }

    /// The groups of paths that somebody waits in.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Name> {
        let lanes = [
            &self.operator,
            &self.readers,
            &self.background,
            &self.rotation,
        ];
        let lanes = lanes.into_iter().chain(&self.removal);
        lanes.flat_map(RoundRobin::names)
    }

    /// Adds those of other lanes to the place within the own one.
    fn ahead_at(&self, class: Class, place: usize) -> usize {
        match class {
            Class::Operator | Class::Rotation => place,
            Class::Reader => self.operator.len() + place + self.background.len().min(place),
            Class::Proof | Class::Spare | Class::Look => {
                self.operator.len() + place + self.readers.len().min(place + 1)
            }
            Class::Removal(by) => {
                let earlier = &self.removal[..by as usize];
                place + earlier.iter().map(Queue::len).sum::<usize>()
            }
        }
    }

    /// A part that nobody waited for saves up no turns.
    fn catch_up(&mut self, part: Part) {
        let any = |_: &Name| true;
        if self.has(part, &any) {
            return;
        }
        let busy = Part::ALL.into_iter().filter(|other| self.has(*other, &any));
        if let Some(least) = self.least_served(busy) {
            let least = self.served[least as usize];
            let served = &mut self.served[part as usize];
            *served = served.max(least);
        }
    }

    fn lane(&self, class: Class) -> &Lane {
        match class {
            Class::Operator => &self.operator,
            Class::Reader => &self.readers,
            Class::Rotation => &self.rotation,
            Class::Removal(by) => &self.removal[by as usize],
            Class::Proof | Class::Spare | Class::Look => &self.background,
        }
    }

    fn lane_mut(&mut self, class: Class) -> &mut Lane {
        match class {
            Class::Operator => &mut self.operator,
            Class::Reader => &mut self.readers,
            Class::Rotation => &mut self.rotation,
            Class::Removal(by) => &mut self.removal[by as usize],
            Class::Proof | Class::Spare | Class::Look => &mut self.background,
        }
    }
}
