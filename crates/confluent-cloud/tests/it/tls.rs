//! Whose certificates are believed. No crypto provider is installed for the
//! process, as in a program that carries several TLS clients.

use std::sync::Arc;

use confluent_cloud::ids::ApiKeyId;
use confluent_cloud::{ApiSecret, Client, ClientConfig, Credentials, Effects, Endpoint, ErrorKind};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::listener::FakeTime;

/// How a server of plain HTTP answers the first bytes of TLS.
const NOT_HTTP: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

const GONE: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// The address and certificate of a server that answers one request with 204.
async fn server() -> (String, String) {
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
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // A client that does not believe it hangs up here.
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let Ok(mut stream) = acceptor.accept(stream).await else {
            return;
        };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(GONE.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    (address, made.cert.pem())
}

fn client(address: &str, ca_cert: Option<String>) -> Client {
    Client::new(ClientConfig {
        endpoint: Endpoint::parse(address).unwrap(),
        credentials: Credentials::Basic {
            key_id: ApiKeyId::new("ADMIN").unwrap(),
            secret: ApiSecret::new("secret"),
        },
        ca_cert,
    })
    .unwrap()
}

#[tokio::test]
async fn a_server_whose_root_is_given_is_believed() {
    let (address, certificate) = server().await;
    let client = client(&address, Some(certificate));
    let id = ApiKeyId::new("A").unwrap();
    assert_eq!(client.delete_api_key(&id).await, Ok(()));
}

#[tokio::test]
async fn a_stranger_gets_no_request() {
    let (address, _) = server().await;
    let id = ApiKeyId::new("A").unwrap();
    let time = Arc::new(FakeTime::default());
    let error = client(&address, None)
        .with_effects(Arc::clone(&time) as Arc<dyn Effects>)
        .delete_api_key(&id)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Untrusted);
    assert!(!error.outcome_unknown());
    let text = error.to_string();
    assert!(
        text.contains("certificate") && text.contains("`ca_cert`"),
        "{text}"
    );
    // It will not be trusted the next time either.
    assert_eq!((error.attempts, time.waits()), (1, Vec::new()));
}

#[tokio::test]
async fn a_server_without_tls_is_called_that_and_no_certificate_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = Vec::new();
        stream.read_buf(&mut hello).await.unwrap();
        stream.write_all(NOT_HTTP.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let id = ApiKeyId::new("A").unwrap();
    let error = client(&address, None).delete_api_key(&id).await;
    let error = error.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::NotTls, 1));
    let text = error.to_string();
    assert!(text.contains("`url` does not speak TLS"), "{text}");
    assert!(
        !text.contains("ca_cert") && !text.contains("certificate"),
        "{text}"
    );
}
