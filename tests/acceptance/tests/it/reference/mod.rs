//! The API reference in `docs/reference/`: made of the engine's own table of
//! paths and of requests that are sent to it here, so that it cannot say
//! anything that the engine does not do. `cargo xtask reference` writes the
//! pages; without it, this test compares them.

mod fields;
mod pages;
mod stable;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{Http, Launch, Program, bin, free_port, require_bao};

use self::fields::Paths;
use self::pages::{PAGES, Page, Sample};
use self::stable::Stable;
use crate::hosts::ENGINE;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");
/// What `cargo xtask reference` sets, so that the pages are written.
const WRITE: &str = "LOCKKEEPER_WRITE_REFERENCE";
const NOTICE: &str = "<!-- Made by `cargo xtask reference` from the engine's table of paths and \
                      from requests sent to it. Change those, not this page. -->";
const ADMIN_KEY: &str = "ABCDEFGHIJKLMNOP";
const ADMIN_SECRET: &str = "reference-admin-secret-0123456789-0123456789-0123456789-01234567";
const ROOT: &str = "root";

#[test]
fn the_reference_says_what_the_engine_does() {
    // Not for `bao`: the programs are built where it is there.
    let _built = require_bao!();
    let mut world = World::start();
    let paths = Paths::of(&world.http);
    let write = std::env::var_os(WRITE).is_some();
    let mut described = BTreeSet::new();
    let mut stale = Vec::new();
    for page in &PAGES {
        described.extend(page.paths.iter().copied());
        let text = world.render(page, &paths);
        let file = Path::new(FOLDER).join(page.file);
        if write {
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            stale.push(format!("{}:\n{text}", page.file));
        }
    }
    assert_eq!(
        paths.names(),
        described,
        "every path has its place on a page"
    );
    assert!(
        stale.is_empty(),
        "pages of docs/reference are out of date, run `cargo xtask reference`\n{}",
        stale.join("\n")
    );
}

/// A server with a fresh mount, and what its values are called on the pages.
struct World {
    http: Http,
    stable: Stable,
    _program: Program,
}

impl World {
    fn start() -> Self {
        let (server, simulator) = (free_port(), free_port());
        let address = format!("http://127.0.0.1:{server}");
        let cloud = format!("http://127.0.0.1:{simulator}");
        let mut program = Launch::new(bin("lockkeeper"))
            .args(["dev", &format!("-root-token={ROOT}")])
            .args([format!("-listen=127.0.0.1:{server}")])
            .args([format!("-simulator-listen=127.0.0.1:{simulator}")])
            .args([format!("-simulator-admin-key={ADMIN_KEY}:{ADMIN_SECRET}")])
            .start();
        program.wait_for_line("Ctrl-C");
        let http = Http::new(&address).with_token(ROOT);
        let (status, _) = http.request("DELETE", "sys/mounts/confluent", None);
        assert!(status < 300);
        let body = json!({"type": ENGINE});
        let (status, answer) = http.request("POST", "sys/mounts/confluent", Some(&body));
        assert!(status < 300, "{answer}");
        let (_, state) = Http::new(&cloud).raw("GET", "/simulator/state", None);
        let state: Value = serde_json::from_str(&state).unwrap();
        let of = |list: &str, member: &str| state[list][0][member].as_str().unwrap().to_owned();
        let mut stable = Stable::default();
        stable.name("CLOUD", &cloud, "http://127.0.0.1:8210");
        stable.name("OWNER", &of("service_accounts", "id"), "sa-abc123");
        stable.name("CLUSTER", &of("kafka_clusters", "id"), "lkc-xyz789");
        stable.name("ENVIRONMENT", &of("environments", "id"), "env-abc123");
        stable.name("ADMIN", ADMIN_KEY, ADMIN_KEY);
        stable.name("SECRET", ADMIN_SECRET, "…");
        Self {
            http,
            stable,
            _program: program,
        }
    }

    fn render(&mut self, page: &Page, paths: &Paths) -> String {
        let mut text = format!("# {}\n\n{NOTICE}\n\n{}\n", page.title, page.about);
        for path in page.paths {
            text.push_str(&paths.render(path));
        }
        text.push_str("\n## Samples\n");
        for sample in page.samples {
            self.run(sample, &mut text);
        }
        text
    }

    /// Sends the sample's request, and adds both to the page.
    fn run(&mut self, sample: &Sample, text: &mut String) {
        let path = self.stable.real(sample.path);
        let body = sample.body.map(|body| {
            let real = self.stable.real(body);
            serde_json::from_str::<Value>(&real).unwrap_or_else(|error| panic!("{real}: {error}"))
        });
        let (status, answer) = self.http.request(sample.method, &path, body.as_ref());
        assert_eq!(status, sample.status, "{} {path}: {answer}", sample.method);
        for (name, pointer) in sample.keep {
            let value = answer.pointer(pointer).and_then(Value::as_str);
            let value = value.unwrap_or_else(|| panic!("no `{pointer}` in {answer}"));
            let shown = self.stable.shown(value);
            self.stable.name(name, value, &shown);
        }
        let path = self.stable.shown(&path);
        let _ = write!(
            text,
            "\n### {}\n\n```http\n{} /v1/{path}\n",
            sample.title, sample.method
        );
        if let Some(body) = &body {
            let _ = write!(text, "\n{}\n", self.stable.shown(&pretty(body)));
        }
        let _ = write!(text, "```\n\n{status}{}\n", meaning(status));
        if !answer.is_null() {
            let shown = self.stable.shown(&pretty(&answer));
            let _ = write!(text, "\n```json\n{shown}\n```\n");
        }
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => ": done, with an answer.",
        204 => ": done, without an answer.",
        202 => ": accepted; it goes on by itself.",
        400 => ": the request is wrong, and says what to change.",
        404 => ": there is none.",
        405 => ": the path does not know this operation.",
        503 => ": not now; try again.",
        _ => ".",
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
