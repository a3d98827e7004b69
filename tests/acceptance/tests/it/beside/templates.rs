//! Rights that depend on who asks: random policies with templates on both servers, and
//! which capabilities the tokens of logins get of them.

use serde_json::{Value, json};
use testkit::{Http, require_bao};

use super::Pair;
use super::decisions::{capabilities, is_stricter_folder};
use crate::policies::random::Random;

/// Role ids, names of roles, and what the metadata of secret ids says.
const ROLES: [(&str, &str, Option<&str>); 8] = [
    ("a", "b", Some("c")),
    ("ab", "a", None),
    ("b", "ab", Some("ab")),
    ("c", "c", Some("a*")),
    ("a*", "star", Some("a")),
    ("+", "plus", Some("b")),
    ("a/b", "slash", Some("b")),
    ("{{identity.entity.id}}", "nested", Some("+")),
];
/// Sets of policies, and how many paths are asked for under each by each role.
const SETS: usize = 60;
const PATHS: usize = 40;

const SEGMENTS: &[&str] = &["a", "ab", "b", "c"];
/// What a segment of a rule depends on; `ALIAS` is the alias in the mount.
const PARTS: &[&str] = &[
    "{{ALIAS.name}}",
    "{{ ALIAS.name }}",
    "{{ALIAS.metadata.role_name}}",
    "{{ALIAS.metadata.team}}",
    "a{{ALIAS.name}}",
    "{{ALIAS.name}}b",
    "{{identity.entity.aliases.auth_approle_other.name}}",
    "{{identity.entity.metadata.team}}",
    "{{identity.groups.names.team.id}}",
    "{{nothing}}",
];

/// One of the servers, with the tokens of the roles.
struct Logins<'a> {
    root: &'a Http,
    accessor: String,
    tokens: Vec<String>,
}

impl<'a> Logins<'a> {
    fn make(root: &'a Http) -> Self {
        let write = |path: &str, body: Value| {
            let (status, answer) = root.request("POST", path, Some(&body));
            assert!(status < 300, "{path}: {answer}");
            answer
        };
        write("sys/auth/approle", json!({ "type": "approle" }));
        let (_, mounts) = root.request("GET", "sys/auth", None);
        let accessor = mounts["data"]["approle/"]["accessor"].as_str().unwrap();
        let log_in = |(role_id, name, team): (&str, &str, Option<&str>)| {
            let role = format!("auth/approle/role/{name}");
            let body = json!({
                "role_id": role_id,
                "token_policies": ["t0", "t1"],
                "token_no_default_policy": true,
            });
            write(&role, body);
            let metadata = team.map_or(json!({}), |team| json!({ "team": team }));
            let metadata = json!({ "metadata": metadata.to_string() });
            let secret_id = write(&format!("{role}/secret-id"), metadata);
            let ids = json!({ "role_id": role_id, "secret_id": secret_id["data"]["secret_id"] });
            let login = write("auth/approle/login", ids);
            assert_eq!(login["auth"]["entity_id"].as_str().unwrap().len(), 36);
            login["auth"]["client_token"].as_str().unwrap().to_owned()
        };
        Self {
            root,
            accessor: accessor.to_owned(),
            tokens: ROLES.into_iter().map(log_in).collect(),
        }
    }

    fn write(&self, texts: &[String]) {
        let alias = format!("identity.entity.aliases.{}", self.accessor);
        for (number, text) in texts.iter().enumerate() {
            let body = json!({ "policy": text.replace("ALIAS", &alias) });
            let path = format!("sys/policies/acl/t{number}");
            let (status, answer) = self.root.request("PUT", &path, Some(&body));
            assert!(status < 300, "{answer}: {text}");
        }
    }

    /// The capabilities on paths, or nothing if the token may do nothing at all.
    fn capabilities(&self, token: usize, paths: &[&str]) -> Option<Value> {
        let body = json!({ "token": self.tokens[token], "paths": paths });
        let (status, answer) = self.root.request("POST", "sys/capabilities", Some(&body));
        // 400 at our server, 403 at OpenBao.
        if [400, 403].contains(&status) {
            let error = answer["errors"][0].as_str().unwrap_or_default();
            assert!(error.contains("contains forbidden value"), "{error}");
            return None;
        }
        assert_eq!(status, 200, "{answer}");
        Some(answer["data"].clone())
    }
}

/// The path of a rule: segments, some of which depend on the caller.
fn rule_path(random: &mut Random) -> String {
    let count = 1 + random.below(3);
    let segments = (0..count).map(|_| match random.below(6) {
        0 => "+",
        1..=3 => random.one_of(PARTS),
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

fn policy(random: &mut Random) -> String {
    let rules = (0..=random.below(4)).map(|_| {
        let (path, capabilities) = (rule_path(random), capabilities(random));
        format!("path \"{path}\" {{ capabilities = {capabilities} }}\n")
    });
    rules.collect()
}

/// A path that a role may reach, or the text of a template that nobody may.
fn path(random: &mut Random) -> String {
    let segments = (0..=random.below(3)).map(|_| match random.below(12) {
        0 => random.one_of(&[
            "aa",
            "bb",
            "abb",
            "aab",
            "*",
            "a*",
            "+",
            "{{identity.entity.id}}",
        ]),
        _ => random.one_of(SEGMENTS),
    });
    let path = segments.collect::<Vec<_>>().join("/");
    format!("{path}{}", random.one_of(&["", "", "/"]))
}

#[test]
fn random_templates_give_each_role_what_openbao_gives_it() {
    let pair = Pair::start(&require_bao!());
    let (ours, theirs) = (Logins::make(&pair.ours), Logins::make(&pair.theirs));
    let mut random = Random::new(18);
    let (mut asked, mut allowed, mut refused) = (0, 0, 0);
    for _ in 0..SETS {
        let texts = [policy(&mut random), policy(&mut random)];
        ours.write(&texts);
        theirs.write(&texts);
        for (role, name) in ROLES.iter().enumerate() {
            let paths: Vec<String> = (0..PATHS).map(|_| path(&mut random)).collect();
            let bare = paths.iter().filter_map(|path| path.strip_suffix('/'));
            let asked_for: Vec<&str> = paths.iter().map(String::as_str).chain(bare).collect();
            let ours = ours.capabilities(role, &asked_for);
            let theirs = theirs.capabilities(role, &asked_for);
            let case = format!("{name:?} under {texts:?}");
            assert_eq!(
                ours.is_none(),
                theirs.is_none(),
                "{case}: {ours:?} {theirs:?}"
            );
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                refused += 1;
                continue;
            };
            for path in &paths {
                if !is_stricter_folder(path, &ours, &theirs) {
                    assert_eq!(ours[path], theirs[path], "{path} of {case}");
                }
                asked += 1;
                allowed += usize::from(theirs[path] != json!(["deny"]));
            }
        }
    }
    assert!(refused > 20, "{refused} sets widened a rule");
    assert!(
        asked > 10_000 && allowed > asked / 20,
        "{allowed} of {asked}"
    );
}
