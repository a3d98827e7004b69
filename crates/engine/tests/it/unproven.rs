//! Accounts that were stored without a proof: no key is ever taken for gone
//! because the account of another organization does not see it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{
    ADMIN_KEY, ADMIN_SECRET, Fault, NEXT_ADMIN_KEY, ORGANIZATION, OTHER_ADMIN_KEY,
    OTHER_ORGANIZATION, World,
};

fn unproven(key: &str) -> Value {
    json!({
        "ccloud_api_key_id": key,
        "ccloud_api_key_secret": ADMIN_SECRET,
        "verify": false,
    })
}

/// A mount whose first account was not proven.
async fn world() -> World {
    let world = World::ready().await;
    world.delete("config").await.unwrap();
    world.write("config", &unproven(ADMIN_KEY)).await.unwrap();
    world
}

async fn organization(world: &World) -> String {
    let config = world.read("config").await.unwrap().unwrap();
    config.get("organization").unwrap().as_str().unwrap().into()
}

#[tokio::test(start_paused = true)]
async fn an_unproven_account_of_another_organization_deletes_nothing_of_the_first() {
    let world = world().await;
    let lease = world.lease("single").await.unwrap();
    world
        .write("config", &unproven(OTHER_ADMIN_KEY))
        .await
        .unwrap();
    let other = world.lease("single").await.unwrap();
    world.revoke(&lease).await.unwrap();
    assert_eq!(world.cloud.live(), [other.key()]);
    world.revoke(&other).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

/// The answer is lost that would have told the organization, and the account
/// may not read itself.
#[tokio::test(start_paused = true)]
async fn an_unproven_account_that_keys_need_stays_beside_another_such() {
    let world = world().await;
    world.cloud.admin_hidden.store(true, Ordering::SeqCst);
    world.cloud.arm(Fault::LoseCreateAnswer);
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_secs(5);
    world.lease("single").await.unwrap_err();
    for _ in 0..2 {
        let other = unproven(OTHER_ADMIN_KEY);
        world.write("config", &other).await.unwrap();
    }
    let other = world.lease("single").await.unwrap();
    assert_eq!(world.cloud.organization_of(other.key()), OTHER_ORGANIZATION);
    world.revoke(&other).await.unwrap();
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(world.cloud.live(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_next_account_of_an_organization_need_not_be_proven_to_delete_earlier_keys() {
    let world = world().await;
    let single = world.lease("single").await.unwrap();
    world.lease("shared").await.unwrap();
    let next = unproven(NEXT_ADMIN_KEY);
    world.write("config", &next).await.unwrap();
    *world.cloud.admin_ended.lock().unwrap() = ADMIN_KEY;
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(organization(&world).await, ORGANIZATION);
    world.revoke(&single).await.unwrap();
    world.pass(Duration::from_mins(12)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_may_not_read_itself_is_known_by_the_keys_it_makes() {
    let world = world().await;
    world.cloud.admin_hidden.store(true, Ordering::SeqCst);
    let first = world.lease("single").await.unwrap();
    assert_eq!(organization(&world).await, ORGANIZATION);
    world
        .write("config", &unproven(NEXT_ADMIN_KEY))
        .await
        .unwrap();
    *world.cloud.admin_ended.lock().unwrap() = ADMIN_KEY;
    world.revoke(&first).await.unwrap_err();
    let next = world.lease("single").await.unwrap();
    for lease in [&first, &next] {
        world.revoke(lease).await.unwrap();
    }
    assert!(world.cloud.live().is_empty());
}

/// A record without an organization means that of the account which was
/// unproven when it was written, whatever account is current.
#[tokio::test(start_paused = true)]
async fn an_unproven_account_stays_as_long_as_a_record_needs_it() {
    let mut world = world().await;
    world.cloud.arm(Fault::LoseCreateAnswer);
    for _ in 0..8 {
        world.cloud.arm(Fault::FailDelete);
    }
    world.lease("single").await.unwrap_err();
    let mut other = unproven(OTHER_ADMIN_KEY);
    other["verify"] = json!(true);
    world.write("config", &other).await.unwrap();
    world.restart();
    for _ in 0..2 {
        world.pass(Duration::from_mins(1)).await;
        world.write("reconcile", &json!({})).await.unwrap();
    }
    world.pass(Duration::from_hours(2)).await;
    assert!(world.cloud.live().is_empty());
    world.write("reconcile", &json!({})).await.unwrap();
    let keys = world.storage.disk().keys();
    let accounts = keys.iter().filter(|key| key.contains("/organization/"));
    assert_eq!(accounts.count(), 1);
}

/// A lease outlives its record when storage is restored.
#[tokio::test(start_paused = true)]
async fn an_account_that_stands_in_does_not_tell_that_a_key_is_gone() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    for key in world.storage.disk().keys() {
        if key.contains("/credential/") || key.contains("/account/") {
            let deleted = logical::Storage::delete(&**world.storage.disk(), &key).await;
            deleted.unwrap();
        }
    }
    let mut world = world;
    world.restart();
    world
        .write("config", &unproven(OTHER_ADMIN_KEY))
        .await
        .unwrap();
    world.revoke(&lease).await.unwrap_err();
    assert_eq!(world.cloud.live(), [lease.key()]);
    world.write("config", &unproven(ADMIN_KEY)).await.unwrap();
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
}
