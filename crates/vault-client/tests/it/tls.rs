//! Whose certificates are believed.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use vault_client::{Client, Error, Settings, Trust, Url};

use crate::server::{Pauses, Server};

const EMPTY: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// A TLS server with a certificate of its own that always answers the same.
pub(crate) struct TlsServer {
    address: Url,
    certificate: String,
    task: JoinHandle<()>,
}

impl TlsServer {
    pub(crate) async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not believe us hangs up here.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                read_head(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.ok();
                stream.shutdown().await.ok();
            }
        });
        Self {
            address: Url::parse(&address).unwrap(),
            certificate: made.cert.pem(),
            task,
        }
    }

    /// A client that trusts this server.
    pub(crate) fn client(&self) -> Client {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, &self.certificate).unwrap();
        trusting(&self.address, Trust::File(file))
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads up to the empty line behind the headers.
async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
}

fn trusting(address: &Url, trust: Trust) -> Client {
    let mut settings = Settings::new(address.clone());
    settings.trust = trust;
    Client::new(settings)
        .unwrap()
        .with_pause(Arc::new(Pauses::default()))
}

#[tokio::test]
async fn a_server_whose_certificate_is_named_is_believed() {
    let server = TlsServer::start(EMPTY).await;
    assert_eq!(server.client().read("a", &[]).await.unwrap(), None);
}

#[tokio::test]
async fn an_unknown_certificate_is_refused_with_the_remedy() {
    let server = TlsServer::start(EMPTY).await;
    let error = trusting(&server.address, Trust::System)
        .read("a", &[])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("set VAULT_CACERT"), "{error}");
}

#[tokio::test]
async fn every_certificate_is_believed_only_on_request() {
    let server = TlsServer::start(EMPTY).await;
    let client = trusting(&server.address, Trust::Everything);
    assert_eq!(client.read("a", &[]).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_such() {
    let server = Server::start([]).await;
    let address = server.address.as_str().replace("http://", "https://");
    let client = trusting(&Url::parse(&address).unwrap(), Trust::System);
    let error = client.read("a", &[]).await.unwrap_err();
    assert!(
        error.to_string().contains("it does not speak TLS"),
        "{error}"
    );
}

#[test]
fn a_file_without_certificates_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let mut settings = Settings::new(Url::parse("https://127.0.0.1:1").unwrap());
    settings.trust = Trust::File(file.clone());
    let missing = Client::new(settings.clone()).unwrap_err();
    assert!(matches!(missing, Error::Certificates { .. }), "{missing:?}");
    std::fs::write(&file, "nothing here").unwrap();
    let empty = Client::new(settings).unwrap_err().to_string();
    assert!(empty.contains("it has no certificate in it"), "{empty}");
}
