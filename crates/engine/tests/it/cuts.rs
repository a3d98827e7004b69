//! Clients that hang up: the host drops the request, at any moment. Memory and
//! storage stay together, and no lock stays held.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::poll;
use logical::{Operation, Request};
use serde_json::json;
use virtual_world::Timing;

use crate::world::{Lease, World};

const SECOND: Duration = Duration::from_secs(1);

/// What a client asks for: the request, and whether it may end keys.
struct Asked {
    operation: Operation,
    path: String,
    lease: Option<Lease>,
    ends: bool,
}

/// A shared key with two leases and a single-use key, in that order.
async fn held() -> (World, [Lease; 3]) {
    let world = World::ready().await;
    let leases = [
        world.lease("shared").await.unwrap(),
        world.lease("shared").await.unwrap(),
        world.lease("single").await.unwrap(),
    ];
    (world, leases)
}

fn asked(leases: &[Lease; 3]) -> Vec<Asked> {
    let [one, _, single] = leases;
    let of = |operation, path: &str, lease: Option<&Lease>, ends| Asked {
        operation,
        path: path.into(),
        lease: lease.cloned(),
        ends,
    };
    vec![
        of(Operation::Read, "creds/shared", None, false),
        of(Operation::Read, "creds/single", None, false),
        of(Operation::Renew, "creds/any", Some(one), false),
        of(Operation::Renew, "creds/any", Some(single), false),
        of(Operation::Update, "reconcile", None, false),
        of(Operation::Revoke, "creds/any", Some(one), true),
        of(Operation::Revoke, "creds/any", Some(single), true),
        of(Operation::Delete, "role/shared/keys", None, true),
        of(Operation::Delete, "role/single/keys", None, true),
    ]
}

/// Polls a request so often, a moment apart, and drops it. Gives whether it had
/// ended by then.
async fn cut<T>(mut request: BoxFuture<'_, T>, polls: usize) -> bool {
    for _ in 0..polls {
        if poll!(&mut request).is_ready() {
            return true;
        }
        tokio::time::sleep(SECOND / 4).await;
    }
    false
}

/// What is on record decides whether a lease is extended.
async fn check(world: &World, lease: &Lease, what: &str) {
    let path = format!("keys/{}", lease.key());
    let record = world.read(&path).await.unwrap().unwrap();
    let live = record.get("state") == Some(&json!("live"));
    let renewed = world.renew(lease, 0).await;
    assert_eq!(renewed.is_ok(), live, "{what}: {renewed:?}");
    let exists = world.lives(lease.key());
    assert!(exists || !live, "{what}: the key is gone");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_at_any_moment_leaves_memory_and_storage_together() {
    for number in 0.. {
        let mut ended = false;
        let mut polls = 0;
        let mut path = String::new();
        while !ended {
            let (world, leases) = held().await;
            let mut asked = asked(&leases);
            if number == asked.len() {
                return;
            }
            let asked = asked.swap_remove(number);
            path.clone_from(&asked.path);
            let what = format!("{:?} {} cut after {polls}", asked.operation, asked.path);
            world.storage.set_write_delay(SECOND, Timing::First);
            *world.cloud.create_delay.lock().unwrap() = SECOND;
            *world.cloud.delete_delay.lock().unwrap() = SECOND;
            // Others write meanwhile, so that there are locks to wait for.
            let engine = Arc::clone(&world.engine);
            let others = leases.clone();
            let beside = tokio::spawn(async move {
                let renewals = others.iter().map(|lease| {
                    let renewal = Request::new(Operation::Renew, "creds/any");
                    engine.handle(renewal.with_secret(lease.secret.clone()))
                });
                futures_util::future::join_all(renewals).await
            });
            tokio::time::sleep(SECOND / 10).await;
            let mut request = Request::new(asked.operation, asked.path.clone());
            if let Some(lease) = &asked.lease {
                request = request.with_secret(lease.secret.clone());
            }
            ended = cut(world.engine.handle(request), polls).await;
            polls += 1;
            let beside = beside.await.unwrap();
            let spared = beside.iter().all(Result::is_ok);
            assert!(spared || asked.ends, "{what}: {beside:?}");
            tokio::time::sleep(20 * SECOND).await;
            world.storage.set_write_delay(Duration::ZERO, Timing::First);
            *world.cloud.delete_delay.lock().unwrap() = Duration::ZERO;
            for lease in &leases {
                if !asked.ends || asked.lease.is_none() {
                    check(&world, lease, &what).await;
                }
            }
            for lease in &leases {
                world.revoke(lease).await.unwrap();
            }
            world.pass(Duration::from_mins(12)).await;
            assert_eq!(world.cloud.live(), Vec::<String>::new(), "{what}");
        }
        // A sweep only reads while nothing is due, and reads take no time here.
        assert!(polls > 2 || path == "reconcile", "{path} waits somewhere");
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_client_hung_up_does_not_land_after_the_end_of_its_lease() {
    let (world, [_, _, single]) = held().await;
    world.storage.set_write_delay(5 * SECOND, Timing::Late);
    let renewal = Request::new(Operation::Renew, "creds/any").with_secret(single.secret.clone());
    assert!(!cut(world.engine.handle(renewal), 2).await);
    world.storage.set_write_delay(Duration::ZERO, Timing::First);
    world.revoke(&single).await.unwrap();
    tokio::time::sleep(10 * SECOND).await;
    let record = world.read(&format!("keys/{}", single.key())).await;
    let record = record.unwrap().unwrap();
    assert_eq!(record.get("state"), Some(&json!("gone")));
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_hangs_up_while_others_are_noted_is_on_record_like_them() {
    let (world, [one, ..]) = held().await;
    world.storage.set_write_delay(SECOND, Timing::First);
    let engine = Arc::clone(&world.engine);
    let read = || Request::new(Operation::Read, "creds/shared");
    let first = tokio::spawn(async move { engine.handle(read()).await });
    tokio::time::sleep(SECOND / 10).await;
    // It waits for the first once it has the times of its lease.
    assert!(!cut(world.engine.handle(read()), 2).await);
    first.await.unwrap().unwrap();
    tokio::time::sleep(10 * SECOND).await;
    let record = world.read(&format!("keys/{}", one.key())).await;
    assert_eq!(record.unwrap().unwrap().get("holders"), Some(&json!(4)));
}
