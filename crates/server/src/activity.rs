//! What a connection is doing, and until when it may go on without a request: the
//! deadlines of a client that is slow on purpose.
//!
//! A request that the server works on has its own limit
//! (`max_request_duration`), so of these only `http_write_timeout` ends it.

mod answering;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

pub(crate) use self::answering::Answering;
use crate::listener::Timeouts;

/// What a client did not do in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// It sent no whole header.
    Header,
    /// It sent no other request, or took nothing of an answer.
    Idle,
    /// It has not taken a whole answer, or the server has none.
    Answer,
}

/// The state of one connection, shared by its stream and its requests.
pub(crate) struct Activity {
    timeouts: Timeouts,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Requests that the server works on; HTTP/2 has several at a time.
    requests: usize,
    /// HTTP/2 has frames of its own, such as pings: bytes do not begin a request, and
    /// are no sign that an answer is taken.
    multiplexed: bool,
    /// When each answer has to be taken that is not yet, in the order of the
    /// requests; empty without such a limit.
    answers: BTreeMap<u64, Instant>,
    /// The same for answers that are on their way to the system.
    leaving: Option<Instant>,
    /// How many requests there were.
    begun: u64,
}

#[derive(Clone, Copy)]
enum Phase {
    /// The client owes the rest of a header.
    Header(Instant),
    /// Nothing has moved since.
    Idle(Instant),
}

impl Activity {
    /// A connection that was just accepted. As in Go, the first header is due
    /// from here.
    pub(crate) fn new(timeouts: Timeouts) -> Arc<Self> {
        Arc::new(Self {
            timeouts,
            state: Mutex::new(State {
                phase: Phase::Header(Instant::now()),
                requests: 0,
                multiplexed: false,
                answers: BTreeMap::new(),
                leaving: None,
                begun: 0,
            }),
        })
    }

    /// A header was read: the server works on the request until the value says
    /// otherwise, and its answer is taken when that is dropped.
    pub(crate) fn work(self: &Arc<Self>, multiplexed: bool) -> Answering {
        let mut state = self.lock();
        state.requests += 1;
        state.multiplexed = multiplexed;
        let number = state.begun;
        state.begun += 1;
        if let Some(limit) = self.timeouts.answer {
            state.answers.insert(number, Instant::now() + limit);
        }
        drop(state);
        Answering::new(Arc::clone(self), number)
    }

    /// Resolves when the client is too late.
    pub(crate) async fn overdue(&self) -> Overdue {
        let mut timer = pin!(sleep_until(Instant::now() + self.timeouts.header));
        poll_fn(|context| {
            loop {
                let due = self.due();
                // A later deadline is looked at when the timer fires: most requests
                // end long before that.
                if let Some((at, _)) = due
                    && at < timer.deadline()
                {
                    timer.as_mut().reset(at);
                }
                ready!(timer.as_mut().poll(context));
                let now = Instant::now();
                match due {
                    Some((at, what)) if at <= now => return Poll::Ready(what),
                    Some((at, _)) => timer.as_mut().reset(at),
                    None => timer.as_mut().reset(now + self.timeouts.header),
                }
            }
        })
        .await
    }

    /// When the client is too late for what it owes, or the server for an answer.
    fn due(&self) -> Option<(Instant, Overdue)> {
        let state = self.lock();
        let silent = (state.requests == 0).then(|| match state.phase {
            Phase::Header(since) => (since + self.timeouts.header, Overdue::Header),
            Phase::Idle(since) => (since + self.timeouts.idle, Overdue::Idle),
        });
        let first = state.answers.values().next().copied();
        let answer = first.into_iter().chain(state.leaving).min();
        let answer = answer.map(|at| (at, Overdue::Answer));
        silent.into_iter().chain(answer).min_by_key(|(at, _)| *at)
    }

    /// Bytes of the client came in.
    fn read(&self) {
        let mut state = self.lock();
        if state.requests == 0 && !state.multiplexed && matches!(state.phase, Phase::Idle(_)) {
            state.phase = Phase::Header(Instant::now());
        }
    }

    /// The client took bytes.
    fn written(&self) {
        let mut state = self.lock();
        if !state.multiplexed && matches!(state.phase, Phase::Idle(_)) {
            state.phase = Phase::Idle(Instant::now());
        }
    }

    /// The client took everything that the server had for it so far.
    fn flushed(&self) {
        self.lock().leaving = None;
    }

    /// The server has an answer.
    fn answered(&self) {
        let mut state = self.lock();
        state.requests -= 1;
        state.phase = Phase::Idle(Instant::now());
    }

    /// The client has room for more of an answer.
    fn taken(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Idle(_)) {
            state.phase = Phase::Idle(Instant::now());
        }
    }

    /// A whole answer is on its way.
    fn left(&self, number: u64) {
        let mut state = self.lock();
        let due = state.answers.remove(&number);
        state.leaving = state.leaving.into_iter().chain(due).min();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream that tells when bytes move.
pub(crate) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(crate) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    fn count(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(bytes)) if bytes > 0) {
            self.activity.written();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.activity.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
