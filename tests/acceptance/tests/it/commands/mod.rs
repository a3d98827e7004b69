//! Every command of `bao`, at OpenBao and at our server, and the same command of
//! `lockkeeper` at our server. `commands.txt` holds the exit codes of all three,
//! with a reason wherever they differ.

mod table;

use std::collections::BTreeMap;
use std::thread;

use serde_json::Value;
use testkit::{Bao, BaoServer, Cli, Launch, Program, bin, free_port, require_bao};

use self::table::{Row, Section, Table};
use crate::hosts::Host;

/// Files that commands read, in the folder that they run in.
const FILES: [(&str, &str); 4] = [
    (
        "app.hcl",
        "path \"secret/*\" {\n capabilities=[\"read\",\"list\"] }\n",
    ),
    (
        "bad.hcl",
        "path \"secret/*\" {\n capabilities=[\"read\",\n}\n",
    ),
    ("data.json", "{\"user\": \"orders\", \"password\": \"9\"}"),
    ("patch.json", "{\"data\": {\"a\": \"2\"}}"),
];

/// Members that one of the two has alone, by the beginning of the command: `bao`
/// prints some from its own structures, whatever the server answers.
const ONE_SIDED: [(&str, &[&str]); 5] = [
    ("status", &["commit_date", "lockkeeper_version"]),
    ("operator unseal", &["commit_date", "lockkeeper_version"]),
    ("secrets list", &["deprecation_status"]),
    ("auth list", &["deprecation_status"]),
    ("as $ROOT secrets list", &["deprecation_status"]),
];

/// What one command line did with a row: its exit code, and what it printed. None
/// if it has no such command.
type Outcome = Option<(i32, Option<Value>)>;

/// A command line that is run with every row of a section at one server.
struct Runner {
    program: std::path::PathBuf,
    address: String,
    root: Cli,
    /// Keeps the server running.
    _server: Box<dyn std::any::Any + Send>,
    kept: BTreeMap<String, String>,
}

impl Runner {
    fn new(
        program: std::path::PathBuf,
        address: &str,
        token: &str,
        server: impl std::any::Any + Send,
    ) -> Self {
        let root = json(Cli::new(&program, address, token));
        for (name, text) in FILES {
            std::fs::write(root.folder().join(name), text).unwrap();
        }
        Self {
            program,
            address: address.to_owned(),
            root,
            _server: Box::new(server),
            kept: BTreeMap::new(),
        }
    }

    fn run(&mut self, row: &Row) -> (i32, Option<Value>) {
        let words: Vec<String> = row.words().map(|word| self.filled(word)).collect();
        let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        let output = match row.token() {
            None => self.root.run(&arguments),
            Some("nobody") => json(Cli::new(&self.program, &self.address, "")).run(&arguments),
            Some(token) => {
                let token = self.filled(token);
                json(Cli::new(&self.program, &self.address, &token)).run(&arguments)
            }
        };
        let printed: Option<Value> = serde_json::from_str(&output.stdout).ok();
        for (name, pointer) in row.kept() {
            let value = printed.as_ref().and_then(|json| json.pointer(pointer));
            let value = value.and_then(Value::as_str);
            let value = value.unwrap_or_else(|| panic!("{}: {output:?}", row.command));
            self.kept.insert(name.to_owned(), value.to_owned());
        }
        (output.status, printed)
    }

    /// A word with the values that were kept in place of their names.
    fn filled(&self, word: &str) -> String {
        let mut word = word.to_owned();
        for (name, value) in &self.kept {
            word = word.replace(&format!("${name}"), value);
        }
        word
    }
}

/// JSON, and no second try where a server is sealed.
fn json(cli: Cli) -> Cli {
    let settings = [("FORMAT", "json"), ("MAX_RETRIES", "0")];
    settings.into_iter().fold(cli, |cli, (name, value)| {
        cli.env(&format!("VAULT_{name}"), value)
            .env(&format!("BAO_{name}"), value)
    })
}

/// Servers for a section: OpenBao, and two of ours.
fn servers(bao: &Bao, section: &str) -> [Runner; 3] {
    let (theirs, ours) = (bao.path().to_owned(), bin("lockkeeper"));
    if section == "dev" {
        let open_bao = BaoServer::start(bao);
        let address = open_bao.address().to_owned();
        let [one, two] = [(), ()].map(|()| Host::lockkeeper(bao));
        let (at_one, at_two) = (one.http.address(), two.http.address());
        return [
            Runner::new(theirs.clone(), &address, "root", open_bao),
            Runner::new(theirs, &at_one, "root", one),
            Runner::new(ours, &at_two, "root", two),
        ];
    }
    let started = |program: &std::path::Path| {
        let (program, address) = start_new(program);
        (address, program)
    };
    let [(a, one), (b, two), (c, three)] = [&theirs, &ours, &ours].map(|program| started(program));
    [
        Runner::new(theirs.clone(), &a, "", one),
        Runner::new(theirs, &b, "", two),
        Runner::new(ours, &c, "", three),
    ]
}

