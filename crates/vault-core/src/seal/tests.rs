//! The seal from a client's point of view, and what a crash or a client that
//! hangs up leaves of its changes.

use std::sync::Arc;

use logical::{Operation, Storage};
use serde_json::{Value, json};
use store::MemoryStorage;
use virtual_world::{Fault, Moment, hang_up_after};
use zeroize::Zeroizing;

use super::Vault;
use crate::tests::{Does, Seen, World};
use crate::{ClientRequest, ClientToken, Shares};

mod generation;
mod power;
mod rotation;
mod unreported;

async fn load(world: &World) -> Arc<Vault> {
    Vault::load(world.config(), world.effects()).await.unwrap()
}

async fn ask(
    vault: &Arc<Vault>,
    token: Option<&str>,
    operation: Operation,
    path: &str,
    body: Value,
) -> Seen {
    let request = ClientRequest::new(operation, path)
        .with_data(body.as_object().cloned().unwrap_or_default())
        .with_token(token.map(ClientToken::new));
    let answer = vault.handle(request).await;
    Seen {
        status: answer.status(),
        body: answer
            .body()
            .map_or(Value::Null, |body| serde_json::from_slice(&body).unwrap()),
    }
}

async fn read(vault: &Arc<Vault>, path: &str) -> Seen {
    ask(vault, None, Operation::Read, path, Value::Null).await
}

async fn put(vault: &Arc<Vault>, path: &str, body: Value) -> Seen {
    ask(vault, None, Operation::Update, path, body).await
}

/// The keys and the root token of a store that was just initialized.
struct Keys {
    keys: Vec<String>,
    root: String,
}

impl Keys {
    async fn make(vault: &Arc<Vault>, shares: u8, threshold: u8) -> Self {
        let body = json!({"secret_shares": shares, "secret_threshold": threshold});
        let made = put(vault, "sys/init", body).await;
        assert_eq!(made.status, 200, "{made:?}");
        let keys = made.body["keys"].as_array().unwrap().iter();
        Self {
            keys: keys.map(|key| key.as_str().unwrap().to_owned()).collect(),
            root: made.body["root_token"].as_str().unwrap().to_owned(),
        }
    }

    async fn give(&self, vault: &Arc<Vault>, which: impl IntoIterator<Item = usize>) -> Seen {
        let mut seen = None;
        for number in which {
            let body = json!({"key": self.keys[number]});
            seen = Some(put(vault, "sys/unseal", body).await);
        }
        seen.unwrap()
    }

