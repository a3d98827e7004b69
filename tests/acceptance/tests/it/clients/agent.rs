//! `bao agent` with everything that teams use of it: it logs in by AppRole, keeps its
//! token in a sink, renders a secret, and answers requests of others through its cache.
//! It goes on through a new secret id, a revoked token, and a server that was sealed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Bao, Http, Launch, Program, eventually, free_port, require_bao};

use super::{Server, with_both};

const PATIENCE: Duration = Duration::from_mins(1);
/// How long a token of the agent lives, in seconds, unless it is renewed.
const TOKEN_TTL: u64 = 6;

#[test]
fn an_agent_logs_in_renews_renders_caches_and_comes_back_as_at_openbao() {
    let bao = require_bao!();
    with_both(&bao, |server| {
        let secret_id = set_up(server);
        let agent = Agent::start(&bao, server, &secret_id);

        agent.renders("first");
        let first = agent.token_other_than("");
        let own = lookup(server, &first).unwrap();
        assert_eq!(own["policies"], json!(["app", "default"]));
        assert_eq!(own["meta"]["role_name"], "orders");

        let proxied = agent.as_anybody();
        let (status, answer) = proxied.request("GET", "apps/data/orders", None);
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["data"]["data"]["password"], "first");
        let (status, _) = proxied.request("GET", "apps/data/payments", None);
        assert_eq!(status, 403, "the policy of its token counts");
        // What has a lease comes out of the cache the second time.
        let make = || proxied.request("POST", "auth/token/create", Some(&json!({ "ttl": "1h" })));
        let (made, again) = (make(), make());
        assert_eq!(made.0, 200, "{made:?}");
        let token = &made.1["auth"]["client_token"];
        assert_eq!(*token, again.1["auth"]["client_token"], "{}", server.name());

        put(server, "second");
        agent.renders("second");

        renewed_beyond_its_ttl(server, &first);
        assert_eq!(agent.token(), first, "it was renewed, not replaced");

        // Its secret id is replaced before the token is taken away.
        let new = replace_secret_id(server);
        fs::write(agent.file("secret-id"), new).unwrap();
        let revoke = json!({ "token": first });
        server.must("POST", "auth/token/revoke", &revoke);
        let second = agent.token_other_than(&first);
        assert!(lookup(server, &first).is_none());
        assert!(lookup(server, &second).is_some());
        put(server, "third");
        agent.renders("third");

        server.must("PUT", "sys/seal", &Value::Null);
        eventually("the agent notices the seal", PATIENCE, || {
            agent.log().contains("Vault is sealed").then_some(())
        });
        server.unseal();
        put(server, "fourth");
        agent.renders("fourth");
        assert!(lookup(server, &agent.token()).is_some());
    });
}

/// A secret, a policy that allows to read it and to make tokens, and a role; its secret
/// id.
fn set_up(server: &Server) -> String {
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    server.must("POST", "sys/mounts/apps", &kv);
    put(server, "first");
    let policy = "path \"apps/data/orders\" { capabilities = [\"read\"] }\n\
                  path \"auth/token/create\" { capabilities = [\"update\"] }";
    let policy = json!({ "policy": policy });
    server.must("PUT", "sys/policies/acl/app", &policy);
    server.must("POST", "sys/auth/approle", &json!({ "type": "approle" }));
    let role = json!({
        "token_policies": "app", "token_ttl": TOKEN_TTL, "token_max_ttl": "1h", "role_id": "orders",
    });
    server.must("POST", "auth/approle/role/orders", &role);
    new_secret_id(server)
}

fn put(server: &Server, password: &str) {
    let data = json!({ "data": { "password": password } });
    server.must("POST", "apps/data/orders", &data);
}

fn new_secret_id(server: &Server) -> String {
    let path = "auth/approle/role/orders/secret-id";
    let made = server.must("POST", path, &json!({}));
    made["data"]["secret_id"].as_str().unwrap().to_owned()
}

/// Makes a secret id and destroys all others.
fn replace_secret_id(server: &Server) -> String {
    let old = server.must("LIST", "auth/approle/role/orders/secret-id", &Value::Null);
    let new = new_secret_id(server);
    for accessor in old["data"]["keys"].as_array().unwrap() {
        let path = "auth/approle/role/orders/secret-id-accessor/destroy";
        server.must("POST", path, &json!({ "secret_id_accessor": accessor }));
    }
    new
}

/// What the server knows of a token, if it is valid.
fn lookup(server: &Server, token: &str) -> Option<Value> {
    let body = json!({ "token": token });
    let (status, answer) = server
        .root
        .request("POST", "auth/token/lookup", Some(&body));
    (status == 200).then(|| answer["data"].clone())
}

/// Waits until a token has lived twice as long as its TTL.
fn renewed_beyond_its_ttl(server: &Server, token: &str) {
    eventually("the token outlives its TTL", PATIENCE, || {
        let known = lookup(server, token).unwrap();
        let renewed = known["last_renewal_time"].as_u64()?;
        let created = known["creation_time"].as_u64().unwrap();
        (renewed >= created + 2 * TOKEN_TTL).then_some(())
    });
}

/// A running `bao agent`. Dropping it ends it.
struct Agent {
    program: Program,
    port: u16,
}

impl Agent {
    fn start(bao: &Bao, server: &Server, secret_id: &str) -> Self {
        let launch = Launch::new(bao.path());
        let port = free_port();
        let folder = launch.folder();
        fs::write(folder.join("role-id"), "orders").unwrap();
        fs::write(folder.join("secret-id"), secret_id).unwrap();
        let text = configuration(&server.address(), folder, port);
        fs::write(folder.join("agent.hcl"), text).unwrap();
        let program = launch
            .args(["agent", "-config=agent.hcl", "-log-level=debug"])
            .start();
        Self { program, port }
    }

    fn log(&self) -> String {
        self.program.stdout() + &self.program.stderr()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.program.folder().join(name)
    }

    /// A client of the agent, without a token of its own.
    fn as_anybody(&self) -> Http {
        Http::new(&format!("http://127.0.0.1:{}", self.port))
    }

    fn renders(&self, password: &str) {
        eventually("the secret is rendered", PATIENCE, || {
            let rendered = fs::read_to_string(self.file("rendered")).ok()?;
            (rendered.trim() == password).then_some(())
        });
    }

    /// What the sink has.
    fn token(&self) -> String {
        fs::read_to_string(self.file("sink")).unwrap_or_default()
    }

    fn token_other_than(&self, old: &str) -> String {
        eventually("the agent logs in", PATIENCE, || {
            let token = self.token();
            (!token.is_empty() && token != old).then_some(token)
        })
    }
}

fn configuration(server: &str, folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        r#"
vault {{
  address = "{server}"
  retry {{
    num_retries = 20
  }}
}}

auto_auth {{
  method "approle" {{
    max_backoff = "2s"
    config = {{
      role_id_file_path                   = "{folder}/role-id"
      secret_id_file_path                 = "{folder}/secret-id"
      remove_secret_id_file_after_reading = false
    }}
  }}

  sink "file" {{
    config = {{
      path = "{folder}/sink"
    }}
  }}
}}

cache {{}}

api_proxy {{
  use_auto_auth_token = true
}}

listener "tcp" {{
  address     = "127.0.0.1:{port}"
  tls_disable = true
}}

template_config {{
  static_secret_render_interval = "1s"
  exit_on_retry_failure         = false
}}

template {{
  contents    = "{{{{ with secret \"apps/data/orders\" }}}}{{{{ .Data.data.password }}}}{{{{ end }}}}"
  destination = "{folder}/rendered"
}}
"#
    )
}
