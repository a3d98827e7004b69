//! Progress of a long request, on a terminal.

use std::future::Future;
use std::io::{IsTerminal as _, Write};
use std::time::Duration;

use tokio::time::Instant;

/// The time until progress is shown, and between two updates of it.
const PERIOD: Duration = Duration::from_secs(2);

/// Awaits a request; on a terminal, with the time that it has taken so far, on
/// standard error. Logs and pipes see nothing of it.
pub(super) async fn shown<T>(doing: &str, request: impl Future<Output = T>) -> T {
    let error = std::io::stderr();
    if error.is_terminal() {
        shown_to(&mut error.lock(), doing, request).await
    } else {
        request.await
    }
}

async fn shown_to<T>(screen: &mut impl Write, doing: &str, request: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let mut request = std::pin::pin!(request);
    let mut was_shown = false;
    loop {
        tokio::select! {
            answer = &mut request => {
                if was_shown {
                    // Clears the line for what follows. A closed terminal is
                    // no reason to lose the answer.
                    let _ = write!(screen, "\r\x1b[K");
                    let _ = screen.flush();
                }
                return answer;
            }
            () = tokio::time::sleep(PERIOD) => {
                was_shown = true;
                let seconds = start.elapsed().as_secs();
                let _ = write!(screen, "\r{doing} … {seconds} s");
                let _ = screen.flush();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn screen_of(duration: Duration) -> String {
        let mut screen = Vec::new();
        let request = tokio::time::sleep(duration);
        shown_to(&mut screen, "revoking", request).await;
        String::from_utf8(screen).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_request_shows_how_long_it_has_taken_and_clears_its_line() {
        assert_eq!(
            screen_of(Duration::from_secs(5)).await,
            "\rrevoking … 2 s\rrevoking … 4 s\r\x1b[K"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_request_shows_nothing() {
        assert_eq!(screen_of(Duration::from_secs(1)).await, "");
    }
}
