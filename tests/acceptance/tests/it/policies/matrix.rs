//! Every path that our server registers, and what typical policies allow of it: a
//! path that nobody decided about is missing in `matrix.txt`, and fails the test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::Http;

use crate::hosts::ENGINE;
use crate::on_disk::OnDisk;

/// The policies, by the column that they have.
const COLUMNS: [(&str, Option<&str>); 5] = [
    // Without a token.
    ("nobody", None),
    ("default", Some("")),
    (
        "reader",
        Some("path \"*\" { capabilities = [\"read\", \"list\"] }"),
    ),
    (
        "writer",
        Some(
            "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"patch\", \"delete\", \"list\"] }",
        ),
    ),
    (
        "admin",
        Some(
            "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"patch\", \"delete\", \"list\", \"sudo\"] }",
        ),
    ),
];

const MOUNTS: [&str; 7] = [
    "auth/approle/",
    "auth/token/",
    "confluent/",
    "cubbyhole/",
    "kv1/",
    "kv2/",
    "sys/",
];

/// What the server itself answers, sealed or not, and no mount documents.
const SERVER: [(&str, &str); 6] = [
    ("GET", "sys/health"),
    ("GET", "sys/init"),
    ("POST", "sys/init"),
    ("GET", "sys/leader"),
    ("GET", "sys/seal-status"),
    ("POST", "sys/unseal"),
];

/// What ends the test's server; nothing else is asked for by who may do it.
const SEAL: &str = "sys/seal";

fn mount(root: &Http) {
    let kv = |version: &str| json!({ "type": "kv", "options": { "version": version } });
    for (path, body) in [
        ("sys/mounts/kv1", kv("1")),
        ("sys/mounts/kv2", kv("2")),
        ("sys/mounts/confluent", json!({ "type": ENGINE })),
        ("sys/auth/approle", json!({ "type": "approle" })),
    ] {
        let (status, answer) = root.request("POST", path, Some(&body));
        assert_eq!(status, 204, "{path}: {answer}");
    }
}

/// Method and path of everything that is documented.
fn operations(root: &Http) -> Vec<(&'static str, String)> {
    let mut operations: Vec<_> = SERVER
        .into_iter()
        .map(|(method, path)| (method, path.to_owned()))
        .collect();
    for mount in MOUNTS {
        let (status, answer) = root.request("GET", &format!("{mount}?help=1"), None);
        assert_eq!(status, 200, "{mount}: {answer}");
        let paths = answer["openapi"]["paths"].as_object().unwrap();
        for (path, item) in paths {
            let path = format!("{mount}{}", path.trim_start_matches('/'));
            for method in methods(item) {
                operations.push((method, path.clone()));
            }
        }
    }
    operations.sort_by(|one, other| (&one.1, one.0).cmp(&(&other.1, other.0)));
    operations
}

fn methods(item: &Value) -> Vec<&'static str> {
    let names = [
        ("get", "GET"),
        ("post", "POST"),
        ("patch", "PATCH"),
        ("delete", "DELETE"),
    ];
    let mut methods: Vec<&str> = names
        .into_iter()
        .filter(|(name, _)| !item[name].is_null())
        .map(|(_, method)| method)
        .collect();
    let parameters = item["get"]["parameters"].as_array();
    let lists = |parameter: &Value| parameter["name"] == "list";
    if parameters.is_some_and(|parameters| parameters.iter().any(lists)) {
        methods.push("LIST");
    }
    methods
}

/// A path with something in the place of its names.
fn sample(path: &str) -> String {
    let mut parts = path.split(['{', '}']);
    let first = parts.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = parts.collect();
    rest.chunks(2).fold(first, |sample, part| {
        format!("{sample}x{}", part.get(1).unwrap_or(&""))
    })
}

/// A token with one policy; a new one for each request, since some end it.
fn token(root: &Http, policy: &str) -> String {
    let body = json!({ "policies": [policy] });
    let (status, answer) = root.request("POST", "auth/token/create", Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// Whether a request gets past policies.
fn is_allowed(root: &Http, column: usize, method: &str, path: &str) -> bool {
    let (name, policy) = COLUMNS[column];
    let anybody = Http::new(&root.address());
    let client = match policy {
        None => anybody,
        Some(_) => anybody.with_token(&token(root, name)),
    };
    let client = client.with_header("Content-Type", "application/merge-patch+json");
    let body = ["POST", "PATCH"].contains(&method).then(|| json!({}));
    let (status, answer) = client.request(method, &sample(path), body.as_ref());
    assert!(status < 500, "{method} {path} as {name}: {answer}");
    let text = answer["errors"].to_string();
    !(status == 403 && (text.contains("permission denied") || text.contains("preflight")))
}

#[test]
fn every_path_is_allowed_to_those_who_shall_use_it() {
    let server = OnDisk::start();
    let root = &server.root;
    mount(root);
    for (name, policy) in COLUMNS {
        if let Some(text) = policy.filter(|text| !text.is_empty()) {
            let body = json!({ "policy": text });
            let path = format!("sys/policies/acl/{name}");
            assert_eq!(root.request("PUT", &path, Some(&body)).0, 204);
        }
    }
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for (method, path) in operations(root) {
        let mut row = String::new();
        for (column, (name, _)) in COLUMNS.iter().enumerate() {
            let ends_it = path == SEAL && *name == "admin";
            let allowed = ends_it || is_allowed(root, column, method, &path);
            row += if allowed { " +" } else { " -" };
        }
        rows.insert(format!("{path} {method}"), row);
    }
    // Only who has sudo may seal it: the last thing that is asked of this server.
    assert!(is_allowed(root, COLUMNS.len() - 1, "POST", SEAL));

    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let mut matrix = format!("# {}\n", names.join(" "));
    for (operation, row) in &rows {
        let _ = writeln!(matrix, "{operation}{row}");
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/policies/matrix.txt");
    if std::env::var_os("LOCKKEEPER_BLESS").is_some() {
        std::fs::write(&file, &matrix).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    for (made, written) in matrix.lines().zip(expected.lines()) {
        assert_eq!(made, written);
    }
    assert_eq!(matrix.lines().count(), expected.lines().count());
}
