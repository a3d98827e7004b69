//! The Vault provider of External Secrets. It runs inside a controller of Kubernetes,
//! so this sends the requests that it sends, in its order, and reads of the answers
//! what it reads (`providers/v1/vault` of its source: `auth.go`, `client_get.go`,
//! `client_push.go`).

use serde_json::{Value, json};
use testkit::{Http, require_bao};

use super::{Server, with_both};
use crate::beside::compare::masked;

#[test]
fn the_requests_of_external_secrets_have_the_same_answers_as_from_openbao() {
    let bao = require_bao!();
    let (ours, theirs) = with_both(&bao, |server| {
        let secret_id = set_up(server);
        let mut provider = Provider::log_in(server, &secret_id);
        provider.check_token();
        provider.read();
        provider.push();
        provider.find();
        provider.delete();
        provider.log_out();
        provider.answers
    });
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

fn set_up(server: &Server) -> String {
    let kv = json!({ "type": "kv", "options": { "version": "2" } });
    server.must("POST", "sys/mounts/apps", &kv);
    for password in ["first", "second"] {
        let data = json!({ "data": { "password": password, "port": 9092, "tls": true } });
        server.must("POST", "apps/data/team/orders", &data);
    }
    let policy = "path \"apps/data/team/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\"] }\n\
                  path \"apps/metadata/team/*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }";
    let policy = json!({ "policy": policy });
    server.must("PUT", "sys/policies/acl/external-secrets", &policy);
    server.must("POST", "sys/auth/approle", &json!({ "type": "approle" }));
    let role = json!({
        "token_policies": "external-secrets", "token_ttl": "1h", "role_id": "external-secrets",
    });
    server.must("POST", "auth/approle/role/external-secrets", &role);
    let path = "auth/approle/role/external-secrets/secret-id";
    let made = server.must("POST", path, &json!({}));
    made["data"]["secret_id"].as_str().unwrap().to_owned()
}

/// The provider with its token, and what it was answered.
struct Provider {
    client: Http,
    answers: Vec<(String, u16, Value)>,
}

impl Provider {
    fn log_in(server: &Server, secret_id: &str) -> Self {
        let mut provider = Self {
            client: Http::new(&server.address()),
            answers: Vec::new(),
        };
        let ids = json!({ "role_id": "external-secrets", "secret_id": secret_id });
        let login = provider.ask("PUT", "auth/approle/login", Some(&ids), 200);
        let token = login["auth"]["client_token"].as_str().unwrap();
        provider.client = provider.client.with_token(token);
        provider
    }

    fn ask(&mut self, method: &str, path: &str, body: Option<&Value>, expected: u16) -> Value {
        let (status, answer) = self.client.request(method, path, body);
        assert_eq!(status, expected, "{method} {path}: {answer}");
        let asked = format!("{method} {path}");
        self.answers.push((asked, status, masked(&answer)));
        answer
    }

    /// It logs in again when less than a minute is left of a token that expires.
    fn check_token(&mut self) {
        let told = self.ask("GET", "auth/token/lookup-self", None, 200);
        let data = told["data"].as_object().unwrap();
        assert!(data["type"].is_string(), "{told}");
        assert!(data["ttl"].as_u64().unwrap() > 60, "{told}");
        // Without the member it takes the token for broken.
        assert!(data["expire_time"].is_string(), "{told}");
    }

    /// An external secret of the newest and of an older version, and one that is not
    /// there, which may delete what was made of it.
    fn read(&mut self) {
        let newest = self.ask("GET", "apps/data/team/orders", None, 200);
        assert_eq!(newest["data"]["data"]["password"], "second");
        assert_eq!(newest["data"]["data"]["port"], 9092);
        let first = self.ask("GET", "apps/data/team/orders?version=1", None, 200);
        assert_eq!(first["data"]["data"]["password"], "first");
        self.ask("GET", "apps/metadata/team/orders", None, 200);
        self.ask("GET", "apps/data/team/none", None, 404);
        self.ask("GET", "apps/data/other/orders", None, 403);
    }

    /// A pushed secret is marked as its own before it is written.
    fn push(&mut self) {
        let path = "apps/data/team/pushed";
        self.ask("GET", path, None, 404);
        let metadata = "apps/metadata/team/pushed";
        let marked = json!({ "custom_metadata": { "managed-by": "external-secrets" } });
        self.ask("PUT", metadata, Some(&marked), 204);
        let data = json!({ "data": { "password": "pushed" } });
        self.ask("PUT", path, Some(&data), 200);
        let told = self.ask("GET", metadata, None, 200);
        let mark = &told["data"]["custom_metadata"]["managed-by"];
        assert_eq!(mark, "external-secrets");
        // With check-and-set it says which version it has read.
        let next = json!({ "data": { "password": "next" }, "options": { "cas": 1 } });
        self.ask("PUT", path, Some(&next), 200);
        self.ask("PUT", path, Some(&next), 400);
    }

    /// All secrets below a path, and of each its metadata, for those with a tag.
    fn find(&mut self) {
        let told = self.ask("GET", "apps/metadata/team/?list=true", None, 200);
        for name in told["data"]["keys"].as_array().unwrap() {
            let path = format!("apps/metadata/team/{}", name.as_str().unwrap());
            self.ask("GET", &path, None, 200);
        }
        self.ask("GET", "apps/metadata/team/none/?list=true", None, 404);
    }

    fn delete(&mut self) {
        self.ask("DELETE", "apps/data/team/pushed", None, 204);
        self.ask("DELETE", "apps/metadata/team/pushed", None, 204);
        self.ask("GET", "apps/data/team/pushed", None, 404);
    }

    fn log_out(&mut self) {
        self.ask("PUT", "auth/token/revoke-self", None, 204);
        self.ask("GET", "auth/token/lookup-self", None, 403);
    }
}
