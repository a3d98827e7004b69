//! The waiting requests by class, and the order in which classes are served.
//!
//! The three parts of the pace are served by weight, so that none starves another
//! when the window is the bottleneck and not the rate. Within the general part a
//! reader goes first, and background work gets at most every second turn while
//! readers wait.

use super::class::{Class, Name, Part, RemovalBy};
use super::queue::{Fifo, Queue, QueueEnd, RoundRobin, Ticket};

/// The waiting requests of one class, by group of paths, flow and caller.
type Lane = RoundRobin<RoundRobin<RoundRobin<Fifo>>>;

/// The queue of a ticket: group of paths, flow and caller.
pub(super) type Path = [Name; 3];

/// The number of waiting requests by class.
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
    /// The requests served for each part, divided by its weight.
    served: [f64; 3],
    /// Whether the last turn of the general part was a reader's.
    reader_was_last: bool,
}

impl Lanes {
    pub(super) fn push(&mut self, class: Class, path: &Path, ticket: Ticket, end: QueueEnd) {
        self.catch_up(class.part());
        self.lane_mut(class).push(path, ticket, end);
    }

    pub(super) fn remove(&mut self, class: Class, path: &Path, ticket: Ticket) {
        self.lane_mut(class).remove(path, ticket);
    }

    /// Whether an operator's request waits in an open group.
    pub(super) fn has_operator(&self, open: &impl Fn(&Name) -> bool) -> bool {
        self.operator.any(open)
    }

    /// Whether a request of a part waits in an open group, operators' excepted.
    pub(super) fn has(&self, part: Part, open: &impl Fn(&Name) -> bool) -> bool {
        match part {
            Part::General => self.readers.any(open) || self.background.any(open),
            Part::Removal => self.removal.iter().any(|lane| lane.any(open)),
            Part::Rotation => self.rotation.any(open),
        }
    }

    /// The part that was served least in relation to its weight.
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

    /// How many requests would take tokens of the same part before one that enters
    /// now.
    pub(super) fn ahead(&self, class: Class, path: &Path) -> usize {
        self.ahead_at(class, self.lane(class).ahead(path))
    }

    /// All waiting tickets with the number of requests ahead of each.
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
            let positioned = tickets.enumerate();
            positioned.map(move |(position, ticket)| (ticket, self.ahead_at(class, position)))
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

    /// The groups of paths with waiting requests.
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

    /// Adds the requests of other lanes to the position within the own one.
    fn ahead_at(&self, class: Class, position: usize) -> usize {
        match class {
            Class::Operator | Class::Rotation => position,
            Class::Reader => self.operator.len() + position + self.background.len().min(position),
            Class::Proof | Class::Spare | Class::Look => {
                self.operator.len() + position + self.readers.len().min(position + 1)
            }
            Class::Removal(by) => {
                let earlier = &self.removal[..by as usize];
                position + earlier.iter().map(Queue::len).sum::<usize>()
            }
        }
    }

    /// An idle part accumulates no credit.
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
