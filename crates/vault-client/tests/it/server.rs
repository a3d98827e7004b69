//! A server that answers each request with the next of its prepared answers,
//! and records the requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vault_client::{Client, Pause, Settings, Token, Url};

/// A recorded request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }
}

#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Response>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A running server; it ends when dropped.
pub(crate) struct Server {
    pub(crate) address: Url,
    script: Script,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Response>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let script = Script::default();
        script.answers.lock().unwrap().extend(answers);
        let app = Router::new().fallback(answer).with_state(script.clone());
        Self {
            address: Url::parse(&address).unwrap(),
            script,
            task: tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }),
        }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    /// A client of this server with a token, that waits in no time.
    pub(crate) fn client(&self) -> Client {
        client(&self.address, Arc::default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client with a token, whose waits are noted in `pauses` instead.
pub(crate) fn client(address: &Url, pauses: Arc<Pauses>) -> Client {
    let mut settings = Settings::new(address.clone());
    settings.token = Some(Token::new("hvs.test").unwrap());
    Client::new(settings).unwrap().with_pause(pauses)
}

/// Recorded pauses.
#[derive(Default)]
pub(crate) struct Pauses(pub(crate) Mutex<Vec<(Duration, Duration)>>);

#[async_trait]
impl Pause for Pauses {
    async fn pause(&self, shortest: Duration, longest: Duration) {
        self.0.lock().unwrap().push((shortest, longest));
    }
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &Value) -> Response {
    text(status, &body.to_string())
}

/// An answer with any body.
pub(crate) fn text(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, body.to_owned()).into_response()
}

/// An answer with a header and no body.
pub(crate) fn with_header(status: u16, name: &'static str, value: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(name, value.to_owned())]).into_response()
}

async fn answer(
    State(script): State<Script>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    script.asked.lock().unwrap().push(Asked {
        method,
        uri: uri.to_string(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let next = script.answers.lock().unwrap().pop_front();
    next.unwrap_or_else(|| text(599, "no more answers were prepared"))
}
