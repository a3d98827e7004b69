//! `usage`: what the audit log tells of logins, as its reader posts it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::effects::Replication;
use logical::{ErrorClass, Object, Operation, Request, Storage as _};
use serde_json::{Value, json};
use virtual_world::Fault;

use crate::world::World;

const MINUTE: Duration = Duration::from_mins(1);

/// The bit of a standby in what hosts tell of their replication.
const STANDBY: u32 = 1 << 14;

fn before(world: &World, seconds: i64) -> Timestamp {
    world.now() - SignedDuration::from_secs(seconds)
}

async fn post(world: &World, watermark: Timestamp, keys: Value) {
    let body = json!({ "watermark": watermark.to_string(), "keys": keys });
    world.write("usage", &body).await.unwrap();
}

async fn last_login(world: &World, key: &str) -> String {
    let record = world.data_of(&format!("keys/{key}")).await;
    record["last_login"].as_str().unwrap().to_owned()
}

/// What is stored of logins, by place.
async fn stored(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut stored = Vec::new();
    for place in world.storage.disk().keys() {
        if place.starts_with("lockkeeper/usage/") {
            let value = world.storage.disk().get(&place).await.unwrap().unwrap();
            stored.push((place, value.to_vec()));
        }
    }
    stored
}

#[tokio::test(start_paused = true)]
async fn the_reader_of_the_log_finds_again_where_it_was() {
    let world = World::ready().await;
    assert!(world.read("usage").await.unwrap().is_none());
    let first = world.now();
    let body = json!({
        "watermark": first.to_string(), "source": "follower", "offsets": "0:17,1:4",
    });
    world.write("usage", &body).await.unwrap();
    world.pass(MINUTE).await;
    let second = world.now();
    post(&world, second, json!({})).await;
    let data = world.data_of("usage").await;
    assert_eq!(data["since"], first.to_string());
    assert_eq!(data["watermark"], second.to_string());
    assert_eq!(data["source"], "follower");
    assert_eq!(data["offsets"], "0:17,1:4");
}

#[tokio::test(start_paused = true)]
async fn a_key_shows_its_last_login_and_never_only_where_the_log_was_read_all_its_life() {
    let world = World::ready().await;
    let old = world.lease("single").await.unwrap();
    assert_eq!(last_login(&world, old.key()).await, "unknown");
    world.pass(MINUTE).await;
    post(&world, world.now(), json!({})).await;
    world.pass(MINUTE).await;
    let new = world.lease("single").await.unwrap();
    assert_eq!(last_login(&world, new.key()).await, "unknown");
    world.pass(MINUTE).await;
    post(&world, world.now(), json!({})).await;
    assert_eq!(last_login(&world, old.key()).await, "unknown");
    assert_eq!(last_login(&world, new.key()).await, "never");
    let at = before(&world, 5);
    post(&world, world.now(), json!({ old.key(): at.to_string() })).await;
    assert_eq!(last_login(&world, old.key()).await, at.to_string());
    let known = &world.data_of(&format!("keys/{}", old.key())).await["logins_known_until"];
    assert_eq!(known, &world.now().to_string());
}

#[tokio::test(start_paused = true)]
async fn of_a_key_that_is_gone_no_login_is_known() {
    let world = World::ready().await;
    post(&world, world.now(), json!({})).await;
    world.pass(MINUTE).await;
    let lease = world.lease("single").await.unwrap();
    world.pass(MINUTE).await;
    post(&world, world.now(), json!({})).await;
    assert_eq!(last_login(&world, lease.key()).await, "never");
    world.revoke(&lease).await.unwrap();
    assert_eq!(last_login(&world, lease.key()).await, "unknown");
}

#[tokio::test(start_paused = true)]
async fn times_never_move_back_and_a_doubled_report_writes_nothing() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let key = lease.key();
    let (earlier, later) = (before(&world, 20), before(&world, 10));
    let watermark = world.now();
    post(&world, watermark, json!({ key: later.to_string() })).await;
    let before = stored(&world).await;
    let writes = world.storage.calls().changes;
    post(&world, watermark, json!({ key: later.to_string() })).await;
    post(&world, watermark, json!({ key: earlier.to_string() })).await;
    assert_eq!(stored(&world).await, before);
    assert_eq!(world.storage.calls().changes, writes);
    assert_eq!(last_login(&world, key).await, later.to_string());
}

