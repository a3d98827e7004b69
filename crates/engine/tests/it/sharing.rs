//! Shared keys: one key for all readers, for as long as the last of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use virtual_world::Timing;

use crate::world::{Fault, World, leased};

#[tokio::test(start_paused = true)]
async fn parallel_first_readers_get_one_key() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(1);
    let readers: Vec<_> = (0..32)
        .map(|_| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move { leased(&engine, "shared").await.unwrap() })
        })
        .collect();
    let mut keys = Vec::new();
    for reader in readers {
        keys.push(reader.await.unwrap().key().to_owned());
    }
    keys.dedup();
    assert_eq!(keys.len(), 1);
    assert_eq!(world.cloud.live(), keys);
}

#[tokio::test(start_paused = true)]
async fn the_key_lives_as_long_as_its_last_holder() {
    let world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    let two = world.lease("shared").await.unwrap();
    world.revoke(&one).await.unwrap();
    assert_eq!(world.cloud.live(), [two.key()]);
    world.revoke(&two).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_lease_of_a_shared_key_has_the_roles_times() {
    let world = World::ready().await;
    for _ in 0..2 {
        let lease = world.lease("shared").await.unwrap();
        assert_eq!(lease.secret.lease.ttl, Duration::from_mins(10));
        assert_eq!(lease.secret.lease.max_ttl, Duration::from_hours(1));
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_last_holder_the_next_reader_gets_a_fresh_key() {
    let world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    world.revoke(&one).await.unwrap();
    let two = world.lease("shared").await.unwrap();
    assert_ne!(one.key(), two.key());
    assert_eq!(world.cloud.live(), [two.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_new_process_serves_the_same_shared_key() {
    let mut world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    world.restart();
    let two = world.lease("shared").await.unwrap();
    assert_eq!(one.key(), two.key());
    world.revoke(&two).await.unwrap();
    assert_eq!(world.cloud.live(), [one.key()]);
    world.revoke(&one).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn holders_that_the_host_lost_lapse_one_by_one() {
    let mut world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    world.pass(Duration::from_mins(5)).await;
    world.lease("shared").await.unwrap();
    world.restart();
    world.pass(Duration::from_mins(7)).await;
    assert_eq!(world.cloud.live(), [one.key()], "the second holder counts");
    world.pass(Duration::from_mins(6)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_role_with_a_new_target_hands_out_a_new_key() {
    let world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    world
        .write("role/shared", &json!({"resource": "lkc-2"}))
        .await
        .unwrap();
    let two = world.lease("shared").await.unwrap();
    assert_ne!(one.key(), two.key());
    let error = world.renew(&one, 0).await.unwrap_err();
    assert!(error.message().contains("another target"), "{error}");
    world.revoke(&one).await.unwrap();
    assert_eq!(world.cloud.live(), [two.key()]);
}

#[tokio::test(start_paused = true)]
async fn turning_sharing_on_or_off_does_not_touch_the_leases_that_are_out() {
    let world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    let two = world.lease("shared").await.unwrap();
    world
        .write("role/shared", &json!({"multi_use_key": false}))
        .await
        .unwrap();
    world.revoke(&one).await.unwrap();
    assert_eq!(world.cloud.live(), [two.key()]);
    let single = world.lease("shared").await.unwrap();
    assert_ne!(single.key(), two.key());
    world.revoke(&two).await.unwrap();
    world.revoke(&single).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_first_reader_that_hangs_up_cancels_nothing_for_the_others() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(2);
    let engine = Arc::clone(&world.engine);
    let second = Arc::clone(&world.engine);
    let first = tokio::time::timeout(Duration::from_secs(1), leased(&engine, "shared"));
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        leased(&second, "shared").await.unwrap()
    };
    let (first, other) = tokio::join!(first, others);
    assert!(first.is_err());
    assert_eq!(world.cloud.live(), [other.key()]);
    assert_eq!(world.cloud.made(), 1);
    world.revoke(&other).await.unwrap();
    world.pass(Duration::from_mins(13)).await;
    assert!(world.cloud.live().is_empty(), "the spare goes by itself");
}

#[tokio::test(start_paused = true)]
async fn a_first_reader_that_panics_fails_all_who_wait_and_the_next_reader_gets_a_key() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(1);
    world.cloud.arm(Fault::Panic);
    let (first, second) = tokio::join!(world.lease("shared"), world.lease("shared"));
    for outcome in [first, second] {
        let error = outcome.unwrap_err();
        assert!(error.message().contains("cut off"), "{error}");
    }
    let next = world.lease("shared").await.unwrap();
    assert_eq!(world.cloud.live(), [next.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_creation_fails_all_who_wait_and_the_next_reader_tries_again() {
    let world = World::ready().await;
    world.cloud.arm(Fault::Quota);
    world.lease("shared").await.unwrap_err();
    world.lease("shared").await.unwrap();
    assert_eq!(world.cloud.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_write_failed_is_not_handed_out_and_harms_nobody() {
    let world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    world
        .storage
        .fail_next_writes(1, virtual_world::Fault::Done);
    world.lease("shared").await.unwrap_err();
    let two = world.lease("shared").await.unwrap();
    assert_eq!(one.key(), two.key());
    world.revoke(&one).await.unwrap();
    world.revoke(&two).await.unwrap();
    // The write that was reported failed had happened: its holder lapses.
    assert_eq!(world.cloud.live().len(), 1);
    world.pass(Duration::from_mins(13)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn readers_who_come_together_are_noted_together_and_leave_one_by_one() {
    let mut world = World::ready().await;
    let holders = |world: &World| {
        let keys = world.storage.disk().keys();
        keys.iter().filter(|key| key.contains("/holder/")).count()
    };
    let mut leases = vec![world.lease("shared").await.unwrap()];
    world
        .storage
        .set_write_delay(Duration::from_secs(1), Timing::First);
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move { leased(&engine, "shared").await.unwrap() })
        })
        .collect();
    for reader in readers {
        leases.push(reader.await.unwrap());
    }
    // The one that made the key, the first of the others, and all the rest.
    assert_eq!(holders(&world), 3);
    world.storage.set_write_delay(Duration::ZERO, Timing::First);
    let last = leases.pop().unwrap();
    world.pass(Duration::from_mins(9)).await;
    world.renew(&last, 0).await.unwrap();
    assert_eq!(holders(&world), 4);
    world.restart();
    for lease in &leases[..5] {
        world.revoke(lease).await.unwrap();
    }
    world.restart();
    // The others lapse; the renewed one does not.
    world.pass(Duration::from_mins(5)).await;
    assert_eq!(world.cloud.live(), [last.key()]);
    assert_eq!(holders(&world), 1);
    world.revoke(&last).await.unwrap();
    assert!(world.cloud.live().is_empty());
    assert_eq!(holders(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_leaves_during_the_write_holds_up_none_of_those_beside_it() {
    let world = World::ready().await;
    let first = world.lease("shared").await.unwrap();
    world
        .storage
        .set_write_delay(Duration::from_secs(1), Timing::First);
    let reader = |engine: Arc<dyn logical::Backend>| {
        tokio::spawn(async move { leased(&engine, "shared").await.unwrap() })
    };
    let alone = reader(Arc::clone(&world.engine));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let writer = reader(Arc::clone(&world.engine));
    let beside = reader(Arc::clone(&world.engine));
    // The second write has begun, for both who came during the first.
    tokio::time::sleep(Duration::from_millis(1400)).await;
    writer.abort();
    let (alone, beside) = (alone.await.unwrap(), beside.await.unwrap());
    world.storage.set_write_delay(Duration::ZERO, Timing::First);
    for lease in [&first, &alone, &beside] {
        assert_eq!(lease.key(), first.key());
        world.revoke(lease).await.unwrap();
    }
    // The one who left is noted, so that its holder lapses like any other.
    assert_eq!(world.cloud.live(), [first.key()]);
    world.pass(Duration::from_mins(12)).await;
    assert!(world.cloud.live().is_empty());
}

/// The failed write of a new reader empties memory, and a further reader fills
/// it again from storage, while a renewal waits for its turn to be written.
#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_answered_holds_although_another_write_failed() {
    let world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    let two = world.lease("shared").await.unwrap();
    world.pass(Duration::from_mins(5)).await;
    world
        .storage
        .set_write_delay(Duration::from_secs(1), Timing::First);
    world
        .storage
        .fail_next_writes(1, virtual_world::Fault::Done);
    let at = |millis| tokio::time::sleep(Duration::from_millis(millis));
    let (failed, first, waiting, refilling) = tokio::join!(
        world.lease("shared"),
        async {
            at(500).await;
            world.renew(&one, 600).await
        },
        async {
            at(600).await;
            world.renew(&two, 1800).await
        },
        async {
            at(1200).await;
            world.lease("shared").await
        },
    );
    failed.unwrap_err();
    first.unwrap();
    refilling.unwrap();
    world.storage.set_write_delay(Duration::ZERO, Timing::First);
    if waiting.is_err() {
        world.renew(&two, 1800).await.unwrap();
    }
    world.pass(Duration::from_mins(20)).await;
    assert_eq!(world.cloud.live(), [two.key()]);
}

/// A new process has not seen the key made, and Confluent does not show it yet.
#[tokio::test(start_paused = true)]
async fn a_key_younger_than_a_minute_is_not_asked_for_since_reads_may_lag_behind() {
    let mut world = World::ready().await;
    let one = world.lease("shared").await.unwrap();
    world.restart();
    world.cloud.shows_nothing.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(59)).await;
    let two = world.lease("shared").await.unwrap();
    assert_eq!(two.key(), one.key());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let three = world.lease("shared").await.unwrap();
    assert_ne!(three.key(), one.key());
}

#[tokio::test(start_paused = true)]
async fn a_lease_lives_by_what_the_mount_was_tuned_to_meanwhile() {
    let world = World::ready().await;
    let minutes = Duration::from_mins;
    world.host.set_max_lease_ttl(minutes(2));
    let short = world.lease("shared").await.unwrap();
    assert_eq!(short.secret.lease.ttl, minutes(2));
    world.host.set_max_lease_ttl(Duration::from_hours(24));
    let long = world.lease("shared").await.unwrap();
    assert_eq!(long.secret.lease.ttl, minutes(10));
    world.pass(minutes(10)).await;
    assert_eq!(world.cloud.live(), [long.key()]);
    world.host.set_max_lease_ttl(minutes(1));
    let short = world.lease("shared").await.unwrap();
    assert_eq!(short.secret.lease.ttl, minutes(1));
}

/// A lease that this process does not know ends meanwhile, and its key is read again
/// for that.
#[tokio::test(start_paused = true)]
async fn a_lease_is_extended_while_its_key_is_read_again() {
    let world = World::ready().await;
    let lease = world.lease("shared").await.unwrap();
    let other = world.another_process();
    let elsewhere = leased(&other, "shared").await.unwrap();
    assert_eq!(elsewhere.key(), lease.key());
    // The role is read again from here on.
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.storage.set_read_delay(Duration::from_secs(3));
    let end = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.revoke(&elsewhere).await
    };
    let (extended, ended) = futures_util::join!(world.renew(&lease, 600), end);
    extended.unwrap();
    ended.unwrap();
    world.storage.set_read_delay(Duration::ZERO);
    assert!(world.lives(lease.key()));
}
