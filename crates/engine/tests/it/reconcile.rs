//! What Confluent lists against the ledger: strangers, keys that come back,
//! keys that a person deleted; and how a mount tells of itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::Response;
use serde_json::json;

use crate::world::{Fault, World};

async fn reconciled(world: &World) -> Response {
    let answer = world.write("reconcile", &json!({})).await;
    answer.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn reconciling_deletes_what_is_due_and_tells_what_waits_and_until_when() {
    let world = World::ready().await;
    let due = world.lease("single").await.unwrap();
    tokio::time::sleep(Duration::from_mins(10)).await;
    let stays = world.lease("single").await.unwrap();
    let fails = world.lease("single").await.unwrap();
    world.cloud.arm(Fault::FailDelete);
    world.revoke(&fails).await.unwrap_err();
    // The deadline of the first lease has passed and its host forgot it.
    tokio::time::sleep(Duration::from_secs(61)).await;
    world.cloud.arm(Fault::ForbidDelete);
    world.cloud.arm(Fault::ForbidDelete);
    let first = reconciled(&world).await;
    assert_eq!(first.get("entries"), Some(&json!(3)));
    let waiting = first.get("waiting").unwrap().as_object().unwrap();
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    let about = waiting
        .values()
        .find(|about| about["key_id"] == fails.key())
        .unwrap();
    let waits = about["waits"].as_str().unwrap();
    assert!(waits.contains("no answer"), "{waits}");
    assert!(!about["next_attempt"].as_str().unwrap().is_empty());
    let second = reconciled(&world).await;
    let mut deleted = vec![due.key(), fails.key()];
    deleted.sort_unstable();
    let mut told: Vec<&str> = second
        .get("deleted_keys")
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(told, deleted);
    assert_eq!(world.cloud.live(), [stays.key()]);
    assert_eq!(second.get("waiting"), Some(&json!({})));
}

#[tokio::test(start_paused = true)]
async fn a_key_with_a_marker_and_without_a_record_is_reported_and_stays() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let ours = world.cloud.name_of(lease.key());
    // The same storage before it was restored to an older state.
    let lost = format!("{}MMMMMMMMMMMMM app", &ours[..13]);
    world.cloud.make_by_hand("LOST", &lost);
    world
        .cloud
        .make_by_hand("FOREIGN", "NNNNNNNNNNNNNMMMMMMMMMMMMM app");
    world.cloud.make_by_hand("PERSONAL", "orders-writer");
    let report = reconciled(&world).await;
    let unrecorded = report.get("unrecorded_keys").unwrap();
    let names: Vec<&String> = unrecorded.as_object().unwrap().keys().collect();
    assert_eq!(names, ["FOREIGN", "LOST"]);
    assert_eq!(unrecorded["LOST"]["storage_id"], json!(&ours[..13]));
    assert_eq!(unrecorded["LOST"]["owner"], json!("sa-1"));
    world.pass(Duration::from_hours(50)).await;
    assert_eq!(world.cloud.live(), ["FOREIGN", "LOST", "PERSONAL"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_back_after_it_was_gone_is_deleted_again() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let name = world.cloud.name_of(lease.key());
    world.revoke(&lease).await.unwrap();
    world.pass(Duration::from_mins(11)).await;
    world.cloud.make_by_hand(lease.key(), &name);
    let report = reconciled(&world).await;
    assert_eq!(report.get("unrecorded_keys"), Some(&json!({})));
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_sweep_looks_once_a_day_for_keys_that_came_back() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let name = world.cloud.name_of(lease.key());
    world.pass(Duration::from_mins(1)).await;
    world.revoke(&lease).await.unwrap();
    world.pass(Duration::from_mins(11)).await;
    world.cloud.make_by_hand(lease.key(), &name);
    world.pass(Duration::from_hours(25)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_in_use_that_a_person_deleted_is_noticed() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    tokio::time::sleep(Duration::from_mins(11)).await;
    world.renew(&lease, 600).await.unwrap();
    world.cloud.delete_by_hand(lease.key());
    reconciled(&world).await;
    let error = world.renew(&lease, 600).await.unwrap_err();
    assert!(error.message().contains("no longer in use"), "{error}");
    world.revoke(&lease).await.unwrap();
}

/// One of them was seen at Confluent a moment ago, and one may be too new for
/// its lists.
#[tokio::test(start_paused = true)]
async fn keys_on_record_that_are_not_at_confluent_are_told_and_ended() {
    let world = World::ready().await;
    let single = world.lease("single").await.unwrap();
    tokio::time::sleep(Duration::from_secs(90)).await;
    let shared = world.lease("shared").await.unwrap();
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(world.lease("shared").await.unwrap().key(), shared.key());
    let new = world.lease("single").await.unwrap();
    for lease in [&single, &shared, &new] {
        world.cloud.delete_by_hand(lease.key());
    }
    let report = reconciled(&world).await;
    let missing = report.get("missing_keys").unwrap().as_object().unwrap();
    let mut expected = vec![single.key(), shared.key()];
    expected.sort_unstable();
    assert_eq!(missing.keys().collect::<Vec<_>>(), expected);
    assert_eq!(missing[shared.key()]["role"], json!("shared"));
    assert_eq!(missing[shared.key()]["owner"], json!("sa-1"));
    for lease in [&single, &shared] {
        world.renew(lease, 60).await.unwrap_err();
    }
    let fresh = world.lease("shared").await.unwrap();
    assert_eq!(world.cloud.live(), [fresh.key()]);
}

#[tokio::test(start_paused = true)]
async fn status_counts_keys_and_warns_of_what_needs_a_person() {
    let world = World::empty();
    tokio::time::sleep(Duration::from_mins(3)).await;
    let status = world.read("status").await.unwrap().unwrap();
    assert_eq!(status.get("configured"), Some(&json!(false)));
    assert!(status.warnings.iter().any(|text| text.contains("`config`")));
    assert!(status.warnings.iter().any(|text| text.contains("periodic")));

    let world = World::ready().await;
    world.pass(Duration::from_mins(1)).await;
    world.lease("shared").await.unwrap();
    let fails = world.lease("single").await.unwrap();
    world.cloud.arm(Fault::FailDelete);
    world.revoke(&fails).await.unwrap_err();
    let status = world.read("status").await.unwrap().unwrap();
    assert_eq!(status.warnings, Vec::<String>::new());
    for (name, value) in [
        ("configured", json!(true)),
        ("keys_live", json!(1)),
        ("keys_retiring", json!(1)),
        ("keys_being_made", json!(0)),
        ("keys_doubtful", json!(0)),
    ] {
        assert_eq!(status.get(name), Some(&value), "{name}");
    }
    assert!(
        !status
            .get("last_sweep")
            .unwrap()
            .as_str()
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_process_tells_no_numbers_before_its_first_sweep() {
    let mut world = World::ready().await;
    world.lease("shared").await.unwrap();
    world.lease("single").await.unwrap();
    world.restart();
    world.lease("single").await.unwrap();
    let status = world.read("status").await.unwrap().unwrap();
    assert_eq!(status.get("keys_live"), None, "{status:?}");
    let told = status.warnings.concat();
    assert!(told.contains("not counted"), "{told}");
    world.pass(Duration::from_mins(1)).await;
    let status = world.read("status").await.unwrap().unwrap();
    assert_eq!(status.get("keys_live"), Some(&json!(3)), "{status:?}");
    assert_eq!(status.warnings, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn info_tells_the_marker_of_the_mounts_keys() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let info = world.read("info").await.unwrap().unwrap();
    let marker = info.get("storage_id").unwrap().as_str().unwrap();
    assert!(world.cloud.name_of(lease.key()).starts_with(marker));
    assert_eq!(info.get("version"), Some(&json!(engine::VERSION)));
}

#[tokio::test(start_paused = true)]
async fn keys_in_use_survive_a_time_in_which_the_account_had_lost_its_rights() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    for _ in 0..5 {
        world.pass(Duration::from_mins(5)).await;
        world.renew(&lease, 600).await.unwrap();
    }
    world.cloud.admin_narrowed.store(true, Ordering::SeqCst);
    let _ = world.write("reconcile", &json!({})).await;
    world.cloud.admin_narrowed.store(false, Ordering::SeqCst);
    world.renew(&lease, 3600).await.unwrap();
    world.pass(Duration::from_mins(15)).await;
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_not_taken_for_gone_by_an_account_that_lost_its_rights() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.cloud.admin_narrowed.store(true, Ordering::SeqCst);
    let revoked = world.revoke(&lease).await;
    world.pass(Duration::from_mins(30)).await;
    world.cloud.admin_narrowed.store(false, Ordering::SeqCst);
    world.pass(Duration::from_hours(2)).await;
    assert!(world.cloud.live().is_empty(), "answered {revoked:?}");
}
