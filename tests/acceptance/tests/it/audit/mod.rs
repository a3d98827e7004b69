//! The audit log: its lines beside OpenBao's, and what it promises of secrets.

mod commands;
mod compared;
mod promises;
mod rotated;
mod traffic;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Bao, Http, Launch, Program, bin, free_port};

/// A server with audit devices, unsealed. It is our program or OpenBao's.
struct Audited {
    folder: TempDir,
    port: u16,
    launch: Box<dyn Fn(&str) -> Launch + Send + Sync>,
    program: Option<Program>,
    key: Value,
    token: String,
}

impl Audited {
    /// Ours in a folder, whose path stands for `FOLDER` in the rest of the
    /// configuration.
    fn ours(config: &str) -> Self {
        Self::start(config, |file| {
            Launch::new(bin("lockkeeper")).args(["server", &format!("-config={file}")])
        })
    }

    fn openbao(bao: &Bao, config: &str) -> Self {
        let program = bao.path().to_owned();
        Self::start(config, move |file| {
            Launch::new(&program).args(["server", &format!("-config={file}")])
        })
    }

    fn start(config: &str, launch: impl Fn(&str) -> Launch + Send + Sync + 'static) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut server = Self {
            folder,
            port,
            launch: Box::new(launch),
            program: None,
            key: Value::Null,
            token: String::new(),
        };
        server.configure(config);
        server.launch();
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let (status, made) = server.anybody().request("PUT", "sys/init", Some(&shares));
        assert_eq!(status, 200, "{made}");
        server.key = made["keys_base64"][0].clone();
        made["root_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut server.token);
        server.unseal();
        server
    }

    /// Writes the configuration file.
    fn configure(&self, config: &str) {
        let port = self.port;
        let listener = format!(
            "listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  tls_disable = true\n}}\n\
             api_addr = \"http://127.0.0.1:{port}\"\n",
        );
        let config = config.replace("FOLDER", self.folder.path().to_str().unwrap());
        fs::write(self.path("server.hcl"), listener + &config).unwrap();
    }

    fn launch(&mut self) {
        let file = self.path("server.hcl");
        let mut program = (self.launch)(file.to_str().unwrap()).start();
        program.wait_for_line("server started!");
        self.program = Some(program);
    }

    fn unseal(&self) {
        let key = json!({"key": self.key});
        let (status, answer) = self.anybody().request("PUT", "sys/unseal", Some(&key));
        assert_eq!(
            (status, &answer["sealed"]),
            (200, &json!(false)),
            "{answer}"
        );
    }

    fn kill(&mut self) {
        self.program.take().unwrap().kill();
    }

    fn hang_up(&self) {
        let pid = self.program.as_ref().unwrap().pid().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The content of a file; empty if it is not there.
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn lines(&self, name: &str) -> Vec<Value> {
        let text = self.text(name);
        let lines = text.lines().filter(|line| !line.is_empty());
        let lines = lines.map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    fn anybody(&self) -> Http {
        Http::new(&format!("http://127.0.0.1:{}", self.port))
    }

    fn root(&self) -> Http {
        self.anybody().with_token(&self.token)
    }

    fn put(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.root().request("PUT", path, Some(body));
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// What stands for a text in the lines of a device.
    fn hash(&self, device: &str, text: &str) -> String {
        let answer = self.put(&format!("sys/audit-hash/{device}"), &json!({"input": text}));
        answer["data"]["hash"].as_str().unwrap().to_owned()
    }
}
