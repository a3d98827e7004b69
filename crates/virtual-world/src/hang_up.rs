//! A client that hangs up: its request is dropped at an await.

use std::pin::pin;
use std::task::Poll;

/// Runs `request` until it has waited `awaits` times, then drops it and returns
/// `None`. With `awaits = 0` it is dropped before anything happens.
///
/// A test that calls this with 0, 1, 2… until it gets `Some` hangs up at every
/// await of the request. Waits of futures that the request joins count as one
/// where they are woken together.
pub async fn hang_up_after<T>(awaits: usize, request: impl Future<Output = T>) -> Option<T> {
    let mut request = pin!(request);
    let mut left = awaits;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        match request.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => {
                left -= 1;
                if left == 0 {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                }
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_is_dropped_at_each_of_its_awaits_in_turn() {
        let mut progress = Vec::new();
        for awaits in 0.. {
            let done = Cell::new(0);
            let request = async {
                for _ in 0..2 {
                    done.set(done.get() + 1);
                    sleep(Duration::from_secs(1)).await;
                }
                "answer"
            };
            let answer = hang_up_after(awaits, request).await;
            progress.push((done.get(), answer));
            if answer.is_some() {
                break;
            }
        }
        let expected = [(0, None), (1, None), (2, None), (2, Some("answer"))];
        assert_eq!(progress, expected);
    }
}
