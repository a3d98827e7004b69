//! The keys on record: what is told of them, and their end by an operator.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::{ErrorClass, Operation, Request};
use serde_json::json;

use crate::world::{Fault, World, leased};

#[tokio::test(start_paused = true)]
async fn the_keys_on_record_are_listed_with_role_state_and_holders() {
    let world = World::ready().await;
    assert_eq!(
        world.list("keys/").await.unwrap().unwrap().get("keys"),
        None
    );
    let single = world.lease("single").await.unwrap();
    let shared = world.lease("shared").await.unwrap();
    world.lease("shared").await.unwrap();
    let all = world.list("keys/").await.unwrap().unwrap();
    assert_eq!(
        all.get("keys").unwrap(),
        &json!([single.key(), shared.key()])
    );
    let info = |key: &str| all.get("key_info").unwrap()[key].clone();
    let expected = |role: &str, holders: usize| {
        json!({
            "role": role, "state": "live", "holders": holders, "purpose": "role", "owner": "sa-1",
            "resource": "lkc-1", "made_at": "2027-01-15T08:00:00Z",
            "held_until": "2027-01-15T08:11:00Z",
        })
    };
    assert_eq!(info(single.key()), expected("single", 1));
    assert_eq!(info(shared.key()), expected("shared", 2));
    let of_role = world.list("role/shared/keys/").await.unwrap().unwrap();
    assert_eq!(of_role.get("keys").unwrap(), &json!([shared.key()]));
}

