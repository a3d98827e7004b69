//! Coalesces the flushes of a connection. HTTP/2 flushes headers, data and
//! trailers of one message apart, and each flush costs a TLS record, a system
//! call, and a thread that the host wakes up. Here a flush is deferred until the
//! connection's task runs again, so that other writers get their bytes in.
//!
//! For connections that one task drives, which reads whenever it is woken,
//! before it writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::transport::server::Connected;
use zeroize::Zeroize as _;

/// The most bytes that are buffered; beyond it they are written at once.
const CAPACITY: usize = 64 << 10;

/// The most flushes that are deferred without a read in between.
const MAX_DEFERRED: usize = 64;

/// A connection whose flushes are deferred until the task that asked for one
/// runs again, which it does at once. A failure of a deferred write is returned
/// by the next call.
pub(crate) struct FlushCoalescer<S> {
    inner: S,
    /// The buffered bytes.
    bytes: Vec<u8>,
    /// How many of them were written.
    written: usize,
    /// Flushes deferred since the last read.
    deferred: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FlushCoalescer<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            // A buffer that grows leaves copies of secrets behind.
            bytes: Vec::with_capacity(CAPACITY),
            written: 0,
            deferred: 0,
        }
    }

    /// Makes room for this many bytes; pending while the peer reads nothing.
    fn make_room(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<io::Result<()>> {
        if self.bytes.len() + bytes <= CAPACITY {
            return Poll::Ready(Ok(()));
        }
        self.write_buffered(context)
    }

    fn write_buffered(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => self.written += bytes,
            }
        }
        // Secrets go through here.
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    fn flush_gathered(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_buffered(context))?;
        self.deferred = 0;
        Pin::new(&mut self.inner).poll_flush(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FlushCoalescer<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.deferred > 0
            && let Poll::Ready(flushed) = this.flush_gathered(context)
        {
            flushed?;
        }
        Pin::new(&mut this.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FlushCoalescer<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        ready!(this.make_room(context, bytes))?;
        for slice in slices {
            this.bytes.extend_from_slice(slice);
        }
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.bytes.is_empty() || this.deferred == MAX_DEFERRED {
            return this.flush_gathered(context);
        }
        this.deferred += 1;
        context.waker().wake_by_ref();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.write_buffered(context))?;
        Pin::new(&mut this.inner).poll_shutdown(context)
    }
}

impl<S> Connected for FlushCoalescer<S> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::time::{Instant, timeout};

    use super::*;

    /// A peer that says nothing, notes each write, and takes only so much.
    struct Peer {
        writes: Vec<Vec<u8>>,
        takes: usize,
    }

    fn connection(takes: usize) -> FlushCoalescer<Peer> {
        let writes = Vec::new();
        FlushCoalescer::new(Peer { writes, takes })
    }

    impl AsyncRead for Peer {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Peer {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.takes);
            if taken == 0 {
                return Poll::Pending;
            }
            self.takes -= taken;
            self.writes.push(bytes[..taken].to_vec());
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What a connection does when it is woken: it reads, then writes and
    /// flushes, several times.
    fn turn(
        connection: &mut FlushCoalescer<Peer>,
        context: &mut Context<'_>,
        parts: &[&[u8]],
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 8];
        let read = Pin::new(&mut *connection).poll_read(context, &mut ReadBuf::new(&mut bytes));
        assert!(read.is_pending());
        for part in parts {
            ready!(Pin::new(&mut *connection).poll_write(context, part))?;
            ready!(Pin::new(&mut *connection).poll_flush(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Work that is not woken is looked at once more, a second too late.
    async fn at_once(work: impl Future<Output = io::Result<()>>) {
        let start = Instant::now();
        let done = timeout(Duration::from_secs(1), work).await;
        done.expect("nobody woke it").unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_flushed_in_one_turn_is_one_write_of_the_next_which_comes_at_once() {
        let mut connection = connection(usize::MAX);
        let mut turns = 0;
        let three_turns = poll_fn(|context| {
            turns += 1;
            let parts: &[&[u8]] = match turns {
                1 => &[b"a", b"b", b"c"],
                2 => &[b"d"],
                _ => &[],
            };
            ready!(turn(&mut connection, context, parts))?;
            // Nobody else wakes it.
            if turns < 3 {
                return Poll::Pending;
            }
            Poll::Ready(Ok::<_, io::Error>(()))
        });
        at_once(three_turns).await;
        assert_eq!(connection.inner.writes, [&b"abc"[..], b"d"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_flushed_is_written_even_when_nobody_reads() {
        let mut connection = connection(usize::MAX);
        connection.write_all(b"a").await.unwrap();
        let mut turns = 0;
        let flushes = poll_fn(|context| {
            turns += 1;
            assert!(turns <= MAX_DEFERRED + 1, "it is put off for ever");
            ready!(Pin::new(&mut connection).poll_flush(context))?;
            if connection.inner.writes.is_empty() {
                return Poll::Pending;
            }
            Poll::Ready(Ok::<_, io::Error>(()))
        });
        at_once(flushes).await;
        assert_eq!(connection.inner.writes, [b"a"]);
    }

    #[tokio::test]
    async fn what_was_not_flushed_is_written_before_the_end() {
        let mut connection = connection(usize::MAX);
        connection.write_all(b"last words").await.unwrap();
        connection.shutdown().await.unwrap();
        assert_eq!(connection.inner.writes, [b"last words"]);
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_holds_up_who_writes() {
        let mut connection = connection(1);
        let part = vec![b'x'; CAPACITY];
        poll_fn(|context| {
            assert!(turn(&mut connection, context, &[&part]).is_ready());
            assert!(turn(&mut connection, context, &[b"y"]).is_pending());
            connection.inner.takes = usize::MAX;
            turn(&mut connection, context, &[])
        })
        .await
        .unwrap();
        assert_eq!(connection.inner.writes.concat(), part);
    }
}
