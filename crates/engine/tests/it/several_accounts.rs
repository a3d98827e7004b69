//! Several accounts of one organization: a key is deleted with the one that
//! made it, or with any other (`lifecycle.md`, 62).
//!
//! One `config` comes to several when an account is written without a proof:
//! it is not known to be of the same organization until Confluent tells.

use std::time::Duration;

use serde_json::json;

use crate::world::{ADMIN_KEY, ADMIN_SECRET, Fault, Lease, NEXT_ADMIN_KEY, OTHER_ADMIN_KEY, World};

async fn write_account(world: &World, key: &str, verify: bool) {
    let body = json!({
        "ccloud_api_key_id": key, "ccloud_api_key_secret": ADMIN_SECRET, "verify": verify,
    });
    world.write("config", &body).await.unwrap();
}

/// Keys of the first account, which another of its organization replaced.
async fn two_accounts(leases: usize) -> (World, Vec<Lease>) {
    let world = World::ready().await;
    let mut made = Vec::new();
    for _ in 0..leases {
        made.push(world.lease("single").await.unwrap());
    }
    write_account(&world, NEXT_ADMIN_KEY, false).await;
    // Confluent tells its organization.
    world.pass(Duration::from_mins(1)).await;
    let accounts = stored_accounts(&world);
    assert_eq!(accounts.len(), 2, "{accounts:?}");
    for admin in [ADMIN_KEY, NEXT_ADMIN_KEY] {
        world.cloud.take_asked_with(admin);
    }
    (world, made)
}

fn stored_accounts(world: &World) -> Vec<String> {
    let mut keys = world.storage.disk().keys();
    keys.retain(|key| key.starts_with("lockkeeper/account/organization/"));
    keys
}

#[tokio::test(start_paused = true)]
async fn a_key_is_deleted_with_the_account_that_made_it_while_confluent_accepts_that() {
    let (mut world, leases) = two_accounts(2).await;
    world.revoke(&leases[0]).await.unwrap();
    world.restart();
    world.revoke(&leases[1]).await.unwrap();
    assert!(world.cloud.live().is_empty());
    assert_eq!(world.cloud.take_asked_with(ADMIN_KEY), 2);
    assert_eq!(world.cloud.take_asked_with(NEXT_ADMIN_KEY), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_account_is_dead_is_deleted_with_another_of_its_organization() {
    let (world, leases) = two_accounts(1).await;
    *world.cloud.admin_ended.lock().unwrap() = ADMIN_KEY;
    world.revoke(&leases[0]).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_dead_is_not_asked_first_for_ever() {
    let (world, leases) = two_accounts(4).await;
    *world.cloud.admin_ended.lock().unwrap() = ADMIN_KEY;
    world.revoke(&leases[0]).await.unwrap();
    // Once more, since it may have been replaced a moment ago.
    assert_eq!(world.cloud.take_asked_with(ADMIN_KEY), 2);
    for lease in &leases[1..3] {
        world.revoke(lease).await.unwrap();
    }
    assert_eq!(world.cloud.take_asked_with(ADMIN_KEY), 0);
    // It may be accepted again.
    tokio::time::sleep(Duration::from_mins(10)).await;
    *world.cloud.admin_ended.lock().unwrap() = "";
    world.cloud.take_asked_with(NEXT_ADMIN_KEY);
    world.revoke(&leases[3]).await.unwrap();
    assert_eq!(world.cloud.take_asked_with(ADMIN_KEY), 1);
    assert_eq!(world.cloud.take_asked_with(NEXT_ADMIN_KEY), 0);
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_dead_account_that_is_written_anew_is_asked_at_once() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    *world.cloud.admin_ended.lock().unwrap() = ADMIN_KEY;
    world.revoke(&lease).await.unwrap_err();
    // Of the same organization, which the proof tells: it takes the place.
    write_account(&world, NEXT_ADMIN_KEY, true).await;
    assert_eq!(stored_accounts(&world).len(), 1);
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_its_account_may_not_delete_any_more_is_deleted_with_another() {
    let (world, leases) = two_accounts(1).await;
    *world.cloud.narrowed.lock().unwrap() = ADMIN_KEY;
    world.revoke(&leases[0]).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

/// The list of the account that made it does not have the key.
#[tokio::test(start_paused = true)]
async fn a_key_whose_answer_was_lost_is_found_by_another_account_of_its_organization() {
    let world = World::ready().await;
    world.cloud.arm(Fault::LoseCreateAnswer);
    *world.cloud.narrowed.lock().unwrap() = ADMIN_KEY;
    world.lease("single").await.unwrap_err();
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.cloud.live().len(), 1);
    write_account(&world, NEXT_ADMIN_KEY, false).await;
    world.pass(Duration::from_mins(10)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_is_never_deleted_with_an_account_of_another_organization() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    write_account(&world, OTHER_ADMIN_KEY, true).await;
    world.cloud.take_asked_with(OTHER_ADMIN_KEY);
    *world.cloud.admin_ended.lock().unwrap() = ADMIN_KEY;
    world.revoke(&lease).await.unwrap_err();
    assert_eq!(world.cloud.take_asked_with(OTHER_ADMIN_KEY), 0);
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_made_with_the_current_account_or_not_at_all() {
    let (world, leases) = two_accounts(1).await;
    *world.cloud.admin_ended.lock().unwrap() = NEXT_ADMIN_KEY;
    world.lease("single").await.unwrap_err();
    assert_eq!(world.cloud.live(), [leases[0].key()]);
    assert_eq!(world.cloud.take_asked_with(ADMIN_KEY), 0);
}

#[tokio::test(start_paused = true)]
async fn an_account_stays_as_long_as_a_key_names_it() {
    let (world, leases) = two_accounts(1).await;
    let next = world.lease("single").await.unwrap();
    world.write("reconcile", &json!({})).await.unwrap();
    assert_eq!(stored_accounts(&world).len(), 2);
    world.revoke(&leases[0]).await.unwrap();
    world.write("reconcile", &json!({})).await.unwrap();
    assert_eq!(stored_accounts(&world).len(), 1);
    world.revoke(&next).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_account_is_not_removed_while_a_key_of_its_organization_lives() {
    let (world, leases) = two_accounts(1).await;
    let error = world.delete("config").await.unwrap_err();
    assert!(error.message().contains(leases[0].key()), "{error}");
    world.revoke(&leases[0]).await.unwrap();
    world.delete("config").await.unwrap();
    assert_eq!(stored_accounts(&world), Vec::<String>::new());
}
