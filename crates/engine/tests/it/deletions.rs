//! Deletions that do not come to pass at once: they wait in our own queue, fail,
//! or concern keys that a person deleted (`lifecycle-2.md`, 57 and 58).

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::world::{Lease, World};

async fn leases(world: &World, role: &str, count: usize) -> Vec<Lease> {
    let leases = join_all((0..count).map(|_| world.lease(role))).await;
    leases.into_iter().map(Result::unwrap).collect()
}

fn hold_back(world: &World, wait: Option<Duration>) {
    *world.cloud.held_back.lock().unwrap() = wait;
}

#[tokio::test(start_paused = true)]
async fn revocations_that_wait_in_our_own_queue_succeed_and_their_keys_go_in_turn() {
    let mut world = World::ready().await;
    let mut all = leases(&world, "single", 50).await;
    all.push(world.lease("shared").await.unwrap());
    hold_back(&world, Some(Duration::from_secs(90)));
    let ended = join_all(all.iter().map(|lease| world.revoke(lease))).await;
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    assert_eq!(world.cloud.live().len(), 51);
    for lease in &all {
        let record = world.read(&format!("keys/{}", lease.key())).await.unwrap();
        assert_eq!(record.unwrap().get("state"), Some(&json!("retiring")));
    }
    // Durably: it does not depend on this process.
    world.restart();
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.cloud.lists.load(Ordering::SeqCst), 0);
    hold_back(&world, None);
    world.pass(Duration::from_mins(2)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_waits_is_no_success_while_the_mount_is_removed() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    hold_back(&world, Some(Duration::from_secs(90)));
    world.host.tainted.store(true, Ordering::SeqCst);
    world.revoke(&lease).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_waits_is_no_success_when_the_account_was_not_accepted_lately() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    hold_back(&world, Some(Duration::from_secs(90)));
    tokio::time::sleep(Duration::from_mins(10)).await;
    world.revoke(&lease).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_ends_many_keys_is_not_told_that_they_wait() {
    let world = World::ready().await;
    leases(&world, "single", 50).await;
    hold_back(&world, Some(Duration::from_secs(90)));
    world.delete("role/single/keys").await.unwrap();
    hold_back(&world, None);
    world.pass(Duration::from_mins(2)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_looked_for_while_deletions_wait() {
    let world = World::ready().await;
    let all = leases(&world, "single", 2).await;
    hold_back(&world, Some(Duration::from_secs(90)));
    world.revoke(&all[0]).await.unwrap();
    world.cloud.delete_by_hand(all[1].key());
    hold_back(&world, None);
    world.revoke(&all[1]).await.unwrap();
    assert_eq!(world.cloud.lists.load(Ordering::SeqCst), 0);
    world.pass(Duration::from_mins(4)).await;
    assert!(world.cloud.live().is_empty());
    let record = world.read(&format!("keys/{}", all[1].key())).await.unwrap();
    assert_eq!(record.unwrap().get("state"), Some(&json!("gone")));
}

#[tokio::test(start_paused = true)]
async fn keys_whose_deletion_failed_for_long_go_soon_after_confluent_answers_again() {
    let world = World::ready().await;
    let all = leases(&world, "single", 20).await;
    world.cloud.deletes_fail.store(true, Ordering::SeqCst);
    for lease in &all {
        world.revoke(lease).await.unwrap_err();
    }
    world.pass(Duration::from_mins(30)).await;
    assert_eq!(world.cloud.live().len(), 20);
    world.cloud.deletes_fail.store(false, Ordering::SeqCst);
    world.pass(Duration::from_mins(2)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removed_mount_ends_its_keys_in_rounds_while_deletions_fail() {
    let world = World::ready().await;
    leases(&world, "single", 20).await;
    world.host.tainted.store(true, Ordering::SeqCst);
    world.cloud.deletes_fail.store(true, Ordering::SeqCst);
    let mended = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        world.cloud.deletes_fail.store(false, Ordering::SeqCst);
    };
    let began = tokio::time::Instant::now();
    tokio::join!(world.engine.cleanup(), mended);
    assert!(world.cloud.live().is_empty());
    assert!(began.elapsed() < Duration::from_secs(25));
}

#[tokio::test(start_paused = true)]
async fn a_key_deleted_by_hand_blocks_nothing_where_a_list_does_not_show_all() {
    let world = World::ready().await;
    let all = leases(&world, "single", 8).await;
    *world.cloud.list_limit.lock().unwrap() = Some(3);
    world.cloud.delete_by_hand(all[0].key());
    world.cloud.delete_by_hand(all[1].key());
    world.revoke(&all[0]).await.unwrap();
    world.host.tainted.store(true, Ordering::SeqCst);
    world.revoke(&all[1]).await.unwrap();
    let began = tokio::time::Instant::now();
    world.engine.cleanup().await;
    assert!(world.cloud.live().is_empty());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_certainly_gone_is_neither_extended_nor_shared_again() {
    let world = World::ready().await;
    let single = world.lease("single").await.unwrap();
    let shared = world.lease("shared").await.unwrap();
    world.pass(Duration::from_mins(8)).await;
    for lease in [&single, &shared] {
        world.renew(lease, 1800).await.unwrap();
    }
    world.pass(Duration::from_mins(8)).await;
    world.renew(&shared, 1800).await.unwrap();
    for lease in [&single, &shared] {
        world.cloud.delete_by_hand(lease.key());
    }
    world.write("reconcile", &json!({})).await.unwrap();
    for lease in [&single, &shared] {
        let error = world.renew(lease, 0).await.unwrap_err();
        assert!(error.message().contains("no longer in use"), "{error}");
    }
    let next = world.lease("shared").await.unwrap();
    assert_eq!(world.cloud.live(), [next.key()]);
}
