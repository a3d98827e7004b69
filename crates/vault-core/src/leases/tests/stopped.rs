//! Leases on storage without transactions, and on clocks that are set back.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use logical::Operation;
use serde_json::Value;
use virtual_world::{Fault, Kind};

use super::{SECOND, leased, renew};
use crate::Core;
use crate::tests::{Does, World, ask};

struct Scene {
    world: World,
    machine: virtual_world::World,
    core: Arc<Core>,
}

impl Scene {
    async fn new() -> Self {
        let (world, machine) = (World::new(), virtual_world::World::new());
        let core = world.mounted_with(world.effects_of(&machine)).await;
        Self {
            world,
            machine,
            core,
        }
    }

    async fn update(&self, path: &str) -> u16 {
        ask(&self.core, Operation::Update, path, Value::Null)
            .await
            .status
    }

    /// Lets calls of a kind fail below a prefix, where batches are carried out
    /// one change at a time.
    fn fail(&self, kind: Kind, prefix: &'static str) {
        let storage = &self.machine.storage;
        storage.split_batches();
        storage.fail_if(move |call| {
            let fails = call.kind == kind && call.touches(prefix);
            fails.then_some(Fault::Lost)
        });
    }

    /// What is stored of leases.
    fn stored(&self) -> Vec<String> {
        let mut keys = self.machine.storage.disk().keys();
        keys.retain(|key| key.starts_with("sys/expire/"));
        keys
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_stops_half_way_leaves_nothing_behind() {
    for prefix in ["sys/expire/id/", "sys/expire/token/"] {
        let scene = Scene::new().await;
        leased(&scene.core).await;
        scene.fail(Kind::Delete, prefix);
        tokio::time::sleep(15 * SECOND).await;
        assert!(!scene.stored().is_empty());
        scene.machine.storage.heal();
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(scene.stored(), Vec::<String>::new(), "{prefix}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_lease_that_was_not_stored_goes_with_its_token_or_by_tidying() {
    for path in ["auth/token/revoke-self", "sys/leases/tidy"] {
        let scene = Scene::new().await;
        // Nor can what was stored of it be deleted.
        scene.machine.storage.split_batches();
        scene.machine.storage.fail_if(|call| {
            let fails = call.touches("sys/expire/id/") || call.kind == Kind::Delete;
            fails.then_some(Fault::Lost)
        });
        let refused = ask(&scene.core, Operation::Read, "puppet/lease", Value::Null).await;
        assert_eq!(refused.status, 500, "{refused:?}");
        scene.machine.storage.heal();
        assert_eq!(scene.stored().len(), 1);
        scene.update(path).await;
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(scene.stored(), Vec::<String>::new(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn tidying_removes_no_way_to_a_lease_that_is_being_stored() {
    let scene = Scene::new().await;
    let storage = &scene.machine.storage;
    storage.split_batches();
    storage.set_write_delay(SECOND, virtual_world::Timing::First);
    let (lease, _) = tokio::join!(leased(&scene.core), async {
        tokio::time::sleep(SECOND / 2).await;
        scene.update("sys/leases/tidy").await
    });
    storage.set_write_delay(Duration::ZERO, virtual_world::Timing::First);
    tokio::time::sleep(SECOND).await;
    let stored = scene.stored();
    assert!(lease.starts_with("puppet/lease/"));
    assert_eq!(stored.len(), 2, "{stored:?}");
}

#[tokio::test(start_paused = true)]
async fn leases_are_tidied_by_one_request_at_a_time() {
    let scene = Scene::new().await;
    leased(&scene.core).await;
    // The leases have been restored by then.
    tokio::time::sleep(SECOND).await;
    scene.machine.storage.set_read_delay(SECOND / 10);
    let mut counts = Vec::new();
    for requests in [1, 5] {
        let before = scene.machine.storage.calls();
        for _ in 0..requests {
            scene.update("sys/leases/tidy").await;
        }
        tokio::time::sleep(3 * SECOND).await;
        counts.push(scene.machine.storage.calls().since(before).lists);
    }
    assert_eq!(counts[0], counts[1]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_in_its_time_although_the_clock_was_set_back() {
    let scene = Scene::new().await;
    leased(&scene.core).await;
    tokio::time::sleep(5 * SECOND).await;
    scene.machine.clock.jump(SignedDuration::from_hours(-1));
    scene.world.puppet.on("revoke", Does::Fail);
    tokio::time::sleep(6 * SECOND).await;
    scene.machine.clock.jump(SignedDuration::from_hours(-1));
    scene.world.puppet.on("revoke", Does::Work);
    // The pause after the first failure is at most 15 seconds.
    tokio::time::sleep(16 * SECOND).await;
    assert_eq!(scene.world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_expired_cannot_be_renewed_once_the_clock_was_set_back() {
    let scene = Scene::new().await;
    let lease = leased(&scene.core).await;
    tokio::time::sleep(9 * SECOND).await;
    // It cannot be read when it is due, so that it is left for a while.
    scene.machine.storage.fail_if(|call| {
        let fails = call.kind == Kind::Get && call.touches("sys/expire/id/");
        fails.then_some(Fault::Lost)
    });
    tokio::time::sleep(2 * SECOND).await;
    scene.machine.storage.heal();
    assert_eq!(renew(&scene.core, &lease, 0).await.error(), "lease expired");
    scene.machine.clock.jump(SignedDuration::from_secs(-10));
    assert_eq!(renew(&scene.core, &lease, 0).await.error(), "lease expired");
}

#[tokio::test(start_paused = true)]
async fn a_lease_has_no_more_left_than_was_granted_after_a_start_on_a_clock_that_was_set_back() {
    let scene = Scene::new().await;
    leased(&scene.core).await;
    let failing = leased(&scene.core).await;
    scene.world.puppet.on("revoke", Does::Fail);
    let body = serde_json::json!({"lease_id": failing});
    let path = "sys/leases/revoke";
    ask(&scene.core, Operation::Update, path, body).await;
    scene.core.shut_down().await;
    scene.machine.clock.jump(SignedDuration::from_hours(-1));
    scene.world.puppet.on("revoke", Does::Work);
    let effects = scene.world.effects_of(&scene.machine);
    let _core = scene.world.start_with(effects).await.unwrap();
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!(scene.world.puppet.revoked(), [0]);
    tokio::time::sleep(Duration::from_mins(4)).await;
    assert_eq!(scene.world.puppet.revoked(), [0, 1]);
}