/// A server with nothing in it, not even keys.
fn start_new(program: &std::path::Path) -> (Program, String) {
    let port = free_port();
    let launch = Launch::new(program);
    let config = launch.folder().join("server.hcl");
    let text = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
         tls_disable = true\n}}\napi_addr = \"http://127.0.0.1:{port}\"\n",
    );
    std::fs::write(&config, text).unwrap();
    let mut running = launch
        .args(["server".to_owned(), format!("-config={}", config.display())])
        .start();
    running.wait_for_line("server started!");
    (running, format!("http://127.0.0.1:{port}"))
}

/// Runs a section: for each row, what the three command lines did.
fn run(bao: &Bao, section: &Section) -> Vec<[Outcome; 3]> {
    let all = |mut runner: Runner, own: bool| -> Vec<Outcome> {
        let rows = section.rows.iter();
        let outcomes = rows.map(|row| (!own || row.is_ours()).then(|| runner.run(row)));
        outcomes.collect()
    };
    let [open_bao, here, own] = servers(bao, &section.name);
    thread::scope(|scope| {
        let open_bao = scope.spawn(|| all(open_bao, false));
        let here = scope.spawn(|| all(here, false));
        let own = all(own, true);
        let (open_bao, here) = (open_bao.join().unwrap(), here.join().unwrap());
        let rows = open_bao.into_iter().zip(here).zip(own);
        rows.map(|((a, b), c)| [a, b, c]).collect()
    })
}

#[test]
fn every_command_ends_as_at_openbao_and_prints_json_of_the_same_shape_as_bao() {
    let bao: Bao = require_bao!();
    let mut table = Table::read();
    let sections = &table.sections;
    let outcomes: Vec<Vec<[Outcome; 3]>> = thread::scope(|scope| {
        let running: Vec<_> = sections
            .iter()
            .map(|section| scope.spawn(|| run(&bao, section)))
            .collect();
        running
            .into_iter()
            .map(|section| section.join().unwrap())
            .collect()
    });
    let mut problems = Vec::new();
    for (section, outcomes) in table.sections.iter_mut().zip(outcomes) {
        for (row, [open_bao, here, own]) in section.rows.iter_mut().zip(outcomes) {
            // How commands that differ end is told by their reason.
            if let (Some((code, theirs)), Some((own_code, ours))) = (&here, &own)
                && code == own_code
            {
                problems.extend(differences(row, theirs.as_ref(), ours.as_ref()));
            }
            let codes = [open_bao, here, own].map(|outcome| outcome.map(|(code, _)| code));
            problems.extend(row.compare(codes));
        }
    }
    if std::env::var_os("LOCKKEEPER_BLESS").is_some() {
        table.write();
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Where the JSON of `lockkeeper` has another shape than that of `bao`.
fn differences(row: &Row, theirs: Option<&Value>, ours: Option<&Value>) -> Vec<String> {
    let one_sided: Vec<&str> = ONE_SIDED
        .iter()
        .filter(|(command, _)| row.command.starts_with(command))
        .flat_map(|(_, members)| members.iter().copied())
        .collect();
    let mut found = Vec::new();
    match (theirs, ours) {
        (Some(theirs), Some(ours)) => compare("", theirs, ours, &one_sided, &mut found),
        (None, None) => {}
        (theirs, ours) => found.push(format!("bao printed {theirs:?}, lockkeeper {ours:?}")),
    }
    let said = found.into_iter();
    said.map(|problem| format!("`{}`: {problem}", row.command))
        .collect()
}

fn compare(place: &str, theirs: &Value, ours: &Value, one_sided: &[&str], found: &mut Vec<String>) {
    // A token that is a second old is renewed for a second less than it asks for.
    let is_capped = |value: &Value| value.to_string().contains("TTL value is capped");
    if place == "/warnings" && (is_capped(theirs) || is_capped(ours)) {
        return;
    }
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let names = a
                .keys()
                .chain(b.keys().filter(|name| !a.contains_key(*name)));
            for name in names.filter(|name| !one_sided.contains(&name.as_str())) {
                let place = format!("{place}/{name}");
                match (a.get(name), b.get(name)) {
                    (Some(a), Some(b)) => compare(&place, a, b, one_sided, found),
                    (Some(_), None) => found.push(format!("{place} is in the JSON of bao alone")),
                    _ => found.push(format!("{place} is in the JSON of lockkeeper alone")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place}/{index}"), a, b, one_sided, found);
            }
        }
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => {}
        (a, b) => found.push(format!("{place}: {a} of bao, {b} of lockkeeper")),
    }
}