    async fn ask(&self, vault: &Arc<Vault>, operation: Operation, path: &str, body: Value) -> Seen {
        ask(vault, Some(&self.root), operation, path, body).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_is_initialized_unsealed_sealed_and_read_again_after_a_restart() {
    let world = World::new();
    let vault = load(&world).await;
    assert_eq!(
        read(&vault, "sys/init").await.body,
        json!({"initialized": false})
    );
    let status = read(&vault, "sys/seal-status").await.body;
    assert_eq!(
        (&status["initialized"], &status["sealed"], &status["n"]),
        (&json!(false), &json!(true), &json!(0))
    );
    let keys = Keys::make(&vault, 5, 3).await;
    assert_eq!(keys.keys.len(), 5);
    assert!(keys.keys.iter().all(|key| key.len() == 66));
    assert_eq!(keys.root.len(), 28);
    assert_eq!(
        read(&vault, "sys/init").await.body,
        json!({"initialized": true})
    );
    let again = put(
        &vault,
        "sys/init",
        json!({"secret_shares": 1, "secret_threshold": 1}),
    )
    .await;
    assert_eq!(
        (again.status, again.error()),
        (400, "Vault is already initialized")
    );

    let first = keys.give(&vault, [4, 4]).await;
    assert_eq!(first.body["progress"], 1);
    assert_ne!(first.body["nonce"], "");
    let opened = keys.give(&vault, [1, 0]).await.body;
    assert_eq!(
        (&opened["sealed"], &opened["progress"]),
        (&json!(false), &json!(0))
    );
    assert_eq!((&opened["t"], &opened["n"]), (&json!(3), &json!(5)));
    assert!(opened["cluster_id"].is_string());

    let mounted = keys
        .ask(
            &vault,
            Operation::Update,
            "sys/mounts/kv",
            json!({"type": "kv"}),
        )
        .await;
    assert_eq!(mounted.status, 204, "{mounted:?}");
    let written = keys
        .ask(&vault, Operation::Update, "kv/a", json!({"b": "canary"}))
        .await;
    assert_eq!(written.status, 204, "{written:?}");
    let sealed = keys
        .ask(&vault, Operation::Update, "sys/seal", Value::Null)
        .await;
    assert_eq!(sealed.status, 204, "{sealed:?}");
    assert_eq!(read(&vault, "sys/seal-status").await.body["sealed"], true);

    for vault in [vault, load(&world).await] {
        let refused = keys.ask(&vault, Operation::Read, "kv/a", Value::Null).await;
        assert_eq!((refused.status, refused.error()), (503, "Vault is sealed"));
        keys.give(&vault, [2, 3, 4]).await;
        let seen = keys.ask(&vault, Operation::Read, "kv/a", Value::Null).await;
        assert_eq!(seen.body["data"]["b"], "canary");
        vault.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn fewer_shares_or_those_of_another_store_do_not_unseal() {
    let vault = load(&World::new()).await;
    let keys = Keys::make(&vault, 5, 3).await;
    let other = Keys::make(&load(&World::new()).await, 5, 3).await;
    let two = keys.give(&vault, [0, 1]).await.body;
    assert_eq!(
        (&two["sealed"], &two["progress"]),
        (&json!(true), &json!(2))
    );
    let mut foreign = other.keys[2].clone();
    foreign.replace_range(..2, "ab");
    let wrong = put(&vault, "sys/unseal", json!({"key": foreign})).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.error().starts_with("invalid key: "), "{wrong:?}");
    let status = read(&vault, "sys/seal-status").await.body;
    assert_eq!(
        (&status["sealed"], &status["progress"]),
        (&json!(true), &json!(0))
    );
    // The same number twice with different bytes.
    let mut changed = keys.keys[0].clone();
    changed.replace_range(
        ..2,
        if changed.starts_with("00") {
            "01"
        } else {
            "00"
        },
    );
    keys.give(&vault, [0, 1]).await;
    assert_eq!(
        put(&vault, "sys/unseal", json!({"key": changed}))
            .await
            .status,
        400
    );
    keys.give(&vault, [0, 1]).await;
    let reset = put(&vault, "sys/unseal", json!({"reset": true})).await.body;
    assert_eq!(
        (&reset["progress"], &reset["nonce"]),
        (&json!(0), &json!(""))
    );
    assert_eq!(keys.give(&vault, [0, 1, 2]).await.body["sealed"], false);
    let reset = put(&vault, "sys/unseal", json!({"reset": true})).await;
    assert_eq!((reset.status, reset.error()), (400, "vault is unsealed"));
    assert_eq!(keys.give(&vault, [0]).await.body["sealed"], false);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_share_or_a_split_is_refused() {
    let vault = load(&World::new()).await;
    for (path, body, text) in [
        (
            "sys/unseal",
            json!({"key": "ab".repeat(33)}),
            "Vault is not initialized",
        ),
        (
            "sys/unseal",
            json!({}),
            "'key' must be specified in request body as JSON, or 'reset' set to true",
        ),
        (
            "sys/unseal",
            json!({"key": "no key!"}),
            "'key' must be a valid hex or base64 string",
        ),
        (
            "sys/init",
            json!({"secret_shares": 3, "secret_threshold": 1}),
            "invalid seal configuration: threshold must be greater than one for multiple shares",
        ),
        (
            "sys/init",
            json!({"secret_shares": 1, "secret_threshold": 1, "recovery_shares": 1}),
            "parameters recovery_shares not applicable to seal type shamir",
        ),
        (
            "sys/init",
            json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["a"]}),
            "`pgp_keys` is not supported by this server: leave it out, and encrypt what you get",
        ),
    ] {
        let seen = put(&vault, path, body).await;
        assert_eq!((seen.status, seen.error()), (400, text));
    }
    assert_eq!(read(&vault, "sys/init").await.body["initialized"], false);
}

/// P1: nothing that was written is in the store, nor any key or token.
#[tokio::test(start_paused = true)]
async fn the_store_shows_nothing_that_was_written() {
    let world = World::new();
    let vault = load(&world).await;
    let keys = Keys::make(&vault, 1, 1).await;
    keys.give(&vault, [0]).await;
    let mount = json!({"type": "kv", "options": {"version": "2"}, "description": "canary-mount"});
    keys.ask(&vault, Operation::Update, "sys/mounts/kv", mount)
        .await;
    let secret = json!({"data": {"field": "canary-value"}});
    let path = "kv/data/canary-name";
    assert_eq!(
        keys.ask(&vault, Operation::Update, path, secret)
            .await
            .status,
        200
    );
    let policy = json!({"policy": "path \"canary-path\" { capabilities = [\"read\"] }"});
    keys.ask(&vault, Operation::Update, "sys/policies/acl/p", policy)
        .await;
    // The id of a role, which is also that of a user who is locked out.
    let enable = json!({"type": "approle"});
    keys.ask(&vault, Operation::Update, "sys/auth/approle", enable)
        .await;
    let role = json!({"role_id": "canary-role-id"});
    keys.ask(&vault, Operation::Update, "auth/approle/role/r", role)
        .await;
    for _ in 0..6 {
        let ids = json!({"role_id": "canary-role-id", "secret_id": "wrong"});
        put(&vault, "auth/approle/login", ids).await;
    }
    let quota = json!({"rate": 1, "path": "kv/canary-path"});
    let path = "sys/quotas/rate-limit/q";
    keys.ask(&vault, Operation::Update, path, quota).await;
    let is_locked = |name: &String| name.starts_with("sys/lockout/");
    assert!(world.storage.keys().iter().any(is_locked));
    let key: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&keys.keys[0][2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let found = [b"canary".as_slice(), keys.root.as_bytes(), &key];
    for name in world.storage.keys() {
        let value = world.storage.get(&name).await.unwrap().unwrap();
        for hidden in found {
            let shown = |bytes: &[u8]| bytes.windows(hidden.len()).any(|part| part == hidden);
            assert!(!shown(name.as_bytes()) && !shown(&value), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_caller_with_sudo_seals() {
    let vault = load(&World::new()).await;
    let keys = Keys::make(&vault, 1, 1).await;
    keys.give(&vault, [0]).await;
    let policy = json!({"policy": "path \"sys/seal\" { capabilities = [\"update\"] }"});
    keys.ask(&vault, Operation::Update, "sys/policies/acl/almost", policy)
        .await;
    let body = json!({"policies": ["almost"]});
    let made = keys
        .ask(&vault, Operation::Update, "auth/token/create", body)
        .await;
    let almost = made.body["auth"]["client_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for token in [None, Some("stranger"), Some(almost.as_str())] {
        let seen = ask(&vault, token, Operation::Update, "sys/seal", Value::Null).await;
        assert_eq!(seen.status, 403, "{token:?}");
    }
    let read_it = keys
        .ask(&vault, Operation::Read, "sys/seal", Value::Null)
        .await;
    assert_eq!(read_it.status, 405);
    assert_eq!(read(&vault, "sys/seal-status").await.body["sealed"], false);
}

/// P13.
#[tokio::test(start_paused = true)]
async fn a_sealed_server_serves_its_status_and_nothing_else() {
    let world = World::new();
    let vault = load(&world).await;
    let keys = Keys::make(&vault, 1, 1).await;
    keys.give(&vault, [0]).await;
    let core = vault.core().unwrap();
    keys.ask(&vault, Operation::Update, "sys/seal", Value::Null)
        .await;
    assert!(vault.core().is_none() && vault.barrier_is_sealed());
    for path in [
        "sys/mounts",
        "auth/token/lookup-self",
        "nowhere",
        "sys/key-status",
    ] {
        let seen = keys.ask(&vault, Operation::Read, path, Value::Null).await;
        assert_eq!(
            (seen.status, seen.error()),
            (503, "Vault is sealed"),
            "{path}"
        );
    }
    // As in OpenBao, sealing what is sealed is done, whoever asks.
    let again = put(&vault, "sys/seal", Value::Null).await;
    assert_eq!(again.status, 204);
    // Nor does a request that still holds what was unsealed.
    assert!(core.create_root_token(None).await.is_err());
    assert_eq!(Arc::strong_count(&core), 1);
    for path in ["sys/seal-status", "sys/leader", "sys/init"] {
        assert_eq!(read(&vault, path).await.status, 200, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn health_has_a_status_for_each_state_which_the_query_may_change() {
    let vault = load(&World::new()).await;
    let health = |operation, query: Value| {
        let vault = Arc::clone(&vault);
        async move { ask(&vault, None, operation, "sys/health", query).await }
    };
    let asked = json!({"uninitcode": "251", "sealedcode": "252", "activecode": "253"});
    let check = |expected: u16, changed: u16, members: [bool; 2]| {
        let (health, asked) = (&health, &asked);
        async move {
            let seen = health(Operation::Read, json!({"standbyok": "true"})).await;
            assert_eq!(seen.status, expected);
            assert_eq!(
                [&seen.body["initialized"], &seen.body["sealed"]],
                [&json!(members[0]), &json!(members[1])]
            );
            assert_eq!(health(Operation::Read, asked.clone()).await.status, changed);
            let head = health(Operation::Header, Value::Null).await;
            assert_eq!((head.status, head.body), (expected, Value::Null));
            for odd in ["many", "99", "600"] {
                let odd = health(Operation::Read, json!({"standbycode": odd})).await;
                assert_eq!(odd.status, 400);
            }
        }
    };
    check(501, 251, [false, true]).await;
    let keys = Keys::make(&vault, 1, 1).await;
    check(503, 252, [true, true]).await;
    keys.give(&vault, [0]).await;
    check(200, 253, [true, false]).await;
    assert_eq!(health(Operation::Update, Value::Null).await.status, 405);
    let body = health(Operation::Read, Value::Null).await.body;
    assert_eq!(
        (&body["version"], &body["performance_standby"]),
        (&json!("1.18.3"), &json!(false))
    );
    assert!(body["cluster_name"].is_string());
}

#[tokio::test(start_paused = true)]
async fn the_key_that_encrypts_is_reported_with_its_use() {
    let vault = load(&World::new()).await;
    let keys = Keys::make(&vault, 1, 1).await;
    keys.give(&vault, [0]).await;
    let status = || keys.ask(&vault, Operation::Read, "sys/key-status", Value::Null);
    let before = status().await.body;
    assert_eq!(before["data"]["term"], 1);
    assert_eq!(before["term"], 1);
    assert_eq!(before["data"]["install_time"], "2027-01-15T08:00:00Z");
    keys.ask(
        &vault,
        Operation::Update,
        "sys/policies/acl/p",
        json!({"policy": "{}"}),
    )
    .await;
    let uses = |body: &Value| body["data"]["encryptions"].as_u64().unwrap();
    assert!(uses(&status().await.body) > uses(&before));
    let denied = ask(&vault, None, Operation::Read, "sys/key-status", Value::Null).await;
    assert_eq!(denied.status, 403);
}

#[tokio::test(start_paused = true)]
async fn of_many_who_initialize_one_gets_the_keys() {
    let vault = load(&World::new()).await;
    let attempts = (0..10).map(|_| vault.initialize(Shares::ONE, None));
    let made = futures_util::future::join_all(attempts).await;
    let mut won = made.into_iter().filter_map(Result::ok);
    let keys = won.next().unwrap();
    assert!(won.next().is_none());
    vault.unseal(keys.shares[0].clone()).await.unwrap();
    assert!(vault.core().is_some());
}

/// The store is either empty or whole, wherever the power goes.
#[tokio::test(start_paused = true)]
async fn a_power_cut_during_initialization_leaves_all_of_it_or_nothing() {
    let world = World::new();
    let mut whole = Vec::new();
    for (calls, moment) in (0..4).flat_map(|n| [(n, Moment::Before), (n, Moment::After)]) {
        let machine = virtual_world::World::new();
        let vault = Vault::load(world.config(), world.effects_of(&machine))
            .await
            .unwrap();
        machine.process.cut_in(calls, moment);
        let made = vault.initialize(Shares::ONE, None);
        let made = tokio::time::timeout(std::time::Duration::from_mins(1), made).await;
        let next = machine.successor();
        let left: Arc<MemoryStorage> = Arc::clone(next.storage.disk());
        let vault = Vault::load(world.config(), world.effects_of(&next))
            .await
            .unwrap();
        let is_initialized = read(&vault, "sys/init").await.body["initialized"] == true;
        assert_eq!(is_initialized, !left.keys().is_empty(), "{:?}", left.keys());
        whole.push(is_initialized);
        if let Ok(Ok(made)) = made {
            vault.unseal(made.shares[0].clone()).await.unwrap();
        }
        if !is_initialized {
            let (core, _) = vault.develop(None).await.unwrap();
            core.create_root_token(None).await.unwrap();
        }
    }
    assert!(whole.contains(&true) && whole.contains(&false));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_no_change_of_the_seal_half_done() {
    let world = World::new();
    let machine = virtual_world::World::new();
    let vault = Vault::load(world.config(), world.effects_of(&machine))
        .await
        .unwrap();
    let delay = std::time::Duration::from_millis(10);
    machine.storage.set_read_delay(delay);
    machine
        .storage
        .set_write_delay(delay, virtual_world::Timing::First);
    let keys = Keys::make(&vault, 1, 1).await;
    keys.give(&vault, [0]).await;
    let settled = || tokio::time::sleep(std::time::Duration::from_mins(2));
    for awaits in 0.. {
        let seal = keys.ask(&vault, Operation::Update, "sys/seal", Value::Null);
        let sealed = hang_up_after(awaits, seal).await;
        settled().await;
        let begun = vault.core().is_none();
        assert!(begun || awaits < 2, "{awaits}");
        let unseal = keys.give(&vault, [0]);
        let unsealed = hang_up_after(awaits, unseal).await;
        settled().await;
        assert!(vault.core().is_some() || awaits < 2, "{awaits}");
        if vault.core().is_none() {
            // It had not begun.
            assert!(vault.barrier_is_sealed());
            assert_eq!(keys.give(&vault, [0]).await.body["sealed"], false);
        }
        let seen = keys
            .ask(&vault, Operation::Read, "sys/mounts", Value::Null)
            .await;
        assert_eq!(seen.status, 200, "{awaits}");
        if sealed.is_some() && unsealed.is_some() {
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_leaves_it_sealed_and_can_be_repeated() {
    let world = World::new();
    let vault = load(&world).await;
    let keys = Keys::make(&vault, 1, 1).await;
    keys.give(&vault, [0]).await;
    let mount = json!({"type": "puppet"});
    keys.ask(&vault, Operation::Update, "sys/mounts/puppet", mount)
        .await;
    for does in [Does::Fail, Does::Panic] {
        vault.seal().await;
        world.puppet.on("initialize", does);
        let failed = keys.give(&vault, [0]).await;
        assert!(failed.status >= 500, "{failed:?}");
        assert_eq!(read(&vault, "sys/seal-status").await.body["sealed"], true);
        assert!(vault.barrier_is_sealed());
        let runtime = tokio::runtime::Handle::current();
        let tasks = runtime.metrics().num_alive_tasks();
        assert_eq!(tasks, 0, "tasks that still run");
        world.puppet.on("initialize", Does::Work);
        assert_eq!(keys.give(&vault, [0]).await.body["sealed"], false);
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_somebody_changed_or_removed_are_noticed() {
    let world = World::new();
    let vault = load(&world).await;
    vault
        .initialize(Shares::new(5, 3).unwrap(), None)
        .await
        .unwrap();
    let settings = "core/seal-config";
    let stored = world.storage.get(settings).await.unwrap().unwrap();
    let mut changed: Value = serde_json::from_slice(&stored).unwrap();
    changed["secret_threshold"] = 1.into();
    let changed = Zeroizing::new(serde_json::to_vec(&changed).unwrap());
    world.storage.put(settings, &changed).await.unwrap();
    let error = Vault::load(world.config(), world.effects())
        .await
        .err()
        .unwrap();
    assert!(error.to_string().contains("restore a backup"), "{error}");
    world.storage.delete(settings).await.unwrap();
    assert!(Vault::load(world.config(), world.effects()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_initialization_whose_write_fails_is_decided_by_what_is_stored() {
    for fault in [Fault::Lost, Fault::Done] {
        let world = World::new();
        let machine = virtual_world::World::new();
        let vault = Vault::load(world.config(), world.effects_of(&machine))
            .await
            .unwrap();
        machine.storage.fail_next_writes(1, fault);
        let made = match (fault, vault.initialize(Shares::ONE, None).await) {
            (Fault::Done, made) => made.unwrap(),
            (_, made) => {
                assert!(made.is_err());
                assert_eq!(read(&vault, "sys/init").await.body["initialized"], false);
                vault.initialize(Shares::ONE, None).await.unwrap()
            }
        };
        vault.unseal(made.shares[0].clone()).await.unwrap();
        let token = Some(made.root_token.expose());
        let seen = ask(&vault, token, Operation::Read, "sys/mounts", Value::Null).await;
        assert_eq!(seen.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_unsealed_has_ended_before_it_is_unsealed_again() {
    let second = std::time::Duration::from_secs(1);
    let vault = load(&World::new()).await;
    let keys = Keys::make(&vault, 1, 1).await;
    keys.give(&vault, [0]).await;
    // A task that the first core waits for when it ends.
    let first = vault.core().unwrap();
    let tasks = Arc::clone(&first.active().unwrap().tasks);
    tasks.spawn(tasks.sleep(3 * second));
    let began = tokio::time::Instant::now();
    let unseal = async {
        tokio::time::sleep(second).await;
        assert!(vault.core().is_none(), "requests are refused at once");
        let unsealed = keys.give(&vault, [0]).await;
        assert!(began.elapsed() >= 3 * second);
        unsealed
    };
    let seal = keys.ask(&vault, Operation::Update, "sys/seal", Value::Null);
    let (sealed, unsealed) = futures_util::join!(seal, unseal);
    assert_eq!(
        (sealed.status, &unsealed.body["sealed"]),
        (204, &json!(false))
    );
    assert!(!Arc::ptr_eq(&first, &vault.core().unwrap()));
}
