//! Bytes in, bytes out: what a client of Vault's HTTP API meets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::eventually;

use crate::running::Running;

const SOON: Duration = Duration::from_secs(10);

fn exchange(server: &Running, request: &str) -> String {
    let mut connection = connect(server);
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address.strip_prefix("http://").unwrap()).unwrap()
}

fn wait_for(what: &str, counter: &AtomicUsize, count: usize) {
    eventually(what, SOON, || {
        (counter.load(Ordering::SeqCst) == count).then_some(())
    });
}

#[test]
fn an_answer_has_vaults_envelope_in_vaults_order_and_its_headers() {
    let server = Running::start();
    let answer = exchange(
        &server,
        "GET /v1/echo/some%20thing?a=1 HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\n\
         Connection: close\r\n\r\n",
    );
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    for header in [
        "cache-control: no-store",
        "content-type: application/json",
        "strict-transport-security: max-age=31536000; includeSubDomains",
    ] {
        assert!(head.contains(header), "{head}");
    }
    let positions: Vec<usize> = [
        "\"request_id\"",
        "\"lease_id\"",
        "\"renewable\"",
        "\"lease_duration\"",
        "\"data\"",
        "\"wrap_info\"",
        "\"warnings\"",
        "\"auth\"",
        "\"mount_type\"",
    ]
    .iter()
    .map(|member| body.find(member).unwrap())
    .collect();
    assert!(positions.is_sorted(), "{body}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body["data"],
        json!({"a": "1", "operation": "read", "path": "some thing"})
    );
}

#[test]
fn nothing_to_say_is_204_without_a_body_and_unknown_places_are_404() {
    let server = Running::start();
    assert_eq!(
        server.http().request("POST", "echo/nothing", None),
        (204, Value::Null)
    );
    let (status, answer) = server.http().request("GET", "echo/nothing", None);
    assert_eq!((status, answer), (404, json!({"errors": []})));
    let (status, body) = server.http().raw("GET", "/elsewhere", None);
    assert_eq!((status, body.as_str()), (404, "{\"errors\":[]}"));
}

#[test]
fn a_panic_in_one_request_is_a_500_without_its_text_and_costs_no_other() {
    let server = Running::start();
    let (status, answer) = server.http().request("GET", "echo/panic", None);
    assert_eq!(
        (status, answer),
        (500, json!({"errors": ["internal error"]}))
    );
    assert_eq!(server.http().request("GET", "echo/a", None).0, 200);
}

#[test]
fn a_request_ends_when_its_client_hangs_up() {
    let server = Running::start();
    let mut connection = connect(&server);
    connection
        .write_all(b"GET /v1/echo/wait HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\n\r\n")
        .unwrap();
    wait_for("the engine was asked", &server.waiting.begun, 1);
    drop(connection);
    wait_for("the request was dropped", &server.waiting.dropped, 1);
}

#[test]
fn a_lease_of_a_second_ends_by_itself_under_the_real_clock() {
    let server = Running::start();
    let (status, answer) = server.http().request("GET", "echo/lease", None);
    assert_eq!((status, &answer["lease_duration"]), (200, &json!(1)));
    wait_for("the lease was revoked", &server.waiting.revoked, 1);
}

#[test]
fn a_server_that_is_told_to_end_cuts_off_what_does_not_end_in_time() {
    let mut server = Running::start();
    let mut connection = connect(&server);
    connection
        .write_all(b"GET /v1/echo/wait HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\n\r\n")
        .unwrap();
    wait_for("the engine was asked", &server.waiting.begun, 1);
    let start = std::time::Instant::now();
    server.stop();
    assert!(
        start.elapsed() < Duration::from_secs(9),
        "{:?}",
        start.elapsed()
    );
    assert!(TcpStream::connect(server.address.strip_prefix("http://").unwrap()).is_err());
}
