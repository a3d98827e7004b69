//! Which requests are retried, how often, and after which pause.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vault_client::{Client, Error, Object, Settings, Url};

use crate::server::{Pauses, Server, client, json as answer, text, with_header};

fn good() -> axum::response::Response {
    answer(200, &json!({"data": {"a": 1}}))
}

#[tokio::test]
async fn an_overloaded_server_is_asked_twice_more_with_waits_between() {
    let server = Server::start([text(503, ""), text(429, ""), good()]).await;
    let pauses = Arc::new(Pauses::default());
    let client = client(&server.address, Arc::clone(&pauses));
    assert!(client.read("a", &[]).await.unwrap().is_some());
    let wait = (Duration::from_secs(1), Duration::from_millis(1500));
    assert_eq!(*pauses.0.lock().unwrap(), [wait, wait]);
}

#[tokio::test]
async fn after_two_retries_the_error_is_given() {
    let failing = || answer(500, &json!({"errors": ["internal error"]}));
    let server = Server::start([failing(), failing(), failing(), good()]).await;
    let error = server.client().read("a", &[]).await.unwrap_err();
    assert!(matches!(error, Error::Api { status: 500, .. }), "{error:?}");
    assert_eq!(server.lines().len(), 3);
}

#[tokio::test]
async fn what_will_not_change_is_not_asked_again() {
    for status in [400, 403, 501] {
        let server = Server::start([answer(status, &json!({"errors": ["no"]})), good()]).await;
        server.client().read("a", &[]).await.unwrap_err();
        assert_eq!(server.lines().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_write_is_repeated_with_its_body() {
    let server = Server::start([text(502, ""), text(204, "")]).await;
    let mut data = Object::new();
    data.insert("a".to_owned(), json!("b"));
    server.client().write("kv/x", &data).await.unwrap();
    let bodies: Vec<String> = server.asked().into_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies, [r#"{"a":"b"}"#, r#"{"a":"b"}"#]);
}

#[tokio::test]
async fn a_server_that_names_the_time_is_given_it() {
    let server = Server::start([with_header(429, "retry-after", "7"), good()]).await;
    let pauses = Arc::new(Pauses::default());
    client(&server.address, Arc::clone(&pauses))
        .read("a", &[])
        .await
        .unwrap();
    let seven = Duration::from_secs(7);
    assert_eq!(*pauses.0.lock().unwrap(), [(seven, seven)]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_thrice_and_named_with_the_remedy() {
    let address = {
        let server = Server::start([]).await;
        server.address.clone()
    };
    let pauses = Arc::new(Pauses::default());
    let error = loop {
        // The dropped server's socket closes a moment later.
        match client(&address, Arc::clone(&pauses)).read("a", &[]).await {
            Err(error @ Error::Unreachable { .. }) => break error,
            _ => pauses.0.lock().unwrap().clear(),
        }
    };
    assert_eq!(pauses.0.lock().unwrap().len(), 2);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot reach a server at `{address}`: ")),
        "{text}"
    );
    assert!(text.contains("VAULT_ADDR"), "{text}");
}

#[tokio::test]
async fn a_request_that_timed_out_is_not_repeated() {
    // Bound but never answering: the system accepts the connection for it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut settings = Settings::new(Url::parse(&address).unwrap());
    settings.timeout = Duration::from_millis(50);
    let pauses = Arc::new(Pauses::default());
    let client = Client::new(settings).unwrap().with_pause(pauses.clone());
    let error = client.read("a", &[]).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert!(pauses.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_request_whose_connection_broke_is_not_repeated() {
    for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await.unwrap();
                stream.write_all(beginning.as_bytes()).await.unwrap();
            }
        });
        let pauses = Arc::new(Pauses::default());
        let client = client(&Url::parse(&address).unwrap(), pauses.clone());
        let error = client.write("a", &Object::new()).await.unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        assert!(error.to_string().contains("may have executed"), "{error}");
        assert!(pauses.0.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_made_did_nothing() {
    // The system accepts the connection, and nobody answers the TLS handshake.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let settings = Settings::new(Url::parse(&address).unwrap());
    let pauses = Arc::new(Pauses::default());
    let client = Client::new(settings).unwrap().with_pause(pauses.clone());
    let error = client.read("a", &[]).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(pauses.0.lock().unwrap().len(), 2);
}
