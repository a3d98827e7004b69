//! Mounting, tuning and removing, from a client's point of view: whatever the
//! client, the engine and the power do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use logical::{Operation, Storage as _};
use serde_json::{Value, json};
use virtual_world::{Fault, Timing};

use crate::Core;
use crate::tests::{Does, Seen, World, ask};

const SECOND: Duration = Duration::from_secs(1);

async fn mount(core: &Core, path: &str) -> Seen {
    let path = format!("sys/mounts/{path}");
    ask(core, Operation::Update, &path, json!({"type": "puppet"})).await
}

async fn unmount(core: &Core, path: &str) -> Seen {
    let path = format!("sys/mounts/{path}");
    ask(core, Operation::Delete, &path, Value::Null).await
}

async fn read(core: &Core, path: &str) -> Seen {
    ask(core, Operation::Read, path, Value::Null).await
}

async fn mounted(core: &Core) -> Vec<String> {
    let all = read(core, "sys/mounts").await;
    let all = all.body["data"].as_object().unwrap().clone();
    all.keys().filter(|path| *path != "sys/").cloned().collect()
}

/// The storage of mounts, by key.
fn kept(world: &World) -> Vec<String> {
    let keys = world.storage.keys();
    let of_mounts = keys.into_iter().filter(|key| key.starts_with("logical/"));
    of_mounts.collect()
}

#[tokio::test(start_paused = true)]
async fn a_mount_is_in_memory_and_in_storage_although_its_client_hung_up() {
    let world = World::new();
    let core = world.start().await;
    *world.slow.writes_take.lock().unwrap() = SECOND;
    for after in 1..6 {
        let name = format!("mount-{after}");
        let waited = tokio::time::timeout(SECOND * after / 2, mount(&core, &name)).await;
        *world.slow.writes_take.lock().unwrap() = Duration::ZERO;
        tokio::time::sleep(10 * SECOND).await;
        let in_memory = mounted(&core).await;
        assert!(in_memory.contains(&format!("{name}/")), "{waited:?}");
        assert_eq!(mount(&core, &format!("another-{after}")).await.status, 204);
        *world.slow.writes_take.lock().unwrap() = SECOND;
    }
    let in_memory = mounted(&core).await;
    core.shut_down().await;
    *world.slow.writes_take.lock().unwrap() = Duration::ZERO;
    let core = world.start().await;
    assert_eq!(mounted(&core).await, in_memory);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_settings_takes_effect_although_its_client_hung_up() {
    let world = World::new();
    let core = world.mounted().await;
    *world.slow.writes_take.lock().unwrap() = SECOND;
    let tune = json!({"max_lease_ttl": "5m"});
    let tuning = ask(&core, Operation::Update, "sys/mounts/puppet/tune", tune);
    assert!(tokio::time::timeout(SECOND / 2, tuning).await.is_err());
    *world.slow.writes_take.lock().unwrap() = Duration::ZERO;
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(mount(&core, "another").await.status, 204);
    for core in [core, world.start().await] {
        let tuning = read(&core, "sys/mounts/puppet/tune").await;
        assert_eq!(tuning.body["data"]["max_lease_ttl"], 300);
    }
}

#[tokio::test(start_paused = true)]
async fn removing_a_mount_whose_engine_hangs_closes_it_at_once_and_holds_up_nothing_else() {
    let world = World::new();
    let core = world.mounted().await;
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    world.puppet.on("revoke", Does::Hang);
    world.puppet.on("handle", Does::Hang);
    let start = tokio::time::Instant::now();
    let (removed, _, (closed, other)) = tokio::join!(
        unmount(&core, "puppet"),
        // It is inside when the removal begins.
        tokio::time::timeout(80 * SECOND, read(&core, "puppet/asker")),
        async {
            tokio::time::sleep(SECOND).await;
            let closed = read(&core, "puppet/asker").await;
            let other = mount(&core, "another").await;
            assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());
            let tuned = json!({"description": "free"});
            let path = "sys/mounts/another/tune";
            let tuned = ask(&core, Operation::Update, path, tuned).await;
            assert_eq!(tuned.status, 204, "{tuned:?}");
            assert!(start.elapsed() < 2 * SECOND, "{:?}", start.elapsed());
            (closed, other)
        }
    );
    assert_eq!(
        closed.error(),
        "no handler for route \"puppet/asker\". route entry is tainted."
    );
    assert_eq!(other.status, 204);
    // The answer says that the work goes on.
    assert_eq!(removed.status, 200, "{removed:?}");
    let warning = removed.body["warnings"][0].as_str().unwrap();
    assert!(warning.contains("continues"), "{warning}");
    world.puppet.on("revoke", Does::Work);
    world.puppet.on("handle", Does::Work);
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(mounted(&core).await, ["another/"]);
    assert_eq!(world.puppet.revoked(), [0]);
    assert_eq!(kept(&world).len(), 1, "{:?}", kept(&world));
}

