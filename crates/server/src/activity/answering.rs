//! An answer on its way: from the header of its request until the client has taken it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::Activity;

/// How much of an answer is handed to the connection at a time. A client that takes
/// less than this for long is idle.
const PIECE: usize = 16 << 10;

/// One request that the server works on, and then its answer.
pub(crate) struct Answering {
    activity: Arc<Activity>,
    number: u64,
    is_answered: bool,
}

impl Answering {
    pub(super) fn new(activity: Arc<Activity>, number: u64) -> Self {
        Self {
            activity,
            number,
            is_answered: false,
        }
    }

    /// The answer, whose body goes on with what this began.
    pub(crate) fn answer(mut self, body: Bytes) -> PacedBody {
        self.is_answered = true;
        self.activity.answered();
        PacedBody {
            rest: body,
            answering: self,
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        // A request whose client is gone has no answer.
        if !self.is_answered {
            self.activity.answered();
        }
        self.activity.left(self.number);
    }
}

/// The body of an answer, in pieces that a client takes one after the other.
pub(crate) struct PacedBody {
    rest: Bytes,
    answering: Answering,
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        self.answering.activity.taken();
        let piece = PIECE.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}
