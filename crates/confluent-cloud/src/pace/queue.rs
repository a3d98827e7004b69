//! Hierarchical round-robin queues.

use std::collections::{HashMap, VecDeque};

use super::class::Name;

/// A position in the queue. Later tickets are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(super) u64);

/// The end at which a ticket enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueEnd {
    /// Behind all others with the same path.
    Back,
    /// Before all others: a retry.
    Front,
}

/// A queue of tickets with paths of names, one name for each level.
pub(super) trait Queue: Default + Clone {
    fn push(&mut self, path: &[Name], ticket: Ticket, end: QueueEnd);

    fn pop(&mut self) -> Option<Ticket>;

    fn remove(&mut self, path: &[Name], ticket: Ticket);

    fn len(&self) -> usize;

    /// How many tickets would be served before one that enters a path now, if no
    /// others enter.
    fn ahead(&self, path: &[Name]) -> usize;
}

/// First in, first out: the lowest level, below an empty path.
#[derive(Debug, Clone, Default)]
pub(super) struct Fifo(VecDeque<Ticket>);

impl Queue for Fifo {
    fn push(&mut self, _: &[Name], ticket: Ticket, end: QueueEnd) {
        match end {
            QueueEnd::Back => self.0.push_back(ticket),
            QueueEnd::Front => self.0.push_front(ticket),
        }
    }

    fn pop(&mut self) -> Option<Ticket> {
        self.0.pop_front()
    }

    fn remove(&mut self, _: &[Name], ticket: Ticket) {
        self.0.retain(|other| *other != ticket);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn ahead(&self, _: &[Name]) -> usize {
        self.0.len()
    }
}

/// Named queues that are served round-robin.
#[derive(Debug, Clone)]
pub(super) struct RoundRobin<Q> {
    queues: HashMap<Name, Q>,
    /// The names of the nonempty queues, the next one first.
    order: VecDeque<Name>,
    len: usize,
}

impl<Q> Default for RoundRobin<Q> {
    fn default() -> Self {
        Self {
            queues: HashMap::new(),
            order: VecDeque::new(),
            len: 0,
        }
    }
}

impl<Q: Queue> RoundRobin<Q> {
    /// Whether there is a nonempty queue with an accepted name.
    pub(super) fn any(&self, accept: impl Fn(&Name) -> bool) -> bool {
        self.order.iter().any(accept)
    }

    /// Takes the next ticket of a queue with an accepted name.
    pub(super) fn pop_where(&mut self, accept: impl Fn(&Name) -> bool) -> Option<Ticket> {
        let index = self.order.iter().position(accept)?;
        let name = self.order.remove(index)?;
        let queue = self.queues.get_mut(&name)?;
        let ticket = queue.pop()?;
        self.len -= 1;
        if queue.len() == 0 {
            self.queues.remove(&name);
        } else {
            self.order.push_back(name);
        }
        Some(ticket)
    }

    /// The names of the nonempty queues.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.order.iter()
    }
}

impl<Q: Queue> Queue for RoundRobin<Q> {
    fn push(&mut self, path: &[Name], ticket: Ticket, end: QueueEnd) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        let known = self.queues.contains_key(name);
        let queue = self.queues.entry(Name::clone(name)).or_default();
        queue.push(rest, ticket, end);
        self.len += 1;
        match end {
            QueueEnd::Back if known => {}
            QueueEnd::Back => self.order.push_back(Name::clone(name)),
            QueueEnd::Front => {
                self.order.retain(|other| other != name);
                self.order.push_front(Name::clone(name));
            }
        }
    }

    fn pop(&mut self) -> Option<Ticket> {
        self.pop_where(|_| true)
    }

    fn remove(&mut self, path: &[Name], ticket: Ticket) {
        let Some((name, rest)) = path.split_first() else {
            return;
        };
        let Some(queue) = self.queues.get_mut(name) else {
            return;
        };
        let before = queue.len();
        queue.remove(rest, ticket);
        self.len -= before - queue.len();
        if queue.len() == 0 {
            self.queues.remove(name);
            self.order.retain(|other| other != name);
        }
    }

    fn len(&self) -> usize {
        self.len
    }

    fn ahead(&self, path: &[Name]) -> usize {
        let Some((name, rest)) = path.split_first() else {
            return self.len;
        };
        let own = self.queues.get(name).map_or(0, |queue| queue.ahead(rest));
        let others = self.queues.iter().filter(|(other, _)| *other != name);
        own + others
            .map(|(_, queue)| queue.len().min(own + 1))
            .sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Queues = RoundRobin<RoundRobin<Fifo>>;

    fn path(text: &str) -> [Name; 2] {
        let (role, requester) = text.split_once('/').unwrap();
        [role.into(), requester.into()]
    }

    fn filled(paths: &[&str]) -> Queues {
        let mut queues = Queues::default();
        for (ticket, text) in (0..).zip(paths) {
            queues.push(&path(text), Ticket(ticket), QueueEnd::Back);
        }
        queues
    }

    /// The order in which the tickets of these paths are served.
    fn served(paths: &[&str]) -> Vec<String> {
        let mut queues = filled(paths);
        std::iter::from_fn(|| queues.pop())
            .map(|Ticket(ticket)| format!("{ticket}:{}", paths[usize::try_from(ticket).unwrap()]))
            .collect()
    }

    #[test]
    fn flows_are_served_in_turn_and_so_are_the_callers_of_each() {
        assert_eq!(
            served(&["a/x", "a/x", "a/x", "a/y", "b/z", "b/z"]),
            ["0:a/x", "4:b/z", "3:a/y", "5:b/z", "1:a/x", "2:a/x"]
        );
    }

    #[test]
    fn the_number_ahead_is_how_many_are_served_before() {
        let crowd = ["a/x", "a/x", "a/x", "a/y", "b/z", "b/z", "c/z"];
        for newcomer in ["a/x", "a/y", "a/new", "b/z", "c/z", "d/z"] {
            let ahead = filled(&crowd).ahead(&path(newcomer));
            let mut all = crowd.to_vec();
            all.push(newcomer);
            let order = served(&all);
            let last = format!("{}:{newcomer}", crowd.len());
            let before = order.iter().position(|name| *name == last).unwrap();
            // The order within the last round is not counted exactly.
            assert!(
                before <= ahead && ahead <= before + 3,
                "{newcomer}: {order:?}"
            );
        }
    }

    #[test]
    fn a_ticket_that_enters_again_is_next() {
        let mut queues = filled(&["a/x", "a/x", "b/z"]);
        queues.push(&path("b/z"), Ticket(9), QueueEnd::Front);
        assert_eq!(queues.pop(), Some(Ticket(9)));
        assert_eq!(queues.len(), 3);
    }

    #[test]
    fn a_removed_ticket_leaves_no_empty_flow() {
        let mut queues = filled(&["a/x", "b/z"]);
        queues.remove(&path("a/x"), Ticket(0));
        queues.remove(&path("a/x"), Ticket(0));
        queues.remove(&path("c/x"), Ticket(0));
        assert_eq!((queues.len(), queues.names().count()), (1, 1));
        assert_eq!((queues.pop(), queues.pop()), (Some(Ticket(1)), None));
    }
}