/// The write of an engine may be carried out after its request has left.
#[tokio::test(start_paused = true)]
async fn nothing_is_written_under_a_mount_after_it_was_wiped() {
    let (world, disk) = (World::new(), virtual_world::World::new());
    let storage = Arc::clone(&disk.storage);
    let core = world.mounted_with(world.effects_of(&disk)).await;
    storage.set_write_delay(10 * SECOND, Timing::Late);
    let writing = ask(&core, Operation::Update, "puppet/thing", json!({}));
    let hung_up = tokio::time::timeout(SECOND, writing).await;
    assert!(hung_up.is_err());
    storage.set_write_delay(Duration::ZERO, Timing::First);
    assert_eq!(unmount(&core, "puppet").await.status, 204);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let left = storage.disk().keys();
    let left = left.iter().find(|key| key.starts_with("logical/"));
    assert_eq!(left, None);
}

#[tokio::test(start_paused = true)]
async fn a_mount_is_not_wiped_while_a_write_of_its_engine_does_not_end() {
    let (world, disk) = (World::new(), virtual_world::World::new());
    let storage = Arc::clone(&disk.storage);
    let core = world.mounted_with(world.effects_of(&disk)).await;
    storage.set_write_delay(Duration::from_mins(5), Timing::Late);
    let writing = ask(&core, Operation::Update, "puppet/thing", json!({}));
    assert!(tokio::time::timeout(SECOND, writing).await.is_err());
    storage.set_write_delay(Duration::ZERO, Timing::First);
    unmount(&core, "puppet").await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(mounted(&core).await, ["puppet/"]);
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(mounted(&core).await, Vec::<String>::new());
    let left = storage.disk().keys();
    let left = left.iter().find(|key| key.starts_with("logical/"));
    assert_eq!(left, None);
}