#[tokio::test(start_paused = true)]
async fn only_keys_on_record_are_kept_and_those_that_went_are_forgotten() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let at = before(&world, 10).to_string();
    let mut keys = json!({ lease.key(): at });
    for number in 0..500 {
        keys[format!("STRANGER{number}")] = at.clone().into();
    }
    post(&world, world.now(), keys).await;
    let bytes = |stored: Vec<(String, Vec<u8>)>| stored.into_iter().flat_map(|(_, value)| value);
    let text = String::from_utf8(bytes(stored(&world).await).collect()).unwrap();
    assert!(text.contains(lease.key()));
    assert!(!text.contains("STRANGER"), "{text}");
    assert_eq!(
        stored(&world).await.len(),
        2,
        "the shard of one key, and the watermark"
    );
    world.revoke(&lease).await.unwrap();
    world.pass(Duration::from_mins(15)).await;
    // All keys of later leases, until each shard was written.
    for _ in 0..400 {
        let next = world.lease("single").await.unwrap();
        post(&world, world.now(), json!({ next.key(): at })).await;
    }
    let text = String::from_utf8(bytes(stored(&world).await).collect()).unwrap();
    assert!(!text.contains(&format!("\"{}\"", lease.key())), "{text}");
    assert!(stored(&world).await.len() <= 65);
}

#[tokio::test(start_paused = true)]
async fn bad_reports_are_refused_with_the_field_and_change_nothing() {
    let world = World::ready().await;
    let now = world.now();
    post(&world, now, json!({})).await;
    let stored_before = stored(&world).await;
    let future = (now + SignedDuration::from_mins(2)).to_string();
    let at = now.to_string();
    let many: Object = (0..100_000)
        .map(|number| (format!("KEY{number}"), at.clone().into()))
        .collect();
    for (body, field) in [
        (json!({}), "`watermark`"),
        (json!({ "watermark": "yesterday" }), "watermark"),
        (json!({ "watermark": future }), "`watermark`"),
        (
            json!({ "watermark": before(&world, 1).to_string() }),
            "`watermark`",
        ),
        (
            json!({ "watermark": at, "keys": { "K7": future } }),
            "`keys`",
        ),
        (
            json!({ "watermark": at, "keys": { "K7": "soon" } }),
            "`keys`",
        ),
        (json!({ "watermark": at, "keys": { "K7": 5 } }), "`keys`"),
        (json!({ "watermark": at, "keys": { "K/7": at } }), "`keys`"),
        (json!({ "watermark": at, "keys": { "": at } }), "`keys`"),
        (json!({ "watermark": at, "keys": "K7" }), "keys"),
        (json!({ "watermark": at, "keys": many }), "`keys`"),
        (json!({ "watermark": at, "key": {} }), "key"),
        (
            json!({ "watermark": at, "source": "s".repeat(257) }),
            "`source`",
        ),
        (
            json!({ "watermark": at, "offsets": "o".repeat(16_385) }),
            "`offsets`",
        ),
    ] {
        let refused = world.write("usage", &body).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::BadRequest, "{refused}");
        assert!(refused.message().contains(field), "{field}: {refused}");
    }
    assert_eq!(stored(&world).await, stored_before);
}

#[tokio::test(start_paused = true)]
async fn a_standby_forwards_reports() {
    let world = World::ready().await;
    let standby = world.another_process();
    world.host.set_replication(Replication(STANDBY));
    let data = json!({ "watermark": world.now().to_string() });
    let post =
        Request::new(Operation::Update, "usage").with_data(data.as_object().cloned().unwrap());
    for request in [post, Request::new(Operation::Read, "usage")] {
        let refused = standby.handle(request).await.unwrap_err();
        assert_eq!(refused.class(), ErrorClass::ReadOnlyStorage);
    }
}

/// The watermark is what says that logins before it are known.
#[tokio::test(start_paused = true)]
async fn a_report_that_could_not_be_stored_moves_no_watermark() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.storage.fail_next_writes(1, Fault::Done);
    let at = before(&world, 1).to_string();
    let body = json!({ "watermark": world.now().to_string(), "keys": { lease.key(): at } });
    world.write("usage", &body).await.unwrap_err();
    assert!(world.read("usage").await.unwrap().is_none());
    world.write("usage", &body).await.unwrap();
    assert_eq!(last_login(&world, lease.key()).await, at);
}

#[tokio::test(start_paused = true)]
async fn it_is_never_said_that_nothing_logged_in_with_a_key_that_was_imported() {
    let world = World::ready().await;
    world.cloud.make_by_hand("OLDKEY", "made by hand");
    post(&world, world.now(), json!({})).await;
    world.pass(MINUTE).await;
    let role = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1",
        "rotation_period": 3600, "grace": 600, "refresh": 300, "readiness": "none",
        "import_key_id": "OLDKEY", "import_key_secret": "secret-of-OLDKEY",
    });
    world.write("static-role/orders", &role).await.unwrap();
    world.pass(MINUTE).await;
    post(&world, world.now(), json!({})).await;
    assert_eq!(last_login(&world, "OLDKEY").await, "unknown");
}
