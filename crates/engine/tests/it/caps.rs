//! Limits of the leases that a role may have at once.

use std::sync::Arc;
use std::time::Duration;

use logical::ErrorClass;
use serde_json::{Value, json};
use virtual_world::Timing;

use crate::world::{Fault, Reader, World, leased};

/// A world whose roles `single` and `shared` may have so many leases.
async fn limited(limits: &Value) -> World {
    let world = World::ready().await;
    for role in ["single", "shared"] {
        world.write(&format!("role/{role}"), limits).await.unwrap();
    }
    world
}

async fn refused(world: &World, role: &str, reader: Reader<'_>) -> String {
    let error = world.lease_to(role, reader).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest, "{error}");
    error.message().to_owned()
}

fn of(entity: &str) -> Reader<'_> {
    Reader {
        entity,
        accessor: "accessor",
        token: "token",
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_has_no_more_leases_than_its_limit() {
    for role in ["single", "shared"] {
        let mut world = limited(&json!({"max_active": 3})).await;
        let mut leases = Vec::new();
        for _ in 0..3 {
            leases.push(world.lease(role).await.unwrap());
        }
        let says = refused(&world, role, Reader::default()).await;
        assert_eq!(
            says,
            format!("role `{role}` has 3 of 3 leases (`max_active`): revoke one")
        );
        world.restart();
        refused(&world, role, Reader::default()).await;
        world.revoke(&leases[0]).await.unwrap();
        // A host that does not know whether it revoked does it again.
        world.revoke(&leases[0]).await.unwrap();
        world.lease(role).await.unwrap();
        refused(&world, role, Reader::default()).await;
        // Renewing takes no further place.
        world.renew(&leases[1], 0).await.unwrap();
        refused(&world, role, Reader::default()).await;
        // Those that the host lost lapse.
        world.pass(Duration::from_mins(13)).await;
        world.lease(role).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_racing_readers_get_no_more_leases_than_the_limit() {
    for role in ["single", "shared"] {
        let world = limited(&json!({"max_active": 20})).await;
        for _ in 0..13 {
            world.lease(role).await.unwrap();
        }
        *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(1);
        world
            .storage
            .set_write_delay(Duration::from_millis(50), Timing::First);
        let readers: Vec<_> = (0..50)
            .map(|_| {
                let engine = Arc::clone(&world.engine);
                tokio::spawn(async move { leased(&engine, role).await.is_ok() })
            })
            .collect();
        let mut got = 0;
        for reader in readers {
            got += usize::from(reader.await.unwrap());
        }
        assert_eq!(got, 7, "{role}");
    }
}

#[tokio::test(start_paused = true)]
async fn readers_who_race_while_leases_are_counted_after_a_start_are_limited() {
    let mut world = limited(&json!({"max_active": 5})).await;
    for _ in 0..4 {
        world.lease("single").await.unwrap();
    }
    world.restart();
    world.storage.set_read_delay(Duration::from_millis(50));
    let readers: Vec<_> = (0..10)
        .map(|_| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move { leased(&engine, "single").await.is_ok() })
        })
        .collect();
    let mut got = 0;
    for reader in readers {
        got += usize::from(reader.await.unwrap());
    }
    assert_eq!(got, 1);
}

/// The record of its key was read, and it is over before all were.
#[tokio::test(start_paused = true)]
async fn a_lease_that_ends_while_leases_are_counted_takes_no_place() {
    for halves in 0..12 {
        let mut world = limited(&json!({"max_active": 2})).await;
        let ending = world.lease("single").await.unwrap();
        world.lease("shared").await.unwrap();
        world.restart();
        world.storage.set_read_delay(Duration::from_secs(1));
        let engine = Arc::clone(&world.engine);
        let counting = tokio::spawn(async move { leased(&engine, "single").await });
        tokio::time::sleep(Duration::from_millis(halves * 500)).await;
        world.revoke(&ending).await.unwrap();
        counting.await.unwrap().unwrap();
        world.storage.set_read_delay(Duration::ZERO);
        let second = world.lease("single").await;
        assert!(second.is_ok(), "after {halves} halves of a second");
        world.lease("single").await.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_requester_has_no_more_leases_than_its_limit_and_others_have_theirs() {
    for role in ["single", "shared"] {
        let mut world = limited(&json!({"max_active_per_requester": 2})).await;
        let first = world.lease_to(role, of("alice")).await.unwrap();
        let other_token = Reader {
            accessor: "another",
            ..of("alice")
        };
        world.lease_to(role, other_token).await.unwrap();
        let says = refused(&world, role, of("alice")).await;
        assert_eq!(
            says,
            format!(
                "this requester has 2 of 2 leases of role `{role}` (`max_active_per_requester`): \
                 revoke one"
            )
        );
        for _ in 0..2 {
            // By its accessor, since it has no entity.
            world.lease_to(role, of("")).await.unwrap();
        }
        refused(&world, role, of("")).await;
        world.lease_to(role, of("bob")).await.unwrap();
        // A renewal, which does not say whose lease it is, moves none.
        world.renew(&first, 0).await.unwrap();
        world.restart();
        refused(&world, role, of("alice")).await;
        world.revoke(&first).await.unwrap();
        world.lease_to(role, of("alice")).await.unwrap();
        refused(&world, role, of("alice")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_takes_no_place() {
    let world = limited(&json!({"max_active": 1})).await;
    for _ in 0..3 {
        world.cloud.arm(Fault::Quota);
        let says = world.lease("single").await.unwrap_err().to_string();
        assert!(says.contains("quota"), "{says}");
    }
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(2);
    let engine = Arc::clone(&world.engine);
    let hung_up = tokio::time::timeout(Duration::from_secs(1), leased(&engine, "single")).await;
    assert!(hung_up.is_err());
    // Its key is still being made.
    refused(&world, "single", Reader::default()).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lease = world.lease("single").await.unwrap();
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_an_operator_ends_frees_its_places() {
    let world = limited(&json!({"max_active": 2})).await;
    let one = world.lease("shared").await.unwrap();
    world.lease("shared").await.unwrap();
    refused(&world, "shared", Reader::default()).await;
    world.delete(&format!("keys/{}", one.key())).await.unwrap();
    world.lease("shared").await.unwrap();
    world.lease("shared").await.unwrap();
    refused(&world, "shared", Reader::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_next_key_that_nobody_has_yet_counts_against_no_limit() {
    let mut world = limited(&json!({"max_active": 2})).await;
    let aging = json!({"max_age": 600, "ttl": 1200});
    world.write("role/shared", &aging).await.unwrap();
    world.lease("shared").await.unwrap();
    world.pass(Duration::from_secs(550)).await;
    world.lease("shared").await.unwrap();
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(world.cloud.live().len(), 2);
    for _ in 0..2 {
        let says = refused(&world, "shared", Reader::default()).await;
        assert!(says.contains("2 of 2"), "{says}");
        world.restart();
    }
}

#[tokio::test(start_paused = true)]
async fn status_shows_the_leases_of_roles_with_limits() {
    let world = limited(&json!({"max_active": 2, "max_active_per_requester": 1})).await;
    world.lease_to("single", of("alice")).await.unwrap();
    let status = world.read("status").await.unwrap().unwrap();
    let about = json!({"active": 1, "max_active": 2, "max_active_per_requester": 1});
    assert_eq!(status.get("limited_roles"), Some(&json!({"single": about})));
    let none = json!({"max_active": 0, "max_active_per_requester": 0});
    world.write("role/single", &none).await.unwrap();
    let status = world.read("status").await.unwrap().unwrap();
    assert_eq!(status.get("limited_roles"), Some(&json!({})));
    world.lease_to("single", of("alice")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_a_number_that_is_not_negative() {
    let world = World::ready().await;
    for field in ["max_active", "max_active_per_requester"] {
        let negative = json!({field: -1});
        let error = world.write("role/single", &negative).await.unwrap_err();
        assert!(
            error.message().contains(&format!("`{field}` is -1")),
            "{error}"
        );
        world
            .write("role/single", &json!({field: 7}))
            .await
            .unwrap();
        world
            .write("role/single", &json!({"ttl": 60}))
            .await
            .unwrap();
        let role = world.read("role/single").await.unwrap().unwrap();
        assert_eq!(role.get(field), Some(&json!(7)));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_nothing_is_counted() {
    let mut world = World::ready().await;
    for _ in 0..5 {
        world.lease("shared").await.unwrap();
    }
    world.restart();
    world.lease("shared").await.unwrap();
    let reads = || world.storage.calls().reads();
    let before = reads();
    world.lease("shared").await.unwrap();
    assert_eq!(reads(), before);
}
