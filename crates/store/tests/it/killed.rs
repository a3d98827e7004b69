//! A process that is killed while it writes: what it was told is durable is
//! there, and nothing is there by half.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use logical::{Storage as _, Write};
use store::SqliteStorage;

/// Names the file to the child.
const FILE: &str = "LOCKKEEPER_TEST_STORE";
/// The first number that the child writes.
const FIRST: &str = "LOCKKEEPER_TEST_FIRST";
const KILLS: u64 = 100;
const WRITERS: u64 = 8;

/// The child's work; without its parent it has nothing to do.
#[test]
fn write_until_killed() {
    let Some(file) = std::env::var_os(FILE) else {
        return;
    };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = SqliteStorage::open(file).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let writers = (0..WRITERS).map(|writer| write_for_ever(&store, first + writer));
    runtime.block_on(futures_util::future::join_all(writers));
}

/// Writes every eighth number in two keys of one batch, and reports it.
async fn write_for_ever(store: &SqliteStorage, first: u64) {
    for number in (first..).step_by(usize::try_from(WRITERS).unwrap()) {
        let value = number.to_string().repeat(50).into_bytes();
        let batch = vec![
            Write::put(format!("one/{number}"), value.clone()),
            Write::put(format!("two/{number}"), value),
        ];
        store.apply(batch).await.unwrap();
        println!("durable {number}");
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn a_process_that_was_killed_a_hundred_times_lost_nothing_it_had_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        // Numbers of two children never meet.
        let first = kill * 1_000_000;
        // From the first instants of a store on to a busy one.
        let after = Duration::from_micros(kill * 300);
        acknowledged.extend(killed_child(&file, first, after));
    }
    assert!(acknowledged.len() > 1_000, "{}", acknowledged.len());
    let store = SqliteStorage::open(&file).unwrap();
    let one = store.list("one/").await.unwrap();
    assert_eq!(one, store.list("two/").await.unwrap(), "a half batch");
    for number in acknowledged {
        assert!(one.binary_search(&number).is_ok(), "lost {number}");
        let value = store.get(&format!("two/{number}")).await.unwrap().unwrap();
        assert_eq!(value.as_slice(), number.repeat(50).as_bytes());
    }
}

/// The numbers that a child reported before it was killed, `after` its first.
fn killed_child(file: &Path, first: u64, after: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::write_until_killed", "--exact", "--nocapture"])
        .env(FILE, file)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut numbers = Vec::new();
    let mut add = |line: &str| {
        // The line of the test runner has no end when the first number comes.
        if let Some((_, number)) = line.split_once("durable ") {
            numbers.push(number.to_owned());
        }
        line.contains("durable ")
    };
    while !add(&lines.next().unwrap().unwrap()) {}
    std::thread::sleep(after);
    child.kill().unwrap();
    for line in lines {
        add(&line.unwrap());
    }
    child.wait().unwrap();
    numbers
}
