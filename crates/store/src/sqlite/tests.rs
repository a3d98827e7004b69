//! What a SQLite store promises beyond the contract of every store.

use std::fs;
use std::task::{Context, Poll, Waker};

use tempfile::TempDir;

use super::*;

mod restored;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn refusal(path: &Path) -> String {
    match SqliteStorage::open(path) {
        Ok(_) => panic!("`{}` was opened", path.display()),
        Err(error) => error.to_string().replace(&path.display().to_string(), "F"),
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let folder = folder();
    let path = folder.path().join("store.db");
    let store = SqliteStorage::open(&path).unwrap();
    store.put("a/b", b"1").await.unwrap();
    drop(store);
    let log = fs::metadata(path.with_extension("db-wal"));
    assert!(
        log.is_err() || log.unwrap().len() == 0,
        "the log was not emptied"
    );
    let store = SqliteStorage::open(&path).unwrap();
    assert_eq!(store.get("a/b").await.unwrap().unwrap().as_slice(), b"1");
}

#[test]
fn a_file_is_opened_by_one_server_at_a_time_under_any_name() {
    let folder = folder();
    let path = folder.path().join("store.db");
    let first = SqliteStorage::open(&path).unwrap();
    let message =
        "`F` is in use by another server: stop that server, or give this one a file of its own";
    let canonical = path.canonicalize().unwrap();
    assert_eq!(refusal(&canonical), message);
    #[cfg(unix)]
    {
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(
            SqliteStorage::open(&link),
            Err(OpenError::InUse(_))
        ));
    }
    drop(first);
    SqliteStorage::open(&path).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_any_of_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let path = folder.path().join("store.db");
    fs::write(&path, b"").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = SqliteStorage::open(&path).unwrap();
    store.put("a", b"1").await.unwrap();
    store.backup(folder.path().join("backup.db")).await.unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_file_of_another_kind_is_refused_with_a_remedy() {
    let folder = folder();
    let path = folder.path().canonicalize().unwrap().join("F");
    fs::write(
        &path,
        "not a database, but long enough to be one".repeat(100),
    )
    .unwrap();
    assert_eq!(
        refusal(&path),
        "`F` is not a database: give the path of a new file, or restore a backup"
    );
    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("CREATE TABLE kv (a); PRAGMA user_version = 1")
        .unwrap();
    drop(other);
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(
        refusal(&path),
        "`F` is a database of another program: give the path of a new file"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o644, "the file of another program was changed");
    }
}

