//! Clients that others wrote, as they are published, against our server on disk and
//! beside it against OpenBao: what they are told is the same.

mod agent;
mod external_secrets;
mod golang;
mod node;
mod rust;
mod spring;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Bao, BaoServer, Http, Launch, eventually};

use crate::beside::compare::masked;
use crate::on_disk::OnDisk;

/// What a program is given for all its calls.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running server, ours or OpenBao: unsealed, with one share.
struct Server {
    root: Http,
    root_token: String,
    unseal_key: String,
    running: Running,
}

enum Running {
    Ours { _server: OnDisk },
    OpenBao { _server: BaoServer },
}

impl Server {
    fn ours() -> Self {
        let server = OnDisk::start();
        Self {
            root: server.root.clone(),
            root_token: server.root_token.clone(),
            unseal_key: server.unseal_key.clone(),
            running: Running::Ours { _server: server },
        }
    }

    fn open_bao(bao: &Bao) -> Self {
        let server = BaoServer::start(bao);
        // It says its key after it has started.
        let unseal_key = eventually("OpenBao says its unseal key", PATIENCE, || {
            let log = server.log();
            let mut lines = log.lines();
            let key = lines.find_map(|line| line.strip_prefix("Unseal Key: "))?;
            Some(key.trim().to_owned())
        });
        Self {
            root: server.http(),
            root_token: server.root_token().to_owned(),
            unseal_key,
            running: Running::OpenBao { _server: server },
        }
    }

    fn name(&self) -> &'static str {
        match self.running {
            Running::Ours { .. } => "Lockkeeper",
            Running::OpenBao { .. } => "OpenBao",
        }
    }

    fn address(&self) -> String {
        self.root.address()
    }

    /// Sends a request as root, which must succeed.
    fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = self.root.request(method, path, body);
        let name = self.name();
        assert!(status < 300, "{name}: {method} {path}: {status} {answer}");
        answer
    }

    /// Unseals it.
    fn unseal(&self) {
        let answer = self.must("PUT", "sys/unseal", &json!({ "key": self.unseal_key }));
        assert_eq!(answer["sealed"], false, "{answer}");
    }
}

/// Tells a story with both servers at the same time. What it comes to with ours is
/// first.
fn with_both<T: Send>(bao: &Bao, story: impl Fn(&Server) -> T + Sync) -> (T, T) {
    thread::scope(|scope| {
        let ours = scope.spawn(|| story(&Server::ours()));
        let theirs = scope.spawn(|| story(&Server::open_bao(bao)));
        (ours.join().unwrap(), theirs.join().unwrap())
    })
}

/// Runs a program to its end, which prints one JSON value in each line.
fn lines(launch: Launch) -> Vec<Value> {
    let mut program = launch.start();
    let status = eventually("the client is done", PATIENCE, || program.ended());
    let printed = program.stdout();
    assert!(status.success(), "{printed}{}", program.stderr());
    printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What a call came to: `{"call": …, "ok": …}` or `{"call": …, "failed": …}`.
///
/// Compares those of both servers. `differ` has the calls that come to something else
/// there, each with the reason, and must be exact; none of them may fail here alone.
fn compare(ours: &[Value], theirs: &[Value], differ: &[(&str, &str)]) {
    assert_eq!(ours.len(), theirs.len());
    let mut seen = BTreeSet::new();
    for (ours, theirs) in ours.iter().zip(theirs) {
        let call = ours["call"].as_str().unwrap();
        assert_eq!(theirs["call"], call);
        if masked(ours) == masked(theirs) {
            continue;
        }
        assert!(
            differ.iter().any(|(name, _)| *name == call),
            "ours: {ours}\ntheirs: {theirs}"
        );
        assert!(
            ours.get("ok").is_some() || theirs.get("failed").is_some(),
            "{call} fails here only: {ours}"
        );
        seen.insert(call);
    }
    for (call, reason) in differ {
        assert!(
            seen.contains(call),
            "`{call}` no longer differs, which it did because {reason}"
        );
    }
}
