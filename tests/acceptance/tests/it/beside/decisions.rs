//! Rights: random policies on both servers, and what each allows.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use testkit::{Http, require_bao};

use super::Pair;
use crate::policies::random::Random;

/// Sets of policies, and how many paths are asked for each.
const SETS: usize = 500;
const PATHS: usize = 40;
/// Sets of policies, and how many requests are sent under each.
const LIMITED: usize = 150;
const REQUESTS: usize = 12;

const SEGMENTS: &[&str] = &["a", "ab", "b", "c"];
const CAPABILITIES: &[&str] = &[
    "create", "read", "update", "patch", "delete", "list", "sudo",
];

/// Gives a token two policies.
fn token(root: &Http, texts: &[String]) -> String {
    for (number, text) in texts.iter().enumerate() {
        let body = json!({ "policy": text });
        let path = format!("sys/policies/acl/p{number}");
        let (status, answer) = root.request("PUT", &path, Some(&body));
        assert!(status < 300, "{answer}: {text}");
    }
    let body = json!({ "policies": ["p0", "p1"], "no_default_policy": true, "no_parent": true });
    let (status, answer) = root.request("POST", "auth/token/create", Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// The path of a rule: segments, `+`, and perhaps a `*`.
fn rule_path(random: &mut Random) -> String {
    let count = 1 + random.below(4);
    let segments = (0..count).map(|_| match random.below(4) {
        0 => "+",
        _ => random.one_of(SEGMENTS),
    });
    let path = segments.collect::<Vec<_>>().join("/");
    let end = random.one_of(&["", "", "/", "*", "/*"]);
    // `+*` is refused.
    let end = if path.ends_with('+') && end == "*" {
        "/*"
    } else {
        end
    };
    format!("{path}{end}")
}

fn capabilities(random: &mut Random) -> Value {
    if random.chance(20) {
        return json!(["deny"]);
    }
    let chosen = CAPABILITIES.iter().filter(|_| random.chance(35));
    json!(chosen.collect::<Vec<_>>())
}

fn policy(random: &mut Random) -> String {
    let rules = (0..=random.below(5)).map(|_| {
        let (path, capabilities) = (rule_path(random), capabilities(random));
        format!("path \"{path}\" {{ capabilities = {capabilities} }}\n")
    });
    rules.collect()
}

fn path(random: &mut Random) -> String {
    let segments = (0..=random.below(4)).map(|_| random.one_of(SEGMENTS));
    let path = segments.collect::<Vec<_>>().join("/");
    format!("{path}{}", random.one_of(&["", "", "/"]))
}

/// Whether we deny a folder because a rule denies its path without the slash, and
/// OpenBao does not look at that rule: a deny on a more specific wildcard must hold
/// for a LIST, too (GHSA-xp3c-3jw3-4vcr).
fn is_stricter_folder(path: &str, ours: &Value, theirs: &Value) -> bool {
    let denied = json!(["deny"]);
    path.strip_suffix('/')
        .is_some_and(|bare| ours[path] == denied && theirs[bare] == denied)
}

#[test]
fn twenty_thousand_random_paths_have_the_capabilities_that_openbao_gives() {
    let pair = Pair::start(&require_bao!());
    let mut random = Random::new(14);
    let (mut asked, mut allowed) = (0, 0);
    for _ in 0..SETS {
        let texts = [policy(&mut random), policy(&mut random)];
        let paths: Vec<String> = (0..PATHS).map(|_| path(&mut random)).collect();
        let bare = paths.iter().filter_map(|path| path.strip_suffix('/'));
        let asked_for: Vec<&str> = paths.iter().map(String::as_str).chain(bare).collect();
        let [ours, theirs] = [&pair.ours, &pair.theirs].map(|root| {
            let body = json!({ "token": token(root, &texts), "paths": asked_for });
            let (status, answer) = root.request("POST", "sys/capabilities", Some(&body));
            assert_eq!(status, 200, "{answer}");
            answer["data"].clone()
        });
        for path in &paths {
            if !is_stricter_folder(path, &ours, &theirs) {
                assert_eq!(ours[path], theirs[path], "{path} under {texts:?}");
            }
            asked += 1;
            allowed += usize::from(theirs[path] != json!(["deny"]));
        }
    }
    assert!(asked == SETS * PATHS && allowed > asked / 10, "{allowed}");
}

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

fn limited_policy(random: &mut Random) -> String {
    let rules = (0..=random.below(3)).map(|_| {
        let path = random.one_of(&["k/a", "k/*", "k/+", "k/a*", "k/a/", "k/a/+", "k/b"]);
        let (capabilities, limits) = (capabilities(random), limits(random));
        format!("path \"{path}\" {{ capabilities = {capabilities}\n{limits}}}\n")
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

#[test]
fn random_requests_with_parameters_are_allowed_as_openbao_allows_them() {
    let pair = Pair::start(&require_bao!());
    let kv = json!({ "type": "kv", "options": { "version": "1" } });
    for root in [&pair.ours, &pair.theirs] {
        assert!(root.request("POST", "sys/mounts/k", Some(&kv)).0 < 300);
        for path in ["k/a", "k/a/b", "k/b"] {
            let data = json!({ "x": "1" });
            assert!(root.request("POST", path, Some(&data)).0 < 300);
        }
    }
    let mut random = Random::new(15);
    let mut counts = [0, 0];
    for _ in 0..LIMITED {
        let texts = [(); 2].map(|()| limited_policy(&mut random));
        let tokens = [&pair.ours, &pair.theirs].map(|root| token(root, &texts));
        for _ in 0..REQUESTS {
            let method = random.one_of(&["POST", "PUT", "POST", "GET", "LIST", "DELETE"]);
            let path = random.one_of(&["k/a", "k/a/", "k/a/b", "k/b", "k/new"]);
            let body = ["POST", "PUT"]
                .contains(&method)
                .then(|| parameters(&mut random));
            let request = (method, path, body);
            let ours = denied(&pair.ours, &tokens[0], &request);
            let theirs = denied(&pair.theirs, &tokens[1], &request);
            let is_stricter = ours && request.0 == "LIST" && {
                let bare = request.1.trim_end_matches('/');
                let body = json!({ "token": tokens[1], "paths": [bare] });
                let answer = pair
                    .theirs
                    .request("POST", "sys/capabilities", Some(&body))
                    .1;
                answer["data"][bare] == json!(["deny"])
            };
            assert!(
                ours == theirs || is_stricter,
                "{request:?} under {texts:?}: {ours}"
            );
            counts[usize::from(ours)] += 1;
        }
    }
    assert!(counts[0] > 200 && counts[1] > 200, "{counts:?}");
}
