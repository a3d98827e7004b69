//! Starts that fail.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::Operation;
use serde_json::Value;
use virtual_world::Fault;

use crate::tests::{Does, World, ask};

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_leaves_no_backend_and_no_expiry_of_leases_running() {
    let (world, disk) = (World::new(), virtual_world::World::new());
    let effects = || world.effects_of(&disk);
    let core = world.start_with(effects()).await.unwrap();
    for path in ["sys/mounts/a", "sys/mounts/b"] {
        let body = serde_json::json!({"type": "puppet"});
        assert_eq!(ask(&core, Operation::Update, path, body).await.status, 204);
    }
    let leased = ask(&core, Operation::Read, "a/lease", Value::Null).await;
    assert_eq!(leased.status, 200, "{leased:?}");
    core.shut_down().await;
    // The second mount does not start.
    for does in [Does::Fail, Does::Panic] {
        let cleaned = world.puppet.cleaned.load(Ordering::SeqCst);
        world.puppet.on("second initialize", does);
        assert!(world.start_with(effects()).await.is_err());
        let cleaned = world.puppet.cleaned.load(Ordering::SeqCst) - cleaned;
        assert_eq!(cleaned, 2, "mounts that were stopped after {does:?}");
    }
    world.puppet.on("second initialize", Does::Work);
    // Nothing can be resumed, after everything else was started.
    for panics in [false, true] {
        disk.storage.fail_if(move |call| {
            let resumes = !call.is_write() && call.touches("sys/token/revoking/");
            assert!(!resumes || !panics, "storage panics");
            resumes.then_some(Fault::Lost)
        });
        let cleaned = world.puppet.cleaned.load(Ordering::SeqCst);
        assert!(world.start_with(effects()).await.is_err());
        let cleaned = world.puppet.cleaned.load(Ordering::SeqCst) - cleaned;
        assert_eq!(cleaned, 2, "mounts that were stopped");
    }
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    assert_eq!(tasks, 0, "tasks that still run");
    disk.storage.heal();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(world.puppet.revoked().is_empty());
    world.start_with(effects()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.puppet.revoked(), [0]);
}
