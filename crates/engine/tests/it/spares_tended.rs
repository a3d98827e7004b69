//! When pools of spares are looked at, and what the looks leave alone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::Storage as _;
use serde_json::json;
use virtual_world::Kind;

use crate::spares::{HOUR, MINUTE, PROPAGATION, counts, pointers, reads_at_once, role, with_role};
use crate::world::{Fault, World};

const SECOND: Duration = Duration::from_secs(1);

/// So that nothing works while a test lasts.
const NEVER: Duration = Duration::from_hours(1000);

#[tokio::test(start_paused = true)]
async fn a_spare_that_nobody_took_goes_in_time() {
    // Whenever the pool is looked at besides.
    for minutes in [60, 63, 66] {
        let mut short = role(1);
        short["spare_max_age"] = (minutes * 60).into();
        let world = with_role(&short).await;
        let first = world.cloud.live().remove(0);
        world.pass((minutes - 5) * MINUTE).await;
        assert!(world.lives(&first));
        world.pass(2 * MINUTE).await;
        assert!(!world.lives(&first), "{minutes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_refill_is_repeated_after_a_minute_and_a_refused_one_after_ten() {
    let lost = (Fault::LoseCreateAnswer, 0, 2, 1);
    for (fault, early, late, made) in [lost, (Fault::Quota, 9, 11, 0)] {
        let world = World::ready().await;
        world.cloud.set_propagation(PROPAGATION);
        world.cloud.arm(fault);
        world.write("role/warm", &role(1)).await.unwrap();
        world.engine.periodic().await.unwrap();
        tokio::time::sleep(SECOND).await;
        // A look before its time changes nothing.
        let change = json!({"key_description": "another"});
        world.write("role/warm", &change).await.unwrap();
        world.pass(early * MINUTE + 30 * SECOND).await;
        assert_eq!(world.cloud.made(), made, "{fault:?}");
        world.pass((late - early) * MINUTE).await;
        assert_eq!(world.cloud.made(), made + 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_refilled_within_an_hour_however_often_that_failed() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    for _ in 0..8 {
        world.cloud.arm(Fault::Quota);
    }
    world.write("role/warm", &role(1)).await.unwrap();
    world.pass(7 * HOUR).await;
    assert_eq!(counts(&world).await, (1, 0));
}

/// Its readers wait for it, and no other reader gets it.
#[tokio::test(start_paused = true)]
async fn a_key_that_readers_of_a_shared_role_wait_for_is_no_spare() {
    let mut shared = role(1);
    shared["multi_use_key"] = true.into();
    let world = World::ready().await;
    world.cloud.set_propagation(NEVER);
    world.write("role/warm", &shared).await.unwrap();
    world.pass(MINUTE).await;
    assert_eq!(world.cloud.made(), 1);
    world.lease("warm").await.unwrap_err();
    world.pass(MINUTE).await;
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn however_often_a_pool_is_looked_at_no_spare_is_made_twice() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    *world.cloud.create_delay.lock().unwrap() = 20 * SECOND;
    world.write("role/warm", &role(1)).await.unwrap();
    world.engine.periodic().await.unwrap();
    for _ in 0..60 {
        world.storage.set_read_delay(Duration::ZERO);
        let change = json!({"key_description": "another"});
        world.write("role/warm", &change).await.unwrap();
        world.storage.set_read_delay(3 * SECOND);
        tokio::time::sleep(SECOND / 2).await;
    }
    world.storage.set_read_delay(Duration::ZERO);
    world.pass(4 * MINUTE).await;
    assert_eq!(world.cloud.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_was_cut_off_in_the_making_is_replaced_soon() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    world.cloud.arm(Fault::Panic);
    world.write("role/warm", &role(1)).await.unwrap();
    world.pass(4 * MINUTE).await;
    let (ready, being_made) = counts(&world).await;
    assert_eq!(ready + being_made, 1);
    assert!(world.cloud.live().len() == 1, "{:?}", world.cloud.live());
}

/// It would get a place in the queue of those who are to be deleted.
#[tokio::test(start_paused = true)]
async fn nobody_looks_whether_spares_still_exist_while_deletions_wait() {
    let world = with_role(&role(1)).await;
    let lease = reads_at_once(&world).await;
    world.pass(4 * MINUTE).await;
    *world.cloud.held_back.lock().unwrap() = Some(HOUR);
    world.revoke(&lease).await.unwrap();
    world.pass(2 * MINUTE).await;
    let before = world.cloud.lists.load(Ordering::SeqCst);
    world.pass(30 * MINUTE).await;
    assert_eq!(world.cloud.lists.load(Ordering::SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_was_seen_to_exist_is_handed_out_without_asking_again() {
    let mut world = with_role(&role(0)).await;
    world.lease("warm").await.unwrap_err();
    world.pass(4 * MINUTE).await;
    world.restart();
    world.pass(25 * MINUTE).await;
    let before = world.cloud.calls.load(Ordering::SeqCst);
    reads_at_once(&world).await;
    assert_eq!(world.cloud.calls.load(Ordering::SeqCst), before);
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_could_not_be_let_go_of_goes_at_the_next_look() {
    let world = with_role(&role(2)).await;
    world.storage.fail_if(|call| {
        let of_pointer = call.kind == Kind::Delete && call.touches("lockkeeper/spare/");
        of_pointer.then_some(virtual_world::Fault::Lost)
    });
    let fewer = json!({"spares": 1});
    world.write("role/warm", &fewer).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.cloud.live().len(), 2);
    world.storage.heal();
    world.pass(2 * MINUTE).await;
    assert_eq!(world.cloud.live().len(), 1);
}

/// Nobody wants more of them, and one of them is kept for a reader.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_kept_for_the_next_read_survives_a_change_of_its_role() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    world.write("role/warm", &role(0)).await.unwrap();
    world.lease("warm").await.unwrap_err();
    let change = json!({"key_description": "another"});
    world.write("role/warm", &change).await.unwrap();
    world.pass(4 * MINUTE).await;
    reads_at_once(&world).await;
    assert_eq!(world.cloud.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_keeps_no_other_spare() {
    let world = with_role(&role(2)).await;
    world.cloud.arm(Fault::FailDelete);
    world.delete("role/warm").await.unwrap();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(world.cloud.live().len(), 1);
    world.pass(5 * MINUTE).await;
    assert!(world.cloud.live().is_empty());
}

/// Nobody can have got it, since it never worked.
#[tokio::test(start_paused = true)]
async fn a_spare_that_no_pointer_names_goes_at_once_unless_it_works() {
    let mut world = World::ready().await;
    world.cloud.set_propagation(NEVER);
    world.write("role/warm", &role(1)).await.unwrap();
    world.pass(MINUTE).await;
    let spare = world.cloud.live().remove(0);
    for pointer in pointers(&world) {
        world.storage.disk().delete(&pointer).await.unwrap();
    }
    world.restart();
    world.pass(2 * MINUTE).await;
    assert!(!world.lives(&spare));
}

#[tokio::test(start_paused = true)]
async fn without_the_hosts_licence_no_pool_is_tended() {
    let world = with_role(&role(2)).await;
    tokio::time::sleep(5 * MINUTE).await;
    let lease = reads_at_once(&world).await;
    world.delete("role/warm").await.unwrap();
    tokio::time::sleep(4 * MINUTE).await;
    assert_eq!(world.cloud.made(), 2);
    assert_eq!(pointers(&world).len(), 1);
    world.pass(MINUTE).await;
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_in_which_nothing_happens_is_looked_at_and_not_written() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    // What this leaves is struck once.
    world.cloud.arm(Fault::Quota);
    world.write("role/warm", &role(2)).await.unwrap();
    world.pass(HOUR).await;
    assert_eq!(counts(&world).await, (2, 0));
    let before = world.storage.calls();
    world.pass(HOUR).await;
    let calls = world.storage.calls().since(before);
    assert_eq!(calls.changes, 0, "{calls:?}");
}

/// A reader who waits for it looks for another at once.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_key_that_is_let_go_of_gets_another_at_once() {
    let mut shared = role(0);
    shared["multi_use_key"] = true.into();
    shared["max_age"] = 600.into();
    shared["readiness_timeout"] = 7200.into();
    shared["wait_ready"] = 50.into();
    let world = World::ready().await;
    world.cloud.set_propagation(NEVER);
    world.write("role/warm", &shared).await.unwrap();
    world.lease("warm").await.unwrap_err();
    let first = world.cloud.live().remove(0);
    world.pass(8 * MINUTE + 55 * SECOND).await;
    let waits = world.lease("warm");
    let ends = async {
        tokio::time::sleep(25 * SECOND).await;
        assert!(world.lives(&first));
        // It is too old by now, which this look at the pool sees.
        let change = json!({"key_description": "another"});
        world.write("role/warm", &change).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert!(!world.lives(&first));
        assert_eq!(world.cloud.made(), 2);
    };
    let (waited, ()) = futures_util::join!(waits, ends);
    waited.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn of_spares_that_are_too_many_those_that_work_stay() {
    let world = with_role(&role(1)).await;
    let works = world.cloud.live();
    world.cloud.set_propagation(NEVER);
    world
        .write("role/warm", &json!({"spares": 3}))
        .await
        .unwrap();
    world.pass(MINUTE).await;
    assert_eq!(counts(&world).await, (1, 2));
    world
        .write("role/warm", &json!({"spares": 1}))
        .await
        .unwrap();
    world.pass(MINUTE).await;
    assert_eq!(world.cloud.live(), works);
}

/// Those that work are kept rather, also where one that was made before does not.
#[tokio::test(start_paused = true)]
async fn of_too_many_spares_those_stay_that_work() {
    let mut kept_the_second = false;
    for offset in (0..60).step_by(5) {
        let world = World::ready().await;
        world.cloud.set_propagation(NEVER);
        world.write("role/warm", &role(1)).await.unwrap();
        world.pass(4 * MINUTE + offset * SECOND).await;
        let first = world.cloud.live().remove(0);
        world.cloud.set_propagation(Duration::ZERO);
        let more = json!({"spares": 2});
        world.write("role/warm", &more).await.unwrap();
        while counts(&world).await.0 == 0 {
            world.pass(SECOND).await;
        }
        if counts(&world).await != (1, 1) {
            continue;
        }
        let fewer = json!({"spares": 1});
        world.write("role/warm", &fewer).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(counts(&world).await, (1, 0));
        let kept = world.cloud.live();
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept_the_second |= kept[0] != first;
    }
    assert!(kept_the_second);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_refilled_while_nobody_can_look_whether_its_spares_exist() {
    let world = with_role(&role(1)).await;
    world.pass(5 * MINUTE).await;
    // So that nobody looks without being asked when ten minutes are over.
    let another = json!({"key_description": "another"});
    world.write("role/warm", &another).await.unwrap();
    world.pass(2 * MINUTE).await;
    world.cloud.lists_fail.store(true, Ordering::SeqCst);
    let more = json!({"spares": 2});
    world.write("role/warm", &more).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_a_person_deleted_is_replaced_as_soon_as_that_is_noticed() {
    let world = with_role(&role(1)).await;
    let spare = world.cloud.live().remove(0);
    world.cloud.delete_by_hand(&spare);
    for _ in 0..30 {
        world.pass(MINUTE).await;
        if counts(&world).await.0 == 0 {
            assert_eq!(world.cloud.made(), 2);
            return;
        }
    }
    panic!("it is not noticed");
}