#[tokio::test(start_paused = true)]
async fn a_key_reads_back_with_its_story_and_without_its_secret() {
    let world = World::ready().await;
    let lease = world.lease("shared").await.unwrap();
    let path = format!("keys/{}", lease.key());
    let read = world.read(&path).await.unwrap().unwrap();
    for (name, value) in [
        ("key_id", json!(lease.key())),
        ("state", json!("live")),
        ("role", json!("shared")),
        ("owner", json!("sa-1")),
        ("resource", json!("lkc-1")),
        ("resource_env", json!("env-1")),
        ("holders", json!(1)),
        ("multi_use_key", json!(true)),
    ] {
        assert_eq!(read.get(name), Some(&value), "{name}");
    }
    assert!(!format!("{:?}", read.data).contains("secret-of"));
    world.revoke(&lease).await.unwrap();
    let read = world.read(&path).await.unwrap().unwrap();
    assert_eq!(read.get("state"), Some(&json!("gone")));
    assert!(world.read("keys/NOSUCHKEY").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_operator_ends_a_key_whoever_holds_it_and_the_next_reader_gets_a_fresh_one() {
    let world = World::ready().await;
    let lease = world.lease("shared").await.unwrap();
    world.lease("shared").await.unwrap();
    world
        .delete(&format!("keys/{}", lease.key()))
        .await
        .unwrap();
    assert!(world.cloud.live().is_empty());
    let error = world.renew(&lease, 60).await.unwrap_err();
    assert!(error.message().contains("no longer in use"), "{error}");
    world.revoke(&lease).await.unwrap();
    let next = world.lease("shared").await.unwrap();
    assert_ne!(next.key(), lease.key());
    assert_eq!(world.cloud.live(), [next.key()]);
}

#[tokio::test(start_paused = true)]
async fn all_keys_of_a_role_end_together_even_after_the_role_is_gone() {
    let world = World::ready().await;
    for _ in 0..20 {
        world.lease("single").await.unwrap();
    }
    let other = world.lease("shared").await.unwrap();
    world.delete("role/single").await.unwrap();
    world.delete("role/single/keys").await.unwrap();
    assert_eq!(world.cloud.live(), [other.key()]);
}

#[tokio::test(start_paused = true)]
async fn keys_that_could_not_be_ended_are_counted_and_swept_later() {
    let world = World::ready().await;
    for _ in 0..3 {
        world.lease("single").await.unwrap();
    }
    world.cloud.arm(Fault::FailDelete);
    let error = world.delete("role/single/keys").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UpstreamFailed);
    assert!(error.message().starts_with("1 of 3 keys"), "{error}");
    assert_eq!(world.cloud.live().len(), 1);
    world.pass(std::time::Duration::from_mins(3)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_without_record_and_marker_cannot_be_deleted_here() {
    let world = World::ready().await;
    world.cloud.make_by_hand("VICTIM", "orders-writer");
    let error = world.delete("keys/VICTIM").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains("`VICTIM`"), "{error}");
    let error = world.delete("keys/NOSUCHKEY").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains("check the id"), "{error}");
    assert_eq!(world.cloud.live(), ["VICTIM"]);
    assert_eq!(world.cloud.deletes.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_another_mount_is_deleted_only_when_its_storage_is_named() {
    let world = World::ready().await;
    let make = || {
        world
            .cloud
            .make_by_hand("STRANGER", "NNNNNNNNNNNNNMMMMMMMMMMMMM app");
    };
    make();
    for body in [
        json!({}),
        json!({"storage_id": "AAAAAAAAAAAAA"}),
        json!({"force": false}),
    ] {
        let refused = world.delete_with("keys/STRANGER", &body).await;
        let error = refused.unwrap_err();
        assert_eq!(error.class(), ErrorClass::BadRequest);
        for word in ["`STRANGER`", "`storage_id", "NNNNNNNNNNNNN", "`force=true`"] {
            assert!(error.message().contains(word), "{error}");
        }
        assert_eq!(world.cloud.live(), ["STRANGER"]);
    }
    for body in [
        json!({"storage_id": "NNNNNNNNNNNNN"}),
        json!({"force": true}),
    ] {
        make();
        let answer = world.delete_with("keys/STRANGER", &body).await;
        let answer = answer.unwrap().unwrap();
        assert!(answer.warnings[0].contains("not on record"));
        assert!(world.cloud.live().is_empty());
    }
}

/// After a backup was restored.
#[tokio::test(start_paused = true)]
async fn a_key_of_this_storage_without_a_record_is_deleted_when_its_id_is_given() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let ours = world.cloud.name_of(lease.key());
    let lost = format!("{}MMMMMMMMMMMMM app", &ours[..13]);
    world.cloud.make_by_hand("LOST", &lost);
    world.delete("keys/LOST").await.unwrap();
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_came_back_after_it_was_gone_can_be_ended_by_its_id() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let name = world.cloud.name_of(lease.key());
    world.revoke(&lease).await.unwrap();
    world.pass(Duration::from_mins(30)).await;
    world.cloud.make_by_hand(lease.key(), &name);
    world
        .delete(&format!("keys/{}", lease.key()))
        .await
        .unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_leads_to_whom_it_was_given_and_not_to_their_token() {
    let world = World::ready().await;
    for (role, restarts) in [("single", false), ("shared", false), ("single", true)] {
        let mut request = Request::new(Operation::Read, format!("creds/{role}"));
        request.display_name = "approle-orders".into();
        request.entity_id = "entity-1".into();
        request.client_token_accessor = "accessor-canary".into();
        let answer = world.engine.handle(request).await.unwrap().unwrap();
        let key = answer.get("key_id").unwrap().as_str().unwrap();
        let engine = if restarts {
            world.another_process()
        } else {
            Arc::clone(&world.engine)
        };
        let read = Request::new(Operation::Read, format!("keys/{key}"));
        let read = engine.handle(read).await.unwrap().unwrap();
        for (name, value) in [
            ("requester", "approle-orders"),
            ("requester_entity", "entity-1"),
            // printf accessor-canary | sha256sum | cut -c1-16
            ("requester_accessor_hash", "4e7d2ea8851e3ea9"),
        ] {
            assert_eq!(read.get(name), Some(&json!(value)), "{role}");
        }
    }
    for key in world.storage.disk().keys() {
        let stored = logical::Storage::get(&**world.storage.disk(), &key).await;
        let stored = String::from_utf8_lossy(&stored.unwrap().unwrap()).into_owned();
        assert!(!stored.contains("accessor-canary"), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_search_for_one_key_or_role_leaves_the_other_keys_unread() {
    let mut world = World::ready().await;
    let mut leases = Vec::new();
    for _ in 0..100 {
        leases.push(world.lease("single").await.unwrap());
    }
    let shared = world.lease("shared").await.unwrap();
    let path = format!("keys/{}", leases[50].key());
    for start in 0..2 {
        if start > 0 {
            world.restart();
            // The first search of a process reads what it does not know yet.
            world.data_of(&path).await;
        }
        let before = world.storage.calls().reads();
        world.data_of(&path).await;
        let of_key = world.storage.calls().reads() - before;
        assert!(of_key < 10, "{of_key} reads for one key of 101");

        let before = world.storage.calls().reads();
        let of_role = world.list("role/shared/keys/").await.unwrap().unwrap();
        assert_eq!(of_role.get("keys").unwrap(), &json!([shared.key()]));
        let of_role = world.storage.calls().reads() - before;
        assert!(
            of_role < 15,
            "{of_role} reads for a role with one key of 101"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_another_process_made_is_found_by_its_id_and_by_its_role() {
    let world = World::ready().await;
    let first = world.lease("shared").await.unwrap();
    world.data_of(&format!("keys/{}", first.key())).await;
    let other = world.another_process();
    let theirs = leased(&other, "single").await.unwrap();
    world.data_of(&format!("keys/{}", theirs.key())).await;
    let of_role = world.list("role/single/keys/").await.unwrap().unwrap();
    assert_eq!(of_role.get("keys").unwrap(), &json!([theirs.key()]));
}
