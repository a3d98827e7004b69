//! A load on one path: a number of connections, each with one request in flight,
//! for a given time.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The request that is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `127.0.0.1:8200`.
    pub(crate) authority: String,
    pub(crate) token: String,
    /// Below `/v1/`.
    pub(crate) path: String,
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

/// Loads a path. Every answer must be 200.
///
/// # Errors
/// The first connection that fails, or the first other answer.
pub(crate) fn run(target: &Target, connections: usize, until: Until) -> Result<Done> {
    ensure!(
        target.authority.starts_with("127.0.0.1:"),
        "a load goes to loopback only, not to `{}`",
        target.authority
    );
    // One thread: the server gets the rest of the machine.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let tasks: Vec<_> = (0..connections)
            .map(|number| {
                let until = match until {
                    Until::Count(all) => Until::Count(share(all, connections, number)),
                    over @ Until::Over(_) => over,
                };
                tokio::task::spawn(ask(target.clone(), until))
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

fn share(all: usize, connections: usize, number: usize) -> usize {
    all / connections + usize::from(number < all % connections)
}

async fn ask(target: Target, until: Until) -> Result<Vec<Duration>> {
    let stream = TcpStream::connect(&target.authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::task::spawn(connection);
    let start = Instant::now();
    let mut latencies = Vec::new();
    while match until {
        Until::Over(time) => start.elapsed() < time,
        Until::Count(count) => latencies.len() < count,
    } {
        let request = Request::get(format!("/v1/{}", target.path))
            .header("host", &target.authority)
            .header("x-vault-token", &target.token)
            .body(Empty::<Bytes>::new())?;
        let asked = Instant::now();
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(
            status == 200,
            "{}: {status} {}",
            target.path,
            String::from_utf8_lossy(&body)
        );
        latencies.push(asked.elapsed());
    }
    drop(sender);
    driver.await.context("a connection broke down")??;
    Ok(latencies)
}
