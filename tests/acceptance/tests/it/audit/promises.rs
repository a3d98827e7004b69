//! No secret leaves without a line (promise P5).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Launch, bin, eventually};

use super::Audited;

const SECRET: &str = "canary-of-a-full-disk";

const FILE: &str = r#"
storage "inmem" {}
audit "file" "main" { options { file_path = "FOLDER/audit.log" } }
"#;

/// Reads until no answer is given any more; returns how many there were.
fn read_until_refused(server: &Audited) -> usize {
    let http = server.root();
    for read in 0..5000 {
        let (status, answer) = http.request("GET", "kv/a", None);
        if status != 200 {
            assert_eq!(status, 500, "{answer}");
            return read;
        }
        assert_eq!(answer["data"]["a"], SECRET);
    }
    panic!("everything was answered");
}

fn no_secret_leaves(server: &Audited) {
    let token = json!({"ttl": "1h"});
    for _ in 0..5 {
        for (method, path, body) in [
            ("GET", "kv/a", None),
            ("PUT", "auth/token/create", Some(&token)),
            ("GET", "sys/policies/acl/default", None),
        ] {
            let (status, answer) = server.root().request(method, path, body);
            assert_eq!(status, 500, "{answer}");
            assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
            assert!(!answer.to_string().contains(SECRET));
        }
    }
}

#[test]
fn a_full_disk_lets_no_secret_out() {
    // The disk is full after 64 KiB.
    let mut server = Audited::start(FILE, |file| {
        let limited = "trap '' XFSZ; ulimit -f 128; exec \"$0\" server -config=\"$1\"";
        let program = bin("lockkeeper");
        let arguments = ["-c", limited, program.to_str().unwrap(), file];
        Launch::new("/bin/sh").args(arguments)
    });
    server.put("sys/mounts/kv", &json!({"type": "kv"}));
    server.put("kv/a", &json!({"a": SECRET}));
    let answered = read_until_refused(&server);
    no_secret_leaves(&server);
    let text = server.text("audit.log");
    let lines = text.lines();
    let whole: Vec<Value> = lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let logged = |line: &&Value| line["type"] == "response" && line["request"]["path"] == "kv/a";
    assert!(answered > 10 && whole.iter().filter(logged).count() > answered);
    assert!(!text.contains(SECRET));
    // Room again, and it goes on where it was: half a line costs no other one.
    fs::write(server.path("audit.log"), "").unwrap();
    let (status, _) = server.root().request("GET", "kv/a", None);
    assert_eq!(status, 200);
    for line in server
        .text("audit.log")
        .lines()
        .filter(|line| !line.is_empty())
    {
        serde_json::from_str::<Value>(line).unwrap();
    }
    server.kill();
}

#[test]
fn a_closed_pipe_lets_no_secret_out() {
    let pipes = tempfile::tempdir().unwrap();
    let pipe = pipes.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let path = pipe.clone();
    let read = thread::spawn(move || {
        let lines = BufReader::new(fs::File::open(path).unwrap()).lines();
        // The pipe is closed after so many lines.
        lines.take(40).map(Result::unwrap).collect::<Vec<_>>()
    });
    let config = FILE.replace("FOLDER/audit.log", pipe.to_str().unwrap());
    let server = Audited::ours(&config);
    server.put("sys/mounts/kv", &json!({"type": "kv"}));
    server.put("kv/a", &json!({"a": SECRET}));
    let answered = read_until_refused(&server);
    no_secret_leaves(&server);
    let lines = read.join().unwrap();
    assert!(answered > 10 && lines.len() == 40);
    // A reader comes back, and so do answers.
    let path = pipe.clone();
    let _reading = thread::spawn(move || {
        BufReader::new(fs::File::open(path).unwrap())
            .lines()
            .count()
    });
    eventually("it is answered again", Duration::from_secs(30), || {
        let (status, _) = server.root().request("GET", "kv/a", None);
        (status == 200).then_some(())
    });
}

#[test]
fn a_device_that_hangs_delays_one_answer_and_holds_none_for_ever() {
    let pipes = tempfile::tempdir().unwrap();
    let pipe = pipes.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let path = pipe.clone();
    // It is open, and nobody reads it.
    let opened = thread::spawn(move || fs::File::open(path).unwrap());
    let config = FILE.replace("FOLDER/audit.log", pipe.to_str().unwrap());
    let server = Audited::ours(&config);
    let mut reader = opened.join().unwrap();
    server.put("sys/mounts/kv", &json!({"type": "kv"}));
    server.put("kv/a", &json!({"a": SECRET}));
    let began = Instant::now();
    assert!(read_until_refused(&server) > 10);
    assert!(
        began.elapsed() < Duration::from_secs(40),
        "{:?}",
        began.elapsed()
    );
    // From now on nobody waits.
    let began = Instant::now();
    no_secret_leaves(&server);
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    eventually("it is answered again", Duration::from_secs(30), || {
        let (status, _) = server.root().request("GET", "kv/a", None);
        (status == 200).then_some(())
    });
}

/// What several clients saw before the server was killed.
fn kill_while_tokens_are_made(server: &mut Audited) -> Vec<String> {
    let seen = Mutex::new(Vec::new());
    let http = server.root();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (http, seen) = (&http, &seen);
            scope.spawn(move || {
                let body = json!({"ttl": "1h"});
                while let Ok((200, made)) =
                    http.try_request("PUT", "auth/token/create", Some(&body))
                {
                    let token = made["auth"]["client_token"].as_str().unwrap();
                    seen.lock().unwrap().push(token.to_owned());
                }
            });
        }
        eventually("tokens are made", Duration::from_secs(30), || {
            (seen.lock().unwrap().len() > 60).then_some(())
        });
        server.kill();
    });
    seen.into_inner().unwrap()
}

#[test]
fn a_killed_server_has_a_line_for_every_secret_that_a_client_saw() {
    let config = FILE.replace(
        "storage \"inmem\" {}",
        "storage \"sqlite\" { path = \"FOLDER/store.db\" }",
    );
    let mut server = Audited::ours(&config);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.extend(kill_while_tokens_are_made(&mut server));
        server.launch();
        server.unseal();
    }
    let text = server.text("audit.log");
    for token in &seen {
        // With the same salt as before.
        let hash = server.hash("main", token);
        let line = text
            .lines()
            .find(|line| line.contains("\"type\":\"response\"") && line.contains(&hash));
        assert!(line.is_some(), "no line has {token}");
        assert!(!text.contains(token));
    }
    assert!(seen.len() > 180);
}
