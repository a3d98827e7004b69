//! `lockkeeper exec`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use testkit::{Launch, bin, eventually};

use crate::own_server::OwnServer;

const PATH: &str = "confluent/creds/app";
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_command_gets_the_variables_and_its_key_ends_with_it() {
    let server = OwnServer::start();
    let before = server.alive();
    let said = server.cli().run(&[
        "exec",
        "-as=env",
        "-bootstrap-servers=h:9092",
        PATH,
        "--",
        "sh",
        "-c",
        "echo $KAFKA_API_KEY $KAFKA_API_SECRET $KAFKA_BOOTSTRAP_SERVERS $1; exit 7",
        "sh",
        "-x",
    ]);
    assert_eq!((said.status, said.stderr.as_str()), (7, ""), "{said:?}");
    let words: Vec<&str> = said.stdout.split_whitespace().collect();
    let [key, secret, servers, argument] = words[..] else {
        panic!("{said:?}");
    };
    assert_eq!((key.len(), servers, argument), (16, "h:9092", "-x"));
    assert!(secret.starts_with("cflt"), "{secret}");
    assert_eq!(server.alive(), before, "the lease was revoked");
}

#[test]
fn the_key_of_a_command_that_was_killed_ends_too() {
    let server = OwnServer::start();
    let before = server.alive();
    let said = server
        .cli()
        .run(&["exec", PATH, "--", "sh", "-c", "kill -KILL $$"]);
    assert_eq!(said.status, 137, "{said:?}");
    assert_eq!(server.alive(), before);
}

#[test]
fn a_command_that_cannot_be_started_leaves_no_key() {
    let server = OwnServer::start();
    let before = server.alive();
    for (command, status) in [("/no/such/program", 127), ("/", 126)] {
        let said = server.cli().run(&["exec", PATH, "--", command]);
        assert_eq!(said.status, status, "{said:?}");
        assert!(
            said.stderr.starts_with("cannot start `/"),
            "{}",
            said.stderr
        );
    }
    assert_eq!(server.alive(), before);
}

#[test]
fn a_signal_is_passed_on_and_the_command_says_how_it_ends() {
    let server = OwnServer::start();
    let before = server.alive();
    let script =
        "trap 'echo told; exit 9' TERM; echo ready; for i in $(seq 400); do sleep 0.05; done";
    let mut program = server
        .launch()
        .args(["exec", PATH, "--", "sh", "-c", script])
        .start();
    program.wait_for_line("ready");
    assert_ne!(server.alive(), before);
    assert_eq!(program.stop().code(), Some(9));
    assert_eq!(server.alive(), before);
}

#[test]
fn the_lease_is_renewed_while_the_command_runs() {
    let server = OwnServer::start();
    let before = server.alive();
    let cli = server.cli();
    cli.ok(&["write", "confluent/role/app", "ttl=3s", "max_ttl=1h"]);
    let script = "echo ready; for i in $(seq 800); do [ -e done ] && exit; sleep 0.05; done";
    let mut program = server
        .launch()
        .args(["exec", PATH, "--", "sh", "-c", script])
        .start();
    program.wait_for_line("ready");
    let leases = cli.json(&["list", "sys/leases/lookup/confluent/creds/app"]);
    let ids = leases.as_array().unwrap().iter();
    let renewed = |id: &str| {
        let lease = cli.json(&["lease", "lookup", &format!("{PATH}/{id}")]);
        !lease["data"]["last_renewal"].is_null()
    };
    let ids: Vec<&str> = ids.map(|id| id.as_str().unwrap()).collect();
    eventually("the lease was renewed", PATIENCE, || {
        ids.iter().any(|id| renewed(id)).then_some(())
    });
    assert_ne!(server.alive(), before, "the key lives");
    fs::write(program.folder().join("done"), "").unwrap();
    let status = eventually("the command ended", PATIENCE, || program.ended());
    assert_eq!(status.code(), Some(0), "{}", program.stderr());
    assert_eq!(program.stderr(), "");
    assert_eq!(server.alive(), before);
}

#[test]
fn a_signal_before_the_answer_leaves_no_lease_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let program = Launch::new(bin("lockkeeper"))
        .env(
            "VAULT_ADDR",
            format!("http://{}", listener.local_addr().unwrap()),
        )
        .env("VAULT_TOKEN", "root")
        .args(["exec", PATH, "--", "touch", "started"])
        .start();
    let (mut reading, _) = listener.accept().unwrap();
    assert!(request(&reading).starts_with("GET /v1/confluent/creds/app "));
    let folder = program.folder().to_owned();
    let ending = thread::spawn(move || {
        let mut program = program;
        let pid = program.pid();
        let kill = format!("kill -TERM {pid}");
        let mut sender = Launch::new("sh").args(["-c", &kill]).start();
        eventually("the signal was sent", PATIENCE, || sender.ended());
        program.wait_for_line("still reading");
        answer(
            &mut reading,
            r#"{"lease_id":"confluent/creds/app/x","renewable":true,"lease_duration":60,
                "data":{"key_id":"K","secret":"canary"}}"#,
        );
        let status = eventually("it ended", PATIENCE, || program.ended());
        (
            status.code(),
            program.stderr(),
            folder.join("started").exists(),
        )
    });
    listener.set_nonblocking(true).unwrap();
    let mut revoking = eventually("the lease is revoked", PATIENCE, || {
        listener.accept().ok().map(|(stream, _)| stream)
    });
    revoking.set_nonblocking(false).unwrap();
    let told = request(&revoking);
    assert!(told.starts_with("PUT /v1/sys/leases/revoke "), "{told}");
    assert!(
        told.contains(r#""lease_id":"confluent/creds/app/x""#),
        "{told}"
    );
    answer(&mut revoking, "");
    let (code, said, started) = ending.join().unwrap();
    assert_eq!((code, started), (Some(143), false), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

/// A request with its body, if it has one.
fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    let mut length = 0;
    while !text.ends_with("\r\n\r\n") {
        let from = text.len();
        reader.read_line(&mut text).unwrap();
        let line = text[from..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

fn answer(stream: &mut TcpStream, body: &str) {
    let status = if body.is_empty() {
        "204 No Content"
    } else {
        "200 OK"
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
}
