//! The syntax of policies: the table of `crates/hcl1/tests/verdicts.json`, its
//! texts with random changes, and the layout of `policy fmt`.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use regex::Regex;
use serde::Deserialize;
use serde_json::json;
use testkit::{Bao, BaoServer, Http, require_bao};

use super::random::Random;

const CHANGED_TEXTS: usize = 3_000;
const FORMATTED_TEXTS: usize = 60;

/// What OpenBao accepts and forgets.
const STRICTER: &[&str] = &[
    "expected a value after `=`, found the end of the text",
    "an exponent must have a digit",
];

#[derive(Deserialize)]
struct Row {
    text: String,
    accepted: bool,
    differs: Option<String>,
}

fn table() -> Vec<Row> {
    let table = include_str!("../../../../../crates/hcl1/tests/verdicts.json");
    serde_json::from_str(table).unwrap()
}

/// Asks a server whether it can read a policy.
struct Oracle {
    http: Http,
    complaint: Regex,
}

impl Oracle {
    fn new(server: &BaoServer) -> Self {
        // What its parser complains of, in contrast to what it complains of
        // after it has read the text.
        let complaint = r"parse policy: ((At )?\d+:\d+: ([^r]|r[^o])|unexpected token|expected: STRING|Expected object|illegal|key '|object expected)";
        Self {
            http: server.http(),
            complaint: Regex::new(complaint).unwrap(),
        }
    }

    fn reads(&self, text: &str) -> bool {
        let body = json!({ "policy": text });
        let (status, answer) = self.http.request("PUT", "sys/policies/acl/t", Some(&body));
        let text = answer["errors"][0].as_str().unwrap_or_default();
        status == 204 || status == 200 || !self.complaint.is_match(text)
    }
}

#[test]
fn openbao_gives_every_text_of_the_table_its_verdict() {
    let server = BaoServer::start(&require_bao!());
    let oracle = Oracle::new(&server);
    for row in table() {
        assert_eq!(oracle.reads(&row.text), row.accepted, "{:?}", row.text);
    }
}

#[test]
fn texts_with_random_changes_get_the_verdict_of_openbao() {
    let server = BaoServer::start(&require_bao!());
    let oracle = Oracle::new(&server);
    // HCL without deliberate differences; JSON has too many at every change.
    let rows: Vec<String> = table()
        .into_iter()
        .filter(|row| row.differs.is_none() && !row.text.trim_start().starts_with('{'))
        .map(|row| row.text)
        .collect();
    let mut random = Random::new(14);
    let mut accepted = 0;
    for _ in 0..CHANGED_TEXTS {
        let mut text: Vec<char> = rows[random.below(rows.len())].chars().collect();
        for _ in 0..=random.below(2) {
            change(&mut text, &mut random);
        }
        let text: String = text.into_iter().collect();
        if text.is_empty() || text.trim_start().starts_with('{') {
            continue;
        }
        let read = hcl1::parse(&text);
        let stricter = matches!(&read, Err(error) if STRICTER.contains(&&*error.problem));
        let same = read.is_ok() == oracle.reads(&text);
        assert!(same || stricter, "{text:?}: {read:?}");
        accepted += usize::from(read.is_ok());
    }
    assert!(accepted > CHANGED_TEXTS / 5, "{accepted}");
}

/// Removes, doubles, exchanges or inserts a character.
fn change(text: &mut Vec<char>, random: &mut Random) {
    let signs: Vec<char> = "{}[]=,\"#/\n ax<*$".chars().collect();
    if text.is_empty() {
        return;
    }
    let at = random.below(text.len());
    match random.below(4) {
        0 => drop(text.remove(at)),
        1 => text.insert(at, text[at]),
        2 => text[at] = random.one_of(&signs),
        _ => text.insert(at, random.one_of(&signs)),
    }
}

#[test]
fn texts_are_printed_as_policy_fmt_prints_them() {
    let bao = require_bao!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.hcl");
    let mut random = Random::new(15);
    for _ in 0..FORMATTED_TEXTS {
        let text = policy(&mut random);
        let ours = hcl1::format(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert_eq!(ours, formatted(&bao, &file, &text), "{text:?}");
    }
}

fn formatted(bao: &Bao, file: &std::path::Path, text: &str) -> String {
    fs::write(file, text).unwrap();
    let mut command = Command::new(bao.path());
    command.args(["policy", "fmt"]).arg(file);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}: {text:?}");
    fs::read_to_string(file).unwrap()
}

/// A policy in a layout of chance.
fn policy(random: &mut Random) -> String {
    let mut text = random
        .one_of(&["", "# top\n", "# top\n\n", "\n"])
        .to_owned();
    for number in 0..=random.below(3) {
        let _ = writeln!(text, "path \"p{number}\" {{");
        // A comment of several lines at the beginning would be joined.
        text += random.one_of(&["", "# in\n\n"]);
        for (key, values) in MEMBERS {
            if random.chance(50) {
                text += random.one_of(&["", "", "# lead\n", "# alone\n\n"]);
                let _ = write!(text, "  {key} = {}", random.one_of(values));
                text += random.one_of(&["", " # behind", " /* behind */"]);
                text += random.one_of(&["\n", "\n", "\n\n", "\n\n\n"]);
            }
        }
        text += random.one_of(&["", "\n# end\n"]);
        text += "}";
        text += random.one_of(&[
            "\n",
            "\n\n",
            " # after\n",
            "\n\n# between\n\n",
            "\n# between\n",
        ]);
    }
    text
}

const MEMBERS: &[(&str, &[&str])] = &[
    (
        "capabilities",
        &[
            "[\"read\"]",
            "[\"read\",\"list\"]",
            "[\n\"read\", # x\n\"list\" ]",
            "[]",
        ],
    ),
    (
        "comment",
        &[
            "1",
            "\"${a\n b}\"",
            "<<E\n x\n\ny\nE\n",
            "[1, {a = 1\nbb = 2}, [2],]",
            "[<<E\nx\nE\n, # y\n2]",
        ],
    ),
    ("min_wrapping_ttl", &["\"1s\"", "5"]),
    (
        "required_parameters",
        &["[\"a\"]", "[\n# lead\n\"a\", \"b\"]"],
    ),
    (
        "allowed_parameters",
        &[
            "{}",
            "{\n\"x\" = []\n\"*\" = [1]\n}",
            "{ a = [ # q\n1 ]\n\n\nb = [] }",
        ],
    ),
];
