//! Keys whose creation went wrong half way: none may stay behind.

use std::sync::Arc;
use std::time::Duration;

use logical::ErrorClass;

use crate::world::{Fault, World, leased};

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_found_and_deleted() {
    let world = World::ready().await;
    world.cloud.arm(Fault::LoseCreateAnswer);
    let error = world.lease("single").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UpstreamFailed);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_takes_too_long_is_given_up_and_swept() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(31);
    let error = world.lease("single").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UpstreamFailed);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_between_creation_and_entry_leaves_nothing() {
    let mut world = World::ready().await;
    // The write that would make the entry live is reported failed, and the
    // process is gone before anything else.
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(5);
    let engine = Arc::clone(&world.engine);
    let reading = tokio::spawn(async move { leased(&engine, "single").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world
        .storage
        .fail_next_writes(1, virtual_world::Fault::Done);
    reading.await.unwrap().unwrap_err();
    assert_eq!(world.cloud.live().len(), 1);
    world.restart();
    world.pass(Duration::from_mins(13)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_no_key() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(2);
    let engine = Arc::clone(&world.engine);
    let reading = leased(&engine, "single");
    let cut = tokio::time::timeout(Duration::from_millis(500), reading).await;
    assert!(cut.is_err());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_is_a_bad_request_and_leaves_no_entry() {
    let world = World::ready().await;
    world.cloud.arm(Fault::Quota);
    let error = world.lease("single").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    let entries = world.storage.disk().keys();
    let left = entries.iter().filter(|key| key.contains("/credential/"));
    assert_eq!(left.count(), 0, "{entries:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_not_made_when_its_intent_cannot_be_written() {
    let world = World::ready().await;
    // The first write is the storage's own id, the second the intent.
    world.lease("single").await.unwrap();
    world
        .storage
        .fail_next_writes(1, virtual_world::Fault::Done);
    world.lease("single").await.unwrap_err();
    assert_eq!(world.cloud.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_does_not_have_its_marker_is_deleted_and_not_handed_out() {
    let world = World::ready().await;
    world.cloud.arm(Fault::OtherName);
    let error = world.lease("single").await.map(|_| ()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::UpstreamFailed);
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
}
