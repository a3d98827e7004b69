//! Rotations whose answer with the new shares cannot be logged, so that it does not
//! leave.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::rotation::{get, post, rotate, rotated};
use super::*;
use crate::Effects;
use crate::audit::AuditConfig;
use crate::audit::tests::{Pages, device};

/// A vault with one audit device, whose key is split into three shares, of which two
/// unseal it.
async fn audited(world: &World) -> (Arc<Vault>, Keys, Arc<Pages>) {
    audited_with(world, world.effects()).await
}

async fn audited_with(world: &World, effects: Effects) -> (Arc<Vault>, Keys, Arc<Pages>) {
    let pages = Arc::new(Pages::default());
    let mut config = world.config();
    let audit = AuditConfig::new(Arc::clone(&pages) as _, false);
    config.audit = audit.with_declared(vec![device("one", &[])]);
    let vault = Vault::load(config, effects).await.unwrap();
    let keys = Keys::make(&vault, 3, 2).await;
    keys.give(&vault, [0, 1]).await;
    (vault, keys, pages)
}

/// Begins a rotation and gives two shares. The answer to the last one cannot be
/// logged.
async fn rotate_unlogged(
    vault: &Arc<Vault>,
    keys: &Keys,
    pages: &Pages,
    path: &str,
    verifies: bool,
) -> Seen {
    let wish = json!({
        "secret_shares": 5, "secret_threshold": 3, "require_verification": verifies
    });
    let begun = post(vault, keys, &format!("{path}/init"), wish).await.body;
    let nonce = begun["data"].get("nonce").unwrap_or(&begun["nonce"]);
    let share = |number: usize| json!({"key": keys.keys[number], "nonce": nonce});
    let update = format!("{path}/update");
    post(vault, keys, &update, share(0)).await;
    // The line of the request is written, that of the answer is not.
    pages.page("one").ends_after(1);
    let last = post(vault, keys, &update, share(1)).await;
    pages.page("one").heal();
    last
}

async fn split(vault: &Arc<Vault>) -> (Value, Value) {
    let status = read(vault, "sys/seal-status").await.body;
    (status["t"].clone(), status["n"].clone())
}

#[tokio::test(start_paused = true)]
async fn a_rotation_whose_new_shares_cannot_be_logged_is_undone_and_says_so() {
    for path in ["sys/rotate/root", "sys/rekey"] {
        for verifies in [false, true] {
            let world = World::new();
            let (vault, keys, pages) = audited(&world).await;
            let refused = rotate_unlogged(&vault, &keys, &pages, path, verifies).await;
            assert_eq!(refused.status, 500);
            assert!(
                refused.error().ends_with(
                    "; the rotation is undone, and the shares before it stay in force: begin it again"
                ),
                "{refused:?}"
            );
            assert_eq!(
                split(&vault).await,
                (json!(2), json!(3)),
                "{path} {verifies}"
            );

            // The present shares rotate again, and are then the old ones.
            let wish = json!({"secret_shares": 1, "secret_threshold": 1});
            let done = rotate(&vault, &keys, wish, [1, 2]).await;
            let new = rotated(&keys, &done);
            vault.seal().await;
            let opened = new.give(&vault, [0]).await;
            assert_eq!(
                opened.body["sealed"], false,
                "{path} {verifies}: {opened:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_before_open_a_store_whose_rotation_was_undone_and_no_others_do() {
    let world = World::new();
    let (vault, keys, pages) = audited(&world).await;
    let before = world.storage.keys();
    rotate_unlogged(&vault, &keys, &pages, "sys/rotate/root", false).await;
    // Nothing opens the store beside the shares of before.
    assert_eq!(world.storage.keys(), before);
    vault.seal().await;
    let opened = keys.give(&vault, [2, 0]).await;
    assert_eq!(opened.body["sealed"], false, "{opened:?}");
    assert_eq!(split(&vault).await, (json!(2), json!(3)));
}

#[tokio::test(start_paused = true)]
async fn a_verification_whose_shares_cannot_be_logged_is_over() {
    let (vault, keys, pages) = audited(&World::new()).await;
    rotate_unlogged(&vault, &keys, &pages, "sys/rotate/root", true).await;
    let status = get(&vault, &keys, "sys/rotate/root/init").await;
    assert_eq!(status.body["data"]["started"], false, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_cannot_be_undone_says_that_the_shares_of_before_open_the_server() {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let (vault, keys, pages) = audited_with(&world, world.effects_of(&machine)).await;
    // The first write makes the rotation, the second would undo it.
    let writes = AtomicUsize::new(0);
    machine.storage.fail_if(move |call| {
        let is_about = call.is_write() && call.touches("core/hsm/previous-unseal-keys");
        (is_about && writes.fetch_add(1, Ordering::SeqCst) > 0).then_some(Fault::Lost)
    });
    let refused = rotate_unlogged(&vault, &keys, &pages, "sys/rotate/root", false).await;
    machine.storage.heal();
    assert_eq!(refused.status, 500);
    assert!(
        refused.error().ends_with(
            "the rotation could not be undone: the shares before it open the server, which ends the new ones"
        ),
        "{refused:?}"
    );
    vault.seal().await;
    let opened = keys.give(&vault, [2, 0]).await;
    assert_eq!(opened.body["sealed"], false, "{opened:?}");
    assert_eq!(split(&vault).await, (json!(2), json!(3)));
}
