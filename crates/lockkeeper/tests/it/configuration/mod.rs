//! Configuration as code, against OpenBao and our own server.

mod applying;
mod bank_vaults;
mod catalogue;
mod document_002;
mod importing;
mod owners;

use std::any::Any;

use serde_json::Value;
use testkit::{BaoServer, Cli, CliOutput, Http, Launch, Program, bin, free_port};

/// A server, with our command line for it.
struct Target {
    _server: Box<dyn Any>,
    address: String,
    http: Http,
    ours: Cli,
}

impl Target {
    fn of(server: Box<dyn Any>, address: String) -> Self {
        Self {
            _server: server,
            http: Http::new(&address).with_token("root"),
            ours: Cli::new(bin("lockkeeper"), &address, "root"),
            address,
        }
    }

    fn openbao(bao: &testkit::Bao) -> Self {
        let server = BaoServer::start(bao);
        let address = server.address().to_owned();
        Self::of(Box::new(server), address)
    }

    fn our_own() -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        let mut program: Program = Launch::new(bin("lockkeeper"))
            .args([
                "dev".to_owned(),
                format!("-listen={listen}"),
                "-simulator-listen=127.0.0.1:0".into(),
                "-root-token=root".into(),
            ])
            .start();
        program.wait_for_line("Ctrl-C");
        Self::of(Box::new(program), format!("http://{listen}"))
    }

    /// Writes a file of configuration and returns its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.ours.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The same server, with another token.
    fn with_token(self, token: &str) -> Self {
        Self {
            http: Http::new(&self.address).with_token(token),
            ours: Cli::new(bin("lockkeeper"), &self.address, token),
            ..self
        }
    }

    fn run(&self, arguments: &[&str]) -> CliOutput {
        self.ours.run(arguments)
    }

    #[track_caller]
    fn ends(&self, status: i32, arguments: &[&str]) -> CliOutput {
        let output = self.ours.run(arguments);
        assert_eq!(
            output.status, status,
            "{} {arguments:?}: {output:?}",
            self.address
        );
        output
    }

    /// What is at a path, without what differs from server to server.
    fn data(&self, path: &str) -> Value {
        let (_, mut answer) = self.http.request("GET", path, None);
        let data = &mut answer["data"];
        for name in ["created_time", "modified", "accessor", "uuid"] {
            if let Some(metadata) = data.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove(name);
            }
            if let Some(data) = data.as_object_mut() {
                data.remove(name);
            }
        }
        data.take()
    }

    #[expect(clippy::needless_pass_by_value, reason = "as `json!` makes it")]
    fn send(&self, method: &str, path: &str, body: Value) {
        let (status, answer) = self.http.request(method, path, Some(&body));
        assert!(status < 300, "{method} {path}: {status} {answer}");
    }
}

/// OpenBao and our own server.
fn both(bao: &testkit::Bao) -> [Target; 2] {
    [Target::openbao(bao), Target::our_own()]
}

/// A file with one object of each kind that both servers have.
const ALL_KINDS: &str = r#"
version: 1
owner: everything
policies:
  - name: Reader
    rules: |
      path "team/data/*" {
        capabilities = ["read", "list"]
      }
secrets:
  - path: team
    type: kv
    description: of the team
    options: {version: 2}
    config: {default_lease_ttl: 1h, max_lease_ttl: 2d, listing_visibility: unauth}
    configuration:
      config:
        - max_versions: 5
          delete_version_after: 30d
auth:
  - type: approle
    path: machines
    description: for machines
    options: {default_lease_ttl: 30m}
    roles:
      - name: Worker
        token_policies: [Reader, other]
        token_ttl: 20m
        token_max_ttl: 1h
        secret_id_num_uses: "3"
        bind_secret_id: "true"
        token_bound_cidrs: 10.0.0.0/8,127.0.0.1
quotas:
  - name: logins
    path: auth/machines
    rate: 100
    interval: 1m
startupSecrets:
  - path: team/data/first
    data: {data: {password: "${env "FIRST_PASSWORD"}"}}
raw:
  - path: sys/policies/password/long
    data:
      policy: |
        length = 20
        rule "charset" { charset = "abcdefghij" }
"#;

const FIRST_PASSWORD: &str = "a-password-that-nobody-may-see";

fn with_password(target: Target) -> Target {
    Target {
        ours: target.ours.env("FIRST_PASSWORD", FIRST_PASSWORD),
        ..target
    }
}
