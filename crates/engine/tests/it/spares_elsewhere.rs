//! Spares where two processes believe to be the active one: an earlier one that still
//! runs, and the one that took over.

use std::sync::Arc;
use std::time::Duration;

use logical::{Backend, Operation, Request, Storage as _};
use serde_json::json;
use virtual_world::{Fault, Kind, Timing};

use crate::spares::{
    HOUR, MINUTE, PROPAGATION, pointers, reads_at_once, role, stored, with_role, works,
};
use crate::world::{Lease, World, leased};

/// Another process that has seen the spares.
async fn other_process(world: &World) -> Arc<dyn Backend> {
    let other = world.another_process();
    other.periodic().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    other
}

/// The other process renews or revokes a lease.
async fn ask(process: &Arc<dyn Backend>, operation: Operation, lease: &Lease) {
    let request = Request::new(operation, "creds/warm").with_secret(lease.secret.clone());
    process.handle(request).await.unwrap();
}

/// Both look, write and delete in turn, in every order that these times give.
#[tokio::test(start_paused = true)]
async fn of_two_processes_that_take_a_spare_at_once_one_hands_it_out() {
    let millis = Duration::from_millis;
    let (mut handed_out, mut recorded) = (0, 0);
    for (read, write) in [(5, 5), (5, 20), (20, 5), (0, 10)] {
        for timing in [Timing::First, Timing::Last] {
            for later in (0..80).step_by(5) {
                let world = with_role(&role(1)).await;
                let other = other_process(&world).await;
                world.storage.set_read_delay(millis(read));
                world.storage.set_write_delay(millis(write), timing);
                let second = async {
                    tokio::time::sleep(millis(later)).await;
                    leased(&other, "warm").await
                };
                let (first, second) = futures_util::join!(world.lease("warm"), second);
                let leases: Vec<_> = [first, second].into_iter().flatten().collect();
                assert!(leases.len() < 2, "one spare has two leases");
                handed_out += leases.len();
                for lease in &leases {
                    let holder = lease.secret.internal_data["holder"].as_str().unwrap();
                    recorded += usize::from(stored(&world, lease).await.contains(holder));
                }
                world.storage.set_read_delay(Duration::ZERO);
                world.storage.set_write_delay(Duration::ZERO, timing);
                world.pass(9 * MINUTE).await;
                for lease in &leases {
                    assert!(works(&world, lease), "it went before its lease");
                    world.revoke(lease).await.unwrap();
                }
                world.delete("role/warm").await.unwrap();
                world.pass(HOUR).await;
                assert_eq!(world.cloud.live(), Vec::<String>::new());
            }
        }
    }
    assert!(handed_out > 100, "{handed_out}");
    // The other one may have written last, and then stays in its place.
    assert!(recorded > 50, "{recorded}");
}

/// The other process ends the spare while readers of this one take it, in every order
/// that these times give.
#[tokio::test(start_paused = true)]
async fn a_shared_spare_that_another_process_ends_meanwhile_is_handed_out_to_nobody() {
    let millis = Duration::from_millis;
    let mut shared = role(1);
    shared["multi_use_key"] = true.into();
    let (mut handed_out, mut ended) = (0, 0);
    for (read, write) in [(0, 10), (5, 20), (10, 40), (5, 5)] {
        for timing in [Timing::First, Timing::Last] {
            for later in (0..150).step_by(5) {
                let world = with_role(&shared).await;
                let spare = world.cloud.live().remove(0);
                let other = other_process(&world).await;
                world.storage.set_read_delay(millis(read));
                world.storage.set_write_delay(millis(write), timing);
                let fewer = json!({"spares": 0}).as_object().cloned().unwrap();
                let fewer = Request::new(Operation::Update, "role/warm").with_data(fewer);
                let readers = async {
                    tokio::time::sleep(millis(later)).await;
                    // The second comes while the first takes the key.
                    let second = async {
                        tokio::time::sleep(millis(2)).await;
                        world.lease("warm").await
                    };
                    let (one, two) = futures_util::join!(world.lease("warm"), second);
                    [one, two].into_iter().flatten().collect::<Vec<_>>()
                };
                let (_, leases) = futures_util::join!(other.handle(fewer), readers);
                world.storage.set_read_delay(Duration::ZERO);
                world.storage.set_write_delay(Duration::ZERO, timing);
                tokio::time::sleep(Duration::from_secs(10)).await;
                for lease in &leases {
                    assert!(
                        works(&world, lease),
                        "{} does not work: {read} {write} {timing:?} {later}",
                        lease.key()
                    );
                }
                if let Ok(next) = world.lease("warm").await {
                    assert!(works(&world, &next), "the next one does not work");
                    world.revoke(&next).await.unwrap();
                }
                handed_out += leases.len();
                ended += usize::from(!world.lives(&spare));
                for lease in &leases {
                    world.revoke(lease).await.unwrap();
                }
                world.delete("role/warm").await.unwrap();
                world.pass(HOUR).await;
                assert_eq!(world.cloud.live(), Vec::<String>::new());
            }
        }
    }
    // Most come too late for it, and none of them waits for a new one.
    assert!(handed_out > 10, "{handed_out}");
    assert!(ended > 50, "{ended}");
}

