//! Keys that are made and proven before somebody reads them.

use std::collections::BTreeSet;
use std::time::Duration;

use logical::effects::Replication;
use logical::{Operation, Request, Storage};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{Fault, Lease, World, leased};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);
/// As the host says of a standby.
const STANDBY: u32 = 1 << 14;

pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// As long as keys of a cluster take, and as long as it takes to notice.
pub(crate) const PROPAGATION: Duration = Duration::from_mins(2);

pub(crate) fn role(spares: u64) -> Value {
    json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "ttl": 600,
        "max_ttl": 3600, "readiness": "probe", "not_ready": "refuse", "spares": spares,
    })
}

/// A world with a role `warm` whose spares are ready.
pub(crate) async fn with_role(role: &Value) -> World {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    world.write("role/warm", role).await.unwrap();
    world.pass(4 * MINUTE).await;
    world
}

pub(crate) fn works(world: &World, lease: &Lease) -> bool {
    let secret = lease.data["secret"].as_str().unwrap();
    world.cloud.logs_in(lease.key(), secret)
}

pub(crate) async fn counts(world: &World) -> (u64, u64) {
    let role = world.read("role/warm").await.unwrap().unwrap();
    let count = |field| role.get(field).and_then(Value::as_u64).unwrap();
    (count("spares_ready"), count("spares_being_made"))
}

/// A read that takes no time gives a key that works, without a warning.
pub(crate) async fn reads_at_once(world: &World) -> Lease {
    let start = tokio::time::Instant::now();
    let lease = world.lease("warm").await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(works(world, &lease), "{} does not work", lease.key());
    lease
}

pub(crate) fn pointers(world: &World) -> Vec<String> {
    let mut keys = world.storage.disk().keys();
    keys.retain(|key| key.starts_with("lockkeeper/spare/"));
    keys
}

