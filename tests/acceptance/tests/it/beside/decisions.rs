//! Rights: random policies on both servers, and which capabilities each gives.

use serde_json::{Value, json};
use testkit::{Http, require_bao};

use super::Pair;
use crate::policies::random::Random;

/// Sets of policies, and how many paths are asked for each.
const SETS: usize = 500;
const PATHS: usize = 40;

const SEGMENTS: &[&str] = &["a", "ab", "b", "c"];
const CAPABILITIES: &[&str] = &[
    "create", "read", "update", "patch", "delete", "list", "sudo",
];

/// A token with these policies, which are named after what they are for.
pub(super) fn token(root: &Http, name: &str, texts: &[String]) -> String {
    let names: Vec<String> = (0..texts.len())
        .map(|number| format!("{name}{number}"))
        .collect();
    for (name, text) in names.iter().zip(texts) {
        let body = json!({ "policy": text });
        let path = format!("sys/policies/acl/{name}");
        let (status, answer) = root.request("PUT", &path, Some(&body));
        assert!(status < 300, "{answer}: {text}");
    }
    let body = json!({ "policies": names, "no_default_policy": true, "no_parent": true });
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

pub(super) fn capabilities(random: &mut Random) -> Value {
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
pub(super) fn is_stricter_folder(path: &str, ours: &Value, theirs: &Value) -> bool {
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
            let body = json!({ "token": token(root, "p", &texts), "paths": asked_for });
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
