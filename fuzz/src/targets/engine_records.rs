//! The engine on storage of which one entry was changed: it starts, answers and
//! cleans up or says which entry it cannot read, and quotes no secret.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use logical::{Backend, Error, Operation, Request, Response, Secret, Storage as _};
use serde_json::{Value, json};
use tokio::time::sleep;
use virtual_world::World;

use super::engine_requests::{configure, mount, shows_secret};
use crate::CANARY;
use crate::input::Input;
use crate::runtime::paused;

/// Entries by their keys.
type Entries = Vec<(String, Vec<u8>)>;

/// What an engine wrote, and the leases that its host keeps.
struct History {
    entries: Entries,
    leases: Vec<Secret>,
}

async fn entries(world: &World) -> Entries {
    let disk = world.storage.disk();
    let mut entries = Vec::new();
    for key in disk.keys() {
        let value = disk.get(&key).await.expect("memory can be read");
        entries.extend(value.map(|value| (key, value.to_vec())));
    }
    entries
}

async fn ask(engine: &Arc<dyn Backend>, operation: Operation, path: &str) -> Option<Response> {
    let answered = engine.handle(Request::new(operation, path)).await;
    answered.unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Static roles, one of which rotates and one of which is deleted, a role with spares,
/// settings and a report of logins.
fn kept_alive() -> Vec<(&'static str, Value)> {
    let role = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
        "rotation_period": 3600, "grace": 600, "refresh": 300, "readiness": "none",
    });
    let mut warm = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
        "ttl": 600, "max_ttl": 3600, "readiness": "delay", "spares": 1,
    });
    let mut adopts = role.clone();
    adopts["adopt_role"] = "shared".into();
    warm["max_active"] = 10.into();
    vec![
        ("config", json!({"fold_role_names": false})),
        ("static-role/rotating", role.clone()),
        ("rotate-role/rotating", json!({"grace": 400})),
        ("static-role/left", role),
        ("static-role/adopting", adopts),
        ("role/warm", warm),
        (
            "usage",
            json!({"watermark": "2027-01-15T08:00:00Z", "source": "log", "offsets": "0:1",
                   "keys": {"KEY0000": "2027-01-15T07:59:00Z"}}),
        ),
    ]
}

/// A life with leases of both kinds, renewed and ended.
fn history() -> History {
    paused(async {
        let world = World::new();
        let engine = mount(&world, &Arc::default());
        configure(&engine).await;
        let mut leases = Vec::new();
        for role in ["single", "single", "shared", "shared", "single", "shared"] {
            let answer = ask(&engine, Operation::Read, &format!("creds/{role}")).await;
            let secret = answer.and_then(|answer| answer.secret);
            leases.push(secret.expect("credentials come with a lease"));
        }
        for lease in &leases[..2] {
            let mut lease = lease.clone();
            lease.lease.increment = Duration::from_mins(20);
            let request = Request::new(Operation::Renew, "creds/any").with_secret(lease);
            engine
                .handle(request)
                .await
                .expect("a lease can be renewed");
        }
        for lease in leases.drain(4..) {
            let request = Request::new(Operation::Revoke, "creds/any").with_secret(lease);
            engine
                .handle(request)
                .await
                .expect("a lease can be revoked");
        }
        for (path, body) in kept_alive() {
            let data = body.as_object().cloned().unwrap_or_default();
            let request = Request::new(Operation::Update, path).with_data(data);
            let answered = engine.handle(request).await;
            assert!(answered.is_ok(), "{path}: {:?}", answered.err());
        }
        ask(&engine, Operation::Delete, "static-role/left").await;
        for _ in 0..2 {
            let _ = engine.periodic().await;
            sleep(Duration::from_mins(1)).await;
        }
        world.tasks.finish().await;
        History {
            entries: entries(&world).await,
            leases,
        }
    })
}

/// What the Go plugin leaves behind.
fn of_go_plugin() -> Entries {
    let entry = |key: &str, value: &str| (key.to_owned(), value.as_bytes().to_vec());
    vec![
        entry(
            "config",
            &format!(r#"{{"api_key_id":"A","api_key_secret":"{CANARY}","url":""}}"#),
        ),
        entry(
            "role/a",
            r#"{"owner":"sa-1","owner_env":"env-1","resource":"lkc-1","resource_env":"env-1","ttl":600000000000,"max_ttl":3600000000000,"key_description":"d","multi_use_key":true,"usage_count":1,"cc_key_id":"K","cc_key_secret":"shared"}"#,
        ),
        entry("role/b", r#"{"owner":"sa-1","resource":"","ttl":0}"#),
    ]
}

fn kept() -> &'static [History; 2] {
    static KEPT: OnceLock<[History; 2]> = OnceLock::new();
    KEPT.get_or_init(|| {
        let taken_over = History {
            entries: of_go_plugin(),
            leases: Vec::new(),
        };
        [history(), taken_over]
    })
}

pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let history = &kept()[usize::from(input.byte()) % 2];
    let changed = usize::from(input.byte()) % history.entries.len();
    paused(async {
        let world = World::new();
        for (number, (key, value)) in history.entries.iter().enumerate() {
            let value = if number == changed {
                input.rest()
            } else {
                value
            };
            let put = world.storage.disk().put(key, value).await;
            put.expect("memory can be written");
        }
        live(&world, &history.leases).await;
        assert_eq!(world.tasks.panics(), 0);
    });
}

/// What a host asks of an engine that it starts.
async fn live(world: &World, leases: &[Secret]) {
    let engine = mount(world, &Arc::default());
    check(engine.initialize().await.map(|()| None));
    let _ = engine.periodic().await;
    for (operation, path) in [
        (Operation::Read, "config"),
        (Operation::Read, "role/single"),
        (Operation::Read, "role/a"),
        (Operation::List, "role/"),
        (Operation::Read, "creds/single"),
        (Operation::Read, "creds/shared"),
        (Operation::Read, "creds/a"),
        (Operation::Read, "creds/warm"),
        (Operation::Read, "static-role/rotating"),
        (Operation::Read, "static-role/rotating/status"),
        (Operation::Read, "static-creds/rotating"),
        (Operation::Read, "static-creds/adopting"),
        (Operation::Read, "data/rotating"),
        (Operation::List, "static-role/"),
        (Operation::Update, "rotate-role/rotating"),
        (Operation::Read, "usage"),
        (Operation::Read, "status"),
        (Operation::List, "keys/"),
    ] {
        check(engine.handle(Request::new(operation, path)).await);
    }
    for lease in leases {
        let about = |operation| Request::new(operation, "creds/any").with_secret(lease.clone());
        check(engine.handle(about(Operation::Renew)).await);
        check(engine.handle(about(Operation::Revoke)).await);
    }
    sleep(Duration::from_hours(1)).await;
    let _ = engine.periodic().await;
    sleep(Duration::from_mins(1)).await;
}

fn check(answered: Result<Option<Response>, Error>) {
    match answered {
        Ok(answer) => assert!(!answer.as_ref().is_some_and(shows_secret)),
        Err(error) => assert!(!error.message().contains(CANARY), "{error}"),
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (which, history) in (0_u8..).zip(kept()) {
        for (changed, (_, value)) in (0_u8..).zip(&history.entries) {
            seeds.push([&[which, changed], value.as_slice()].concat());
        }
    }
    seeds
}