/// What is stored of the key of a lease.
pub(crate) async fn stored(world: &World, lease: &Lease) -> String {
    let id = lease.secret.internal_data["credential"].as_str().unwrap();
    let place = format!("lockkeeper/credential/{id}");
    let stored = world.storage.disk().get(&place).await.unwrap().unwrap();
    String::from_utf8(stored.to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_a_spare_at_once_and_the_pool_is_refilled() {
    let world = with_role(&role(2)).await;
    assert_eq!(counts(&world).await, (2, 0));
    assert_eq!(world.cloud.made(), 2);
    let status = world.read("status").await.unwrap().unwrap();
    assert_eq!(status.get("spares_ready"), Some(&json!(2)));
    let first = reads_at_once(&world).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counts(&world).await, (1, 1));
    let second = reads_at_once(&world).await;
    assert_ne!(first.key(), second.key());
    world.pass(4 * MINUTE).await;
    assert_eq!(counts(&world).await, (2, 0));
    assert_eq!(world.cloud.made(), 4);
    for lease in [first, second] {
        world.revoke(&lease).await.unwrap();
        assert!(!world.lives(lease.key()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_secret_of_a_spare_is_dropped_when_it_is_handed_out() {
    let world = with_role(&role(1)).await;
    let pointers = pointers(&world);
    let id = pointers[0].rsplit('/').next().unwrap();
    let place = format!("lockkeeper/credential/{id}");
    let spare = world.storage.disk().get(&place).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&spare).contains("secret-of-"));
    let lease = reads_at_once(&world).await;
    let stored = stored(&world, &lease).await;
    assert!(stored.contains(lease.key()));
    assert!(!stored.contains("secret-of-"), "{stored}");
}

/// Nothing is refilled here: the spare is what a reader who was refused left.
#[tokio::test(start_paused = true)]
async fn a_spare_is_handed_out_by_one_write_of_its_entry() {
    let world = with_role(&role(0)).await;
    world.lease("warm").await.unwrap_err();
    world.pass(4 * MINUTE).await;
    let before = world.storage.calls().changes;
    reads_at_once(&world).await;
    let writes = world.storage.calls().changes - before;
    assert_eq!(writes, 2, "the entry and the pointer");
}

#[tokio::test(start_paused = true)]
async fn readers_who_come_together_get_a_spare_each() {
    let world = with_role(&role(5)).await;
    let readers = (0..5).map(|_| world.lease("warm"));
    let leases = futures_util::future::join_all(readers).await;
    let leases: Vec<Lease> = leases.into_iter().map(Result::unwrap).collect();
    let keys: BTreeSet<&str> = leases.iter().map(Lease::key).collect();
    assert_eq!(keys.len(), 5);
    assert!(leases.iter().all(|lease| works(&world, lease)));
}

#[tokio::test(start_paused = true)]
async fn a_spare_is_the_next_key_of_a_shared_role() {
    let mut shared = role(1);
    shared["multi_use_key"] = true.into();
    let world = with_role(&shared).await;
    let first = reads_at_once(&world).await;
    let second = reads_at_once(&world).await;
    assert_eq!(first.key(), second.key());
    world.pass(4 * MINUTE).await;
    assert_eq!(counts(&world).await, (1, 0));
    assert_eq!(reads_at_once(&world).await.key(), first.key());
    world
        .delete(&format!("keys/{}", first.key()))
        .await
        .unwrap();
    assert_ne!(reads_at_once(&world).await.key(), first.key());
}

#[tokio::test(start_paused = true)]
async fn spares_survive_a_restart_at_any_time_and_none_is_made_too_many() {
    for second in [0, 1, 30, 60, 119, 125, 240] {
        let mut world = World::ready().await;
        world.cloud.set_propagation(PROPAGATION);
        world.write("role/warm", &role(2)).await.unwrap();
        world.engine.periodic().await.unwrap();
        tokio::time::sleep(Duration::from_secs(second)).await;
        world.restart();
        world.pass(4 * MINUTE).await;
        assert_eq!(counts(&world).await, (2, 0));
        assert_eq!(world.cloud.made(), 2, "restart at {second}");
        reads_at_once(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn spares_go_with_their_role_and_with_its_target() {
    let world = with_role(&role(2)).await;
    let before = world.cloud.live();
    let lease = reads_at_once(&world).await;
    let other = json!({"resource": "lkc-2"});
    world.write("role/warm", &other).await.unwrap();
    world.pass(4 * MINUTE).await;
    assert_eq!(counts(&world).await, (2, 0));
    let live = world.cloud.live();
    let left = before.iter().filter(|key| live.contains(key));
    assert_eq!(left.collect::<Vec<_>>(), [lease.key()]);
    world.delete("role/warm").await.unwrap();
    world.pass(2 * MINUTE).await;
    assert_eq!(world.cloud.live(), [lease.key()]);
    assert!(pointers(&world).is_empty());
}

/// The process ends before it could let go of them.
#[tokio::test(start_paused = true)]
async fn spares_of_a_role_that_was_deleted_before_a_restart_go() {
    let mut world = with_role(&role(2)).await;
    world.delete("role/warm").await.unwrap();
    world.restart();
    world.pass(2 * MINUTE).await;
    assert!(world.cloud.live().is_empty());
    assert!(pointers(&world).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_wants_fewer_spares_keeps_fewer() {
    let world = with_role(&role(4)).await;
    world
        .write("role/warm", &json!({"spares": 1}))
        .await
        .unwrap();
    world.pass(MINUTE).await;
    assert_eq!(counts(&world).await, (1, 0));
    assert_eq!(world.cloud.live().len(), 1);
    let none = json!({"spares": 0, "readiness": "none", "not_ready": "warn"});
    world.write("role/warm", &none).await.unwrap();
    world.pass(2 * MINUTE).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn spares_of_another_kind_go_when_sharing_changes() {
    let world = with_role(&role(1)).await;
    let before = world.cloud.live();
    let shared = json!({"multi_use_key": true});
    world.write("role/warm", &shared).await.unwrap();
    world.pass(4 * MINUTE).await;
    assert!(!world.lives(&before[0]));
    let leases = [reads_at_once(&world).await, reads_at_once(&world).await];
    assert_eq!(leases[0].key(), leases[1].key());
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_nobody_took_is_replaced() {
    let mut role = role(1);
    role["spare_max_age"] = 3600.into();
    let world = with_role(&role).await;
    let first = world.cloud.live();
    world.pass(50 * MINUTE).await;
    assert_eq!(world.cloud.live(), first);
    world.pass(12 * MINUTE).await;
    assert!(!world.lives(&first[0]));
    assert_eq!(world.cloud.live().len(), 1);
    reads_at_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_used_up_stops_refilling_for_a_while() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    for _ in 0..2 {
        world.cloud.arm(Fault::Quota);
    }
    world.write("role/warm", &role(1)).await.unwrap();
    world.pass(9 * MINUTE).await;
    let status = world.read("status").await.unwrap().unwrap();
    let told = "no spare of role `warm` could be made or proven, and the next is made at 2027-";
    let warned = status.warnings.iter().filter(|text| text.contains(told));
    assert_eq!(warned.count(), 1, "{:?}", status.warnings);
    assert_eq!(world.cloud.made(), 0);
    world.pass(40 * MINUTE).await;
    assert_eq!(counts(&world).await, (1, 0));
    let status = world.read("status").await.unwrap().unwrap();
    assert_eq!(status.warnings, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn spares_that_never_work_are_given_up_and_tried_less_and_less_often() {
    let mut role = role(1);
    role["readiness_timeout"] = 300.into();
    let world = World::ready().await;
    world.cloud.set_propagation(100 * HOUR);
    world.write("role/warm", &role).await.unwrap();
    world.pass(8 * MINUTE).await;
    let status = world.read("status").await.unwrap().unwrap();
    let told = "did not log in within 300 seconds";
    assert!(status.warnings.iter().any(|text| text.contains(told)));
    world.pass(6 * HOUR).await;
    let made = world.cloud.made();
    assert!((5..=12).contains(&made), "{made}");
    assert!(world.cloud.live().len() <= 1);
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_a_person_deleted_is_replaced() {
    let world = with_role(&role(1)).await;
    let first = world.cloud.live();
    world.cloud.delete_by_hand(&first[0]);
    world.pass(25 * MINUTE).await;
    reads_at_once(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_was_deleted_while_the_engine_was_down_is_not_handed_out() {
    let mut world = with_role(&role(2)).await;
    let [gone, lives] = world.cloud.live().try_into().unwrap();
    world.cloud.delete_by_hand(&gone);
    world.restart();
    assert_eq!(reads_at_once(&world).await.key(), lives);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_in_advance_where_nothing_may_be_made() {
    let world = with_role(&role(1)).await;
    world.host.set_tainted(true);
    world.lease("warm").await.unwrap_err();
    let key = world.cloud.live().remove(0);
    world.delete(&format!("keys/{key}")).await.unwrap();
    world.pass(10 * MINUTE).await;
    assert_eq!(world.cloud.made(), 1);
    world.host.set_tainted(false);
    world.host.set_replication(Replication(STANDBY));
    world.pass(10 * MINUTE).await;
    assert_eq!(world.cloud.made(), 1);
    world.host.set_replication(Replication(0));
    world.pass(15 * MINUTE).await;
    assert_eq!(counts(&world).await, (1, 0));
}

#[tokio::test(start_paused = true)]
async fn no_key_is_made_for_a_reader_of_a_mount_that_is_removed() {
    let world = World::ready().await;
    world.write("role/warm", &role(0)).await.unwrap();
    world.host.set_tainted(true);
    let refused = world.lease("warm").await.unwrap_err();
    assert!(refused.message().contains("is being removed"), "{refused}");
    assert_eq!(world.cloud.made(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_is_removed_takes_its_spares_along() {
    let world = with_role(&role(3)).await;
    world.host.set_tainted(true);
    world.engine.cleanup().await;
    assert!(world.cloud.live().is_empty());
}

/// A process that was paused may have written over what its successor did, so that
/// somebody may hold the key.
#[tokio::test(start_paused = true)]
async fn a_spare_that_no_pointer_names_is_let_go_of_after_the_time_of_a_lease() {
    let mut world = with_role(&role(1)).await;
    let key = world.cloud.live();
    for pointer in pointers(&world) {
        world.storage.disk().delete(&pointer).await.unwrap();
    }
    world.restart();
    world.pass(9 * MINUTE).await;
    assert!(world.lives(&key[0]));
    world.pass(5 * MINUTE).await;
    assert!(!world.lives(&key[0]));
}

/// Each process knows of the spare when the other one hands it out.
#[tokio::test(start_paused = true)]
async fn two_processes_hand_out_no_spare_twice() {
    let world = with_role(&role(1)).await;
    let other = world.another_process();
    other.periodic().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let first = leased(&other, "warm").await.unwrap();
    if let Ok(second) = world.lease("warm").await {
        assert_ne!(first.key(), second.key());
    }
    for _ in 0..9 {
        other.periodic().await.unwrap();
        world.pass(MINUTE).await;
    }
    assert!(world.lives(first.key()));
    let mut secret = first.secret.clone();
    secret.lease.increment = HOUR;
    let renewal = Request::new(Operation::Renew, "creds/warm").with_secret(secret);
    other.handle(renewal).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_while_a_spare_is_taken_strands_nothing() {
    for fails in 1..4 {
        let world = with_role(&role(1)).await;
        world
            .storage
            .fail_next_writes(fails, virtual_world::Fault::Done);
        let first = world.lease("warm").await;
        world.pass(5 * MINUTE).await;
        let second = reads_at_once(&world).await;
        if let Ok(first) = first {
            assert_ne!(first.key(), second.key());
        }
        world.delete("role/warm").await.unwrap();
        world.pass(2 * HOUR).await;
        assert!(world.cloud.live().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Reads come no faster than the pool is refilled: each gets a key at once that
    /// logs in the first time, through restarts.
    #[test]
    fn the_first_login_with_a_spare_succeeds(
        spares in 1..=4_u64,
        shared in any::<bool>(),
        steps in prop::collection::vec((0..120_u64, any::<bool>(), 0..10_u8), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut warm = role(spares);
            warm["multi_use_key"] = shared.into();
            let mut world = with_role(&warm).await;
            for (pause, revokes, what) in steps {
                // A new key takes 120 s, and is tried at least each minute after that.
                world.pass(Duration::from_secs(190 / spares + pause)).await;
                let lease = reads_at_once(&world).await;
                if revokes {
                    world.revoke(&lease).await.unwrap();
                }
                if what == 0 {
                    world.restart();
                    world.engine.periodic().await.unwrap();
                }
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_shared_key_works_when_the_present_one_is_too_old() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    let mut shared = role(0);
    shared["sharing"] = json!("role");
    shared["max_age"] = json!(3600);
    shared["ttl"] = json!(3600);
    world.write("role/warm", &shared).await.unwrap();
    let refused = world.lease("warm").await.unwrap_err();
    assert!(refused.message().contains("is being proven"), "{refused:?}");
    world.pass(4 * MINUTE).await;
    let present = reads_at_once(&world).await;
    world.pass(51 * MINUTE).await;
    let last = reads_at_once(&world).await;
    assert_eq!(last.key(), present.key());
    world.pass(4 * MINUTE).await;
    assert_eq!(reads_at_once(&world).await.key(), present.key());
    world.pass(2 * MINUTE).await;
    let next = reads_at_once(&world).await;
    assert_ne!(next.key(), present.key());
    assert_eq!(reads_at_once(&world).await.key(), next.key());
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_next_shared_key_that_nobody_takes_goes_when_it_is_too_old() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    let mut shared = role(0);
    shared["sharing"] = json!("role");
    shared["max_age"] = json!(3600);
    world.write("role/warm", &shared).await.unwrap();
    world.lease("warm").await.unwrap_err();
    world.pass(55 * MINUTE).await;
    reads_at_once(&world).await;
    world.pass(3 * MINUTE).await;
    assert_eq!(world.cloud.live().len(), 2);
    world.pass(2 * HOUR).await;
    assert!(world.cloud.live().is_empty());
    assert!(pointers(&world).is_empty());
}

/// The present key may be in use for weeks until the next one is wanted.
#[tokio::test(start_paused = true)]
async fn a_next_shared_key_waits_for_longer_than_a_spare_may() {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    let mut shared = role(0);
    shared["sharing"] = json!("role");
    shared["max_age"] = json!(30 * 24 * 3600);
    shared["ttl"] = json!(3600);
    world.write("role/warm", &shared).await.unwrap();
    world.lease("warm").await.unwrap_err();
    world.pass(4 * MINUTE).await;
    let present = reads_at_once(&world).await;
    for _ in 0..29 * 24 * 2 {
        world.pass(30 * MINUTE).await;
        reads_at_once(&world).await;
    }
    assert_eq!(world.cloud.made(), 2);
    for _ in 0..25 * 2 {
        world.pass(30 * MINUTE).await;
        reads_at_once(&world).await;
    }
    assert_ne!(reads_at_once(&world).await.key(), present.key());
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn spares_that_cannot_be_made_leave_no_pointers() {
    let world = World::ready().await;
    for _ in 0..20 {
        world.cloud.arm(Fault::Quota);
    }
    world.write("role/warm", &role(2)).await.unwrap();
    world.pass(MINUTE).await;
    assert_eq!(world.cloud.made(), 0);
    assert_eq!(counts(&world).await, (0, 0));
    assert_eq!(pointers(&world), Vec::<String>::new());
}
