//! Readers of single-use keys who come together: what is noted of their keys is
//! written together, and each key lives and ends by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use logical::Storage;
use serde_json::json;
use virtual_world::{Call, Kind, Timing};

use crate::world::{Fault, Lease, World, leased};

const INTENTS: &str = "lockkeeper/intents/";
const RECORDS: &str = "lockkeeper/records/";
const ALONE: &str = "lockkeeper/credential/";

/// A world whose storage takes its time, so that readers wait for it.
async fn slow() -> World {
    let world = World::ready().await;
    world
        .storage
        .set_write_delay(Duration::from_millis(10), Timing::First);
    world
}

async fn together(world: &World, readers: usize) -> Vec<Lease> {
    let leases = join_all((0..readers).map(|_| world.lease("single"))).await;
    let leases = leases.into_iter().map(Result::unwrap).collect();
    // What the answers did not wait for.
    tokio::time::sleep(Duration::from_secs(1)).await;
    leases
}

async fn count(world: &World, folder: &str) -> usize {
    world.storage.disk().list(folder).await.unwrap().len()
}

async fn keys_on_record(world: &World) -> Vec<String> {
    let listed = world.list("keys/").await.unwrap().unwrap();
    let keys = listed.get("keys").and_then(|keys| keys.as_array());
    let keys = keys.into_iter().flatten().map(|key| key.as_str().unwrap());
    keys.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn readers_who_come_together_cost_few_writes() {
    let world = slow().await;
    together(&world, 2).await;
    let before = world.storage.calls().changes;
    let leases = together(&world, 32).await;
    // Intents, records, and that the intents are needed no more.
    let written = world.storage.calls().changes - before;
    assert_eq!(written, 3);
    let mut keys: Vec<_> = leases.iter().map(Lease::key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 32);
    assert_eq!(world.cloud.live().len(), 34);
    assert_eq!(count(&world, INTENTS).await, 0);
    assert_eq!(count(&world, RECORDS).await, 2);
    assert_eq!(keys_on_record(&world).await, world.cloud.live());
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_written_together_live_and_end_each_by_itself() {
    let mut world = slow().await;
    let leases = together(&world, 4).await;
    world.restart();
    assert_eq!(keys_on_record(&world).await.len(), 4);
    world.renew(&leases[1], 3000).await.unwrap();
    world.revoke(&leases[2]).await.unwrap();
    assert!(!world.lives(leases[2].key()));
    world.restart();
    // Past the first term of those that were not renewed.
    world.pass(Duration::from_mins(12)).await;
    assert_eq!(world.cloud.live(), [leases[1].key()]);
    assert_eq!(keys_on_record(&world).await, [leases[1].key()]);
    world.pass(Duration::from_mins(50)).await;
    assert_eq!(world.cloud.live(), [""; 0]);
    for folder in [INTENTS, RECORDS, ALONE] {
        assert_eq!(count(&world, folder).await, 0, "{folder}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_end_together_leave_their_entry_together() {
    let world = slow().await;
    let leases = together(&world, 34).await;
    let (first, others) = leases.split_at(2);
    let ended = join_all(first.iter().map(|lease| world.revoke(lease))).await;
    assert!(ended.into_iter().all(|ended| ended.is_ok()));
    let before = world.storage.calls().changes;
    let ended = join_all(others.iter().map(|lease| world.revoke(lease))).await;
    assert!(ended.into_iter().all(|ended| ended.is_ok()));
    let written = world.storage.calls().changes - before;
    // Each: two notes of its tombstone, and that it has no entry of its own.
    // Once: that they leave.
    assert_eq!(written, 32 * 3 + 1);
    assert_eq!(count(&world, RECORDS).await, 0);
}

#[tokio::test(start_paused = true)]
async fn intents_wait_for_the_slowest_and_go_with_it() {
    let world = slow().await;
    together(&world, 2).await;
    world.cloud.arm(Fault::Quota);
    let before = world.storage.calls().changes;
    let leases = join_all((0..5).map(|_| world.lease("single"))).await;
    let refused = leases.iter().filter(|lease| lease.is_err()).count();
    assert_eq!(refused, 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Intents, records, and that the intents are needed no more.
    assert_eq!(world.storage.calls().changes - before, 3);
    assert_eq!(count(&world, INTENTS).await, 0);
    assert_eq!(keys_on_record(&world).await, world.cloud.live());
}

#[tokio::test(start_paused = true)]
async fn keys_whose_answers_were_lost_are_ended_and_their_intents_go() {
    let world = slow().await;
    for _ in 0..5 {
        world.cloud.arm(Fault::LoseCreateAnswer);
    }
    let leases = join_all((0..5).map(|_| world.lease("single"))).await;
    assert!(leases.iter().all(Result::is_err));
    assert_eq!(world.cloud.made(), 5);
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.cloud.live(), [""; 0]);
    for folder in [INTENTS, RECORDS, ALONE] {
        assert_eq!(count(&world, folder).await, 0, "{folder}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_was_left_behind_stands_back_behind_record_and_tombstone() {
    let mut world = slow().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(1);
    let intents = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let names = world.storage.disk().list(INTENTS).await.unwrap();
        let place = format!("{INTENTS}{}", names[0]);
        let intents = world.storage.disk().get(&place).await.unwrap().unwrap();
        (place, intents)
    };
    let (leases, (place, intents)) = futures_util::join!(together(&world, 4), intents);
    world.revoke(&leases[1]).await.unwrap();
    // As if the power had gone before they were deleted.
    world.storage.disk().put(&place, &intents).await.unwrap();
    world.restart();
    let gone = world.read(&format!("keys/{}", leases[1].key())).await;
    assert_eq!(gone.unwrap().unwrap().get("state"), Some(&json!("gone")));
    world.pass(Duration::from_mins(5)).await;
    let mut held: Vec<_> = [0, 2, 3].map(|lease| leases[lease].key().to_owned()).into();
    held.sort();
    assert_eq!(world.cloud.live(), held);
    assert_eq!(keys_on_record(&world).await, held);
    assert_eq!(count(&world, INTENTS).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_wrote_together_is_found() {
    let mut world = slow().await;
    let other = Arc::clone(&world.engine);
    world.restart();
    // It knows what there was.
    let known = world.lease("single").await.unwrap();
    world.revoke(&known).await.unwrap();
    let leases = join_all((0..4).map(|_| leased(&other, "single"))).await;
    let leases: Vec<_> = leases.into_iter().map(Result::unwrap).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count(&world, RECORDS).await, 1);
    world.renew(&leases[2], 3000).await.unwrap();
    world.revoke(&leases[3]).await.unwrap();
    assert_eq!(keys_on_record(&world).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_of_many_makes_no_key() {
    let world = slow().await;
    world.lease("single").await.unwrap();
    world
        .storage
        .fail_next_writes(2, virtual_world::Fault::Done);
    let leases = join_all((0..5).map(|_| world.lease("single"))).await;
    assert!(leases.iter().all(Result::is_err));
    assert_eq!(world.cloud.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn keys_whose_records_were_lost_are_found_by_their_intents() {
    let world = slow().await;
    let lost = |call: &Call<'_>| call.is_write() && call.touches("lockkeeper/records/");
    world
        .storage
        .fail_if(move |call| lost(call).then_some(virtual_world::Fault::Lost));
    let leases = join_all((0..5).map(|_| world.lease("single"))).await;
    assert!(leases.iter().all(Result::is_err));
    assert_eq!(world.cloud.live().len(), 5);
    world.storage.heal();
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.cloud.live(), [""; 0]);
    assert_eq!(count(&world, INTENTS).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_intent_was_written_alone_is_recorded_alone() {
    let mut world = slow().await;
    world.lease("single").await.unwrap();
    let creations_take =
        |millis| *world.cloud.create_delay.lock().unwrap() = Duration::from_millis(millis);
    creations_take(1000);
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        creations_take(900);
        join_all((0..4).map(|_| world.lease("single"))).await
    };
    let (alone, others) = futures_util::join!(world.lease("single"), others);
    assert!(alone.is_ok() && others.iter().all(Result::is_ok));
    assert_eq!(count(&world, RECORDS).await, 1);
    creations_take(0);
    world.restart();
    world.pass(Duration::from_mins(5)).await;
    assert_eq!(world.cloud.live().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_intent_of_a_mount_that_turns_out_to_be_removed_does_not_stay() {
    let world = slow().await;
    world.host.set_tainted(true);
    let leases = join_all((0..3).map(|_| world.lease("single"))).await;
    assert!(leases.iter().all(Result::is_err));
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.lease("single").await.unwrap_err();
    for folder in [INTENTS, RECORDS, ALONE] {
        assert_eq!(count(&world, folder).await, 0, "{folder}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_read_once_and_not_once_for_each_of_its_members() {
    let mut world = slow().await;
    together(&world, 513).await;
    assert_eq!(count(&world, RECORDS).await, 1);
    world.restart();
    let read = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&read);
    world.storage.fail_if(move |call| {
        let of_records = call.kind == Kind::Get && call.touches("lockkeeper/records/");
        counted.fetch_add(u64::from(of_records), Ordering::SeqCst);
        None
    });
    let reads = || read.swap(0, Ordering::SeqCst);
    reads();
    assert_eq!(keys_on_record(&world).await.len(), 513);
    let listed = reads();
    assert!(listed <= 2, "{listed}");
    world.restart();
    world.pass(Duration::from_mins(1)).await;
    let swept = reads();
    assert!(swept <= 2, "{swept}");
}
