//! Whom the plugin talks to: the host that started it, and nobody else.

use std::io;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::fake_host::{FakeHost, Identity};

/// What every HTTP/2 client says first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Whether the plugin speaks HTTP/2 on a connection like this.
async fn is_served(host: &FakeHost, config: ClientConfig) -> bool {
    let speak = async {
        let mut stream = host.secure(config).await?;
        stream.write_all(PREFACE).await?;
        stream.flush().await?;
        stream.read_u8().await
    };
    let answer: io::Result<u8> = tokio::time::timeout(Duration::from_secs(10), speak)
        .await
        .expect("the plugin answers or hangs up");
    answer.is_ok()
}

#[tokio::test]
async fn the_host_is_served() {
    let host = FakeHost::start().await;
    assert!(is_served(&host, host.right_tls()).await);
}

#[tokio::test]
async fn a_peer_without_a_certificate_is_refused() {
    let host = FakeHost::start().await;
    assert!(!is_served(&host, host.tls(None)).await);
}

#[tokio::test]
async fn a_peer_with_a_certificate_of_its_own_is_refused() {
    let host = FakeHost::start().await;
    let foreign = Identity::of_a_host();
    assert!(!is_served(&host, host.tls(Some(&foreign))).await);
}

#[tokio::test]
async fn a_host_that_does_not_agree_on_http2_is_refused() {
    let host = FakeHost::start().await;
    let mut config = host.right_tls();
    config.alpn_protocols.clear();
    assert!(!is_served(&host, config).await);
}

#[tokio::test]
async fn a_peer_without_tls_is_refused() {
    let host = FakeHost::start().await;
    let mut stream: UnixStream = host.plain().await;
    stream.write_all(PREFACE).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    // It may get an alert of TLS, and then the end.
    let ended = tokio::time::timeout(Duration::from_secs(10), read).await;
    assert!(ended.is_ok());
    assert!(
        !answer.windows(3).any(|part| part == b"\0\0\x04"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_peer_that_says_nothing_holds_up_nobody() {
    let host = FakeHost::start().await;
    let _silent = [host.plain().await, host.plain().await];
    assert!(is_served(&host, host.right_tls()).await);
}
