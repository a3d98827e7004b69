//! Which certificates are accepted.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use vault_client::{Client, ClientCertificate, Error, Pem, Settings, Trust, Url};

use crate::server::{Pauses, Server};

const EMPTY: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// A TLS server with a certificate of its own that always answers the same.
pub(crate) struct TlsServer {
    address: Url,
    certificate: String,
    key: String,
    task: JoinHandle<()>,
}

impl TlsServer {
    pub(crate) async fn start(answer: &'static str) -> Self {
        Self::start_as("127.0.0.1", answer, false).await
    }

    /// A server whose certificate is for `name`; it may want one of its client,
    /// signed by its own.
    async fn start_as(name: &str, answer: &'static str, wants_certificate: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if wants_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(made.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let config = builder
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that rejects the certificate hangs up here.
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
            key: made.signing_key.serialize_pem(),
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
async fn a_server_with_a_trusted_certificate_is_accepted() {
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
    assert!(matches!(error, Error::Handshake { .. }), "{error:?}");
    assert!(error.to_string().contains("set VAULT_CACERT"), "{error}");
}

#[tokio::test]
async fn a_handshake_that_failed_is_not_repeated_and_executed_nothing() {
    let server = TlsServer::start(EMPTY).await;
    let pauses = Arc::new(Pauses::default());
    let mut settings = Settings::new(server.address.clone());
    settings.trust = Trust::System;
    let client = Client::new(settings).unwrap().with_pause(pauses.clone());
    client.read("a", &[]).await.unwrap_err();
    assert!(pauses.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn any_certificate_is_accepted_only_on_request() {
    let server = TlsServer::start(EMPTY).await;
    let client = trusting(&server.address, Trust::SkipVerification);
    assert_eq!(client.read("a", &[]).await.unwrap(), None);
}

#[tokio::test]
async fn certificates_are_taken_from_a_text_and_from_a_folder() {
    let server = TlsServer::start(EMPTY).await;
    let text = Trust::Pem(server.certificate.clone());
    let client = trusting(&server.address, text);
    assert_eq!(client.read("a", &[]).await.unwrap(), None);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), &server.certificate).unwrap();
    let client = trusting(&server.address, Trust::Folder(folder.path().into()));
    assert_eq!(client.read("a", &[]).await.unwrap(), None);
}

#[tokio::test]
async fn the_name_of_a_certificate_can_be_given_and_then_counts() {
    let server = TlsServer::start_as("vault.example", EMPTY, false).await;
    let read = async |name: Option<&str>| {
        let mut settings = Settings::new(server.address.clone());
        settings.trust = Trust::Pem(server.certificate.clone());
        settings.tls_server_name = name.map(str::to_owned);
        settings.retries = 0;
        Client::new(settings).unwrap().read("a", &[]).await
    };
    assert_eq!(read(Some("vault.example")).await.unwrap(), None);
    for name in [Some("other.example"), None] {
        let error = read(name).await.unwrap_err().to_string();
        assert!(error.contains("VAULT_TLS_SERVER_NAME"), "{error}");
    }
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let server = TlsServer::start_as("127.0.0.1", EMPTY, true).await;
    let mut settings = Settings::new(server.address.clone());
    settings.trust = Trust::Pem(server.certificate.clone());
    settings.retries = 0;
    let without = Client::new(settings.clone()).unwrap();
    let error = without.read("a", &[]).await.unwrap_err().to_string();
    assert!(error.contains("VAULT_CLIENT_CERT"), "{error}");
    let text = |text: &str| Pem::Text(text.to_owned().into());
    settings.client_certificate = Some(ClientCertificate {
        certificate: text(&server.certificate),
        key: text(&server.key),
    });
    let with = Client::new(settings.clone()).unwrap();
    assert_eq!(with.read("a", &[]).await.unwrap(), None);
    settings.client_certificate = Some(ClientCertificate {
        certificate: text(&server.certificate),
        key: text("canary"),
    });
    let error = Client::new(settings).unwrap_err().to_string();
    assert!(error.contains("VAULT_CLIENT_KEY_BYTES"), "{error}");
    assert!(!error.contains("canary"), "{error}");
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
