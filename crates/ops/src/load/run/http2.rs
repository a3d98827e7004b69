//! Connections over HTTP/2: one to each server, on which all workers send at the
//! same time.

use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme as UriScheme};
use http::{Request, Uri, Version};
use http_body_util::Full;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;

use super::connection::Answer;
use super::prepared::Prepared;
use super::transport::Transport;
use crate::load::record::Class;
use crate::load::targets::{Origin, Scheme};

/// Its name in the TLS handshake.
const ALPN: &[u8] = b"h2";

type Sender = SendRequest<Full<Bytes>>;

/// The connections of a test.
pub(super) struct Multiplexed {
    tls: Option<Arc<ClientConfig>>,
    /// Locked while a connection is opened, so that workers share it.
    senders: Mutex<Vec<(Origin, Sender)>>,
}

impl Multiplexed {
    pub(super) fn new(tls: Option<&Arc<ClientConfig>>) -> Self {
        let tls = tls.map(|config| {
            let mut config = ClientConfig::clone(config);
            config.alpn_protocols = vec![ALPN.to_vec()];
            Arc::new(config)
        });
        Self {
            tls,
            senders: Mutex::default(),
        }
    }

    /// Sends a request, once more where its connection was closed before anything
    /// was sent.
    pub(super) async fn send(&self, request: &Prepared) -> Result<Answer, Class> {
        let mut again = true;
        loop {
            let mut sender = self.sender(&request.origin).await?;
            let unsent = match sender.ready().await {
                Err(_) => true,
                Ok(()) => match sender.try_send_request(absolute(request)?).await {
                    Ok(response) => return Answer::read(response, request.kept()).await,
                    Err(mut error) => error.take_message().is_some(),
                },
            };
            if !unsent || !again {
                return Err(Class::Broken);
            }
            again = false;
        }
    }

    async fn sender(&self, origin: &Origin) -> Result<Sender, Class> {
        let mut senders = self.senders.lock().await;
        senders.retain(|(_, sender)| !sender.is_closed());
        if let Some((_, sender)) = senders.iter().find(|(other, _)| other == origin) {
            return Ok(sender.clone());
        }
        let sender = match Transport::open(origin, self.tls.as_ref()).await? {
            Transport::Plain(stream) => over(stream).await?,
            Transport::Tls(stream) => {
                if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
                    return Err(Class::Tls);
                }
                over(*stream).await?
            }
        };
        senders.push((origin.clone(), sender.clone()));
        Ok(sender)
    }
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Sender, Class> {
    let (sender, driver) = Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Class::Connect)?;
    // It ends when the last sender is dropped, or the server closes it; senders
    // are told.
    tokio::spawn(async move {
        let _ = driver.await;
    });
    Ok(sender)
}

/// The request with the host in its URL, where HTTP/2 has it.
fn absolute(prepared: &Prepared) -> Result<Request<Full<Bytes>>, Class> {
    let mut request = prepared.request();
    *request.version_mut() = Version::HTTP_2;
    let host = request.headers_mut().remove(HOST);
    let authority = match &host {
        Some(host) => Authority::try_from(host.as_bytes()),
        None => prepared.origin.authority.parse(),
    };
    let scheme = match prepared.origin.scheme {
        Scheme::Http => UriScheme::HTTP,
        Scheme::Https => UriScheme::HTTPS,
    };
    let path = request.uri().path_and_query().cloned();
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority.map_err(|_| Class::Connect)?)
        .path_and_query(path.unwrap_or(PathAndQuery::from_static("/")))
        .build();
    *request.uri_mut() = uri.map_err(|_| Class::Connect)?;
    Ok(request)
}
