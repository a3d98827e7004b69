//! A listener that answers requests with given bytes, one after the other, and
//! effects that pass time without waiting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use confluent_cloud::ids::ApiKeyId;
use confluent_cloud::{
    ApiSecret, Client, ClientConfig, Credentials, Effects, Endpoint, RetryPolicy, Sleep,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The secret that no error may repeat.
pub(crate) const SECRET: &str = "canary-secret";

/// What comes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// These bytes, and then the connection ends.
    Last(String),
    /// These bytes, and the connection stays.
    Next(String),
    /// Nothing, for ever.
    Silence,
}

/// A client that asks once, and the request that its listener got.
pub(crate) struct Scripted {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) request: JoinHandle<String>,
}

/// A client that tries again, in a time of its own.
pub(crate) struct Story {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) time: Arc<FakeTime>,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

/// A client of a listener that answers its first request with `answer`, and
/// closes the connection.
pub(crate) async fn answering(answer: impl Into<String>) -> Scripted {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = hear(&mut stream).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        request
    });
    Scripted {
        client: client(&url, basic()).with_retries(RetryPolicy::never()),
        url,
        request,
    }
}

/// A client of a listener that takes one step for each request.
pub(crate) async fn story(steps: impl IntoIterator<Item = Step>) -> Story {
    let mut steps = steps.into_iter().collect::<Vec<_>>().into_iter();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Heard::default());
    let hearing = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            hearing.connections.fetch_add(1, Ordering::Relaxed);
            while let Some(request) = hear(&mut stream).await {
                hearing.requests.lock().unwrap().push(request);
                match steps.next() {
                    Some(Step::Next(bytes)) => stream.write_all(bytes.as_bytes()).await.unwrap(),
                    Some(Step::Last(bytes)) => {
                        stream.write_all(bytes.as_bytes()).await.unwrap();
                        stream.shutdown().await.unwrap();
                        break;
                    }
                    Some(Step::Silence) => {
                        silent.push(stream);
                        break;
                    }
                    None => break,
                }
            }
        }
    });
    let time = Arc::new(FakeTime::default());
    Story {
        client: client(&url, basic()).with_effects(Arc::clone(&time) as Arc<dyn Effects>),
        url,
        time,
        heard,
    }
}

impl Story {
    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.heard.requests.lock().unwrap().clone()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.heard.connections.load(Ordering::Relaxed)
    }
}

/// A time that passes only when somebody waits, or looks at it, and chance
/// that is always the largest.
#[derive(Debug)]
pub(crate) struct FakeTime {
    began: Instant,
    passed: Mutex<Duration>,
    waits: Mutex<Vec<Duration>>,
    /// How long every look takes.
    look: Mutex<Duration>,
}

impl Default for FakeTime {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            passed: Mutex::default(),
            waits: Mutex::default(),
            look: Mutex::default(),
        }
    }
}

impl FakeTime {
    /// The waits so far, in whole seconds, rounded up.
    pub(crate) fn waits(&self) -> Vec<u64> {
        let waits = self.waits.lock().unwrap();
        waits
            .iter()
            .map(|wait| wait.as_millis().div_ceil(1000).try_into().unwrap())
            .collect()
    }

    /// How much time has passed.
    pub(crate) fn passed(&self) -> Duration {
        *self.passed.lock().unwrap()
    }

    /// From now on every look at the clock takes so long.
    pub(crate) fn slow_down(&self, look: Duration) {
        *self.look.lock().unwrap() = look;
    }
}

impl Effects for FakeTime {
    fn now(&self) -> Instant {
        let mut passed = self.passed.lock().unwrap();
        *passed += *self.look.lock().unwrap();
        self.began + *passed
    }

    fn sleep(&self, time: Duration) -> Sleep {
        self.waits.lock().unwrap().push(time);
        *self.passed.lock().unwrap() += time;
        Box::pin(tokio::task::yield_now())
    }

    fn random(&self) -> u64 {
        u64::MAX
    }
}

/// A client of nobody.
pub(crate) async fn nobody() -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    client(
        &format!("http://{}", listener.local_addr().unwrap()),
        basic(),
    )
    .with_retries(RetryPolicy::never())
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A client with any credentials.
pub(crate) fn client(url: &str, credentials: Credentials) -> Client {
    Client::new(ClientConfig {
        endpoint: Endpoint::parse(url).unwrap(),
        credentials,
        ca_cert: None,
    })
    .unwrap()
}

/// Credentials with [`SECRET`].
pub(crate) fn basic() -> Credentials {
    Credentials::Basic {
        key_id: ApiKeyId::new("ADMIN").unwrap(),
        secret: ApiSecret::new(SECRET),
    }
}

/// A request; nothing when the connection ends before.
pub(crate) async fn hear(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !is_whole(&read) {
        let more = stream.read_buf(&mut read).await.ok()?;
        if more == 0 {
            return None;
        }
    }
    String::from_utf8(read).ok()
}

fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        })
        .unwrap_or(0);
    body.len() >= length
}
