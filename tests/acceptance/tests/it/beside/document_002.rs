//! What teams do that keep their service's secrets in Vault: mounts for each
//! environment, policies and roles made by a small program, a secret id that is
//! replaced, and the requests of their load test. The same on both servers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{Http, require_bao};

use super::Pair;
use super::compare::{masked, masked_text};

const ENVIRONMENTS: [&str; 3] = ["devel", "stag", "prod"];
const PROJECT: &str = "timelessExampleProject";
const ROLE: &str = "auth/approle/role/timelessExampleProject-prod-ro-role";

/// One request, and the status that it has on both servers.
///
/// Tokens and bodies may name what an earlier answer held, as `{name}`.
struct Step {
    token: &'static str,
    method: &'static str,
    path: String,
    body: Value,
    status: u16,
    /// The name under which a member of the answer is kept, and where it is.
    keep: Option<(&'static str, &'static str)>,
}

impl Step {
    fn new(token: &'static str, method: &'static str, path: &str, status: u16) -> Self {
        Self {
            token,
            method,
            path: path.to_owned(),
            body: Value::Null,
            status,
            keep: None,
        }
    }

    fn with(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    fn keep(mut self, name: &'static str, pointer: &'static str) -> Self {
        self.keep = Some((name, pointer));
        self
    }
}

fn root(method: &'static str, path: &str, status: u16) -> Step {
    Step::new("root", method, path, status)
}

/// The mounts, which the program finds in place.
fn mounts() -> Vec<Step> {
    let names = ["prod", "stag", "devel", "ci", "common"];
    let mount = |name| {
        let body = json!({ "type": "kv", "options": { "version": "2" } });
        root("POST", &format!("sys/mounts/v1/{name}/kv"), 204).with(body)
    };
    let mut steps: Vec<Step> = names.map(mount).into();
    steps.push(root("POST", "sys/auth/approle", 204).with(json!({ "type": "approle" })));
    steps.push(root("GET", "v1/prod/kv/metadata?list=true", 404));
    steps
}

/// What the program does, for each environment: seed, policies, roles.
fn program() -> Vec<Step> {
    let mut steps = Vec::new();
    for environment in ENVIRONMENTS {
        let path = format!("v1/{environment}/kv/data/{PROJECT}/configs");
        let seed = json!({ "data": { "key_sets": [], "active_kid": -1 }, "options": { "cas": 0 } });
        steps.push(root("PUT", &path, 200).with(seed));
        for (kind, capabilities) in [("ro", json!(["read"])), ("rw", json!(["read", "update"]))] {
            let text = format!("path \"{path}\" {{ capabilities = {capabilities} }} ");
            let policy = format!("sys/policies/acl/{PROJECT}-{environment}-{kind}");
            steps.push(root("PUT", &policy, 204).with(json!({ "policy": text })));
        }
        for kind in ["ro", "rw"] {
            let role = format!("auth/approle/role/{PROJECT}-{environment}-{kind}-role");
            let policies = json!({ "policies": format!("{PROJECT}-{environment}-{kind}") });
            steps.push(root("POST", &role, 204).with(policies));
        }
    }
    let seed = json!({ "data": { "key_sets": [], "active_kid": -1 }, "options": { "cas": 0 } });
    let path = format!("v1/prod/kv/data/{PROJECT}/configs");
    steps.push(root("PUT", &path, 400).with(seed));
    let text = format!(
        "path \"v1/ci/kv/data/{PROJECT}/vault-integ-test/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"delete\"] }} "
    );
    let policy = "sys/policies/acl/integ-auth-service-read-write";
    steps.push(root("PUT", policy, 204).with(json!({ "policy": text })));
    steps
}

/// What the program tells its users to look at.
fn look() -> Vec<Step> {
    vec![
        root("LIST", &format!("v1/prod/kv/metadata/{PROJECT}"), 200),
        root("LIST", "sys/policies/acl", 200),
        root("GET", &format!("sys/policies/acl/{PROJECT}-prod-ro"), 200),
        root("GET", &format!("sys/policies/acl/{PROJECT}-prod-rw"), 200),
        root("LIST", "auth/approle/role", 200),
        root("GET", ROLE, 200),
        root("GET", &format!("{ROLE}/role-id"), 200).keep("role", "/data/role_id"),
        root("PUT", &format!("{ROLE}/secret-id"), 200).keep("leaked", "/data/secret_id"),
    ]
}

fn login(token: &'static str, secret_id: &str, status: u16) -> Step {
    let body = json!({ "role_id": "{role}", "secret_id": secret_id });
    Step::new(token, "PUT", "auth/approle/login", status).with(body)
}

/// The service at work, and its secret id replaced.
fn rotation() -> Vec<Step> {
    let config = format!("v1/prod/kv/data/{PROJECT}/configs");
    let other = format!("v1/stag/kv/data/{PROJECT}/configs");
    let destroy = format!("{ROLE}/secret-id-accessor/destroy");
    // As the procedure does it, in small letters.
    let accessors = format!("{}/secret-id", ROLE.to_lowercase());
    let write = json!({ "data": { "active_kid": 1 } });
    vec![
        login("", "{leaked}", 200).keep("service", "/auth/client_token"),
        Step::new("{service}", "GET", &config, 200),
        Step::new("{service}", "POST", &config, 403).with(write),
        Step::new("{service}", "GET", &other, 403),
        Step::new("{service}", "GET", "auth/token/lookup-self", 200),
        root("LIST", &accessors, 200).keep("accessor", "/data/keys/0"),
        root("PUT", &format!("{ROLE}/secret-id"), 200).keep("new", "/data/secret_id"),
        root("LIST", &accessors, 200),
        root("PUT", &destroy, 204).with(json!({ "secret_id_accessor": "{accessor}" })),
        root("LIST", &accessors, 200),
        login("", "{leaked}", 400),
        login("", "{new}", 200).keep("service", "/auth/client_token"),
        // The load test sends a token with its logins; a bad one does no harm.
        login("root", "{new}", 200),
        login("nobody", "{new}", 200),
        Step::new("{service}", "GET", &config, 200),
        Step::new("{service}", "PUT", "auth/token/renew-self", 200).with(json!({})),
        Step::new("{service}", "PUT", "auth/token/revoke-self", 204).with(json!({})),
        Step::new("{service}", "GET", &config, 403),
    ]
}

/// One round of the load test's targets.
fn store_retrieve_delete() -> Vec<Step> {
    let mut steps = Vec::new();
    for environment in ["prod", "common"] {
        let path = format!("v1/{environment}/kv/data/timeless_test");
        let values = json!({ "data": { "test_key_1": "value_1", "test_key_2": "value_2" } });
        steps.push(root("POST", &path, 200).with(values.clone()));
        steps.push(root("GET", &path, 200));
        steps.push(root("DELETE", &path, 204));
        steps.push(root("DELETE", &path, 204));
        steps.push(root("GET", &path, 404));
        steps.push(root("POST", &path, 200).with(values));
    }
    steps
}

/// Carries out a procedure on one server; the answers, without what is volatile.
fn carry_out(server: &Http, steps: &[Step]) -> Vec<(String, u16, Value)> {
    let mut kept: BTreeMap<&str, String> = BTreeMap::new();
    let mut answers = Vec::new();
    for step in steps {
        let fill = |text: &str| {
            let kept = kept.iter();
            kept.fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
        };
        let client = match step.token {
            "root" => server.clone(),
            token => Http::new(&server.address()).with_token(&fill(token)),
        };
        let body: Value = serde_json::from_str(&fill(&step.body.to_string())).unwrap();
        let body = (!body.is_null()).then_some(&body);
        let (status, answer) = client.request(step.method, &step.path, body);
        let asked = format!("{} {} as {}", step.method, step.path, step.token);
        assert_eq!(status, step.status, "{asked}: {answer}");
        if let Some((name, pointer)) = step.keep {
            let value = answer.pointer(pointer).and_then(Value::as_str);
            let value = value.unwrap_or_else(|| panic!("{asked}: no {pointer} in {answer}"));
            kept.insert(name, value.to_owned());
        }
        answers.push((masked_text(&asked), status, masked(&answer)));
    }
    answers
}

#[test]
fn the_procedure_of_a_service_has_the_same_answers_as_from_openbao() {
    let pair = Pair::start(&require_bao!());
    let steps: Vec<Step> = [
        mounts(),
        program(),
        look(),
        rotation(),
        store_retrieve_delete(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(steps.len() >= 50, "{}", steps.len());
    let ours = carry_out(&pair.ours, &steps);
    let theirs = carry_out(&pair.theirs, &steps);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}
