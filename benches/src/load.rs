//! A load on one path: a number of connections, each with one request in flight,
//! for a given time; or many requests that are sent at the same moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;

/// The request that is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `127.0.0.1:8200`.
    pub(crate) authority: String,
    pub(crate) token: String,
    /// Below `/v1/`; `{connection}` stands for the connection's number, `{request}` for
    /// that of the request on it.
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) body: Bytes,
}

impl Target {
    /// Reads of a path at an address such as `http://127.0.0.1:8200`.
    pub(crate) fn of(address: &str, token: &str, path: &str) -> Self {
        Self {
            authority: address.trim_start_matches("http://").to_owned(),
            token: token.to_owned(),
            path: path.to_owned(),
            method: Method::GET,
            body: Bytes::new(),
        }
    }
}

/// When a load ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After this time.
    Over(Duration),
    /// After this many answers over all connections.
    Count(usize),
}

/// The results of a load.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) requests: usize,
    pub(crate) elapsed: Duration,
    /// Latencies, sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Done {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.requests) / self.elapsed.as_secs_f64()
    }

    /// The latency percentile for this fraction of the requests, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() * percent / 100).min(last);
        self.latencies
            .get(at)
            .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// A count as a float; exact up to 2^52.
pub(crate) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::from(u32::MAX), f64::from)
}

/// Repeats a request. Every answer must be a success.
///
/// # Errors
/// The first connection that fails, or the first other answer.
pub(crate) fn run(target: &Target, connections: usize, until: Until) -> Result<Done> {
    runtime()?.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..connections)
            .map(|number| {
                let until = match until {
                    Until::Count(all) => Until::Count(share(all, connections, number)),
                    over @ Until::Over(_) => over,
                };
                let mut target = target.clone();
                target.path = target.path.replace("{connection}", &number.to_string());
                tokio::task::spawn(ask(target, until))
            })
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.context("a connection broke down")??);
        }
        let elapsed = start.elapsed();
        latencies.sort_unstable();
        Ok(Done {
            requests: latencies.len(),
            elapsed,
            latencies,
        })
    })
}

/// Posts each of the bodies to a path on a connection of its own, all at once;
/// the time until the last is answered. Connecting does not count.
///
/// # Errors
/// The first connection that fails, or the first answer that is no success.
pub(crate) fn post_at_once(target: &Target, bodies: Vec<Bytes>) -> Result<Duration> {
    runtime()?.block_on(async {
        let connected = Arc::new(Barrier::new(bodies.len() + 1));
        let mut tasks = Vec::new();
        for body in bodies {
            let mut connection = Connection::open(target).await?;
            let connected = Arc::clone(&connected);
            tasks.push(tokio::task::spawn(async move {
                connected.wait().await;
                connection.send(Method::POST, body).await?;
                connection.close().await
            }));
        }
        connected.wait().await;
        let start = Instant::now();
        for task in tasks {
            task.await.context("a connection broke down")??;
        }
        Ok(start.elapsed())
    })
}

/// One thread: the server gets the rest of the machine.
fn runtime() -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}

fn share(all: usize, connections: usize, number: usize) -> usize {
    all / connections + usize::from(number < all % connections)
}

async fn ask(target: Target, until: Until) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(&target).await?;
    let start = Instant::now();
    let mut latencies = Vec::new();
    while match until {
        Until::Over(time) => start.elapsed() < time,
        Until::Count(count) => latencies.len() < count,
    } {
        let asked = Instant::now();
        let (method, body) = (target.method.clone(), target.body.clone());
        connection.send(method, body).await?;
        latencies.push(asked.elapsed());
    }
    connection.close().await?;
    Ok(latencies)
}

/// A connection to a server, which sends one request after another.
struct Connection {
    target: Target,
    sent: usize,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
}

impl Connection {
    async fn open(target: &Target) -> Result<Self> {
        ensure!(
            target.authority.starts_with("127.0.0.1:"),
            "a load goes to loopback only, not to `{}`",
            target.authority
        );
        let stream = TcpStream::connect(&target.authority).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self {
            target: target.clone(),
            sent: 0,
            sender,
            driver: tokio::task::spawn(connection),
        })
    }

    /// Sends a request and reads its answer, which must be a success.
    async fn send(&mut self, method: Method, body: Bytes) -> Result<()> {
        let path = self
            .target
            .path
            .replace("{request}", &self.sent.to_string());
        self.sent += 1;
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .header("host", &self.target.authority)
            .header("x-vault-token", &self.target.token)
            .body(Full::new(body))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "{path}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        Ok(())
    }

    async fn close(self) -> Result<()> {
        drop(self.sender);
        self.driver.await.context("a connection broke down")??;
        Ok(())
    }
}
