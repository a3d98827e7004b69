//! A real server is started, asked in three ways, and gone afterwards.

use serde_json::json;
use testkit::{BaoServer, require_bao};

#[test]
fn a_server_answers_the_command_line_and_http_and_leaves_no_process() {
    let bao = require_bao!();
    let mut server = BaoServer::start(&bao);
    assert_eq!(server.http().health(), Some(200));

    let status = server.cli().json(&["status"]);
    assert_eq!(status["sealed"], false);
    assert_eq!(status["version"], "2.7.2");

    let (status, _) =
        server
            .http()
            .request("PUT", "secret/data/a", Some(&json!({"data": {"b": "c"}})));
    assert_eq!(status, 200);
    assert_eq!(server.cli().ok(&["kv", "get", "-field=b", "secret/a"]), "c");

    let (status, body) = server.http().request("GET", "secret/data/none", None);
    assert_eq!((status, body), (404, json!({"errors": []})));

    let pid = server.program().pid();
    server.stop();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_err());
}

#[test]
fn a_failed_command_gives_its_code_and_its_words() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    let output = server.cli().run(&["read", "nowhere/at/all"]);
    assert_eq!(output.status, 2);
    assert!(output.stderr.contains("No value found"), "{output:?}");
}

#[test]
fn a_plugin_is_copied_and_registered_with_its_hash() {
    let bao = require_bao!();
    let server = BaoServer::start(&bao);
    let hash = server.register_plugin(&std::env::current_exe().unwrap(), "some-engine");
    let info = server
        .cli()
        .json(&["plugin", "info", "secret", "some-engine"]);
    assert_eq!(info["sha256"], hash.as_str());
    assert_eq!(info["builtin"], false);
}
