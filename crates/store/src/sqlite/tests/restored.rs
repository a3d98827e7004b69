//! Backups that are made beside a server, and stores made from them.

use super::*;

struct Places {
    folder: TempDir,
}

impl Places {
    fn new() -> Self {
        Self { folder: folder() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A store with one value, and a backup of it.
    async fn backed_up(&self) -> (PathBuf, PathBuf) {
        let (path, backup) = (self.path("store.db"), self.path("backup.db"));
        let store = SqliteStorage::open(&path).unwrap();
        store.put("a", b"old").await.unwrap();
        SqliteStorage::back_up(&path, &backup).await.unwrap();
        store.put("a", b"new").await.unwrap();
        (path, backup)
    }

    fn refusal(&self, refused: &RestoreError) -> String {
        let folder = self.folder.path().canonicalize().unwrap();
        let text = refused.to_string();
        text.replace(&folder.display().to_string(), "F")
            .replace(&self.folder.path().display().to_string(), "F")
    }
}

async fn value(path: &Path) -> Vec<u8> {
    let store = SqliteStorage::open(path).unwrap();
    store.get("a").await.unwrap().unwrap().to_vec()
}

#[tokio::test]
async fn a_backup_is_made_beside_a_server_that_writes_and_is_one_moment() {
    let places = Places::new();
    let path = places.path("store.db");
    let store = std::sync::Arc::new(SqliteStorage::open(&path).unwrap());
    let writing = {
        let store = std::sync::Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0_u32..400 {
                let bytes = number.to_be_bytes().to_vec();
                let pair = vec![Write::put("x", bytes.clone()), Write::put("y", bytes)];
                store.apply(pair).await.unwrap();
            }
        })
    };
    for number in 0..5 {
        let backup = places.path(&format!("backup-{number}"));
        SqliteStorage::back_up(&path, &backup).await.unwrap();
        let restored = places.path(&format!("restored-{number}"));
        SqliteStorage::restore(&backup, &restored, false).unwrap();
        let restored = SqliteStorage::open(&restored).unwrap();
        let [x, y] = [restored.get("x").await, restored.get("y").await];
        assert_eq!(x.unwrap(), y.unwrap());
    }
    writing.await.unwrap();
    let last = store.get("x").await.unwrap().unwrap();
    assert_eq!(last.as_slice(), 399_u32.to_be_bytes());
}

#[tokio::test]
async fn a_store_is_overwritten_only_if_that_is_said_and_no_server_uses_it() {
    let places = Places::new();
    let (path, backup) = places.backed_up().await;
    let refused = SqliteStorage::restore(&backup, &path, false).unwrap_err();
    assert_eq!(
        places.refusal(&refused),
        "`F/store.db` has a store already: restore to another path, or say that it is to be overwritten"
    );
    assert_eq!(value(&path).await, b"new");
    let server = SqliteStorage::open(&path).unwrap();
    let refused = SqliteStorage::restore(&backup, &path, true).unwrap_err();
    assert!(refused.to_string().contains("is in use by another server"));
    drop(server);
    SqliteStorage::restore(&backup, &path, true).unwrap();
    assert_eq!(value(&path).await, b"old");
    assert!(!places.path("store.db.restoring").exists());
}

#[tokio::test]
async fn the_log_of_a_killed_server_is_not_played_into_the_new_file() {
    let places = Places::new();
    let (path, backup) = places.backed_up().await;
    // A log that nobody emptied, as of a server that was killed.
    let killed = SqliteStorage::open(&path).unwrap();
    killed.put("a", b"newest").await.unwrap();
    let log = fs::read(places.path("store.db-wal")).unwrap();
    let whole = fs::read(&path).unwrap();
    drop(killed);
    fs::write(&path, whole).unwrap();
    fs::write(places.path("store.db-wal"), log).unwrap();
    SqliteStorage::restore(&backup, &path, true).unwrap();
    assert_eq!(value(&path).await, b"old");
}

#[tokio::test]
async fn a_file_that_is_no_whole_backup_is_refused_and_the_store_stays() {
    let places = Places::new();
    let (path, backup) = places.backed_up().await;
    let odd = places.path("odd");
    let refused = |bytes: &[u8]| {
        fs::write(&odd, bytes).unwrap();
        let refused = SqliteStorage::restore(&odd, &path, true).unwrap_err();
        places.refusal(&refused)
    };
    let whole = fs::read(&backup).unwrap();
    assert!(refused(b"").contains("`F/odd` is not a database"));
    assert!(refused(&[7; 8192]).contains("`F/odd` is not a database"));
    let half = refused(&whole[..whole.len() / 2]);
    assert!(half.contains("`F/odd` is damaged"), "{half}");
    let missing = SqliteStorage::restore(places.path("none"), &path, true).unwrap_err();
    assert!(places.refusal(&missing).contains("`F/none`"), "{missing}");
    // A store with a log is more than its file.
    let used = places.path("used.db");
    let server = SqliteStorage::open(&used).unwrap();
    server.put("a", b"b").await.unwrap();
    let refused = SqliteStorage::restore(&used, &path, true).unwrap_err();
    assert!(places.refusal(&refused).contains("is not a backup"));
    assert_eq!(value(&path).await, b"new");
    let none = SqliteStorage::back_up(places.path("none"), places.path("copy"));
    assert!(none.await.is_err() && !places.path("copy").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_a_restored_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let places = Places::new();
    let (_, backup) = places.backed_up().await;
    fs::set_permissions(&backup, fs::Permissions::from_mode(0o644)).unwrap();
    let restored = places.path("restored.db");
    SqliteStorage::restore(&backup, &restored, false).unwrap();
    let mode = fs::metadata(&restored).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}
