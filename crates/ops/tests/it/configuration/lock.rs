//! The lock beside an owner's record.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ops::configuration::{Clock, Holder, Location, Lock};

use super::fake::{Fake, Owner};

async fn lock_at(time: &Arc<AtomicI64>, server: &Arc<Fake>) -> Lock {
    let owner = Owner {
        server: Arc::clone(server),
        name: "one",
    };
    let time = Arc::clone(time);
    let clock: Clock = Arc::new(move || time.load(Ordering::Relaxed));
    Lock {
        store: owner.store().await,
        clock,
    }
}

pub(super) fn holder(who: &str) -> Holder {
    Holder {
        who: who.to_owned(),
        at: "here".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_holds_the_lock_and_the_others_are_told_who() {
    let (time, server) = (Arc::new(AtomicI64::new(1000)), Fake::new());
    let lock = lock_at(&time, &server).await;
    let held = lock.take(&holder("sally"), Duration::ZERO).await.unwrap();
    let refused = lock.take(&holder("harry"), Duration::from_secs(3)).await;
    let text = refused.err().unwrap().to_string();
    assert!(text.contains("held by `sally` at `here`"), "{text}");
    lock.give_back(held).await.unwrap();
    lock.take(&holder("harry"), Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_held_is_renewed_and_one_that_was_left_behind_ends() {
    let (time, server) = (Arc::new(AtomicI64::new(1000)), Fake::new());
    let lock = lock_at(&time, &server).await;
    let held = lock.take(&holder("sally"), Duration::ZERO).await.unwrap();
    for _ in 0..10 {
        time.fetch_add(300, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(301)).await;
        assert!(lock.take(&holder("harry"), Duration::ZERO).await.is_err());
    }
    lock.give_back(held).await.unwrap();
    let left_behind = lock.take(&holder("sally"), Duration::ZERO).await.unwrap();
    drop(left_behind);
    time.fetch_add(901, Ordering::Relaxed);
    lock.take(&holder("harry"), Duration::ZERO).await.unwrap();
}

#[test]
fn of_many_processes_at_once_one_takes_a_lock_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..40 {
        let path = folder.path().join(format!("record-{round}"));
        let start = Arc::new(std::sync::Barrier::new(6));
        let take = |_| {
            let (path, start) = (path.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread();
                let runtime = { runtime }.enable_time().build().unwrap();
                runtime.block_on(async {
                    let owner = Owner {
                        server: Fake::new(),
                        name: "one",
                    };
                    let lock = Lock {
                        store: owner.store_at(&Location::File(path)).await,
                        clock: Arc::new(|| 1000),
                    };
                    start.wait();
                    lock.take(&holder("sally"), Duration::ZERO).await.is_ok()
                })
            })
        };
        let threads: Vec<_> = (0..6).map(take).collect();
        let taken = threads.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(taken.filter(|taken| *taken).count(), 1, "round {round}");
    }
}
