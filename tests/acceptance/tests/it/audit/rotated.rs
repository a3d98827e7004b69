//! `SIGHUP`: files that were renamed are left, and devices come and go.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use testkit::eventually;

use super::Audited;

const CONFIG: &str = r#"
storage "inmem" {}
audit "file" "main" { options { file_path = "FOLDER/audit.log" } }
"#;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_log_is_rotated_under_load_without_losing_a_line_or_an_answer() {
    let server = Audited::ours(CONFIG);
    let asked = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let (status, _) = server.root().request("GET", "auth/token/lookup-self", None);
                    assert_eq!(status, 200);
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for number in 1..=3 {
            let before = asked.load(Ordering::SeqCst);
            eventually("there is something to rotate", PATIENCE, || {
                (asked.load(Ordering::SeqCst) > before + 50).then_some(())
            });
            let old = server.path(&format!("audit.log.{number}"));
            fs::rename(server.path("audit.log"), old).unwrap();
            server.hang_up();
            eventually("a new file is written", PATIENCE, || {
                (!server.text("audit.log").is_empty()).then_some(())
            });
        }
        stop.store(true, Ordering::SeqCst);
    });
    let files = ["audit.log.1", "audit.log.2", "audit.log.3", "audit.log"];
    let lines = files.map(|file| server.lines(file).len());
    // One line tried the device.
    let expected = 2 * asked.load(Ordering::SeqCst) + 1;
    assert_eq!(lines.iter().sum::<usize>(), expected, "{lines:?}");
    assert!(lines.iter().all(|lines| *lines > 0), "{lines:?}");
}

#[test]
fn devices_of_the_configuration_come_and_go_at_a_hangup() {
    let server = Audited::ours(CONFIG);
    let devices = || -> Vec<String> {
        let (_, shown) = server.root().request("GET", "sys/audit", None);
        shown["data"].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(devices(), ["main/"]);
    let second = r#"audit "file" "second" { options { file_path = "FOLDER/second.log" } }"#;
    server.configure(&format!("{CONFIG}{second}\n"));
    server.hang_up();
    eventually("there are two", PATIENCE, || {
        (devices() == ["main/", "second/"]).then_some(())
    });
    // A file that cannot be read changes nothing.
    server.configure("nonsense {");
    server.hang_up();
    let log = || server.program.as_ref().unwrap().stderr();
    eventually("the mistake is logged", PATIENCE, || {
        let text = "the audit devices stay those that they were";
        log().contains(text).then_some(())
    });
    assert_eq!(devices(), ["main/", "second/"]);
    server.configure(&format!("storage \"inmem\" {{}}\n{second}\n"));
    server.hang_up();
    eventually("the first one is gone", PATIENCE, || {
        (devices() == ["second/"]).then_some(())
    });
    let before = server.text("audit.log");
    devices();
    assert_eq!(server.text("audit.log"), before);
    let lines = server.lines("second.log");
    let last = lines.last().unwrap();
    assert_eq!(last["request"]["path"], "sys/audit");
}
