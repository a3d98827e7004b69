//! Keys that are replaced without being asked.

use std::time::Duration;

use virtual_world::{SeededEntropy, VirtualClock};

use super::*;

/// An open barrier on a clock that can jump.
async fn on_a_clock() -> (Barrier, Arc<MemoryStorage>, Arc<VirtualClock>) {
    let below = Arc::new(MemoryStorage::new());
    let clock = Arc::new(VirtualClock::new());
    let barrier = Barrier::new(
        Arc::<MemoryStorage>::clone(&below),
        Arc::new(SeededEntropy::new(1)),
        Arc::<VirtualClock>::clone(&clock),
    );
    barrier.initialize(key(1), Vec::new()).await.unwrap();
    barrier.unseal(key(1)).await.unwrap();
    (barrier, below, clock)
}

fn term(barrier: &Barrier) -> u32 {
    barrier.key_status().unwrap().term
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_too_old_is_replaced_when_that_is_configured() {
    let (barrier, _below, clock) = on_a_clock().await;
    let day = jiff::SignedDuration::from_hours(24);
    clock.jump(day * 1000);
    barrier.rotate_if_due().await.unwrap();
    assert_eq!(term(&barrier), 1, "no interval is configured");
    let daily = RotationConfig {
        interval: Duration::from_hours(24),
        ..RotationConfig::default()
    };
    barrier.set_rotation_config(daily).await.unwrap();
    barrier.rotate_if_due().await.unwrap();
    assert_eq!(term(&barrier), 2);
    let status = barrier.key_status().unwrap();
    assert_eq!(status.installed, clock.now());
    barrier.rotate_if_due().await.unwrap();
    clock.jump(day - jiff::SignedDuration::from_secs(1));
    barrier.rotate_if_due().await.unwrap();
    assert_eq!(term(&barrier), 2, "it is not old enough");
    clock.jump(jiff::SignedDuration::from_secs(1));
    let off = RotationConfig {
        enabled: false,
        ..daily
    };
    barrier.set_rotation_config(off).await.unwrap();
    barrier.rotate_if_due().await.unwrap();
    assert_eq!(term(&barrier), 2, "it is switched off");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_replaced_after_as_many_uses_as_are_configured() {
    let (barrier, below) = open().await;
    let few = RotationConfig {
        max_operations: 10,
        ..RotationConfig::default()
    };
    barrier.set_rotation_config(few).await.unwrap();
    for number in 0..35 {
        barrier.put(&format!("v/{number}"), b"x").await.unwrap();
    }
    assert_eq!(term(&barrier), 4);
    // A batch that is larger than that is sealed with one key.
    let large = (0..15).map(|number| Write::put(format!("w/{number}"), Vec::new()));
    barrier.apply(large.collect()).await.unwrap();
    for number in 0..15 {
        let sealed = raw(&below, &format!("w/{number}")).await;
        assert_eq!(u32::from(sealed[3]), term(&barrier));
    }
    // The settings are kept.
    let restarted = again(&below, key(1)).await.unwrap();
    assert_eq!(restarted.rotation_config().unwrap(), few);
}
