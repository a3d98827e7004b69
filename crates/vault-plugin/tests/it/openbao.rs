//! The example plugin in a real OpenBao.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use testkit::{
    BaoServer, Cli, assert_openapi_is_whole, crash, eventually, processes_of, require_bao,
};

use crate::example;

const NAME: &str = "key-value";
const SECONDS: Duration = Duration::from_secs(10);

/// A server with the example registered and mounted at these paths.
struct Mounted {
    server: BaoServer,
    cli: Cli,
    program: PathBuf,
}

impl Mounted {
    fn at(bao: &testkit::Bao, mounts: &[&str]) -> Self {
        let server = BaoServer::start(bao);
        server.register_plugin(&example(), NAME);
        let program = server.plugin(NAME);
        let cli = server.cli();
        for mount in mounts {
            cli.ok(&["secrets", "enable", &format!("-path={mount}"), NAME]);
        }
        Self {
            server,
            cli,
            program,
        }
    }

    /// The plugin's processes.
    fn processes(&self) -> Vec<u32> {
        processes_of(&self.program)
    }
}

#[test]
fn values_are_written_read_and_listed() {
    let bao = require_bao!();
    let mounted = Mounted::at(&bao, &["notes"]);
    let cli = &mounted.cli;
    cli.ok(&["write", "notes/entry/a", "value=1"]);
    cli.ok(&["write", "notes/entry/b", "value=<2>"]);
    let field = cli.ok(&["read", "-field=value", "notes/entry/b"]);
    assert_eq!(field.trim_end(), "<2>");
    assert_eq!(cli.json(&["list", "notes/entry"]), json!(["a", "b"]));
    let log = mounted.server.log();
    let line = log
        .lines()
        .find(|line| line.contains("an entry was written"))
        .expect("the plugin's log is in the server's");
    assert!(
        line.contains("[INFO]") && line.contains("key=entry/a"),
        "{line}"
    );
}

#[test]
fn failures_have_the_status_and_text_of_their_class() {
    let bao = require_bao!();
    let mounted = Mounted::at(&bao, &["notes"]);
    let http = mounted.server.http();
    let missing = json!({"errors": ["`value` is missing: give what to keep"]});
    let cases = [
        ("POST", "notes/entry/a", 400, missing),
        ("GET", "notes/entry/a", 404, json!({"errors": []})),
        (
            "GET",
            "notes/nowhere",
            404,
            json!({"errors": ["1 error occurred:\n\t* unsupported path\n\n"]}),
        ),
        (
            "DELETE",
            "notes/entry/a",
            405,
            json!({"errors": [
                "unsupported operation: there is no `delete` of `entry/a`, but `read` and `write`"
            ]}),
        ),
    ];
    for (method, path, status, body) in cases {
        let answer = http.request(method, path, Some(&json!({"other": 1})));
        assert_eq!(answer, (status, body), "{method} {path}");
    }
}

#[test]
fn a_lease_is_renewed_and_its_end_reaches_the_engine() {
    let bao = require_bao!();
    let mounted = Mounted::at(&bao, &["notes"]);
    let cli = &mounted.cli;
    cli.ok(&["write", "notes/entry/a", "value=1"]);
    let loan = cli.json(&["read", "notes/loan/a"]);
    assert_eq!(loan["data"], json!({"value": "1"}));
    assert_eq!(loan["lease_duration"], 600);
    assert_eq!(loan["renewable"], true);
    let lease = loan["lease_id"].as_str().unwrap();

    let renewed = cli.json(&["lease", "renew", "-increment=900", lease]);
    assert_eq!(renewed["lease_duration"], 900);
    assert_eq!(cli.json(&["list", "notes/loan"]), json!(["a"]));
    cli.ok(&["lease", "revoke", "-sync", lease]);
    assert_eq!(cli.run(&["list", "notes/loan"]).status, 2);
}

#[test]
fn mounts_share_a_process_and_outlive_it() {
    let bao = require_bao!();
    let mounted = Mounted::at(&bao, &["notes", "more"]);
    let cli = &mounted.cli;
    cli.ok(&["write", "notes/entry/a", "value=1"]);
    cli.ok(&["write", "more/entry/a", "value=2"]);
    let [first] = mounted.processes()[..] else {
        panic!("one process for both mounts: {:?}", mounted.processes());
    };
    let both_answer = || {
        assert_eq!(
            cli.ok(&["read", "-field=value", "notes/entry/a"])
                .trim_end(),
            "1"
        );
        assert_eq!(
            cli.ok(&["read", "-field=value", "more/entry/a"]).trim_end(),
            "2"
        );
    };

    cli.ok(&["plugin", "reload", "-plugin", NAME]);
    both_answer();
    let [second] = mounted.processes()[..] else {
        panic!("one process after a reload: {:?}", mounted.processes());
    };
    assert_ne!(first, second);

    crash(second);
    eventually("the plugin's process is gone", SECONDS, || {
        (!mounted.processes().contains(&second)).then_some(())
    });
    both_answer();

    cli.ok(&["secrets", "disable", "notes"]);
    assert_eq!(
        cli.ok(&["read", "-field=value", "more/entry/a"]).trim_end(),
        "2"
    );
    cli.ok(&["secrets", "disable", "more"]);
    eventually("no plugin is left without a mount", SECONDS, || {
        mounted.processes().is_empty().then_some(())
    });
}

#[test]
fn help_is_shown_and_the_servers_openapi_is_whole() {
    let bao = require_bao!();
    let mounted = Mounted::at(&bao, &["notes"]);
    let help = mounted.cli.ok(&["path-help", "notes"]);
    assert!(help.contains("Keeps values under names"), "{help}");
    let help = mounted.cli.ok(&["path-help", "notes/entry/a"]);
    assert!(help.contains("What to keep."), "{help}");
    let http = mounted.server.http();
    let (status, document) = http.request("GET", "sys/internal/specs/openapi", None);
    assert_eq!(status, 200);
    assert!(document["paths"].is_object());
    let document = assert_openapi_is_whole(&http, "notes");
    let list = &document["paths"]["/entry"]["get"]["parameters"][0];
    assert_eq!(list["name"], "list");
}

#[test]
fn no_plugin_outlives_a_server_that_was_killed() {
    let bao = require_bao!();
    let mut mounted = Mounted::at(&bao, &["notes"]);
    assert_eq!(mounted.processes().len(), 1);
    crash(mounted.server.program().pid());
    eventually("the plugin ends after its server", SECONDS, || {
        mounted.processes().is_empty().then_some(())
    });
}
