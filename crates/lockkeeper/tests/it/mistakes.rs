//! Mistakes and accidents: each is told, and nothing is lost with it.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal};
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, tcgetattr};
use testkit::{Cli, bin};

const LEASED: &str = r#"{"lease_id":"confluent/creds/app/x","lease_duration":60,
    "data":{"secret":"canary"}}"#;

/// The address of a server that gives these answers, one for each connection.
fn answering(answers: &[(u16, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answers = answers.to_vec();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

fn command(address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(bin("lockkeeper"));
    command
        .env_clear()
        .env("VAULT_ADDR", address)
        .env("VAULT_MAX_RETRIES", "0")
        .args(arguments)
        .stdin(Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_lease_whose_data_was_not_printed_is_named() {
    let address = answering(&[(200, LEASED); 3]);
    for arguments in [
        &["read", "-field=secrets", "confluent/creds/app"][..],
        &["read", "-field=secret", "confluent/creds/app"],
        &["read", "-format=json", "confluent/creds/app"],
    ] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = command(&address, arguments).stdout(full).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.trim_end()
                .ends_with("its lease is `confluent/creds/app/x`: revoke it"),
            "{text}"
        );
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_crash() {
    let address = answering(&[(403, r#"{"errors":["no"]}"#)]);
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(OwnedFd::from(writer))
    };
    let mut asking = command(&address, &["read", "a"]);
    assert_eq!(asking.stderr(closed()).status().unwrap().code(), Some(2));
    let mut showing = command(&address, &["read", "-output-curl-string", "a"]);
    assert_eq!(showing.stdout(closed()).status().unwrap().code(), Some(0));
}

#[test]
fn a_variable_that_is_not_utf8_is_not_taken_for_absent() {
    let address = answering(&[(200, LEASED)]);
    for name in [
        "VAULT_WRAP_TTL",
        "BAO_TOKEN",
        "VAULT_CACERT",
        "VAULT_FORMAT",
    ] {
        let mut asking = command(&address, &["read", "confluent/creds/app"]);
        let output = asking.env(name, OsStr::from_bytes(b"6\xff0s")).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        assert!(output.stdout.is_empty(), "{name}: {output:?}");
    }
}

#[test]
fn roots_that_cannot_be_read_are_not_replaced_by_others() {
    let mut asking = command("https://127.0.0.1:1", &["read", "a"]);
    let output = asking.env("SSL_CERT_FILE", "/no/such/roots.pem").output();
    let text = stderr(&output.unwrap());
    assert!(text.contains("/no/such/roots.pem"), "{text}");
}

#[test]
fn the_state_of_a_cluster_that_cannot_be_asked_is_not_made_up() {
    let unsealed = r#"{"type":"shamir","initialized":true,"sealed":false}"#;
    let address = answering(&[(200, unsealed), (500, r#"{"errors":["broken"]}"#)]);
    let output = command(&address, &["status"]).output().unwrap();
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("Error checking leader status: "), "{text}");
    assert!(output.stdout.is_empty(), "{output:?}");

    let sealed = r#"{"type":"shamir","initialized":true,"sealed":true}"#;
    let output = command(&answering(&[(200, sealed)]), &["status"]).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}

#[test]
fn an_empty_prefix_does_not_mean_every_lease() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for arguments in [
        &["lease", "revoke", "-prefix", ""][..],
        &["lease", "revoke", "-prefix", "-force", "/"],
        &["lease", "revoke", ""],
    ] {
        let refused = program.run(arguments);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains("is empty"), "{}", refused.stderr);
        assert!(!refused.stderr.contains("Warning"), "{}", refused.stderr);
    }
}

#[test]
fn an_increment_of_less_than_a_second_is_not_left_to_the_server() {
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    let shown = program.ok(&["token", "renew", "-increment=500ms", "-output-curl-string"]);
    assert!(shown.contains(r#"{"increment":1}"#), "{shown}");
}

#[test]
fn what_has_no_effect_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    std::fs::write(&file, "{}").unwrap();
    let world = format!("-world={}", file.display());
    let program = Cli::new(bin("lockkeeper"), "http://127.0.0.1:1", "");
    for flag in ["-organization=0f0f", "-environments=env-1"] {
        let refused = program.run(&["simulator", "-listen=127.0.0.1:0", &world, flag]);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stderr.contains("-world"), "{}", refused.stderr);
    }
    let program = program.env("LOCKKEEPER_LOG", "engine=loud");
    let refused = program.run(&[
        "dev",
        "-listen=127.0.0.1:0",
        "-simulator-listen=127.0.0.1:0",
    ]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(
        refused.stderr.starts_with("LOCKKEEPER_LOG: "),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_login_that_is_given_up_leaves_a_terminal_that_shows_what_is_typed() {
    let person = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&person).unwrap();
    rustix::pty::unlockpt(&person).unwrap();
    let name = rustix::pty::ptsname(&person, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let terminal = rustix::fs::open(&*name, flags, Mode::empty()).unwrap();
    let shows = || {
        let modes = tcgetattr(&terminal).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    };
    assert!(shows());
    let mut login = command("http://127.0.0.1:1", &["login", "-no-store"]);
    login
        .stdin(terminal.try_clone().unwrap())
        .stderr(Stdio::null());
    let mut login = login.spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while shows() {
        assert!(Instant::now() < until, "it never asked");
        std::thread::yield_now();
    }
    let pid = Pid::from_child(&login);
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    let status = login.wait().unwrap();
    assert_eq!((status.code(), status.signal()), (Some(1), None));
    assert!(shows());
}
