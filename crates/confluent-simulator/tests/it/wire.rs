//! A client that knows nothing: it sends bytes and shows what came back.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use confluent_simulator::{Options, Running, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A simulator that is served, and who asks it.
pub(crate) struct Wire {
    pub(crate) simulator: Simulator,
    pub(crate) running: Running,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Wire {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let simulator = Simulator::new(&options).unwrap();
        let running = simulator.spawn().await.unwrap();
        Self { simulator, running }
    }

    /// Asks with the admin key.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let key = self.simulator.admin_key();
        let (id, secret) = (key.id.as_str(), key.secret.expose());
        self.ask_as(id, secret, method, path, body).await
    }

    /// Asks with some key.
    pub(crate) async fn ask_as(
        &self,
        id: &str,
        secret: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Answer {
        let header = basic(id, secret);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(method, path, &header, &body).await
    }

    /// Sends a request with these headers.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let text = self.exchange(method, path, headers, body).await.unwrap();
        Answer::read(&text)
    }

    /// Sends a request with these headers, whose connection may fail.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<String> {
        self.exchange(method, path, headers, body).await
    }

    /// Sends a request as the admin and tells the bytes that came back, or how
    /// the connection ended.
    pub(crate) async fn raw(&self, method: &str, path: &str, body: &Value) -> io::Result<String> {
        let key = self.simulator.admin_key();
        let header = basic(key.id.as_str(), key.secret.expose());
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.exchange(method, path, &header, &body).await
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> io::Result<String> {
        let address = self.running.address();
        let mut stream = TcpStream::connect(address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    /// Asks with a key that an answer brought.
    pub(crate) async fn ask_with(&self, created: &Answer, path: &str) -> Answer {
        let (id, secret) = (created.text("/id"), created.text("/spec/secret"));
        self.ask_as(id, secret, "GET", path, Value::Null).await
    }

    /// The path that shows whether a key opens the first Kafka cluster.
    pub(crate) fn topics(&self) -> String {
        let cluster = &self.simulator.state().kafka_clusters[0].id;
        format!("/kafka/v3/clusters/{cluster}/topics")
    }

    /// Makes a key for the first service account and Kafka cluster.
    pub(crate) async fn create(&self, name: &str) -> Answer {
        let body = self.new_key(name);
        self.ask("POST", "/iam/v2/api-keys", body).await
    }

    /// The body for that.
    pub(crate) fn new_key(&self, name: &str) -> Value {
        let state = self.simulator.state();
        json!({"spec": {
            "display_name": name,
            "description": "",
            "owner": {"id": state.service_accounts[0].id},
            "resource": {"id": state.kafka_clusters[0].id},
        }})
    }
}

/// The header that carries a key.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let token = STANDARD.encode(format!("{id}:{secret}"));
    format!("Authorization: Basic {token}\r\n")
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        let value = self.body.pointer(pointer);
        value
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{pointer} is no text in {}", self.body))
    }

    /// The code of an error, which some have none of.
    pub(crate) fn code(&self) -> Option<&str> {
        self.body.pointer("/errors/0/code")?.as_str()
    }

    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        Self {
            status: status.parse().unwrap(),
            headers: lines.map(header).collect(),
            body: if body.is_empty() {
                Value::Null
            } else {
                // What is no JSON is shown as a text.
                serde_json::from_str(body).unwrap_or_else(|_| body.into())
            },
        }
    }
}
