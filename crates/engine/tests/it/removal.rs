//! The end of a mount: a removed one takes its keys along, a stopped one
//! leaves them (`lifecycle.md`, 28).

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::world::{World, leased};

#[tokio::test(start_paused = true)]
async fn a_removed_mount_takes_keys_along_whose_leases_the_host_lost() {
    let world = World::ready().await;
    world.lease("shared").await.unwrap();
    for _ in 0..10 {
        world.lease("single").await.unwrap();
    }
    world.host.set_tainted(true);
    world.engine.cleanup().await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_stops_lets_its_tasks_end_at_once() {
    let world = World::ready().await;
    let tasks = Arc::new(runtime::TokioTasks::new());
    let engine = world.process_with(Arc::clone(&tasks) as _);
    engine.initialize().await.unwrap();
    engine.periodic().await.unwrap();
    // Its scheduler waits for something to be due by now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = tokio::time::Instant::now();
    engine.cleanup().await;
    tasks.shut_down(Duration::from_mins(1)).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_removed_mount_waits_for_keys_that_are_being_made() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(20);
    let engine = Arc::clone(&world.engine);
    let reading = tokio::spawn(async move { leased(&engine, "shared").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.host.set_tainted(true);
    world.engine.cleanup().await;
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
    let _ = reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_only_stops_keeps_its_keys() {
    let world = World::ready().await;
    let lease = world.lease("shared").await.unwrap();
    world.engine.cleanup().await;
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_mount_is_not_kept_for_ever_by_a_cloud_that_does_not_answer() {
    let world = World::ready().await;
    world.lease("single").await.unwrap();
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_hours(1);
    world.host.set_tainted(true);
    let before = tokio::time::Instant::now();
    world.engine.cleanup().await;
    // Hosts wait for a minute.
    assert!(before.elapsed() <= Duration::from_secs(55));
    assert!(before.elapsed() > Duration::from_secs(50));
}

/// The second reader came before the mount was removed, and then waits behind
/// the clean-up, which waits for the first.
#[tokio::test(start_paused = true)]
async fn no_key_is_made_once_the_keys_of_a_removed_mount_are_being_ended() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(5);
    let reader = || {
        let engine = Arc::clone(&world.engine);
        tokio::spawn(async move { leased(&engine, "single").await })
    };
    let first = reader();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.host.set_delay(Duration::from_secs(2));
    let second = reader();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.host.set_tainted(true);
    world.engine.cleanup().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let _ = first.await.unwrap();
    second.await.unwrap().unwrap_err();
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
}

/// What was logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// `lifecycle.md`, 46.
#[tokio::test(start_paused = true)]
async fn a_removed_mount_names_the_keys_of_static_roles_that_stay() {
    let world = World::ready().await;
    let role = serde_json::json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
        "rotation_period": 3600, "readiness": "none",
    });
    world.write("static-role/orders", &role).await.unwrap();
    world.lease("single").await.unwrap();
    let log = Log::default();
    let logging = tracing::subscriber::set_default(log.clone());
    world.host.set_tainted(true);
    world.engine.cleanup().await;
    drop(logging);
    let [stays] = &world.cloud.live()[..] else {
        panic!("{:?}", world.cloud.live());
    };
    let logged = log.0.lock().unwrap();
    assert!(logged.contains(stays) && logged.contains("outlives its mount"));
    assert!(!logged.contains("secret-of-"));
}
