//! Single-use keys: one key, one lease, from its reading to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::ErrorClass;
use serde_json::json;
use virtual_world::Timing;

use crate::world::{Fault, World};

#[tokio::test(start_paused = true)]
async fn each_reader_of_a_single_use_role_gets_a_key_of_its_own() {
    let world = World::ready().await;
    let one = world.lease("single").await.unwrap();
    let two = world.lease("single").await.unwrap();
    assert_ne!(one.key(), two.key());
    assert_eq!(world.cloud.live().len(), 2);
    assert_eq!(world.cloud.owner_of(one.key()), "sa-1");
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_the_go_plugins_three_keys_under_a_lease() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let keys: Vec<&String> = lease.data.keys().collect();
    assert_eq!(keys, ["key_id", "sasl.jaas.config", "secret"]);
    assert_eq!(lease.secret.lease.ttl, Duration::from_mins(10));
    assert_eq!(lease.secret.lease.max_ttl, Duration::from_hours(1));
    assert_eq!(lease.secret.internal_data["key_id"], lease.data["key_id"]);
    assert_eq!(lease.secret.internal_data["role"], "single");
}

#[tokio::test(start_paused = true)]
async fn a_revoked_lease_takes_its_key_with_it() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn revoking_twice_succeeds() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.revoke(&lease).await.unwrap();
    world.revoke(&lease).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_deleted_by_hand_counts_as_revoked() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.cloud.delete_by_hand(lease.key());
    world.revoke(&lease).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_403_for_a_key_that_is_still_listed_does_not_count_as_revoked() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.cloud.arm(Fault::ForbidDelete);
    world.revoke(&lease).await.unwrap_err();
    assert_eq!(world.cloud.live(), [lease.key()]);
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_deletion_is_an_error_first_and_the_sweep_ends_the_key() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.cloud.arm(Fault::FailDelete);
    let error = world.revoke(&lease).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::UpstreamFailed);
    world.pass(Duration::from_mins(2)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn after_four_minutes_of_failures_the_sweep_owns_the_deletion() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    for _ in 0..20 {
        world.cloud.arm(Fault::FailDelete);
    }
    world.revoke(&lease).await.unwrap_err();
    tokio::time::sleep(Duration::from_mins(4)).await;
    world.revoke(&lease).await.unwrap();
    assert_eq!(world.cloud.live(), [lease.key()]);
}

/// Each attempt takes longer than the host waits.
#[tokio::test(start_paused = true)]
async fn after_four_minutes_of_slow_failures_the_sweep_owns_the_deletion() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    // Nothing tells lately that Confluent accepts the account.
    tokio::time::sleep(Duration::from_mins(10)).await;
    world.cloud.admin_hidden.store(true, Ordering::SeqCst);
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_secs(39);
    for _ in 0..20 {
        world.cloud.arm(Fault::FailDelete);
    }
    for _ in 0..3 {
        let error = world.revoke(&lease).await.unwrap_err();
        assert!(error.message().contains("within 10 seconds"), "{error}");
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.revoke(&lease).await.unwrap();
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_account_never_counts_as_revoked_however_slow_the_refusal_is() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_secs(6);
    for _ in 0..100 {
        world.cloud.arm(Fault::UnknownAdmin);
    }
    for _ in 0..20 {
        world.revoke(&lease).await.unwrap_err();
        world.pass(Duration::from_mins(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_the_host_lost_ends_at_its_deadline() {
    let mut world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.restart();
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(world.cloud.live(), [lease.key()]);
    world.pass(Duration::from_mins(2)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lease_outlives_its_first_deadline_but_not_its_longest_life() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    for _ in 0..7 {
        world.pass(Duration::from_mins(8)).await;
        world.renew(&lease, 0).await.unwrap();
    }
    assert_eq!(world.cloud.live(), [lease.key()]);
    world.pass(Duration::from_mins(7)).await;
    assert!(world.cloud.live().is_empty(), "an hour and a minute passed");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_answers_the_lease_with_its_internal_data() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let renewed = world.renew(&lease, 15).await.unwrap().secret.unwrap();
    assert_eq!(renewed.internal_data, lease.secret.internal_data);
    assert_eq!(renewed.lease.ttl, Duration::from_mins(10));
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_a_revoked_key_is_not_extended() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.revoke(&lease).await.unwrap();
    let error = world.renew(&lease, 0).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(
        error.message().contains("read `creds/single` again"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_single_use_key_leaves_no_secret_in_storage() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let secret = lease.data["secret"].as_str().unwrap().as_bytes().to_vec();
    for key in world.storage.disk().keys() {
        let value = logical::Storage::get(&**world.storage.disk(), &key).await;
        let value = value.unwrap().unwrap();
        let found = value.windows(secret.len()).any(|part| part == secret);
        assert!(!found, "entry `{key}` has the secret");
    }
}

#[tokio::test(start_paused = true)]
async fn a_standby_forwards_before_it_makes_anything() {
    let world = World::ready().await;
    let standby = logical::effects::Replication(16384);
    world.host.set_replication(standby);
    for role in ["single", "shared"] {
        let error = world.lease(role).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::ReadOnlyStorage);
    }
    assert_eq!(world.cloud.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_is_removed_makes_no_keys_and_still_revokes() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.host.set_tainted(true);
    world.lease("single").await.unwrap_err();
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_account_never_counts_as_revoked() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.cloud.admin_refused.store(true, Ordering::SeqCst);
    for _ in 0..20 {
        world.revoke(&lease).await.unwrap_err();
        world.pass(Duration::from_mins(1)).await;
    }
    world.cloud.admin_refused.store(false, Ordering::SeqCst);
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn ends_of_one_key_that_come_together_delete_it_once() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_secs(2);
    let ends = (0..5).map(|_| world.revoke(&lease));
    let ends = futures_util::future::join_all(ends).await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    assert_eq!(world.cloud.deletes.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_record_becomes_durable_too_late_is_given_up() {
    let world = World::ready().await;
    world
        .storage
        .set_write_delay(Duration::from_secs(9), Timing::First);
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(29);
    let error = world.lease("single").await.map(|_| ()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::UpstreamFailed);
    assert!(error.message().contains("storage took too long"), "{error}");
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_key_is_asked_for_when_its_intent_took_too_long() {
    let world = World::ready().await;
    world
        .storage
        .set_write_delay(Duration::from_secs(11), Timing::First);
    let error = world.lease("single").await.map(|_| ()).unwrap_err();
    assert_eq!(error.class(), ErrorClass::UpstreamFailed);
    assert_eq!(world.cloud.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_engine_made_is_an_error_with_a_remedy() {
    let world = World::ready().await;
    let ours = world.lease("single").await.unwrap();
    for member in ["credential", "holder", "key_id", "role", "owner"] {
        for other in [None, Some(json!(7)), Some(json!("../config"))] {
            let mut lease = ours.clone();
            lease.secret.internal_data.remove(member);
            if let Some(other) = other {
                // Any text is a role or an owner.
                if other.is_string() && !["credential", "holder"].contains(&member) {
                    continue;
                }
                lease.secret.internal_data.insert(member.into(), other);
            }
            let error = world.revoke(&lease).await.unwrap_err();
            assert!(
                error.message().contains("not made by this engine"),
                "{error}"
            );
            world.renew(&lease, 0).await.unwrap_err();
        }
    }
    assert_eq!(world.cloud.live(), [ours.key()]);
}
