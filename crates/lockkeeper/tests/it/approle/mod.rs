//! `lockkeeper approle`, at OpenBao and at a server of our own.

mod agent;
mod killed;
mod many;
mod proxy;
mod recipes;
mod rotated;

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Bao, BaoServer, Cli, CliOutput, Http, bin};

use crate::own_server::OwnServer;

/// A server with the auth method, a folder for files, and the command line as
/// root. Everything that is printed is kept, to be searched for secrets.
struct Rotations {
    cli: Cli,
    http: Http,
    folder: TempDir,
    said: Mutex<String>,
}

/// Tells a story at both servers at the same time.
fn at_both(bao: &Bao, story: impl Fn(&Rotations) + Sync) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let server = OwnServer::start();
            story(&Rotations::at(&server.address, "root"));
        });
        scope.spawn(|| {
            let server = BaoServer::start(bao);
            story(&Rotations::at(server.address(), server.root_token()));
        });
    });
}

impl Rotations {
    fn at(address: &str, token: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let cli = Cli::new(bin("lockkeeper"), address, token);
        let rotations = Self {
            cli: cli.env("XDG_STATE_HOME", state.to_str().unwrap()),
            http: Http::new(address).with_token(token),
            folder,
            said: Mutex::default(),
        };
        rotations.post("sys/auth/approle", &json!({ "type": "approle" }));
        rotations
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.http.request("POST", path, Some(body));
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// A role, and a secret id of it in a file of its name.
    fn role(&self, role: &str) -> String {
        self.post(
            &format!("auth/approle/role/{role}"),
            &json!({ "policies": "default" }),
        );
        let secret = self.secret_id(role);
        fs::write(self.file(role), &secret).unwrap();
        secret
    }

    fn secret_id(&self, role: &str) -> String {
        let path = format!("auth/approle/role/{role}/secret-id");
        let made = self.post(&path, &json!({}));
        made["data"]["secret_id"].as_str().unwrap().to_owned()
    }

    fn accessors(&self, role: &str) -> Vec<String> {
        let path = format!("auth/approle/role/{role}/secret-id?list=true");
        let (_, answer) = self.http.request("GET", &path, None);
        let keys = answer["data"]["keys"].as_array().cloned();
        let keys = keys.unwrap_or_default();
        keys.iter()
            .map(|key| key.as_str().unwrap().to_owned())
            .collect()
    }

    fn log_in(&self, role: &str, secret: &str) -> (u16, Value) {
        let path = format!("auth/approle/role/{role}/role-id");
        let (_, answer) = self.http.request("GET", &path, None);
        let role_id = answer["data"]["role_id"].as_str().unwrap();
        let body = json!({ "role_id": role_id, "secret_id": secret });
        self.http.request("POST", "auth/approle/login", Some(&body))
    }

    /// What the consumer of a role has.
    fn held(&self, role: &str) -> String {
        fs::read_to_string(self.file(role)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> CliOutput {
        let output = self.cli.run(arguments);
        let mut said = self.said.lock().unwrap();
        said.push_str(&output.stdout);
        said.push_str(&output.stderr);
        output
    }

    fn ok(&self, arguments: &[&str]) -> CliOutput {
        let output = self.run(arguments);
        assert_eq!(output.status, 0, "{arguments:?}: {output:?}");
        output
    }

    fn deliver(&self, role: &str) -> String {
        format!("-deliver=file:{}", self.file(role).display())
    }

    /// One secret id is left, which the consumer has.
    fn check_rotated(&self, role: &str, old: &str) {
        let held = self.held(role);
        assert_ne!(held, old, "{role}");
        assert_eq!(self.log_in(role, old).0, 400, "{role}");
        assert_eq!(self.log_in(role, &held).0, 200, "{role}");
        assert_eq!(self.accessors(role).len(), 1, "{role}");
    }

    /// No secret is in what was printed or in a file other than the consumer's.
    fn check_no_secret(&self, secrets: &[&str]) {
        let mut texts = vec![(
            "what was printed".to_owned(),
            self.said.lock().unwrap().clone(),
        )];
        texts.extend(files_below(self.folder.path().to_owned()));
        for (name, text) in texts {
            for secret in secrets {
                let is_consumer = text.trim() == *secret;
                assert!(is_consumer || !text.contains(secret), "{name}: {text}");
            }
        }
    }
}

fn files_below(folder: PathBuf) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(path));
        } else {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.display().to_string(), text));
        }
    }
    files
}
