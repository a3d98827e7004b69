//! The pool of connections, when the other side stops answering on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use confluent_cloud::ids::ApiKeyId;
use confluent_cloud::{Client, Effects, Error, ErrorKind, RetryPolicy};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

use crate::listener::{FakeTime, basic, client, hear};

const GONE: &str = "HTTP/1.1 204 X\r\n\r\n";

/// A listener whose first connections can be made to swallow requests.
struct Upstream {
    url: String,
    swallows: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

impl Upstream {
    /// A listener that answers the first requests when all of these are there,
    /// so that each has a connection of its own.
    async fn start(first: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            swallows: Arc::default(),
            connections: Arc::default(),
        };
        let (swallows, connections) = (
            Arc::clone(&upstream.swallows),
            Arc::clone(&upstream.connections),
        );
        let barrier = Arc::new(Barrier::new(first));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let barrier = Arc::clone(&barrier);
                let swallows = Arc::clone(&swallows);
                let is_old = !swallows.load(Ordering::SeqCst);
                tokio::spawn(serve(stream, barrier, is_old, swallows));
            }
        });
        upstream
    }
}

async fn serve(
    mut stream: TcpStream,
    barrier: Arc<Barrier>,
    is_old: bool,
    swallows: Arc<AtomicBool>,
) {
    let mut is_first = is_old;
    while hear(&mut stream).await.is_some() {
        if is_old && swallows.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if std::mem::take(&mut is_first) {
            barrier.wait().await;
        }
        stream.write_all(GONE.as_bytes()).await.unwrap();
    }
}

async fn delete(client: &Client) -> Result<(), Error> {
    client.delete_api_key(&ApiKeyId::new("A").unwrap()).await
}

#[tokio::test]
async fn after_a_time_out_the_next_request_opens_a_new_connection() {
    let upstream = Upstream::start(3).await;
    let time = Arc::new(FakeTime::default());
    let client = client(&upstream.url, basic())
        .with_retries(RetryPolicy::never())
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>);
    let (one, two, three) = tokio::join!(delete(&client), delete(&client), delete(&client));
    assert_eq!((one, two, three), (Ok(()), Ok(()), Ok(())));
    assert_eq!(delete(&client).await, Ok(()));
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 3);

    upstream.swallows.store(true, Ordering::SeqCst);
    // A request has 30 ms left when it is sent.
    time.slow_down(Duration::from_millis(8970));
    let error = delete(&client).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TimedOut);
    time.slow_down(Duration::ZERO);
    assert_eq!(delete(&client).await, Ok(()));
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 4);
}