/// It is not known whose it is, so that it is nobody's, and goes after the time of a
/// lease.
#[tokio::test(start_paused = true)]
async fn a_spare_whose_pointer_stays_is_not_handed_out() {
    for fault in [Fault::Lost, Fault::Done] {
        let world = with_role(&role(1)).await;
        let spare = world.cloud.live().remove(0);
        world.storage.fail_if(move |call| {
            let of_pointer = call.kind == Kind::Delete && call.touches("lockkeeper/spare/");
            of_pointer.then_some(fault)
        });
        world.lease("warm").await.unwrap_err();
        world.storage.heal();
        world.pass(5 * MINUTE).await;
        assert_ne!(reads_at_once(&world).await.key(), spare);
        world.pass(8 * MINUTE).await;
        assert!(!world.lives(&spare));
        assert_eq!(pointers(&world).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_an_earlier_process_left_is_found() {
    let world = with_role(&role(0)).await;
    world.lease("warm").await.unwrap_err();
    world.pass(4 * MINUTE).await;
    let other = other_process(&world).await;
    reads_at_once(&world).await;
    leased(&other, "warm").await.unwrap_err();
    drop(other);
    world.pass(15 * MINUTE).await;
    assert_eq!(world.cloud.made(), 2);
    reads_at_once(&world).await;
    assert_eq!(world.cloud.made(), 2);
}

/// It was written by the earlier process after this one had looked for all roles.
#[tokio::test(start_paused = true)]
async fn the_pool_of_a_role_that_an_earlier_process_wrote_is_filled() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    let other = other_process(&world).await;
    world.write("role/warm", &role(2)).await.unwrap();
    for _ in 0..16 {
        tokio::time::sleep(MINUTE).await;
        other.periodic().await.unwrap();
    }
    assert_eq!(pointers(&world).len(), 2);
}

/// When a lease is revoked.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Revokes {
    AtOnce,
    AfterRenewal,
    Never,
}

/// The earlier process handed it out after this one had seen that it is there.
#[tokio::test(start_paused = true)]
async fn the_key_of_a_spare_that_another_process_handed_out_ends_with_its_lease() {
    for shared in [false, true] {
        let mut role = role(1);
        role["multi_use_key"] = shared.into();
        for revokes in [Revokes::AtOnce, Revokes::AfterRenewal, Revokes::Never] {
            let world = with_role(&role).await;
            let other = other_process(&world).await;
            let lease = leased(&other, "warm").await.unwrap();
            match revokes {
                Revokes::AtOnce => {}
                Revokes::AfterRenewal => {
                    world.pass(8 * MINUTE).await;
                    ask(&world.engine, Operation::Renew, &lease).await;
                    world.pass(9 * MINUTE).await;
                    assert!(works(&world, &lease));
                }
                Revokes::Never => world.pass(22 * MINUTE).await,
            }
            if revokes != Revokes::Never {
                ask(&world.engine, Operation::Revoke, &lease).await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(!world.lives(lease.key()), "{shared} {revokes:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_another_process_handed_out_stays_its_readers_when_it_is_renewed() {
    let world = with_role(&role(1)).await;
    let other = other_process(&world).await;
    let lease = leased(&other, "warm").await.unwrap();
    drop(other);
    let mut secret = lease.secret.clone();
    secret.lease.increment = HOUR;
    let renewal = Request::new(Operation::Renew, "creds/warm").with_secret(secret);
    world.engine.handle(renewal).await.unwrap();
    if let Ok(next) = world.lease("warm").await {
        assert_ne!(next.key(), lease.key());
    }
    world.pass(50 * MINUTE).await;
    assert!(works(&world, &lease));
}

/// A process that was paused wrote over the entry of a key that was handed out, so that
/// it looks like a spare.
#[tokio::test(start_paused = true)]
async fn a_key_with_a_lease_that_looks_like_a_spare_is_its_readers_once_it_is_renewed() {
    let mut world = with_role(&role(1)).await;
    let place = pointers(&world).remove(0);
    let pointer = world.storage.disk().get(&place).await.unwrap().unwrap();
    let entry = format!(
        "lockkeeper/credential/{}",
        place.rsplit('/').next().unwrap()
    );
    let spare = world.storage.disk().get(&entry).await.unwrap().unwrap();
    let lease = reads_at_once(&world).await;
    world.storage.disk().put(&place, &pointer).await.unwrap();
    world.storage.disk().put(&entry, &spare).await.unwrap();
    world.restart();
    world.renew(&lease, 600).await.unwrap();
    if let Ok(next) = world.lease("warm").await {
        assert_ne!(next.key(), lease.key());
    }
    world.revoke(&lease).await.unwrap();
    assert!(!world.lives(lease.key()));
}

/// Whoever lets go of a spare reads its entry again, and with it who holds the key.
#[tokio::test(start_paused = true)]
async fn a_shared_spare_that_another_process_handed_out_keeps_its_secret() {
    let mut shared = role(1);
    shared["multi_use_key"] = true.into();
    let world = with_role(&shared).await;
    let other = other_process(&world).await;
    let first = leased(&other, "warm").await.unwrap();
    world
        .write("role/warm", &json!({"spares": 0}))
        .await
        .unwrap();
    world.pass(3 * MINUTE).await;
    assert_eq!(reads_at_once(&world).await.key(), first.key());
}

/// Memory knows sooner than storage that a spare is taken.
#[tokio::test(start_paused = true)]
async fn whoever_takes_a_spare_gets_it_however_slow_storage_is() {
    for shared in [false, true] {
        let mut slow = role(1);
        slow["multi_use_key"] = shared.into();
        let slow_calls = [
            (0, 5, Timing::First),
            (0, 5, Timing::Last),
            (3, 0, Timing::Last),
        ];
        for (read, write, timing) in slow_calls {
            let world = with_role(&slow).await;
            world.storage.set_read_delay(Duration::from_secs(read));
            let delay = Duration::from_secs(write);
            world.storage.set_write_delay(delay, timing);
            let tends = async {
                for _ in 0..12 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    world.storage.set_read_delay(Duration::ZERO);
                    world.storage.set_write_delay(Duration::ZERO, timing);
                    tend(&world).await;
                    world.storage.set_read_delay(Duration::from_secs(read));
                    world.storage.set_write_delay(delay, timing);
                }
            };
            let (lease, ()) = futures_util::join!(world.lease("warm"), tends);
            assert!(works(&world, &lease.unwrap()));
        }
    }
}

/// A change of the role has its pool tended.
async fn tend(world: &World) {
    let change = json!({"key_description": "tended"});
    world.write("role/warm", &change).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Its entry is read again when it is proven.
#[tokio::test(start_paused = true)]
async fn a_spare_that_is_read_again_is_not_taken_for_one_that_is_gone() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    world.write("role/warm", &role(1)).await.unwrap();
    world.engine.periodic().await.unwrap();
    for second in 0..240 {
        world.storage.set_read_delay(Duration::ZERO);
        if second % 30 == 0 {
            world.engine.periodic().await.unwrap();
        }
        tend(&world).await;
        world.storage.set_read_delay(Duration::from_secs(3));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    world.storage.set_read_delay(Duration::ZERO);
    assert_eq!(world.cloud.made(), 1);
    assert_eq!(pointers(&world).len(), 1);
    reads_at_once(&world).await;
}

/// What is in storage once another process handed a spare out and ended, or a process
/// that was paused wrote over it.
#[tokio::test(start_paused = true)]
async fn a_spare_that_another_process_half_took_goes_with_its_lease() {
    for restored in ["lockkeeper/spare/", "lockkeeper/credential/"] {
        let world = with_role(&role(1)).await;
        let mut before = Vec::new();
        for place in world.storage.disk().keys() {
            if place.starts_with(restored) {
                let value = world.storage.disk().get(&place).await.unwrap().unwrap();
                before.push((place, value));
            }
        }
        let other = other_process(&world).await;
        let lease = leased(&other, "warm").await.unwrap();
        drop(other);
        for (place, value) in before {
            world.storage.disk().put(&place, &value).await.unwrap();
        }
        world.pass(8 * MINUTE).await;
        assert!(works(&world, &lease));
        // Until it is read again, and the time of a lease.
        world.pass(16 * MINUTE).await;
        assert!(!world.lives(lease.key()), "{restored}");
    }
}

/// Storage cannot list what is needed to find further pools.
#[tokio::test(start_paused = true)]
async fn pools_are_tended_while_others_cannot_be_found() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    world.storage.fail_if(|call| {
        let lists_roles = call.kind == Kind::List && call.touches("lockkeeper/role/");
        lists_roles.then_some(Fault::Lost)
    });
    world.write("role/warm", &role(2)).await.unwrap();
    world.pass(4 * MINUTE).await;
    assert_eq!(pointers(&world).len(), 2);
    reads_at_once(&world).await;
    let before = world.storage.calls();
    world.pass(10 * MINUTE).await;
    let lists = world.storage.calls().since(before).lists;
    assert!(lists < 100, "storage was asked {lists} times");
}

#[tokio::test(start_paused = true)]
async fn pools_are_found_soon_after_storage_answers_again() {
    let world = with_role(&role(1)).await;
    world.storage.fail_if(|call| {
        let lists = call.kind == Kind::List && call.touches("lockkeeper/spare/");
        lists.then_some(Fault::Lost)
    });
    let other = other_process(&world).await;
    world.storage.heal();
    for _ in 0..2 {
        tokio::time::sleep(MINUTE).await;
        other.periodic().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let status = Request::new(Operation::Read, "status");
    let status = other.handle(status).await.unwrap().unwrap();
    assert_eq!(status.get("spares_ready"), Some(&json!(1)));
}

/// Both processes have readers of the key that they share.
#[tokio::test(start_paused = true)]
async fn the_leases_that_another_process_gave_on_a_shared_key_keep_it_no_longer() {
    let mut shared = role(0);
    shared["multi_use_key"] = true.into();
    // Those that are given at once are written together.
    for count in [1, 2, 5] {
        let world = with_role(&shared).await;
        world.lease("warm").await.unwrap_err();
        world.pass(4 * MINUTE).await;
        let own = reads_at_once(&world).await;
        let other = other_process(&world).await;
        let leases = (0..count).map(|_| leased(&other, "warm"));
        let leases = futures_util::future::join_all(leases).await;
        drop(other);
        for lease in leases {
            let lease = lease.unwrap();
            assert_eq!(lease.key(), own.key());
            world.revoke(&lease).await.unwrap();
        }
        assert!(world.lives(own.key()));
        world.revoke(&own).await.unwrap();
        assert!(!world.lives(own.key()), "{count}");
    }
}

/// A process that was paused writes over its entry, and stands in for its lease.
#[tokio::test(start_paused = true)]
async fn a_key_whose_entry_was_written_over_outlives_its_lease() {
    let world = with_role(&role(1)).await;
    let other = other_process(&world).await;
    world.storage.set_write_delay(5 * MINUTE, Timing::Last);
    let second = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        world.storage.set_write_delay(Duration::ZERO, Timing::Last);
        tokio::time::sleep(4 * MINUTE).await;
        leased(&other, "warm").await.unwrap()
    };
    let (paused, lease) = futures_util::join!(world.lease("warm"), second);
    assert!(paused.is_err() || paused.unwrap().key() != lease.key());
    world.pass(8 * MINUTE + Duration::from_secs(30)).await;
    assert!(works(&world, &lease), "it went before its lease");
    ask(&world.engine, Operation::Revoke, &lease).await;
    assert!(!world.lives(lease.key()), "it has no other lease");
}

/// Its own entry of the key is not what is in storage.
#[tokio::test(start_paused = true)]
async fn a_process_that_comes_too_late_leaves_the_entry_of_the_key_as_it_is() {
    let world = with_role(&role(1)).await;
    let other = other_process(&world).await;
    world.storage.set_write_delay(5 * MINUTE, Timing::Last);
    let late = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        world.storage.set_write_delay(6 * MINUTE, Timing::First);
        let late = world.lease("warm");
        let set = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            world.storage.set_write_delay(Duration::ZERO, Timing::Last);
        };
        futures_util::join!(late, set).0
    };
    let (lease, late) = futures_util::join!(leased(&other, "warm"), late);
    let lease = lease.unwrap();
    assert!(late.is_err() || late.unwrap().key() != lease.key());
    let holder = lease.secret.internal_data["holder"].as_str().unwrap();
    assert!(stored(&world, &lease).await.contains(holder));
}

/// It has no lease then that this process knows of, and stays for the time of one.
#[tokio::test(start_paused = true)]
async fn a_key_that_no_pointer_names_goes_with_its_lease() {
    for renews in [false, true] {
        let mut world = with_role(&role(1)).await;
        let place = pointers(&world).remove(0);
        let id = place.rsplit('/').next().unwrap();
        let entry = format!("lockkeeper/credential/{id}");
        let spare = world.storage.disk().get(&entry).await.unwrap().unwrap();
        let lease = reads_at_once(&world).await;
        world.storage.disk().put(&entry, &spare).await.unwrap();
        world.restart();
        world.pass(2 * MINUTE).await;
        assert!(stored(&world, &lease).await.contains("\"holders\""));
        if renews {
            world.renew(&lease, 0).await.unwrap();
        }
        world.revoke(&lease).await.unwrap();
        assert!(!world.lives(lease.key()), "{renews}");
    }
}