#[test]
fn a_file_of_a_newer_release_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().canonicalize().unwrap().join("store.db");
    drop(SqliteStorage::open(&path).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 7").unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();
    assert_eq!(
        refusal(&path),
        "`F` was written by a newer release (format 7, this release knows 1): start that release, or restore a backup of this one"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_path_that_cannot_be_a_file_is_refused() {
    let folder = folder();
    let missing = folder.path().join("no-such-folder/store.db");
    assert!(refusal(&missing).starts_with("cannot open `F`: "));
    assert!(refusal(folder.path()).starts_with("cannot open `F`: "));
}

#[tokio::test]
async fn a_full_disk_fails_the_write_that_does_not_fit_and_no_other() {
    let folder = folder();
    let options = Options {
        max_pages: Some(40),
        ..Options::default()
    };
    let store = SqliteStorage::open_with(&folder.path().join("store.db"), options).unwrap();
    let large = vec![0_u8; 1 << 20];
    let half = vec![Write::put("a", b"1".to_vec()), Write::put("b", large)];
    let (large, small) = futures_util::join!(store.apply(half), store.put("c", b"1"));
    let message = large.unwrap_err().to_string();
    assert!(
        message.contains("there is no space left, free some on its disk"),
        "{message}"
    );
    small.unwrap();
    assert_eq!(store.list("").await.unwrap(), ["c"]);
    store.put("d", b"1").await.unwrap();
}

#[tokio::test]
async fn writes_that_wait_together_are_committed_together() {
    let folder = folder();
    let store = SqliteStorage::open(folder.path().join("store.db")).unwrap();
    let keys: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let writes = keys.iter().map(|key| store.put(key, b"1"));
    futures_util::future::try_join_all(writes).await.unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 200);
    let commits = store.writer.commits();
    assert!(commits < 100, "{commits}");
    store.put("one", b"1").await.unwrap();
    assert_eq!(store.writer.commits(), commits + 1);
}

#[test]
fn a_batch_is_applied_even_if_its_caller_goes_away() {
    let folder = folder();
    let path = folder.path().join("store.db");
    let store = SqliteStorage::open(&path).unwrap();
    let mut put = store.put("a", b"1");
    let polled = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(put);
    assert!(matches!(polled, Poll::Pending | Poll::Ready(Ok(()))));
    drop(store);
    let store = SqliteStorage::open(&path).unwrap();
    let found = store.read(|connection| get(connection, "a")).unwrap();
    assert!(found.is_some());
}

#[test]
fn lists_are_seeks_in_the_plan_of_the_database() {
    let folder = folder();
    let store = SqliteStorage::open(folder.path().join("store.db")).unwrap();
    for sql in [listing::FROM, listing::AFTER, GET] {
        let plan = store.read(|connection| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map(["a"], |row| row.get::<_, String>(3))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let plan = plan.unwrap();
        assert_eq!(plan.len(), 1, "{plan:?}");
        assert!(
            plan[0].starts_with("SEARCH kv USING PRIMARY KEY (path"),
            "{plan:?}"
        );
    }
}

#[tokio::test]
async fn a_list_looks_at_few_rows_however_many_lie_below_and_beside() {
    let folder = folder();
    let store = SqliteStorage::open(folder.path().join("store.db")).unwrap();
    let mut batch = Vec::new();
    for number in 0..600_000 / 20 {
        batch.push(Write::put(format!("a/{}/{number}", number % 3), Vec::new()));
        batch.push(Write::put(format!("z/{number}"), Vec::new()));
    }
    for name in ["x", "y"] {
        batch.push(Write::put(format!("m/{name}"), Vec::new()));
    }
    store.apply(batch).await.unwrap();
    let rows = |prefix: &str, after: &str, limit: usize| {
        let list = |connection: &Connection| listing::list(connection, prefix, after, limit);
        store.read(list).unwrap()
    };
    let m = rows("m/", "", usize::MAX);
    assert_eq!((m.names, m.rows), (vec!["x".to_owned(), "y".to_owned()], 3));
    let a = rows("a/", "", usize::MAX);
    assert_eq!(a.names, ["0/", "1/", "2/"]);
    assert!(a.rows < 40, "{}", a.rows);
    let page = rows("z/", "2", 10);
    assert_eq!((page.names.len(), page.rows), (10, 10));
}

#[tokio::test]
async fn the_log_stays_short_beside_readers() {
    let folder = folder();
    let path = folder.path().join("store.db");
    let options = Options {
        checkpoint_pages: 100,
        ..Options::default()
    };
    let store = SqliteStorage::open_with(&path, options).unwrap();
    let value = vec![7_u8; 4000];
    for round in 0..60 {
        // A reader that holds its view over several commits.
        let reader = file::open_reader(&path).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        let _: i64 = reader
            .query_row("SELECT count(*) FROM kv", [], |row| row.get(0))
            .unwrap();
        let batch = (0..20).map(|n| Write::put(format!("{round}/{n}"), value.clone()));
        store.apply(batch.collect()).await.unwrap();
        drop(reader);
        store.put("after", b"1").await.unwrap();
    }
    let log = fs::metadata(path.with_extension("db-wal")).unwrap().len();
    assert!(log < 1_000 * 4_200, "{log}");
}

#[tokio::test]
async fn a_backup_is_a_whole_store_and_never_overwrites() {
    let folder = folder();
    let store = SqliteStorage::open(folder.path().join("store.db")).unwrap();
    store.put("a/b", b"1").await.unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.unwrap();
    store.put("c", b"2").await.unwrap();
    let error = store.backup(&copy).await.unwrap_err().to_string();
    assert!(
        error.ends_with("exists: give the path of a new file"),
        "{error}"
    );
    let restored = SqliteStorage::open(&copy).unwrap();
    assert_eq!(restored.list("").await.unwrap(), ["a/"]);
    assert_eq!(restored.get("a/b").await.unwrap().unwrap().as_slice(), b"1");
}

#[tokio::test]
async fn a_reader_that_stays_holds_up_no_writer() {
    let folder = folder();
    let path = folder.path().join("store.db");
    let store = SqliteStorage::open(&path).unwrap();
    let reader = file::open_reader(&path).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let _: i64 = reader
        .query_row("SELECT count(*) FROM kv", [], |row| row.get(0))
        .unwrap();
    // As a backup does, it ends after the write.
    store.put("a", b"1").await.unwrap();
    assert!(store.get("a").await.unwrap().is_some());
    drop(reader);
}

/// `synchronous=FULL` flushes the log before a commit returns. That cannot be
/// seen without cutting the power of a machine, so the setting is asked for.
#[test]
fn the_writer_flushes_the_log_at_every_commit() {
    let folder = folder();
    let path = folder.path().join("store.db");
    drop(SqliteStorage::open(&path).unwrap());
    let connection = file::connect(&path).unwrap();
    let setting = |name: &str| -> i64 {
        let value = connection.pragma_query_value(None, name, |row| row.get(0));
        value.unwrap()
    };
    assert_eq!(setting("synchronous"), 2);
    assert_eq!(setting("fullfsync"), 1);
    assert_eq!(setting("wal_autocheckpoint"), 0);
}

/// What a power cut leaves: the file, and the log up to any byte.
#[tokio::test]
async fn a_log_that_was_cut_anywhere_holds_whole_batches_in_their_order() {
    const BATCHES: usize = 12;
    let folder = folder();
    let path = folder.path().join("store.db");
    let store = SqliteStorage::open(&path).unwrap();
    for number in 0..BATCHES {
        let value = vec![7_u8; 3_000];
        let batch = vec![
            Write::put(format!("one/{number:02}"), value.clone()),
            Write::put(format!("two/{number:02}"), value),
        ];
        store.apply(batch).await.unwrap();
    }
    let (data, log) = (
        fs::read(&path).unwrap(),
        fs::read(path.with_extension("db-wal")).unwrap(),
    );
    let mut seen = std::collections::BTreeSet::new();
    for length in (0..=log.len()).step_by(2_999).chain([log.len()]) {
        let cut = folder.path().join("cut.db");
        fs::write(&cut, &data).unwrap();
        fs::write(cut.with_extension("db-wal"), &log[..length]).unwrap();
        let after = SqliteStorage::open(&cut).unwrap();
        let one = after.list("one/").await.unwrap();
        assert_eq!(one, after.list("two/").await.unwrap(), "{length} bytes");
        let in_order = (0..one.len()).map(|number| format!("{number:02}"));
        assert!(in_order.eq(one.iter().cloned()), "{length} bytes: {one:?}");
        seen.insert(one.len());
        drop(after);
    }
    assert_eq!(seen.len(), BATCHES + 1, "{seen:?}");
}
