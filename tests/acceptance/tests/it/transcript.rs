//! What a host answered, with ids and times replaced, so that two hosts can be
//! compared.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};
use testkit::{Cli, CliOutput, Http};

use crate::cloud::Cloud;

/// Members whose values are ids, times or secrets, and differ by nature.
const BY_NATURE: [&str; 26] = [
    "request_id",
    "lease_id",
    "key_id",
    "secret",
    "sasl.jaas.config",
    "expire_time",
    "issue_time",
    "last_renewal",
    "made_at",
    "held_until",
    "storage_id",
    "next_attempt",
    "unrecorded_keys",
    "id",
    "requester_accessor_hash",
    "requester_entity",
    "pending_key_id",
    "previous_key_id",
    "previous_key_until",
    "last_vault_rotation",
    "next_rotation",
    "begins",
    "retry_at",
    "until",
    "created_time",
    "updated_time",
];

/// Members that one host sends and the other does not, which clients ignore:
/// newer Vault tells the type of the mount.
const ONE_SIDED: [&str; 1] = ["mount_type"];

/// How long something takes still, which moves while two hosts are asked.
static SECONDS_LEFT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"about \d+ s\b").unwrap());

/// The warning that comes with a key that is not proven yet.
static NEW_KEY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"key `[A-Z0-9]+` is new and works from about \d\d:\d\d:\d\d UTC").unwrap()
});

/// The answers of one host to a scenario, in order.
pub(crate) struct Transcript {
    pub(crate) lines: Vec<String>,
    /// Texts that must appear in no answer.
    secrets: Vec<String>,
    /// Texts that differ by nature wherever they appear.
    pub(crate) ids: Vec<(String, &'static str)>,
}

impl Transcript {
    /// Without answers yet. What differs by nature between two clouds has a name.
    pub(crate) fn of(cloud: &Cloud) -> Self {
        Self {
            lines: Vec::new(),
            secrets: vec![cloud.admin_secret.clone()],
            ids: vec![
                (cloud.address.clone(), "SIMULATOR"),
                (cloud.owner(), "OWNER"),
                (cloud.cluster().0, "CLUSTER"),
            ],
        }
    }

    /// Runs the command line for JSON, which must succeed; records the answer.
    pub(crate) fn json(&mut self, cli: &Cli, arguments: &[&str]) -> Value {
        let answer = cli.json(arguments);
        self.record(&arguments.join(" "), &answer);
        answer
    }

    /// Runs the command line, which must fail with Vault's exit code for an
    /// error of the server; records what it printed.
    pub(crate) fn refused(&mut self, cli: &Cli, arguments: &[&str]) -> String {
        let CliOutput { status, stderr, .. } = cli.run(arguments);
        assert_eq!(status, 2, "{arguments:?}: {stderr}");
        // The first lines name the address of the host.
        let told = stderr
            .lines()
            .filter(|line| !line.starts_with("URL: "))
            .collect::<Vec<_>>()
            .join("\n");
        self.record(&arguments.join(" "), &Value::from(told.as_str()));
        told
    }

    /// Sends a request of our own; records status and body.
    pub(crate) fn request(
        &mut self,
        http: &Http,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let (status, answer) = http.request(method, path, body);
        self.record(&format!("{method} {path} {status}"), &answer);
        (status, answer)
    }

    /// Sends a request to the mount `team/`; `body` may be null. It must be answered
    /// with a status.
    pub(crate) fn ask_team(
        &mut self,
        http: &Http,
        (method, path): (&str, &str),
        body: &Value,
        status: u16,
    ) -> Value {
        let body = (!body.is_null()).then_some(body);
        let path = format!("team/{path}");
        let (got, answer) = self.request(http, method, &path, body);
        assert_eq!(got, status, "{method} {path}: {answer}");
        answer
    }

    fn record(&mut self, asked: &str, answer: &Value) {
        let shown = answer.to_string();
        for secret in &self.secrets {
            assert!(
                !shown.contains(secret.as_str()),
                "{asked} shows a secret: {shown}"
            );
        }
        let line = without_request_ids(&format!("{asked} -> {}", normal(answer)));
        let line = SECONDS_LEFT.replace_all(&line, "about … s");
        let new = "key `…` is new and works from about … UTC";
        let mut line = NEW_KEY.replace_all(&line, new).into_owned();
        for (id, name) in &self.ids {
            line = line.replace(id.as_str(), name);
        }
        self.lines.push(line);
    }
}

/// A text without the ids that Confluent gives to requests, which errors name.
fn without_request_ids(text: &str) -> String {
    let mut parts = text.split("(request id ");
    let mut cleaned = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, after) = part.split_once(')').unwrap_or_default();
        cleaned.push_str("(request id …)");
        cleaned.push_str(after);
    }
    cleaned
}

fn normal(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| !ONE_SIDED.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), normal_member(name, value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => items.iter().map(normal).collect(),
        other => other.clone(),
    }
}

fn normal_member(name: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if BY_NATURE.contains(&name) && !text.is_empty() => "…".into(),
        // The keys of other mounts of the same organization.
        Value::Object(_) if BY_NATURE.contains(&name) => "…".into(),
        other => normal(other),
    }
}
