//! Keys that are shared by the readers of one entity or token, and by nobody
//! else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use logical::Storage as _;
use serde_json::json;

use crate::world::{Reader, World, leased_to};

async fn sharing_by(by: &str) -> World {
    let world = World::ready().await;
    let role = json!({"owner": "sa-1", "resource": "lkc-1", "sharing": by, "ttl": 600});
    world.write("role/scoped", &role).await.unwrap();
    world
}

/// A service token.
fn service<'a>(entity: &'a str, accessor: &'a str) -> Reader<'a> {
    Reader {
        entity,
        accessor,
        token: accessor,
    }
}

fn batch(entity: &'static str, token: &'static str) -> Reader<'static> {
    Reader {
        entity,
        accessor: "",
        token,
    }
}

async fn key(world: &World, reader: Reader<'_>) -> String {
    let lease = world.lease_to("scoped", reader).await.unwrap();
    lease.key().to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_tokens_of_one_entity_share_a_key_and_others_do_not() {
    let mut world = sharing_by("entity").await;
    let one = key(&world, service("alice", "token-1")).await;
    assert_eq!(key(&world, service("alice", "token-2")).await, one);
    assert_eq!(key(&world, batch("alice", "batch-1")).await, one);
    let other = key(&world, service("bob", "token-3")).await;
    assert_ne!(other, one);
    world.restart();
    assert_eq!(key(&world, service("bob", "token-4")).await, other);
    assert_eq!(key(&world, service("alice", "token-5")).await, one);
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_reads_of_one_token_share_a_key_and_those_of_its_entity_do_not() {
    let mut world = sharing_by("token").await;
    let readers = [
        service("alice", "token-1"),
        service("alice", "token-2"),
        service("", "token-3"),
        batch("alice", "batch-1"),
        batch("", "batch-2"),
    ];
    let mut keys = Vec::new();
    for reader in readers {
        keys.push(key(&world, reader).await);
    }
    world.restart();
    for (reader, before) in readers.into_iter().zip(&keys) {
        assert_eq!(key(&world, reader).await, *before);
    }
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), readers.len());
}

#[tokio::test(start_paused = true)]
async fn first_readers_of_one_entity_that_come_together_get_one_key() {
    let world = sharing_by("entity").await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(1);
    let readers: Vec<_> = (0..30)
        .map(|number| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move {
                let entity = ["alice", "bob", "carol"][number % 3];
                let reader = service(entity, "token");
                let lease = leased_to(&engine, "scoped", reader).await.unwrap();
                (entity, lease.key().to_owned())
            })
        })
        .collect();
    let mut pairs = BTreeSet::new();
    for reader in readers {
        pairs.insert(reader.await.unwrap());
    }
    assert_eq!(pairs.len(), 3);
    assert_eq!(world.cloud.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reader_without_what_a_role_shares_by_is_told_what_to_do() {
    let world = sharing_by("entity").await;
    let error = world.lease_to("scoped", service("", "token")).await;
    let error = error.unwrap_err();
    assert_eq!(error.class(), logical::ErrorClass::BadRequest);
    for words in ["`sharing=entity`", "belongs to none", "`sharing=token`"] {
        assert!(error.message().contains(words), "{error}");
    }
    let world = sharing_by("token").await;
    let error = world.lease("scoped").await.unwrap_err();
    assert_eq!(error.class(), logical::ErrorClass::BadRequest);
    assert!(error.message().contains("`sharing=role`"), "{error}");
    assert_eq!(world.cloud.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn tokens_and_accessors_are_stored_as_hashes_only() {
    let world = sharing_by("token").await;
    key(&world, service("", "accessor-probe")).await;
    key(&world, batch("", "batch-probe")).await;
    for place in world.storage.disk().keys() {
        let stored = world.storage.disk().get(&place).await.unwrap().unwrap();
        let text = format!("{place} {}", String::from_utf8_lossy(&stored));
        assert!(!text.contains("probe"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn sharing_and_the_go_plugins_flag_are_read_as_one() {
    let world = World::ready().await;
    for (given, sharing, multi) in [
        (json!({"owner": "sa-1"}), "lease", false),
        (json!({"multi_use_key": true}), "role", true),
        (json!({"sharing": "entity"}), "entity", true),
        (json!({"multi_use_key": true}), "entity", true),
        (
            json!({"sharing": "token", "multi_use_key": true}),
            "token",
            true,
        ),
        (json!({"ttl": 60}), "token", true),
        (json!({"multi_use_key": false}), "lease", false),
        (json!({"sharing": "role"}), "role", true),
        (
            json!({"sharing": "lease", "multi_use_key": false}),
            "lease",
            false,
        ),
    ] {
        world.write("role/both", &given).await.unwrap();
        let role = world.read("role/both").await.unwrap().unwrap();
        assert_eq!(role.get("sharing"), Some(&json!(sharing)), "{given}");
        assert_eq!(role.get("multi_use_key"), Some(&json!(multi)), "{given}");
    }
    for (given, says) in [
        (
            json!({"sharing": "lease", "multi_use_key": true}),
            "`sharing` is `lease` and `multi_use_key` true: give one of them",
        ),
        (
            json!({"sharing": "entity", "multi_use_key": false}),
            "`sharing` is `entity` and `multi_use_key` false: give one of them",
        ),
        (
            json!({"sharing": "all"}),
            "`sharing` is `all`: give `lease`, ",
        ),
        (json!({"sharing": ""}), "`sharing` is ``: give `lease`, "),
    ] {
        let error = world.write("role/both", &given).await.unwrap_err();
        assert_eq!(error.class(), logical::ErrorClass::BadRequest);
        assert!(error.message().starts_with(says), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_names_a_shared_key_goes_with_the_key() {
    let world = sharing_by("token").await;
    let pointers = || {
        let places = world.storage.disk().keys().into_iter();
        places
            .filter(|place| place.starts_with("lockkeeper/shared/"))
            .count()
    };
    let mut leases = Vec::new();
    for token in ["one", "two", "three"] {
        let reader = service("", token);
        leases.push(world.lease_to("scoped", reader).await.unwrap());
    }
    assert_eq!(pointers(), 3);
    world.revoke(&leases[0]).await.unwrap();
    assert_eq!(pointers(), 2);
    world
        .write("role/scoped", &json!({"owner": "sa-2"}))
        .await
        .unwrap();
    assert_eq!(pointers(), 0, "none of an earlier owner");
    for lease in &leases[1..] {
        world.revoke(lease).await.unwrap();
    }
    assert!(world.cloud.live().is_empty());
}
