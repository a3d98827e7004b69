//! Other keys for a store that is in use: the one that encrypts, and the root key
//! with its shares. Texts were seen at OpenBao 2.7.2.

use std::time::Duration;

use super::*;

const ROOT: &str = "sys/rotate/root";

/// An unsealed vault whose key is split into three shares, of which two unseal it,
/// with a secret at `kv/a`.
pub(super) async fn unsealed(world: &World) -> (Arc<Vault>, Keys) {
    let vault = load(world).await;
    let keys = Keys::make(&vault, 3, 2).await;
    keys.give(&vault, [0, 1]).await;
    for (path, body) in [
        ("sys/mounts/kv", json!({"type": "kv"})),
        ("kv/a", json!({"b": "canary"})),
    ] {
        let written = keys.ask(&vault, Operation::Update, path, body).await;
        assert_eq!(written.status, 204, "{written:?}");
    }
    (vault, keys)
}

pub(super) async fn post(vault: &Arc<Vault>, keys: &Keys, path: &str, body: Value) -> Seen {
    keys.ask(vault, Operation::Update, path, body).await
}

pub(super) async fn get(vault: &Arc<Vault>, keys: &Keys, path: &str) -> Seen {
    keys.ask(vault, Operation::Read, path, Value::Null).await
}

/// Begins a rotation and gives shares. Returns the answer to the last one.
pub(super) async fn rotate(
    vault: &Arc<Vault>,
    keys: &Keys,
    wish: Value,
    which: impl IntoIterator<Item = usize>,
) -> Seen {
    let begun = post(vault, keys, &format!("{ROOT}/init"), wish).await;
    let mut seen = begun;
    let nonce = seen.body["data"]["nonce"].clone();
    for number in which {
        let body = json!({"key": keys.keys[number], "nonce": nonce});
        seen = post(vault, keys, &format!("{ROOT}/update"), body).await;
    }
    seen
}

/// The keys after a rotation.
pub(super) fn rotated(keys: &Keys, done: &Seen) -> Keys {
    assert_eq!(done.body["data"]["complete"], true, "{done:?}");
    let new = done.body["data"]["keys"].as_array().unwrap().iter();
    Keys {
        keys: new.map(|key| key.as_str().unwrap().to_owned()).collect(),
        root: keys.root.clone(),
    }
}

/// Seals, and tries to unseal with these shares.
async fn opens(vault: &Arc<Vault>, keys: &Keys, which: impl IntoIterator<Item = usize>) -> bool {
    vault.seal().await;
    let seen = keys.give(vault, which).await;
    let is_open = seen.body["sealed"] == false;
    if is_open {
        let seen = get(vault, keys, "kv/a").await;
        assert_eq!(seen.body["data"]["b"], "canary", "{seen:?}");
    } else {
        put(vault, "sys/unseal", json!({"reset": true})).await;
    }
    is_open
}

#[tokio::test(start_paused = true)]
async fn new_shares_open_the_store_and_the_old_ones_do_until_the_new_ones_were_seen() {
    let world = World::new();
    let (vault, keys) = unsealed(&world).await;
    let wish = json!({"secret_shares": 5, "secret_threshold": 3});
    let done = rotate(&vault, &keys, wish, [2, 0]).await;
    let new = rotated(&keys, &done);
    assert_eq!(new.keys.len(), 5);
    let status = read(&vault, "sys/seal-status").await.body;
    assert_eq!((&status["t"], &status["n"]), (&json!(3), &json!(5)));
    assert!(opens(&vault, &new, [4, 1, 2]).await);
    assert!(!opens(&vault, &keys, [0, 1]).await);
    assert!(!opens(&vault, &keys, [0, 1, 2]).await);
    let restarted = load(&world).await;
    assert!(opens(&restarted, &new, [0, 1, 2]).await);
}

