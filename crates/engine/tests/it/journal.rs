//! What many leases of one key cost storage, together and one by one, and what a
//! failed write costs those who come after it.

use std::time::Duration;

use futures_util::future::join_all;
use virtual_world::{Fault, Timing};

use crate::world::{Lease, World};

const LEASES: usize = 1000;

/// A world whose writes take five milliseconds.
async fn slow() -> World {
    let world = World::ready().await;
    world
        .storage
        .set_write_delay(Duration::from_millis(5), Timing::First);
    world
}

async fn many(world: &World, leases: usize) -> Vec<Lease> {
    let leases = join_all((0..leases).map(|_| world.lease("shared"))).await;
    leases.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_leases_that_are_extended_together_cost_a_few_writes() {
    let world = slow().await;
    let leases = many(&world, LEASES).await;
    let (before, began) = (world.storage.calls().changes, tokio::time::Instant::now());
    let renewed = join_all(leases.iter().map(|lease| world.renew(lease, 1200))).await;
    assert!(renewed.iter().all(Result::is_ok));
    assert!(
        began.elapsed() <= Duration::from_millis(50),
        "{:?}",
        began.elapsed()
    );
    let written = world.storage.calls().changes - before;
    assert!(written <= 10, "{written}");
    world.pass(Duration::from_mins(15)).await;
    assert_eq!(world.cloud.live(), [leases[0].key()]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_leases_that_end_together_cost_a_few_writes() {
    let world = slow().await;
    let leases = many(&world, LEASES).await;
    let (before, began) = (world.storage.calls().changes, tokio::time::Instant::now());
    let ended = join_all(leases.iter().map(|lease| world.revoke(lease))).await;
    assert!(ended.iter().all(Result::is_ok));
    assert!(
        began.elapsed() <= Duration::from_millis(50),
        "{:?}",
        began.elapsed()
    );
    let written = world.storage.calls().changes - before;
    assert!(written <= 20, "{written}");
    assert!(world.cloud.live().is_empty());
    assert!(
        !world
            .storage
            .disk()
            .keys()
            .iter()
            .any(|key| key.contains("/holder/"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_of_one_lease_does_not_write_what_is_stored_of_a_thousand_others() {
    let mut world = slow().await;
    let leases = many(&world, LEASES).await;
    let before = world.storage.calls().bytes;
    for lease in &leases[..400] {
        world.revoke(lease).await.unwrap();
    }
    let written = world.storage.calls().bytes - before;
    assert!(written < 400 * 1024, "{written}");
    world.restart();
    let key = leases[0].key();
    let holders = async |world: &World| {
        let record = world.read(&format!("keys/{key}")).await.unwrap().unwrap();
        record.get("holders").cloned()
    };
    assert_eq!(holders(&world).await, Some(serde_json::json!(600)));
    for lease in &leases[400..999] {
        world.revoke(lease).await.unwrap();
    }
    world.restart();
    assert_eq!(holders(&world).await, Some(serde_json::json!(1)));
    world.revoke(&leases[999]).await.unwrap();
    assert!(world.cloud.live().is_empty());
    assert!(
        !world
            .storage
            .disk()
            .keys()
            .iter()
            .any(|key| key.contains("/holder/"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_makes_nobody_read_all_other_holders() {
    let world = World::ready().await;
    for _ in 0..LEASES {
        world.lease("shared").await.unwrap();
    }
    world.storage.fail_next_writes(1, Fault::Done);
    world.lease("shared").await.unwrap_err();
    let before = world.storage.calls().reads();
    let lease = world.lease("shared").await.unwrap();
    let read = world.storage.calls().reads() - before;
    assert!(read <= 5, "{read}");
    // The write that was reported failed had happened, and is known of.
    let record = world
        .read(&format!("keys/{}", lease.key()))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.get("holders"), Some(&serde_json::json!(LEASES + 2)));
}

/// The answer waits for the host when memory is put in doubt.
#[tokio::test(start_paused = true)]
async fn a_reader_gets_its_key_though_the_write_of_another_failed_meanwhile() {
    let world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    world.host.set_delay(Duration::from_secs(5));
    world
        .storage
        .set_write_delay(Duration::from_secs(1), Timing::First);
    let reader = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.lease("shared").await
    };
    let ended = async {
        tokio::time::sleep(Duration::from_secs(9)).await;
        world.storage.fail_next_writes(1, Fault::Done);
        world.revoke(&one).await
    };
    let (reader, ended) = futures_util::join!(reader, ended);
    ended.unwrap_err();
    assert_eq!(reader.unwrap().key(), one.key());
}
