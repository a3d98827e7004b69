//! Deletions that do not come to pass at once: they wait in our own queue, fail,
//! or concern keys that a person deleted (`lifecycle.md`, 57 and 58).

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use virtual_world::Timing;

use crate::world::{Lease, Limit, World};

async fn leases(world: &World, role: &str, count: usize) -> Vec<Lease> {
    let leases = join_all((0..count).map(|_| world.lease(role))).await;
    leases.into_iter().map(Result::unwrap).collect()
}

fn hold_back(world: &World, wait: Option<Duration>) {
    *world.cloud.held_back.lock().unwrap() = wait;
}

fn limit(world: &World, per_second: u32) {
    *world.cloud.limit.lock().unwrap() = Some(Limit::per_second(per_second));
}

/// How many revocations fail, of all at once.
async fn failures(world: &World, leases: &[Lease]) -> usize {
    let ended = join_all(leases.iter().map(|lease| world.revoke(lease))).await;
    ended.iter().filter(|ended| ended.is_err()).count()
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
    world.host.set_tainted(true);
    world.revoke(&lease).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_waits_is_no_success_unless_the_account_was_accepted_lately() {
    let world = World::ready().await;
    let leases = leases(&world, "single", 2).await;
    hold_back(&world, Some(Duration::from_secs(90)));
    tokio::time::sleep(Duration::from_mins(10)).await;
    world.cloud.admin_hidden.store(true, Ordering::SeqCst);
    world.revoke(&leases[0]).await.unwrap_err();
    // It is asked for where it is not known, a while after the last answer.
    world.cloud.admin_hidden.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(31)).await;
    world.revoke(&leases[1]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn leases_that_all_end_after_a_quiet_hour_or_a_restart_end_without_an_error() {
    let mut world = World::ready().await;
    let all = leases(&world, "single", 400).await;
    tokio::time::sleep(Duration::from_mins(12)).await;
    limit(&world, 10);
    let (quiet, restarted) = all.split_at(200);
    assert_eq!(failures(&world, quiet).await, 0);
    world.restart();
    assert_eq!(failures(&world, restarted).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_takes_long_succeeds_once_it_is_on_record() {
    for (write, delete, role) in [(0, 30, "single"), (0, 30, "shared"), (4, 30, "single")] {
        let mut world = World::ready().await;
        let lease = world.lease(role).await.unwrap();
        *world.cloud.delete_delay.lock().unwrap() = Duration::from_secs(delete);
        world
            .storage
            .set_write_delay(Duration::from_secs(write), Timing::First);
        let began = tokio::time::Instant::now();
        world.revoke(&lease).await.unwrap();
        let took = began.elapsed().as_secs();
        assert!((10..=10 + write).contains(&took), "{role}: {took} s");
        // The process dies, and its deletion with it.
        *world.cloud.delete_delay.lock().unwrap() = Duration::ZERO;
        world.storage.set_write_delay(Duration::ZERO, Timing::First);
        world.restart();
        let record = world.read(&format!("keys/{}", lease.key())).await.unwrap();
        assert_eq!(record.unwrap().get("state"), Some(&json!("retiring")));
        world.pass(Duration::from_mins(1)).await;
        assert!(world.cloud.live().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_is_no_success_before_slow_storage_has_it() {
    for (write, succeeds) in [(20, true), (70, false)] {
        let world = World::ready().await;
        let lease = world.lease("single").await.unwrap();
        hold_back(&world, Some(Duration::from_secs(90)));
        world
            .storage
            .set_write_delay(Duration::from_secs(write), Timing::First);
        let began = tokio::time::Instant::now();
        let revoked = world.revoke(&lease).await;
        assert_eq!(revoked.is_ok(), succeeds, "{revoked:?}");
        let took = began.elapsed().as_secs();
        assert!((20..=55).contains(&took), "{took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_takes_long_is_an_error_while_the_mount_is_removed() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_secs(30);
    world.host.set_tainted(true);
    world.revoke(&lease).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn deletions_that_were_held_back_go_on_as_soon_as_there_is_room() {
    let world = World::ready().await;
    let all = leases(&world, "single", 400).await;
    world.engine.periodic().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    limit(&world, 10);
    let began = tokio::time::Instant::now();
    assert_eq!(failures(&world, &all).await, 0);
    assert!(began.elapsed() < Duration::from_secs(7));
    // No sweep comes meanwhile.
    tokio::time::sleep_until(began + Duration::from_secs(43)).await;
    assert_eq!(world.cloud.live().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn keys_that_lapse_together_go_as_fast_as_the_pace_allows() {
    let world = World::ready().await;
    leases(&world, "single", 800).await;
    // Confluent answers each deletion after two seconds.
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_secs(2);
    limit(&world, 20);
    world.pass(Duration::from_mins(11)).await;
    assert_eq!(world.cloud.live().len(), 800);
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(world.cloud.live().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_deletion_of_an_operator_goes_before_those_of_the_host_and_owners_take_turns() {
    let world = World::ready().await;
    let role = json!({
        "owner": "sa-2", "resource": "lkc-1", "resource_env": "env-1", "ttl": 600, "max_ttl": 3600,
    });
    world.write("role/other", &role).await.unwrap();
    world.write("role/urgent", &role).await.unwrap();
    let many = leases(&world, "single", 60).await;
    let few = leases(&world, "other", 10).await;
    let urgent = leases(&world, "urgent", 4).await;
    limit(&world, 1);
    assert_eq!(failures(&world, &many).await, 0);
    assert_eq!(failures(&world, &few).await, 0);
    world.delete("role/urgent/keys").await.unwrap();
    world.pass(Duration::from_mins(2)).await;
    assert!(world.cloud.live().is_empty());
    let deleted = world.cloud.deleted.lock().unwrap().clone();
    let last = |leases: &[Lease]| {
        let place = |lease: &Lease| deleted.iter().position(|key| key == lease.key()).unwrap();
        leases.iter().map(place).max().unwrap()
    };
    let (urgent, few) = (last(&urgent), last(&few));
    assert!(urgent < few && few < 40, "{urgent} {few}");
}

#[tokio::test(start_paused = true)]
async fn status_tells_how_many_deletions_wait_since_when_and_until_when() {
    let world = World::ready().await;
    let all = leases(&world, "single", 300).await;
    world.engine.periodic().await.unwrap();
    limit(&world, 2);
    assert_eq!(failures(&world, &all).await, 0);
    let status = world.read("status").await.unwrap().unwrap();
    let waiting = &status.data.as_ref().unwrap()["deletions"];
    let waits = waiting["waiting"].as_u64().unwrap();
    assert!((285..300).contains(&waits), "{waiting}");
    assert!(
        waiting["oldest_seconds"].as_u64().unwrap() <= 6,
        "{waiting}"
    );
    let seconds = waiting["done_in_seconds"].as_u64().unwrap();
    assert_eq!(seconds, waits.div_ceil(2), "{waiting}");
    assert!(status.warnings.is_empty(), "{:?}", status.warnings);
    // Something else uses up the limit.
    hold_back(&world, Some(Duration::from_mins(2)));
    world.pass(Duration::from_mins(16)).await;
    let status = world.read("status").await.unwrap().unwrap();
    let told = status.warnings.join("\n");
    assert!(
        told.contains("deletions wait") && told.contains("since 16 minutes"),
        "{told}"
    );
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
    // Each is tried after 32 minutes, and after 64.
    world.pass(Duration::from_mins(40)).await;
    assert_eq!(world.cloud.live().len(), 20);
    world.cloud.deletes_fail.store(false, Ordering::SeqCst);
    world.pass(Duration::from_mins(2)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn deletions_that_fail_are_tried_less_and_less_often() {
    let world = World::ready().await;
    let all = leases(&world, "single", 20).await;
    world.cloud.deletes_fail.store(true, Ordering::SeqCst);
    for lease in &all {
        world.revoke(lease).await.unwrap_err();
    }
    let before = world.cloud.deletes.load(Ordering::SeqCst);
    world.pass(Duration::from_hours(2)).await;
    let tried = world.cloud.deletes.load(Ordering::SeqCst) - before;
    // Each some eight times, and one each minute.
    assert!(tried < 20 * 10 + 2 * 60, "{tried}");
}

/// A person deleted it while its deletion failed, and others waited when that was seen.
#[tokio::test(start_paused = true)]
async fn a_key_whose_end_was_not_verified_is_looked_at_a_minute_later() {
    let world = World::ready().await;
    let all = leases(&world, "single", 200).await;
    let (gone, others) = all.split_first().unwrap();
    world.cloud.deletes_fail.store(true, Ordering::SeqCst);
    world.revoke(gone).await.unwrap_err();
    world.pass(Duration::from_hours(3)).await;
    let others = leases(&world, "single", others.len()).await;
    world.cloud.deletes_fail.store(false, Ordering::SeqCst);
    world.cloud.delete_by_hand(gone.key());
    limit(&world, 1);
    assert_eq!(failures(&world, &others).await, 0);
    world.pass(Duration::from_mins(2)).await;
    let state = async || {
        let record = world.read(&format!("keys/{}", gone.key())).await.unwrap();
        record.unwrap().get("state").cloned().unwrap()
    };
    assert_eq!(state().await, json!("retiring"));
    world.pass(Duration::from_mins(6)).await;
    assert!(world.cloud.live().is_empty());
    assert_eq!(state().await, json!("gone"));
}

#[tokio::test(start_paused = true)]
async fn a_removed_mount_ends_its_keys_in_rounds_while_deletions_fail() {
    let world = World::ready().await;
    leases(&world, "single", 20).await;
    world.host.set_tainted(true);
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
    world.host.set_tainted(true);
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

/// A question without an answer is not asked again by each.
#[tokio::test(start_paused = true)]
async fn revocations_that_wait_while_confluent_does_not_answer_end_in_time() {
    let world = World::ready().await;
    let all = leases(&world, "single", 30).await;
    tokio::time::sleep(Duration::from_mins(11)).await;
    hold_back(&world, Some(Duration::from_secs(90)));
    *world.cloud.read_delay.lock().unwrap() = Duration::from_secs(8);
    world.cloud.admin_hidden.store(true, Ordering::SeqCst);
    let began = tokio::time::Instant::now();
    assert_eq!(failures(&world, &all).await, 30);
    assert!(
        began.elapsed() < Duration::from_mins(1),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_ended_goes_on_without_waiting_for_the_next_sweep() {
    for all in [false, true] {
        let world = World::ready().await;
        let lease = world.lease("single").await.unwrap();
        world.pass(Duration::from_secs(1)).await;
        hold_back(&world, Some(Duration::from_secs(90)));
        let path = if all {
            "role/single/keys".to_owned()
        } else {
            format!("keys/{}", lease.key())
        };
        let _ = world.delete(&path).await;
        assert!(world.lives(lease.key()), "its deletion waits");
        hold_back(&world, None);
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert!(!world.lives(lease.key()), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_to_reconcile_ends_although_many_deletions_wait() {
    let world = World::ready().await;
    let all = leases(&world, "single", 800).await;
    limit(&world, 2);
    assert_eq!(failures(&world, &all).await, 0);
    let began = tokio::time::Instant::now();
    world.write("reconcile", &json!({})).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(45),
        "{:?}",
        began.elapsed()
    );
    assert!(!world.cloud.live().is_empty());
    // The rest goes without another request, and before the next sweep.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let left = world.cloud.live().len();
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(world.cloud.live().len() < left);
}

#[tokio::test(start_paused = true)]
async fn what_a_request_to_reconcile_leaves_goes_on_without_waiting_for_the_next_sweep() {
    let world = World::ready().await;
    leases(&world, "single", 60).await;
    limit(&world, 1);
    // Their leases end between two sweeps.
    world.pass(Duration::from_secs(650)).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    world.write("reconcile", &json!({})).await.unwrap();
    let left = world.cloud.live().len();
    assert!((1..60).contains(&left), "{left}");
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(world.cloud.live().is_empty());
}
