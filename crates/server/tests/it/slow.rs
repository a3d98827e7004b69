//! Clients that are slow, idle or too many, at real sockets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use server::{Limits, Timeouts};

use crate::engine::SLOW;
use crate::running::Running;

/// Much longer than any deadline here.
const HANGS: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);
/// Never in a test.
const LONG: Duration = Duration::from_hours(1);

const REQUEST: &[u8] = b"GET /v1/echo/nothing HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\n\r\n";

fn patient() -> Timeouts {
    Timeouts {
        header: LONG,
        body: LONG,
        idle: LONG,
    }
}

fn start(timeouts: Timeouts) -> Running {
    Running::limited(Limits {
        timeouts,
        ..Limits::default()
    })
}

fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.address.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    stream
}

/// Reads the head of an answer that has no body to speak of.
fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.extend_from_slice(&byte);
    }
    // The only body here.
    let mut body = [0; 13];
    stream.read_exact(&mut body).unwrap();
    String::from_utf8(answer).unwrap()
}

/// Whether the server closes the connection instead of leaving it open.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_client_that_sends_half_a_header_is_cut_off_also_after_a_request() {
    let server = start(Timeouts {
        header: SHORT,
        ..patient()
    });
    let mut first = connect(&server);
    first.write_all(&REQUEST[..20]).unwrap();
    assert!(is_closed(&mut first));
    let mut silent = connect(&server);
    assert!(is_closed(&mut silent));

    let mut later = connect(&server);
    later.write_all(REQUEST).unwrap();
    answer(&mut later);
    // Waiting for another request is not slow.
    std::thread::sleep(2 * SHORT);
    later.write_all(REQUEST).unwrap();
    answer(&mut later);
    later.write_all(&REQUEST[..20]).unwrap();
    assert!(is_closed(&mut later));
}

#[test]
fn an_idle_connection_is_closed() {
    let server = start(Timeouts {
        idle: SHORT,
        ..patient()
    });
    let mut stream = connect(&server);
    stream.write_all(REQUEST).unwrap();
    answer(&mut stream);
    assert!(is_closed(&mut stream));
}

#[test]
fn a_slow_answer_is_not_cut_off() {
    let server = start(Timeouts {
        header: SHORT,
        body: SHORT,
        idle: SHORT,
    });
    let begun = Instant::now();
    let (status, _) = server.http().request("GET", "echo/slow", None);
    assert_eq!(status, 404, "the engine has nothing to say");
    assert!(begun.elapsed() >= SLOW);
}

#[test]
fn a_body_that_does_not_come_in_time_is_refused() {
    let server = start(Timeouts {
        body: SHORT,
        ..patient()
    });
    let mut stream = connect(&server);
    stream
        .write_all(
            b"POST /v1/echo/nothing HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\n\
              Content-Length: 20\r\n\r\n{",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[test]
fn a_connection_too_many_waits_until_another_ends() {
    let server = Running::limited(Limits {
        timeouts: patient(),
        max_connections: 1,
        ..Limits::default()
    });
    let mut first = connect(&server);
    first.write_all(REQUEST).unwrap();
    answer(&mut first);
    let mut second = connect(&server);
    second.write_all(REQUEST).unwrap();
    second.set_read_timeout(Some(SHORT)).unwrap();
    let waiting = second.read(&mut [0]).unwrap_err().kind();
    assert!(
        matches!(waiting, ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{waiting}"
    );
    drop(first);
    second.set_read_timeout(Some(HANGS)).unwrap();
    answer(&mut second);
}
