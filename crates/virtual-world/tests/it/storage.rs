//! What storage does when it is slow, fails, or is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use logical::{Condition, Storage, Write};
use tokio::time::{Instant, sleep, timeout};
use virtual_world::{Fault, Kind, Moment, Timing, World};

const SECOND: Duration = Duration::from_secs(1);

fn batch() -> Vec<Write> {
    vec![
        Write::put("a/1", b"1".to_vec()),
        Write::put("a/2", b"2".to_vec()),
        Write::delete("a/1"),
    ]
}

#[tokio::test(start_paused = true)]
async fn calls_and_changes_are_counted() {
    let world = World::new();
    let storage = &world.storage;
    storage.put("a/1", b"1").await.unwrap();
    storage.get("a/1").await.unwrap();
    let before = storage.calls();
    storage.apply(batch()).await.unwrap();
    storage.list("a/").await.unwrap();
    assert_eq!(storage.list_page("a/", "", 5).await.unwrap(), ["2"]);
    let calls = storage.calls();
    assert_eq!((calls.puts, calls.gets, calls.batches), (1, 1, 1));
    assert_eq!((calls.reads(), calls.writes(), calls.changes), (3, 2, 4));
    assert_eq!(calls.since(before).reads(), 2);
    assert_eq!(calls.since(before).bytes, 2);
    assert_eq!(world.process.steps(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_test_looks_at_the_disk_after_every_change_and_no_other_call() {
    let world = World::new();
    let storage = &world.storage;
    let (looks, disk) = (Arc::new(AtomicUsize::new(0)), Arc::clone(storage.disk()));
    let looked = Arc::clone(&looks);
    storage.on_change(move || {
        looked.fetch_add(disk.keys().len(), Ordering::SeqCst);
    });
    storage.fail_next_writes(1, Fault::Lost);
    assert!(storage.put("lost", b"").await.is_err());
    storage.list("").await.unwrap();
    storage.put("first", b"").await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 1);
    storage.apply(batch()).await.unwrap();
    assert_eq!(looks.load(Ordering::SeqCst), 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_lost_or_done() {
    let world = World::new();
    let storage = &world.storage;
    storage.fail_next_writes(1, Fault::Lost);
    storage.fail_next_writes(1, Fault::Done);
    assert!(storage.put("lost", b"").await.is_err());
    assert!(storage.put("done", b"").await.is_err());
    assert!(storage.put("fine", b"").await.is_ok());
    assert_eq!(storage.disk().keys(), ["done", "fine"]);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_leaves_writes_alone() {
    let world = World::new();
    let storage = &world.storage;
    storage.fail_next_reads(1);
    storage.put("a", b"").await.unwrap();
    assert!(storage.list("").await.is_err());
    assert!(storage.get("a").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_rule_fails_the_calls_that_it_names_until_the_storage_is_healed() {
    let world = World::new();
    let storage = &world.storage;
    storage.fail_if(|call| {
        let fits = call.touches("a/2") && call.kind != Kind::Get;
        fits.then_some(Fault::Lost)
    });
    storage.put("a/1", b"").await.unwrap();
    assert!(storage.apply(batch()).await.is_err());
    assert!(storage.delete("a/2").await.is_err());
    assert!(storage.get("a/2").await.is_ok());
    storage.heal();
    storage.apply(batch()).await.unwrap();
    assert_eq!(storage.disk().keys(), ["a/2"]);
}

/// Whether a write of two seconds happened, one and three seconds after its
/// start, when its caller hangs up after one.
async fn hung_up(timing: Timing) -> (bool, bool) {
    let world = World::new();
    world.storage.set_write_delay(2 * SECOND, timing);
    let write = timeout(SECOND, world.storage.put("a", b""));
    assert!(write.await.is_err());
    let after_one = !world.storage.disk().keys().is_empty();
    sleep(2 * SECOND).await;
    (after_one, !world.storage.disk().keys().is_empty())
}

#[tokio::test(start_paused = true)]
async fn a_slow_write_whose_caller_hangs_up_happens_by_its_timing() {
    assert_eq!(hung_up(Timing::First).await, (true, true));
    assert_eq!(hung_up(Timing::Last).await, (false, false));
    assert_eq!(hung_up(Timing::Late).await, (false, true));
}

#[tokio::test(start_paused = true)]
async fn a_slow_read_sees_what_was_stored_when_it_began() {
    let world = World::new();
    let storage = &world.storage;
    storage.set_read_delay(SECOND);
    let start = Instant::now();
    let write = async {
        sleep(SECOND / 2).await;
        storage.put("a", b"").await.unwrap();
    };
    let (value, ()) = futures_util::join!(storage.get("a"), write);
    assert_eq!(value.unwrap(), None);
    assert_eq!(start.elapsed(), SECOND);
}

/// What is on the disk after the power goes during the batch.
async fn cut(splits: bool, step: u64, moment: Moment) -> Vec<String> {
    let world = World::new();
    if splits {
        world.storage.split_batches();
    }
    world.process.cut_in(step, moment);
    let write = timeout(SECOND, world.storage.apply(batch()));
    assert!(write.await.is_err());
    assert!(world.process.is_dead());
    world.storage.disk().keys()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_cut_as_a_whole_or_change_by_change() {
    assert!(cut(false, 0, Moment::Before).await.is_empty());
    assert_eq!(cut(false, 0, Moment::After).await, ["a/2"]);
    assert_eq!(cut(true, 1, Moment::Before).await, ["a/1"]);
    assert_eq!(cut(true, 1, Moment::After).await, ["a/1", "a/2"]);
    assert_eq!(cut(true, 2, Moment::After).await, ["a/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_under_conditions_is_one_step_unless_batches_are_split() {
    let world = World::new();
    let storage = &world.storage;
    let absent = || vec![Condition::absent("a/2")];
    assert!(storage.apply_if(absent(), batch()).await.unwrap());
    assert!(!storage.apply_if(absent(), batch()).await.unwrap());
    assert_eq!(world.process.steps(), 2);
    assert_eq!(storage.disk().keys(), ["a/2"]);
    storage.delete("a/2").await.unwrap();

    storage.split_batches();
    assert!(storage.apply_if(absent(), batch()).await.unwrap());
    assert!(!storage.apply_if(absent(), batch()).await.unwrap());
    assert_eq!(world.process.steps(), 3 + 4 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_write_lands_after_its_process_was_killed() {
    let mut world = World::new();
    world.storage.set_write_delay(2 * SECOND, Timing::Late);
    let storage = Arc::clone(&world.storage);
    let writer = tokio::spawn(async move { storage.put("a", b"").await });
    sleep(SECOND).await;
    world.restart();
    assert!(world.storage.disk().keys().is_empty());
    sleep(2 * SECOND).await;
    assert_eq!(world.storage.disk().keys(), ["a"]);
    assert!(!writer.is_finished());
}
