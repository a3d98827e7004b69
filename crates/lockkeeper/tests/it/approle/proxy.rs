//! A proxy before a server, which kills the client at a request of its choice:
//! before the server has got it, or after it has answered.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use testkit::{crash, eventually};

const PATIENCE: Duration = Duration::from_secs(20);

/// Where the client is killed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kill {
    /// At which of its requests that change something, counted from 1.
    pub(super) at: usize,
    /// Before the server gets it, or after it has answered.
    pub(super) before: bool,
}

#[derive(Default)]
struct Plan {
    kill: Option<Kill>,
    pid: Option<u32>,
    requests: usize,
}

/// The proxy. It runs until the test ends.
pub(super) struct Proxy {
    pub(super) address: String,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    /// A proxy before the server at `http://ADDRESS`.
    pub(super) fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let upstream = server.trim_start_matches("http://").to_owned();
        let plan = Arc::<Mutex<Plan>>::default();
        let shared = Arc::clone(&plan);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (upstream, plan) = (upstream.clone(), Arc::clone(&shared));
                thread::spawn(move || carry(&client.unwrap(), &upstream, &plan));
            }
        });
        Self { address, plan }
    }

    /// What becomes of the next client.
    pub(super) fn plan(&self, kill: Option<Kill>) {
        *self.plan.lock().unwrap() = Plan {
            kill,
            ..Plan::default()
        };
    }

    /// Which process the next client is.
    pub(super) fn client(&self, pid: u32) {
        self.plan.lock().unwrap().pid = Some(pid);
    }
}

/// One connection with one request.
fn carry(client: &TcpStream, upstream: &str, plan: &Mutex<Plan>) {
    let Some(request) = read_request(client) else {
        return;
    };
    let kill = is_effect(&request).then(|| due(plan)).flatten();
    if kill.is_some_and(|kill| kill.before) {
        return kill_client(plan);
    }
    let mut server = TcpStream::connect(upstream).unwrap();
    server.write_all(&request).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    if kill.is_some() {
        return kill_client(plan);
    }
    // The client may have gone.
    let mut client = client;
    let _ = client.write_all(&answer);
}

/// Whether the server changes something.
fn is_effect(request: &[u8]) -> bool {
    let line = request.split(|&byte| byte == b'\r').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let path = line.split(' ').nth(1).unwrap_or_default();
    !line.starts_with("GET ")
        && [
            "/secret-id",
            "/destroy",
            "/login",
            "/revoke-self",
            "/revoke-accessor",
        ]
        .iter()
        .any(|end| path.ends_with(end))
}

fn due(plan: &Mutex<Plan>) -> Option<Kill> {
    let mut plan = plan.lock().unwrap();
    plan.requests += 1;
    let requests = plan.requests;
    plan.kill.filter(|kill| kill.at == requests)
}

fn kill_client(plan: &Mutex<Plan>) {
    let pid = eventually("the client is known", PATIENCE, || plan.lock().unwrap().pid);
    crash(pid);
}

/// A request, which asks for the end of the connection.
fn read_request(client: &TcpStream) -> Option<Vec<u8>> {
    let mut reader = BufReader::new(client);
    let mut request = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            request.extend_from_slice(line.as_bytes());
        }
    }
    request.extend_from_slice(b"Connection: close\r\n\r\n");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.extend_from_slice(&body);
    Some(request)
}
