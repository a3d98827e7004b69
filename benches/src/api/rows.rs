//! The kinds of requests.

use http::Method;
use serde_json::json;

use super::subject::Subject;
use crate::load::Target;

/// Who asks.
enum As {
    /// A token of an AppRole login, with a policy.
    Application,
    Root,
    Nobody,
}

/// One kind of request, and its goals beside OpenBao as it is printed.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) goal: &'static str,
    who: As,
    method: Method,
    path: &'static str,
    body: fn(&Subject) -> String,
}

pub(super) const WRITE: Row = Row {
    name: "KV v2 write",
    goal: " (goals 8 to 10 and 1/10 to 1/15)",
    who: As::Application,
    method: Method::POST,
    path: "secret/data/written/{connection}",
    body: |_| json!({"data": {"value": "x".repeat(200)}}).to_string(),
};

pub(super) const CREATE_TOKEN: Row = Row {
    name: "token create",
    goal: " (goals 10 to 12 and 1/12)",
    who: As::Application,
    method: Method::POST,
    path: "auth/token/create",
    body: |_| json!({"ttl": "1h"}).to_string(),
};

const fn read(name: &'static str, goal: &'static str, who: As, path: &'static str) -> Row {
    Row {
        name,
        goal,
        who,
        method: Method::GET,
        path,
        body: |_| String::new(),
    }
}

pub(super) const LIST: Row = read(
    "LIST of 1 000",
    " (goals 4 and 1/5)",
    As::Application,
    "secret/metadata/?list=true",
);

pub(super) const ROWS: &[Row] = &[
    read(
        "KV v2 read",
        " (goals 15 and 1/20, with audit 10 and 1/12; 33 %)",
        As::Application,
        "secret/data/0",
    ),
    read("KV v2 read as root", " (goal 5)", As::Root, "secret/data/0"),
    WRITE,
    Row {
        name: "AppRole login",
        goal: " (goals 8 to 12 and 1/10 to 1/12)",
        who: As::Nobody,
        method: Method::POST,
        path: "auth/approle/login",
        body: |subject| {
            let (role_id, secret_id) = subject.login();
            json!({"role_id": role_id, "secret_id": secret_id}).to_string()
        },
    },
    CREATE_TOKEN,
    read(
        "lookup-self",
        " (goals 15 and 1/20)",
        As::Application,
        "auth/token/lookup-self",
    ),
    LIST,
];

impl Row {
    /// The request at a server.
    pub(super) fn target(&self, subject: &Subject) -> Target {
        let token = match self.who {
            As::Application => subject.application(),
            As::Root => subject.root(),
            As::Nobody => "",
        };
        Target {
            method: self.method.clone(),
            body: (self.body)(subject).into(),
            ..Target::of(subject.address(), token, self.path)
        }
    }
}
