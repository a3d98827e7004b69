//! Rights that depend on parameters: random requests under random policies, as both
//! servers decide about them.

use std::fmt::Write as _;
use std::thread;

use serde_json::{Map, Value, json};
use testkit::{Http, require_bao};

use super::Pair;
use super::decisions::{capabilities, token};
use crate::policies::random::Random;

/// How many clients ask at once, each in a mount of its own.
const CLIENTS: u64 = 8;
/// Sets of policies of each client, and how many requests are sent under each.
const SETS: usize = 50;
const REQUESTS: usize = 50;

/// What a policy may say of the parameters of a write.
fn limits(random: &mut Random) -> String {
    let values = ["[]", "[\"one\"]", "[\"o*\"]", "[\"*e\", \"two\"]", "[true]"];
    let mut text = String::new();
    for kind in ["allowed_parameters", "denied_parameters"] {
        if random.chance(40) {
            text += kind;
            text += " = {\n";
            for name in ["x", "Y", "*"] {
                if random.chance(45) {
                    let _ = writeln!(text, "\"{name}\" = {}", random.one_of(&values));
                }
            }
            text += "}\n";
        }
    }
    if random.chance(20) {
        text += "required_parameters = [\"x\"]\n";
    }
    text
}

fn limited_policy(random: &mut Random, mount: &str) -> String {
    let rules = (0..=random.below(3)).map(|_| {
        let path = random.one_of(&["a", "*", "+", "a*", "a/", "a/+", "b"]);
        let (capabilities, limits) = (capabilities(random), limits(random));
        format!("path \"{mount}/{path}\" {{ capabilities = {capabilities}\n{limits}}}\n")
    });
    rules.collect()
}

fn parameters(random: &mut Random) -> Value {
    let mut data = Map::new();
    for name in ["x", "y", "X", "z"] {
        if random.chance(35) {
            let values = [json!("one"), json!("two"), json!("other"), json!(true)];
            data.insert(name.to_owned(), values[random.below(values.len())].clone());
        }
    }
    // A store of version 1 refuses a write without data.
    if data.is_empty() {
        data.insert("z".to_owned(), json!("one"));
    }
    data.into()
}

/// Whether a request was denied, once under each server.
fn denied(root: &Http, token: &str, request: &(&str, &str, Option<Value>)) -> bool {
    let client = Http::new(&root.address()).with_token(token);
    let (method, path, body) = request;
    let (status, answer) = client.request(method, path, body.as_ref());
    assert!(status < 500, "{method} {path}: {answer}");
    status == 403
}

/// Whether the server of the token denies a path to it.
fn is_denied(root: &Http, token: &str, path: &str) -> bool {
    let body = json!({ "token": token, "paths": [path] });
    let (status, answer) = root.request("POST", "sys/capabilities", Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["data"][path] == json!(["deny"])
}

/// What one client asks both servers, ours first; how many requests were allowed, and
/// denied.
fn ask(servers: [&Http; 2], number: u64) -> [usize; 2] {
    let [_, openbao] = servers;
    let mount = format!("k{number}");
    let kv = json!({ "type": "kv", "options": { "version": "1" } });
    for root in servers {
        let path = format!("sys/mounts/{mount}");
        assert!(root.request("POST", &path, Some(&kv)).0 < 300);
        for path in ["a", "a/b", "b"] {
            let (path, data) = (format!("{mount}/{path}"), json!({ "x": "1" }));
            assert!(root.request("POST", &path, Some(&data)).0 < 300);
        }
    }
    let mut random = Random::new(15 + number);
    let mut counts = [0, 0];
    for _ in 0..SETS {
        let texts = [(); 2].map(|()| limited_policy(&mut random, &mount));
        let tokens = servers.map(|root| token(root, &mount, &texts));
        for _ in 0..REQUESTS {
            let method = random.one_of(&["POST", "PUT", "POST", "GET", "LIST", "DELETE"]);
            let path = random.one_of(&["a", "a/", "a/b", "b", "new"]);
            let path = format!("{mount}/{path}");
            let body = ["POST", "PUT"]
                .contains(&method)
                .then(|| parameters(&mut random));
            let request = (method, &*path, body);
            let [ours, theirs] = [0, 1].map(|at| denied(servers[at], &tokens[at], &request));
            // As in `is_stricter_folder`.
            let is_stricter = || {
                let bare = path.trim_end_matches('/');
                ours && method == "LIST" && is_denied(openbao, &tokens[1], bare)
            };
            assert!(
                ours == theirs || is_stricter(),
                "{request:?} under {texts:?}: {ours}"
            );
            counts[usize::from(ours)] += 1;
        }
    }
    counts
}

#[test]
fn twenty_thousand_random_requests_with_parameters_are_allowed_as_openbao_allows_them() {
    let pair = Pair::start(&require_bao!());
    let servers = [&pair.ours, &pair.theirs];
    let counts: Vec<[usize; 2]> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || ask(servers, number)))
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    let [allowed, denied]: [usize; 2] =
        [0, 1].map(|kind| counts.iter().map(|count| count[kind]).sum());
    assert!(allowed + denied >= 20_000, "{allowed} and {denied}");
    assert!(allowed > 2_000 && denied > 2_000, "{allowed} and {denied}");
}
