//! Clients that are slow, idle or too many, at real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustls::version::TLS13;
use server::{Access, ClientCertificates, Limits, Listener, Timeouts, UnixSocket};

use crate::authority::{self, Files};
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
        answer: None,
    }
}

fn start(timeouts: Timeouts) -> Running {
    Running::limited(Limits {
        timeouts,
        ..Limits::default()
    })
}

/// A client's end of a connection.
trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// A server with these time-outs, and how clients connect to it.
struct Served {
    server: Running,
    connect: Box<dyn Fn() -> Box<dyn Stream>>,
}

/// The same server at an address, with TLS, and at a socket of the machine.
fn served(timeouts: Timeouts) -> [Served; 3] {
    let limits = Limits {
        timeouts,
        ..Limits::default()
    };
    let tcp = start(timeouts);
    let address = tcp.address.clone();
    let tcp = Served {
        server: tcp,
        connect: Box::new(move || {
            let stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap();
            stream.set_read_timeout(Some(HANGS)).unwrap();
            Box::new(stream)
        }),
    };
    let files = Files::new();
    let server = Running::tls(&files.load(ClientCertificates::Requested).unwrap(), limits);
    let (address, client) = (server.address.clone(), files.client(&TLS13, None));
    let tls = Served {
        server,
        connect: Box::new(move || Box::new(authority::connect(&address, &client))),
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.sock");
    let server = Running::listening(|| {
        let socket = UnixSocket::bind(&path, Access::default()).unwrap();
        (String::new(), Listener::unix(socket).with_limits(limits))
    });
    let unix = Served {
        server,
        connect: Box::new(move || {
            // The folder is there as long as somebody may connect.
            let stream = UnixStream::connect(folder.path().join("server.sock")).unwrap();
            stream.set_read_timeout(Some(HANGS)).unwrap();
            Box::new(stream)
        }),
    };
    [tcp, tls, unix]
}

fn connect(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.address.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(HANGS)).unwrap();
    stream
}

/// Reads the head of an answer that has no body to speak of.
fn answer(stream: &mut dyn Stream) -> String {
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
fn is_closed(stream: &mut dyn Stream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(bytes) => bytes == 0,
        // The second is that of a connection with TLS that is cut off.
        Err(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
        ),
    }
}

#[test]
fn a_client_that_sends_half_a_header_is_cut_off_also_after_a_request() {
    let timeouts = Timeouts {
        header: SHORT,
        ..patient()
    };
    for Served {
        connect,
        server: _server,
    } in served(timeouts)
    {
        let mut first = connect();
        first.write_all(&REQUEST[..20]).unwrap();
        assert!(is_closed(&mut first));

        let mut later = connect();
        later.write_all(REQUEST).unwrap();
        answer(&mut later);
        // Waiting for another request is not slow.
        std::thread::sleep(2 * SHORT);
        later.write_all(REQUEST).unwrap();
        answer(&mut later);
        later.write_all(&REQUEST[..20]).unwrap();
        assert!(is_closed(&mut later));
    }
}

#[test]
fn a_client_that_sends_nothing_is_cut_off() {
    let server = start(Timeouts {
        header: SHORT,
        ..patient()
    });
    assert!(is_closed(&mut connect(&server)));
}

#[test]
fn an_idle_connection_is_closed() {
    let timeouts = Timeouts {
        idle: SHORT,
        ..patient()
    };
    for Served {
        connect,
        server: _server,
    } in served(timeouts)
    {
        let mut stream = connect();
        stream.write_all(REQUEST).unwrap();
        answer(&mut stream);
        assert!(is_closed(&mut stream));
    }
}

#[test]
fn a_slow_answer_is_not_cut_off() {
    let server = start(Timeouts {
        header: SHORT,
        body: SHORT,
        idle: SHORT,
        answer: None,
    });
    let begun = Instant::now();
    let (status, _) = server.http().request("GET", "echo/slow", None);
    assert_eq!(status, 404, "the engine has nothing to say");
    assert!(begun.elapsed() >= SLOW);
}

#[test]
fn a_slow_answer_is_cut_off_where_answers_have_a_limit() {
    let timeouts = Timeouts {
        answer: Some(SHORT),
        ..patient()
    };
    for Served {
        connect,
        server: _server,
    } in served(timeouts)
    {
        let mut stream = connect();
        for _ in 0..2 {
            stream.write_all(REQUEST).unwrap();
            answer(&mut stream);
            // The limit is over with the answer.
            std::thread::sleep(2 * SHORT);
        }
        let begun = Instant::now();
        stream
            .write_all(b"GET /v1/echo/slow HTTP/1.1\r\nHost: x\r\nX-Vault-Token: root\r\n\r\n")
            .unwrap();
        assert!(is_closed(&mut stream));
        assert!(begun.elapsed() < SLOW, "{:?}", begun.elapsed());
    }
}

#[test]
fn a_body_that_does_not_come_in_time_is_refused() {
    let timeouts = Timeouts {
        body: SHORT,
        ..patient()
    };
    for Served {
        connect,
        server: _server,
    } in served(timeouts)
    {
        let mut stream = connect();
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
}

/// Frames of HTTP/2: the beginning of a connection, a request of `sys/health`, and a
/// ping.
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HEALTH: &[u8] = b"\0\0\x15\x01\x05\0\0\0\x01\x82\x86\x04\x0e/v1/sys/health\x01\x01x";
const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0hereami?";

#[test]
fn pings_do_not_keep_an_idle_connection_of_http2() {
    let server = start(Timeouts {
        idle: 4 * SHORT,
        ..patient()
    });
    let mut stream = connect(&server);
    stream.write_all(BEGINNING).unwrap();
    stream.write_all(HEALTH).unwrap();
    let begun = Instant::now();
    let mut read = vec![0; 4096];
    let mut pongs = 0;
    let closed = loop {
        assert!(begun.elapsed() < HANGS, "the connection is kept");
        if stream.write_all(PING).is_err() {
            break begun.elapsed();
        }
        match stream.read(&mut read) {
            Ok(0) | Err(_) => break begun.elapsed(),
            Ok(_) => pongs += 1,
        }
        std::thread::sleep(SHORT / 4);
    };
    assert!(closed >= 4 * SHORT, "{closed:?}");
    assert!(pongs > 5, "{pongs}");
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
