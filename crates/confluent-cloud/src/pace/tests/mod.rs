//! What a pace promises, tried on crowds and on a service with a limit of its
//! own.

mod learning;
mod turns;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;

const KEYS: &str = "/iam/v2/api-keys";
const LONG: Duration = Duration::from_hours(10);

/// A request to [`KEYS`] that may wait for long.
fn wanted(class: Class, flow: &Flow, now: Instant) -> TurnRequest<'_> {
    TurnRequest {
        class,
        flow,
        path: KEYS,
        until: now + LONG,
        end: QueueEnd::Back,
    }
}

/// A crowd of requests, each of which is answered after a while.
struct Crowd {
    pace: Pace,
    began: Instant,
    now: Instant,
    /// How long answers take.
    latency: Duration,
    waiting: BTreeMap<Ticket, (Class, String)>,
    in_flight: Vec<(Instant, Permit)>,
    served: Vec<(Class, String)>,
    times: Vec<Duration>,
    most_in_flight: usize,
}

impl Crowd {
    fn new(start: Option<Rate>) -> Self {
        let now = Instant::now();
        Self {
            pace: Pace::new(start, now),
            began: now,
            now,
            latency: Duration::from_millis(20),
            waiting: BTreeMap::new(),
            in_flight: Vec::new(),
            served: Vec::new(),
            times: Vec::new(),
            most_in_flight: 0,
        }
    }

    /// So many requests of a flow enter.
    fn enter(&mut self, class: Class, name: &str, count: usize) {
        let (flow, caller) = name.split_once('/').unwrap_or((name, ""));
        let flow = Flow::new(flow, caller);
        for _ in 0..count {
            let wanted = wanted(class, &flow, self.now);
            let ticket = self.pace.enter(self.now, &wanted).unwrap();
            self.waiting.insert(ticket, (class, name.to_owned()));
        }
    }

    /// Grants what can be granted now.
    fn look(&mut self) {
        for (ticket, permit) in self.pace.advance(self.now).granted {
            self.served.push(self.waiting.remove(&ticket).unwrap());
            self.times.push(self.now - self.began);
            self.in_flight.push((self.now + self.latency, permit));
        }
        self.most_in_flight = self.most_in_flight.max(self.in_flight.len());
    }

    /// Lets time pass; requests are answered meanwhile.
    fn pass(&mut self, time: Duration) {
        let ends = self.now + time;
        self.look();
        while self.now < ends {
            self.now += Duration::from_millis(5);
            let now = self.now;
            let (answered, in_flight) = self.in_flight.drain(..).partition(|(at, _)| *at <= now);
            self.in_flight = in_flight;
            for (_, permit) in answered {
                let outcome = Outcome::Answered;
                self.pace.finish(now, &permit, outcome, None, 0);
            }
            self.look();
        }
    }

    fn count(&self, accept: impl Fn(Class) -> bool) -> usize {
        self.served
            .iter()
            .filter(|(class, _)| accept(*class))
            .count()
    }

    fn names(&self) -> Vec<&str> {
        self.served.iter().map(|(_, name)| name.as_str()).collect()
    }
}
