//! A process, its end, and its successor.

use std::time::Duration;

use jiff::SignedDuration;
use logical::{Clock, Entropy, Storage};
use tokio::time::sleep;
use virtual_world::World;

fn bytes(entropy: &dyn Entropy) -> [u8; 16] {
    let mut buffer = [0; 16];
    entropy.fill(&mut buffer);
    buffer
}

#[tokio::test(start_paused = true)]
async fn a_backend_is_handed_what_the_test_controls() {
    let world = World::new();
    let context = world.context();
    world.host.set_tainted(true);
    world.clock.jump(SignedDuration::from_hours(2));
    context.storage.put("a", b"1").await.unwrap();
    assert!(context.system.tainted().await.unwrap());
    assert_eq!(context.clock.now(), world.clock.now());
    assert_eq!(world.storage.disk().keys(), ["a"]);
    context.tasks.spawn(Box::pin(std::future::pending()));
    assert_eq!(world.tasks.running(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_restart_ends_the_tasks_and_keeps_the_disk() {
    let mut world = World::new();
    let first = world.context();
    let drawn = bytes(&*first.entropy);
    first.storage.put("a", b"1").await.unwrap();
    first.tasks.spawn(Box::pin(std::future::pending()));
    let tasks = world.tasks.clone();
    sleep(Duration::from_secs(1)).await;

    world.restart();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(tasks.running(), 0);
    let second = world.context();
    assert!(second.storage.get("a").await.unwrap().is_some());
    assert_ne!(bytes(&*second.entropy), drawn);
    assert_eq!(second.clock.monotonic(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_writes_once_it_is_thawed_beside_its_successor() {
    let world = World::new();
    world.process.freeze();
    let old = world.context().storage;
    let write = tokio::spawn(async move { old.put("a", b"old").await });
    let next = world.successor();
    next.storage.put("a", b"new").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(!write.is_finished());

    world.process.thaw();
    write.await.unwrap().unwrap();
    let value = next.storage.get("a").await.unwrap().unwrap();
    assert_eq!(value.as_slice(), b"old");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_world() {
    let drawn = |seed| bytes(&*World::with_seed(seed).entropy);
    assert_eq!(drawn(5), drawn(5));
    assert_ne!(drawn(5), drawn(6));
}
