//! What is left in the memory of a server after it was sealed. The process is not
//! dumpable, so this takes root.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logical::Storage as _;
use serde_json::{Value, json};
use store::SqliteStorage;
use tempfile::TempDir;
use testkit::leave_out;

use crate::on_disk::OnDisk;

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// Which of some texts are in the memory that a process can write to.
fn found(process: u32, texts: &[(&'static str, Vec<u8>)]) -> Option<Vec<&'static str>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let longest = texts.iter().map(|(_, text)| text.len()).max()?;
    let mut found: Vec<&'static str> = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-')?;
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let (mut at, to) = (number(from)?, number(to)?);
        while at < to {
            let size = CHUNK.min(usize::try_from(to - at).ok()?);
            let mut chunk = vec![0; size];
            // A page may be gone by now.
            let read = memory.read_at(&mut chunk, at).unwrap_or(0);
            for (name, text) in texts {
                let is_there = chunk[..read].windows(text.len()).any(|part| part == text);
                if is_there && !found.contains(name) {
                    found.push(name);
                }
            }
            if size < CHUNK {
                break;
            }
            at += u64::try_from(size - longest).ok()?;
        }
    }
    Some(found)
}

/// A value of the store, opened with the key that sealed it: behind a term of four
/// bytes and a version there are nonce, ciphertext and tag, as in Vault.
fn opened(store: &SqliteStorage, path: &str, key: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let sealed = runtime.block_on(store.get(path)).unwrap().unwrap();
    let (nonce, body) = sealed[5..].split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).unwrap();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut body = body.to_vec();
    let value = cipher.open_in_place(nonce, Aad::from(path), &mut body);
    value.unwrap().to_vec()
}

/// The root key of a store, and the key that encrypts what is stored.
fn keys(folder: &Path, unseal_key: &str) -> [Vec<u8>; 2] {
    // A copy, since the server holds its file.
    let copy = TempDir::new().unwrap();
    for name in ["store.db", "store.db-wal"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    let store = SqliteStorage::open(copy.path().join("store.db")).unwrap();
    let share = BASE64_STANDARD.decode(unseal_key).unwrap();
    let root = opened(&store, "core/hsm/barrier-unseal-keys", &share);
    let ring: Value = serde_json::from_slice(&opened(&store, "core/keyring", &root)).unwrap();
    let first = ring["keys"]["1"]["value"].as_str().unwrap();
    [root, BASE64_STANDARD.decode(first).unwrap()]
}

/// Promise P13. What went over the network, such as the share itself, is not looked
/// for: buffers of sockets and of JSON are not wiped.
#[test]
fn the_keys_of_the_store_leave_the_memory_when_it_is_sealed() {
    let server = OnDisk::start();
    let [root, data] = keys(server.folder(), &server.unseal_key);
    let keys = [("the root key", root), ("the key of the data", data)];
    let Some(open) = found(server.pid(), &keys) else {
        leave_out("the memory of another process cannot be read without being root");
        return;
    };
    assert_eq!(open.len(), keys.len(), "{open:?} as long as it is open");
    let (status, answer) = server.root.request("PUT", "sys/seal", Some(&json!({})));
    assert_eq!(status, 204, "{answer}");
    let sealed = found(server.pid(), &keys).unwrap();
    assert!(sealed.is_empty(), "{sealed:?}");
}
