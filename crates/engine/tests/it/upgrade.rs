//! Storage that an earlier version wrote is read, and changed as it is used.

use std::time::Duration;

use logical::Storage;
use serde_json::json;

use crate::world::{ADMIN_SECRET, OTHER_ADMIN_KEY, World};

/// Entries as the version of 2026-11-27 wrote them: a shared key whose holders
/// lie in entries of their own and in one of a group, one of them renewed; and
/// four keys of one batch, of which one was renewed and one is gone.
const STORAGE: &str = include_str!("fixtures/storage-2026-11-27.tsv");

/// As well, of a mount whose account was not proven: nothing tells the
/// organization of its key.
const UNPROVEN: &str = include_str!("fixtures/storage-2026-11-27-unproven.tsv");

async fn earlier() -> World {
    with_storage(STORAGE, &["KEY0000", "KEY0001", "KEY0002", "KEY0004"]).await
}

/// A mount with these entries, while these keys exist.
async fn with_storage(entries: &str, keys: &[&str]) -> World {
    let mut world = World::empty();
    for line in entries.lines().filter(|line| !line.starts_with('#')) {
        let (place, value) = line.split_once('\t').unwrap();
        world
            .storage
            .disk()
            .put(place, value.as_bytes())
            .await
            .unwrap();
    }
    for key in keys {
        world.cloud.make_by_hand(key, "app");
    }
    world.restart();
    world
}

async fn about(world: &World, key: &str, what: &str) -> Option<serde_json::Value> {
    let record = world.read(&format!("keys/{key}")).await.unwrap()?;
    record.get(what).cloned()
}

#[tokio::test(start_paused = true)]
async fn storage_of_the_version_before_is_read() {
    let world = earlier().await;
    for (key, state, holders) in [
        ("KEY0000", "live", 4),
        ("KEY0001", "live", 1),
        ("KEY0002", "live", 1),
        ("KEY0003", "gone", 0),
        ("KEY0004", "live", 1),
    ] {
        assert_eq!(
            about(&world, key, "state").await,
            Some(json!(state)),
            "{key}"
        );
        assert_eq!(
            about(&world, key, "holders").await,
            Some(json!(holders)),
            "{key}"
        );
    }
    // The later of two entries of one holder counts, and a later record.
    let until = |text: &str| Some(json!(text));
    let held = about(&world, "KEY0000", "held_until").await;
    assert_eq!(held, until("2027-01-15T08:12:00.041Z"));
    let held = about(&world, "KEY0002", "held_until").await;
    assert_eq!(held, until("2027-01-15T08:12:01.081Z"));
}

#[tokio::test(start_paused = true)]
async fn holders_of_the_version_before_lapse_and_leave_nothing_behind() {
    let mut world = earlier().await;
    let next = world.lease("shared").await.unwrap();
    assert_eq!(next.key(), "KEY0000");
    world.revoke(&next).await.unwrap();
    world.restart();
    world.pass(Duration::from_secs(11 * 60 + 30)).await;
    assert_eq!(about(&world, "KEY0000", "holders").await, Some(json!(1)));
    let keys = world.storage.disk().keys();
    assert_eq!(
        keys.iter().filter(|key| key.contains("/holder/")).count(),
        1
    );
    world.pass(Duration::from_mins(3)).await;
    assert!(world.cloud.live().is_empty());
    let keys = world.storage.disk().keys();
    let left = keys.iter().filter(|key| {
        let folders = ["/holder/", "/records/", "/credential/"];
        folders.iter().any(|folder| key.contains(folder))
    });
    assert_eq!(left.count(), 0, "{keys:?}");
}

/// They name the organization alone, or not even that.
#[tokio::test(start_paused = true)]
async fn keys_of_the_version_before_are_deleted_with_the_account_that_made_them() {
    for mut world in [earlier().await, with_storage(UNPROVEN, &["KEY0000"]).await] {
        let other = json!({
            "ccloud_api_key_id": OTHER_ADMIN_KEY, "ccloud_api_key_secret": ADMIN_SECRET,
        });
        world.write("config", &other).await.unwrap();
        world.restart();
        world.pass(Duration::from_mins(15)).await;
        assert_eq!(world.cloud.live(), Vec::<String>::new());
    }
}
