//! A server under measurement: ours or OpenBao, from a configuration of the same
//! form, with the same contents.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Bao, Http, Launch, eventually, free_port};

use crate::READY;
use crate::cloud::write;

/// How many secrets there are, and the size of each.
const ENTRIES: usize = 1_000;
const ENTRY_BYTES: usize = 200;
/// What the application may do.
const POLICY: &str = r#"
path "secret/data/*" { capabilities = ["create", "update", "read"] }
path "secret/metadata/*" { capabilities = ["list"] }
path "auth/token/create" { capabilities = ["update"] }
"#;

/// Which server.
pub(super) enum Program {
    Ours(PathBuf),
    Theirs(Bao),
}

impl Program {
    fn launch(&self) -> Launch {
        Launch::new(match self {
            Self::Ours(path) => path,
            Self::Theirs(bao) => bao.path(),
        })
    }

    /// Where it keeps its data.
    fn storage(&self, setting: Setting, folder: &Path) -> Value {
        match (self, setting) {
            (_, Setting::Memory) => json!({"inmem": {}}),
            (Self::Ours(_), _) => json!({"sqlite": {"path": folder.join("store.db")}}),
            (Self::Theirs(_), _) => json!({"raft": {
                "path": folder, "node_id": "bench", "performance_multiplier": 1,
            }}),
        }
    }
}

/// What it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Memory,
    OnDisk,
    OnDiskAudited,
}

impl Setting {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::OnDisk, Self::OnDiskAudited];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Memory => "In memory",
            Self::OnDisk => "On disk (SQLite, Raft)",
            Self::OnDiskAudited => "On disk, with a file audit device",
        }
    }
}

/// A running server with its contents.
pub(super) struct Subject {
    address: String,
    root: String,
    application: String,
    login: (String, String),
    /// The one share of its seal.
    key: String,
    program: testkit::Program,
    folder: TempDir,
}

impl Subject {
    /// Starts, initializes, unseals and fills one.
    pub(super) fn start(program: &Program, setting: Setting) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (program, address) = launch(program, setting, folder.path())?;
        let (root, key) = initialize(&address)?;
        open(&address, &key)?;
        let http = Http::new(&address).with_token(&root);
        if setting == Setting::OnDiskAudited {
            let device = json!({
                "type": "file", "options": {"file_path": folder.path().join("audit.log")},
            });
            write(&http, "sys/audit/file", &device)?;
        }
        let login = fill(&http)?;
        let body = json!({"role_id": login.0, "secret_id": login.1});
        let (_, answer) = http.request("POST", "auth/approle/login", Some(&body));
        Ok(Self {
            application: text(&answer["auth"]["client_token"])?,
            address,
            root,
            login,
            key,
            program,
            folder,
        })
    }

    /// Stops a server on disk and starts it again; it is sealed.
    pub(super) fn restart(self, program: &Program) -> Result<Self> {
        self.program.stop();
        let (running, address) = launch(program, Setting::OnDisk, self.folder.path())?;
        Ok(Self {
            address,
            program: running,
            ..self
        })
    }

    /// Unseals; the time until a token of an application has read a secret.
    pub(super) fn open_and_read(&self) -> Result<Duration> {
        let begun = Instant::now();
        let key = json!({"key": self.key});
        let (status, answer) = self.http().request("PUT", "sys/unseal", Some(&key));
        anyhow::ensure!(status == 200, "unseal: {status} {answer}");
        let http = Http::new(&self.address).with_token(&self.application);
        while http.raw("GET", "/v1/secret/data/0", None).0 != 200 {
            anyhow::ensure!(begun.elapsed() < READY, "no secret is read after {READY:?}");
        }
        Ok(begun.elapsed())
    }

    /// With the root token.
    pub(super) fn http(&self) -> Http {
        Http::new(&self.address).with_token(&self.root)
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn pid(&self) -> u32 {
        self.program.pid()
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// A token with the policy.
    pub(super) fn application(&self) -> &str {
        &self.application
    }

    /// A role id and a secret id.
    pub(super) fn login(&self) -> (&str, &str) {
        (&self.login.0, &self.login.1)
    }
}

/// The time from the start of a sealed server on disk to its first answer.
pub(super) fn start_sealed(program: &Program) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    // Its files exist, as they do at any start but the first.
    let (running, _) = launch(program, Setting::OnDisk, folder.path())?;
    running.stop();
    let begun = Instant::now();
    let (_running, _) = launch(program, Setting::OnDisk, folder.path())?;
    Ok(begun.elapsed())
}