#[tokio::test(start_paused = true)]
async fn a_removal_does_not_wait_for_ever_for_a_request_that_hangs() {
    let world = World::new();
    let core = world.mounted().await;
    world.puppet.on("handle", Does::Hang);
    let mut hanging = Box::pin(read(&core, "puppet/asker"));
    assert!(hanging.as_mut().now_or_never().is_none());
    assert_eq!(unmount(&core, "puppet").await.status, 200);
    // The first attempt has given up, and the next one is not due yet.
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(mounted(&core).await, ["puppet/"]);
    let active = core.active().unwrap();
    assert!(active.mounts.removing.try_lock("puppet/").is_some());
    drop(hanging);
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(mounted(&core).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_on_record_before_the_answer_says_that_it_goes_on() {
    let world = World::new();
    let core = world.mounted().await;
    *world.slow.writes_take.lock().unwrap() = Duration::from_mins(1);
    let removed = unmount(&core, "puppet").await;
    assert_eq!(removed.status, 200, "{removed:?}");
    let closed = read(&core, "puppet/asker").await;
    assert_eq!(
        closed.error(),
        "no handler for route \"puppet/asker\". route entry is tainted."
    );
}

#[tokio::test(start_paused = true)]
async fn a_removal_goes_on_after_a_restart() {
    let world = World::new();
    let core = world.mounted().await;
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    world.puppet.on("revoke", Does::Hang);
    let hung_up = tokio::time::timeout(SECOND, unmount(&core, "puppet")).await;
    assert!(hung_up.is_err());
    core.shut_down().await;
    world.puppet.on("revoke", Does::Work);
    let core = world.start().await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.puppet.revoked(), [0]);
    assert_eq!(mounted(&core).await, Vec::<String>::new());
    assert_eq!(kept(&world), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn periodic_calls_go_on_after_one_that_panicked_or_hung() {
    for does in [Does::Panic, Does::Hang, Does::Fail] {
        let world = World::new();
        let _core = world.mounted().await;
        world.puppet.on("tick", does);
        tokio::time::sleep(Duration::from_mins(5)).await;
        world.puppet.on("tick", Does::Work);
        let before = world.puppet.ticks.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_mins(10)).await;
        let ticks = world.puppet.ticks.load(Ordering::SeqCst) - before;
        assert!(ticks >= 8, "{ticks} ticks after {does:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_does_not_start_leaves_nothing_behind() {
    for does in [Does::Panic, Does::Fail, Does::Hang] {
        let world = World::new();
        let core = world.start().await;
        world.puppet.on("initialize", does);
        let refused = tokio::time::timeout(90 * SECOND, mount(&core, "a")).await;
        let refused = refused.unwrap();
        assert!(refused.status >= 500, "{does:?}: {refused:?}");
        assert!(!refused.error().contains("panics"), "{refused:?}");
        world.puppet.on("initialize", Does::Work);
        assert_eq!(kept(&world), Vec::<String>::new(), "{does:?}");
        assert_eq!(mount(&core, "a").await.status, 204);
    }
}

#[tokio::test(start_paused = true)]
async fn a_mount_is_removed_although_its_engine_panics_or_hangs_while_it_is_stopped() {
    for does in [Does::Panic, Does::Hang] {
        let world = World::new();
        let core = world.mounted().await;
        world.puppet.on("cleanup", does);
        unmount(&core, "puppet").await;
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(mounted(&core).await, Vec::<String>::new(), "{does:?}");
        assert_eq!(kept(&world), Vec::<String>::new(), "{does:?}");
    }
}

/// The admin key of a mount can be gone: then its leases cannot be revoked
/// until its configuration names another.
#[tokio::test(start_paused = true)]
async fn a_mount_whose_leases_cannot_be_revoked_can_be_configured_but_makes_no_new_ones() {
    let world = World::new();
    let core = world.mounted().await;
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    world.puppet.on("revoke", Does::Fail);
    let failed = unmount(&core, "puppet").await;
    assert_eq!(failed.status, 503, "{failed:?}");
    assert!(failed.error().contains("the puppet fails"), "{failed:?}");
    let leased = read(&core, "puppet/lease").await;
    assert_eq!(
        leased.error(),
        "no handler for route \"puppet/lease\". route entry is tainted."
    );
    let mended = ask(&core, Operation::Update, "puppet/config", json!({})).await;
    assert_eq!(mended.status, 200, "{mended:?}");
    world.puppet.on("revoke", Does::Work);
    assert_eq!(unmount(&core, "puppet").await.status, 204);
    assert!(world.puppet.revoked().contains(&0));
    assert_eq!(mounted(&core).await, Vec::<String>::new());
}

/// An engine need not start on storage from which a part is gone.
#[tokio::test(start_paused = true)]
async fn a_mount_that_was_half_wiped_is_not_started_again() {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let storage = Arc::clone(&machine.storage);
    let core = world.mounted_with(world.effects_of(&machine)).await;
    storage.fail_if(|call| {
        let wipes = call.is_write() && call.touches("logical/");
        wipes.then_some(Fault::Lost)
    });
    let failed = unmount(&core, "puppet").await;
    assert_eq!(failed.status, 500, "{failed:?}");
    core.shut_down().await;
    storage.heal();
    world.puppet.on("initialize", Does::Fail);
    let core = world.start_with(world.effects_of(&machine)).await.unwrap();
    assert_eq!(mounted(&core).await, Vec::<String>::new());
    let left = storage.disk().keys();
    let left = left.iter().find(|key| key.starts_with("logical/"));
    assert_eq!(left, None);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_failed_is_tried_again_by_itself() {
    let world = World::new();
    let core = world.mounted().await;
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    world.puppet.on("revoke", Does::Fail);
    assert_eq!(unmount(&core, "puppet").await.status, 503);
    world.puppet.on("revoke", Does::Work);
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(mounted(&core).await, Vec::<String>::new());
    assert_eq!(kept(&world), Vec::<String>::new());
}

const UPGRADING: &str = "Upgrading from non-versioned to versioned data. This backend will be \
                         unavailable for a brief period and will resume service shortly.";

/// A core with the first version of the key/value engine at `kv/`.
async fn with_kv(world: &World) -> Arc<Core> {
    let core = world.start().await;
    let kv = json!({"type": "kv"});
    let mounted = ask(&core, Operation::Update, "sys/mounts/kv", kv).await;
    assert_eq!(mounted.status, 204);
    put(&core, "kv/a").await;
    core
}

async fn put(core: &Core, path: &str) -> Seen {
    ask(core, Operation::Update, path, json!({"x": 1})).await
}

async fn raise(core: &Core) -> Seen {
    let raise = json!({"options": {"version": "2"}});
    ask(core, Operation::Update, "sys/mounts/kv/tune", raise).await
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_was_replaced_takes_no_request_and_writes_nothing() {
    let core = with_kv(&World::new()).await;
    let active = core.active().unwrap();
    let old = active.router.get("kv/").unwrap();
    let uuid = old.settings.read(|entry| entry.uuid.clone());
    let fence = Arc::clone(&active.mounts.fences()[&uuid]);
    assert_eq!(raise(&core).await.status, 200);
    assert!(old.enter().is_none());
    let late = fence.put("late", b"{}").await;
    assert!(late.is_err(), "{late:?}");
    tokio::time::sleep(SECOND).await;
    assert_eq!(read(&core, "kv/data/a").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_mount_says_that_it_is_upgrading_while_its_engine_is_replaced() {
    let world = World::new();
    let core = with_kv(&world).await;
    *world.slow.writes_take.lock().unwrap() = 5 * SECOND;
    let mut writing = Box::pin(put(&core, "kv/b"));
    assert!(writing.as_mut().now_or_never().is_none());
    *world.slow.writes_take.lock().unwrap() = Duration::ZERO;
    let (written, raised, (seen, put)) = tokio::join!(writing, raise(&core), async {
        tokio::time::sleep(SECOND).await;
        (read(&core, "kv/a").await, put(&core, "kv/c").await)
    });
    assert_eq!((written.status, raised.status), (204, 200));
    for seen in [seen, put] {
        assert_eq!((seen.status, seen.error()), (400, UPGRADING));
    }
    tokio::time::sleep(SECOND).await;
    assert_eq!(read(&core, "kv/data/b").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_could_not_be_replaced_is_replaced_by_the_next_attempt() {
    let world = World::new();
    let core = with_kv(&world).await;
    *world.slow.writes_take.lock().unwrap() = 40 * SECOND;
    let mut writing = Box::pin(put(&core, "kv/b"));
    assert!(writing.as_mut().now_or_never().is_none());
    *world.slow.writes_take.lock().unwrap() = Duration::ZERO;
    let (_, failed) = tokio::join!(writing, raise(&core));
    assert_eq!(failed.status, 500, "{failed:?}");
    assert_eq!(read(&core, "kv/a").await.status, 200, "the old one goes on");
    assert_eq!(raise(&core).await.status, 200);
    tokio::time::sleep(SECOND).await;
    assert_eq!(read(&core, "kv/data/b").await.status, 200);
}
