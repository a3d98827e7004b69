//! A listener that reads one request and answers with given bytes.

use confluent_cloud::ids::ApiKeyId;
use confluent_cloud::{ApiSecret, Client, ClientConfig, Credentials, Endpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The secret that no error may repeat.
pub(crate) const SECRET: &str = "canary-secret";

/// A client, and the request that its listener got.
pub(crate) struct Scripted {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) request: JoinHandle<String>,
}

/// A client of a listener that answers its first request with `answer`, and
/// closes the connection.
pub(crate) async fn answering(answer: impl Into<String>) -> Scripted {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !is_whole(&read) {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8(read).unwrap()
    });
    Scripted {
        client: client(&url),
        url,
        request,
    }
}

/// A client of nobody.
pub(crate) async fn nobody() -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    client(&format!("http://{}", listener.local_addr().unwrap()))
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn client(url: &str) -> Client {
    Client::new(ClientConfig {
        endpoint: Endpoint::parse(url).unwrap(),
        credentials: Credentials::Basic {
            key_id: ApiKeyId::new("ADMIN").unwrap(),
            secret: ApiSecret::new(SECRET),
        },
        ca_cert: None,
    })
    .unwrap()
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