#[tokio::test(start_paused = true)]
async fn a_server_stops_at_once_although_old_shares_are_still_to_be_ended() {
    let (vault, keys) = unsealed(&World::new()).await;
    let wish = json!({"secret_shares": 1, "secret_threshold": 1});
    rotated(&keys, &rotate(&vault, &keys, wish, [0, 1]).await);
    let began = tokio::time::Instant::now();
    vault.shut_down().await;
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn old_shares_that_open_the_store_before_the_new_ones_undo_the_rotation() {
    let (vault, keys) = unsealed(&World::new()).await;
    let wish = json!({"secret_shares": 5, "secret_threshold": 3});
    let done = rotate(&vault, &keys, wish, [0, 1]).await;
    let lost = rotated(&keys, &done);
    assert!(opens(&vault, &keys, [0, 1]).await);
    assert!(!opens(&vault, &lost, [0, 1, 2]).await);
    assert!(opens(&vault, &keys, [1, 2]).await);
    let status = read(&vault, "sys/seal-status").await.body;
    assert_eq!((&status["t"], &status["n"]), (&json!(2), &json!(3)));
}

#[tokio::test(start_paused = true)]
async fn old_shares_of_a_higher_threshold_open_the_store_as_well() {
    let (vault, keys) = unsealed(&World::new()).await;
    let wish = json!({"secret_shares": 1, "secret_threshold": 1});
    let lost = rotated(&keys, &rotate(&vault, &keys, wish, [0, 1]).await);
    assert!(opens(&vault, &keys, [2, 1]).await);
    assert!(!opens(&vault, &lost, [0]).await);
}

#[tokio::test(start_paused = true)]
async fn old_shares_open_the_store_until_the_new_ones_have() {
    let (vault, keys) = unsealed(&World::new()).await;
    let wish = json!({"secret_shares": 3, "secret_threshold": 2});
    let new = rotated(&keys, &rotate(&vault, &keys, wish.clone(), [0, 1]).await);
    // Nobody may have received the new ones: no time ends the old ones.
    tokio::time::sleep(Duration::from_hours(1000)).await;
    assert!(opens(&vault, &new, [0, 1]).await);
    assert!(!opens(&vault, &keys, [0, 1]).await);
    assert!(opens(&vault, &new, [1, 2]).await);
    let lost = rotated(&new, &rotate(&vault, &new, wish, [0, 1]).await);
    tokio::time::sleep(Duration::from_hours(1000)).await;
    assert!(opens(&vault, &new, [0, 1]).await);
    assert!(!opens(&vault, &lost, [0, 1]).await);
}

#[tokio::test(start_paused = true)]
async fn old_shares_rotate_again_after_an_answer_that_was_lost() {
    for (shares, threshold) in [(5, 3), (1, 1)] {
        let (vault, keys) = unsealed(&World::new()).await;
        let wish = json!({"secret_shares": shares, "secret_threshold": threshold});
        rotated(&keys, &rotate(&vault, &keys, wish, [0, 1]).await);
        let again = json!({"secret_shares": 3, "secret_threshold": 2});
        let new = rotated(&keys, &rotate(&vault, &keys, again, [1, 2]).await);
        assert!(opens(&vault, &new, [0, 2]).await);
    }
}

#[tokio::test(start_paused = true)]
async fn shares_that_are_verified_take_effect_when_they_were_given_back() {
    let (vault, keys) = unsealed(&World::new()).await;
    let wish = json!({"secret_shares": 3, "secret_threshold": 2, "require_verification": true});
    let done = rotate(&vault, &keys, wish, [0, 1]).await;
    let new = rotated(&keys, &done);
    let verify = format!("{ROOT}/verify");
    let nonce = done.body["data"]["verification_nonce"].clone();
    assert_ne!(nonce, "");
    let again = json!({"key": keys.keys[0], "nonce": done.body["data"]["nonce"]});
    let again = post(&vault, &keys, &format!("{ROOT}/update"), again).await;
    assert!(
        again.error().starts_with("rotation already finished; "),
        "{again:?}"
    );
    let give = |key: &str, nonce: &Value| {
        let body = json!({"key": key, "nonce": nonce});
        let (vault, keys, verify) = (&vault, &keys, &verify);
        async move { post(vault, keys, verify, body).await }
    };
    let odd = give(&new.keys[0], &json!("x")).await;
    let text = format!("incorrect nonce supplied; nonce for this verify operation is {nonce}");
    assert_eq!((odd.status, odd.error()), (400, text.as_str()));
    let one = give(&new.keys[0], &nonce).await;
    assert_eq!(one.body["data"]["progress"], 1);
    // Old shares are no proof; the verification begins anew.
    let wrong = give(&keys.keys[1], &nonce).await;
    assert_eq!(
        (wrong.status, wrong.error()),
        (
            400,
            "rotation verification failed; incorrect key shares supplied"
        )
    );
    let status = get(&vault, &keys, &verify).await.body["data"].clone();
    assert_eq!(
        (&status["progress"], &status["started"]),
        (&json!(0), &json!(true))
    );
    assert_ne!(status["nonce"], nonce);
    let restarted = keys
        .ask(&vault, Operation::Delete, &verify, Value::Null)
        .await;
    let nonce = restarted.body["data"]["nonce"].clone();
    give(&new.keys[2], &nonce).await;
    let verified = give(&new.keys[1], &nonce).await;
    assert_eq!(
        verified.body["data"],
        json!({"nonce": nonce, "complete": true})
    );
    assert!(!opens(&vault, &keys, [0, 1]).await);
    assert!(opens(&vault, &new, [0, 1]).await);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_is_sealed_or_cancelled_changes_nothing() {
    let (vault, keys) = unsealed(&World::new()).await;
    let wish = json!({"secret_shares": 1, "secret_threshold": 1, "require_verification": true});
    let init = format!("{ROOT}/init");
    let done = rotate(&vault, &keys, wish.clone(), [0, 1]).await;
    assert_eq!(done.body["data"]["complete"], true);
    let cancelled = keys
        .ask(&vault, Operation::Delete, &init, Value::Null)
        .await;
    assert_eq!(cancelled.status, 204);
    let status = get(&vault, &keys, &init).await.body["data"].clone();
    assert_eq!(
        status,
        json!({"started": false, "t": 0, "n": 0, "required": 2})
    );
    rotate(&vault, &keys, wish, [0]).await;
    assert!(opens(&vault, &keys, [1, 2]).await);
    assert_eq!(get(&vault, &keys, &init).await.body["data"], status);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_rotation_is_said_in_the_words_of_openbao() {
    let (vault, keys) = unsealed(&World::new()).await;
    let refused = |path: &'static str, body: Value, text: String| {
        let (vault, keys) = (&vault, &keys);
        async move {
            let seen = post(vault, keys, &format!("{ROOT}/{path}"), body).await;
            assert_eq!((seen.status, seen.error()), (400, text.as_str()));
        }
    };
    let key = json!(keys.keys[0]);
    for (path, body, text) in [
        ("update", json!({}), "missing required field 'key'"),
        (
            "update",
            json!({"key": key}),
            "missing required field 'nonce'",
        ),
        (
            "update",
            json!({"key": key, "nonce": "x"}),
            "no rotation in progress",
        ),
        (
            "verify",
            json!({"key": key, "nonce": "x"}),
            "no rotation in progress",
        ),
        (
            "init",
            json!({"secret_shares": 3, "secret_threshold": 1}),
            "invalid rotate seal configuration: threshold must be greater than one for multiple shares",
        ),
        (
            "init",
            json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": "a"}),
            "`pgp_keys` is not supported by this server: leave it out, and encrypt what you get",
        ),
    ] {
        refused(path, body, text.to_owned()).await;
    }
    let wish = json!({"secret_shares": 1, "secret_threshold": 1});
    let begun = rotate(&vault, &keys, wish.clone(), []).await;
    let nonce = begun.body["data"]["nonce"].as_str().unwrap().to_owned();
    refused("init", wish, "rotation already in progress".to_owned()).await;
    let odd = format!("incorrect nonce supplied; nonce for rotation is \"{nonce}\"");
    refused("update", json!({"key": key, "nonce": "x"}), odd).await;
    let first = json!({"key": key, "nonce": nonce});
    let seen = post(&vault, &keys, &format!("{ROOT}/update"), first.clone()).await;
    assert_eq!(seen.body["data"]["progress"], 1);
    let twice = "given key has already been provided during this rotation";
    refused("update", first, twice.to_owned()).await;
    // A share of another store: its number differs from the first one's.
    let mut foreign = keys.keys[1].clone();
    foreign.replace_range(
        ..2,
        if foreign.starts_with("ab") {
            "ac"
        } else {
            "ab"
        },
    );
    let foreign = json!({"key": foreign, "nonce": nonce});
    let wrong = "failed to read root key: the shares do not make the key of this server";
    refused("update", foreign, wrong.to_owned()).await;
    let status = get(&vault, &keys, "sys/rotate/root/init").await;
    assert_eq!(status.body["data"]["progress"], 0);
    for path in ["sys/rotate/recovery/init", "sys/rotate/root/backup"] {
        assert_eq!(get(&vault, &keys, path).await.status, 400, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_paths_of_vault_answer_without_the_envelope_and_want_a_token() {
    let (vault, keys) = unsealed(&World::new()).await;
    let status = get(&vault, &keys, "sys/rekey/init").await;
    assert_eq!(
        (&status.body["started"], &status.body["backup"]),
        (&json!(false), &json!(false))
    );
    let wish = json!({"secret_shares": 1, "secret_threshold": 1});
    for token in [None, Some("stranger")] {
        let path = "sys/rekey/init";
        let refused = ask(&vault, token, Operation::Update, path, wish.clone()).await;
        assert_eq!(refused.status, 403);
    }
    let begun = post(&vault, &keys, "sys/rekey/init", wish).await;
    let nonce = &begun.body["nonce"];
    let mut done = Value::Null;
    for key in &keys.keys[..2] {
        let body = json!({"key": key, "nonce": nonce});
        done = post(&vault, &keys, "sys/rekey/update", body).await.body;
    }
    assert_eq!((&done["complete"], &done["nonce"]), (&json!(true), nonce));
    let new = Keys {
        keys: vec![done["keys"][0].as_str().unwrap().to_owned()],
        root: keys.root.clone(),
    };
    assert!(opens(&vault, &new, [0]).await);
}

/// P11.
#[tokio::test(start_paused = true)]
async fn what_is_written_after_a_rotation_is_under_the_new_key_and_all_is_read() {
    let world = World::new();
    let (vault, keys) = unsealed(&world).await;
    for path in ["sys/rotate", "sys/rotate/keyring"] {
        let seen = post(&vault, &keys, path, Value::Null).await;
        assert_eq!(seen.status, 204, "{seen:?}");
    }
    let status = get(&vault, &keys, "sys/key-status").await.body["data"].clone();
    assert_eq!(
        (&status["term"], &status["encryptions"]),
        (&json!(3), &json!(0))
    );
    let before = world.storage.keys();
    post(&vault, &keys, "kv/new", json!({"b": "new"})).await;
    let new: Vec<_> = world
        .storage
        .keys()
        .into_iter()
        .filter(|name| !before.contains(name))
        .collect();
    assert!(!new.is_empty());
    for name in new {
        let sealed = world.storage.get(&name).await.unwrap().unwrap();
        assert_eq!(sealed[..4], [0, 0, 0, 3], "{name}");
    }
    assert!(opens(&vault, &keys, [0, 1]).await);
    let seen = get(&vault, &keys, "kv/new").await;
    assert_eq!(seen.body["data"]["b"], "new");
}

/// P11, under load.
#[tokio::test(start_paused = true)]
async fn keys_are_replaced_while_clients_write_and_nothing_is_lost() {
    let world = World::new();
    let (vault, keys) = unsealed(&world).await;
    *world.slow.writes_take.lock().unwrap() = Duration::from_millis(1);
    let write = |writer: usize| {
        let (vault, keys) = (&vault, &keys);
        async move {
            for number in 0..20 {
                let path = format!("kv/{writer}-{number}");
                let written = post(vault, keys, &path, json!({"b": path})).await;
                assert_eq!(written.status, 204, "{written:?}");
            }
        }
    };
    let replace = async {
        let mut present = Keys {
            keys: keys.keys.clone(),
            root: keys.root.clone(),
        };
        for _ in 0..3 {
            let rotated_key = post(&vault, &keys, "sys/rotate", Value::Null).await;
            assert_eq!(rotated_key.status, 204);
            let wish = json!({"secret_shares": 3, "secret_threshold": 2});
            let done = rotate(&vault, &present, wish, [0, 1]).await;
            present = rotated(&present, &done);
        }
        present
    };
    let writers = futures_util::future::join_all((0..8).map(write));
    let (_, new) = futures_util::join!(writers, replace);
    vault.shut_down().await;
    let vault = load(&world).await;
    assert!(opens(&vault, &new, [1, 2]).await);
    for (writer, number) in (0..8).flat_map(|writer| (0..20).map(move |n| (writer, n))) {
        let path = format!("kv/{writer}-{number}");
        let seen = get(&vault, &keys, &path).await;
        assert_eq!(seen.body["data"]["b"], json!(path));
    }
}

#[tokio::test(start_paused = true)]
async fn the_key_that_encrypts_is_replaced_by_itself_when_that_is_configured() {
    let (vault, keys) = unsealed(&World::new()).await;
    let config = "sys/rotate/config";
    for (body, text) in [
        (
            json!({"max_operations": 10}),
            "max_operations must be in the range [1000000,3865470566]",
        ),
        (
            json!({"interval": "1h"}),
            "interval must be greater or equal to 24h0m0s",
        ),
    ] {
        let seen = post(&vault, &keys, config, body).await;
        assert_eq!((seen.status, seen.error()), (400, text));
    }
    let shown = get(&vault, &keys, config).await.body["data"].clone();
    let usual = json!({"enabled": true, "interval": 0, "max_operations": 3_865_470_566_u64});
    assert_eq!(shown, usual);
    let body = json!({"interval": "24h", "max_operations": 2_000_000});
    assert_eq!(post(&vault, &keys, config, body).await.status, 204);
    let shown = get(&vault, &keys, "sys/rotate/keyring/config").await;
    let changed = json!({"enabled": true, "interval": "24h0m0s", "max_operations": 2_000_000});
    assert_eq!(shown.body["data"], changed);
    let term = || async { get(&vault, &keys, "sys/key-status").await.body["data"]["term"].clone() };
    tokio::time::sleep(Duration::from_hours(23)).await;
    assert_eq!(term().await, 1);
    tokio::time::sleep(Duration::from_hours(2)).await;
    assert_eq!(term().await, 2);
    assert!(opens(&vault, &keys, [0, 1]).await);
}

#[tokio::test(start_paused = true)]
async fn only_a_caller_with_sudo_rotates_the_key_that_encrypts() {
    let (vault, keys) = unsealed(&World::new()).await;
    let policy = json!({"policy": "path \"*\" { capabilities = [\"read\", \"update\"] }"});
    post(&vault, &keys, "sys/policies/acl/almost", policy).await;
    let made = post(
        &vault,
        &keys,
        "auth/token/create",
        json!({"policies": ["almost"]}),
    )
    .await;
    let almost = made.body["auth"]["client_token"].as_str();
    for path in ["sys/rotate", "sys/rotate/keyring", "sys/rotate/root"] {
        let seen = ask(&vault, almost, Operation::Update, path, Value::Null).await;
        assert_eq!(seen.status, 403, "{path}");
    }
    let seen = ask(
        &vault,
        almost,
        Operation::Read,
        "sys/rotate/config",
        Value::Null,
    )
    .await;
    assert_eq!(seen.status, 200);
}