/// Starts a server and waits for its first answer.
fn launch(
    program: &Program,
    setting: Setting,
    folder: &Path,
) -> Result<(testkit::Program, String)> {
    let (port, cluster) = (free_port(), free_port());
    let address = format!("http://127.0.0.1:{port}");
    let configuration = json!({
        "storage": program.storage(setting, folder),
        "listener": {"tcp": {
            "address": format!("127.0.0.1:{port}"),
            "cluster_address": format!("127.0.0.1:{cluster}"),
            "tls_disable": true,
        }},
        "api_addr": address,
        "cluster_addr": format!("http://127.0.0.1:{cluster}"),
        "disable_mlock": true,
        "unsafe_allow_api_audit_creation": true,
    });
    let file = folder.join("server.json");
    std::fs::write(&file, configuration.to_string())?;
    let running = program
        .launch()
        .args(["server".to_owned(), format!("-config={}", file.display())])
        .start();
    let http = Http::new(&address);
    let begun = Instant::now();
    while http.health().is_none() {
        anyhow::ensure!(
            begun.elapsed() < READY,
            "no answer: {}{}",
            running.stdout(),
            running.stderr()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok((running, address))
}

/// Initializes a server; its root token and the one share of its seal.
fn initialize(address: &str) -> Result<(String, String)> {
    let shares = json!({"secret_shares": 1, "secret_threshold": 1});
    let (_, made) = Http::new(address).request("PUT", "sys/init", Some(&shares));
    Ok((text(&made["root_token"])?, text(&made["keys_base64"][0])?))
}

/// Unseals a server.
fn open(address: &str, key: &str) -> Result<()> {
    let http = Http::new(address);
    let key = json!({"key": key});
    let (status, answer) = http.request("PUT", "sys/unseal", Some(&key));
    anyhow::ensure!(status == 200, "unseal: {status} {answer}");
    eventually("the server is active", READY, || {
        (http.health() == Some(200)).then_some(())
    });
    Ok(())
}

/// Mounts, secrets, a policy and a role; the role's id and a secret id.
fn fill(http: &Http) -> Result<(String, String)> {
    let kv = json!({"type": "kv", "options": {"version": "2"}});
    write(http, "sys/mounts/secret", &kv)?;
    for entry in 0..ENTRIES {
        let body = json!({"data": {"value": "x".repeat(ENTRY_BYTES)}});
        // A fresh KV v2 mount refuses requests until it is ready.
        eventually("a secret is written", READY, || {
            let path = format!("secret/data/{entry}");
            let (status, _) = http.request("POST", &path, Some(&body));
            (status < 300).then_some(())
        });
    }
    write(http, "sys/policies/acl/bench", &json!({"policy": POLICY}))?;
    write(http, "sys/auth/approle", &json!({"type": "approle"}))?;
    let role = json!({"token_policies": "bench", "token_ttl": "1h"});
    write(http, "auth/approle/role/bench", &role)?;
    let (_, role_id) = http.request("GET", "auth/approle/role/bench/role-id", None);
    let none = json!({});
    let (_, made) = http.request("POST", "auth/approle/role/bench/secret-id", Some(&none));
    Ok((
        text(&role_id["data"]["role_id"])?,
        text(&made["data"]["secret_id"])?,
    ))
}

fn text(value: &Value) -> Result<String> {
    let text = value.as_str().context("an answer without its text")?;
    Ok(text.to_owned())
}
