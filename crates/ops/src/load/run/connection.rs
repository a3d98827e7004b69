//! One connection over HTTP/1.1. It is driven by the task that waits for the
//! answer: a task of its own would cost two switches for each request.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::transport::Transport;
use crate::load::record::Class;
use crate::load::targets::Origin;

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    /// The beginning of the body.
    pub(super) begin: Zeroizing<Vec<u8>>,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// An open connection.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// What moves bytes; none once it is closed.
    driver: Option<Driver>,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(
        origin: &Origin,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, Class> {
        match Transport::open(origin, tls).await? {
            Transport::Plain(stream) => Self::over(stream).await,
            Transport::Tls(stream) => Self::over(stream).await,
        }
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, Class> {
        let (sender, driver) = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Class::Connect)?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(driver)),
        })
    }

    /// Sends on a connection that may have been closed while it was idle; none if
    /// it was, and nothing was sent. `kept` is how much of the body is needed.
    pub(super) async fn reuse(
        &mut self,
        request: Request<Full<Bytes>>,
        kept: usize,
    ) -> Option<Result<Answer, Class>> {
        let Self { sender, driver } = self;
        drive(driver, sender.ready()).await.ok()?;
        let sending = sender.try_send_request(request);
        let response = match drive(driver, sending).await {
            Ok(response) => response,
            Err(mut error) => {
                let unsent = error.take_message().is_some();
                return (!unsent).then_some(Err(Class::Broken));
            }
        };
        Some(self.read(response, kept).await)
    }

    /// Sends on a new connection.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        kept: usize,
    ) -> Result<Answer, Class> {
        self.reuse(request, kept)
            .await
            .unwrap_or(Err(Class::Broken))
    }

    async fn read(
        &mut self,
        response: http::Response<Incoming>,
        kept: usize,
    ) -> Result<Answer, Class> {
        drive(&mut self.driver, Answer::read(response, kept)).await
    }
}

impl Answer {
    /// Reads a response to its end, and keeps the beginning of its body.
    pub(super) async fn read(
        response: http::Response<Incoming>,
        kept: usize,
    ) -> Result<Self, Class> {
        let status = response.status().as_u16();
        let location = redirect(status, response.headers());
        let mut begin = Zeroizing::new(Vec::new());
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Class::Broken)?;
            if begin.len() < kept
                && let Ok(data) = frame.into_data()
            {
                let wanted = data.len().min(kept - begin.len());
                begin.extend_from_slice(&data[..wanted]);
            }
        }
        Ok(Self {
            status,
            location,
            begin,
        })
    }
}

/// Where an answer redirects to.
fn redirect(status: u16, headers: &HeaderMap) -> Option<String> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    Some(location.to_owned())
}

/// Awaits something that needs the connection to move.
async fn drive<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Some(running) = driver
            && running.as_mut().poll(context).is_ready()
        {
            *driver = None;
        }
        work.as_mut().poll(context)
    })
    .await
}
