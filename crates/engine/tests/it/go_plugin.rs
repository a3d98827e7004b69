//! Taking over from the Go plugin: a mount whose storage it wrote, and leases
//! that it issued (`lifecycle.md`, 31).

use std::collections::BTreeMap;
use std::time::Duration;

use logical::{LeaseOptions, Object, Secret, Storage as _};
use serde_json::json;

use crate::world::{ADMIN_KEY, ADMIN_SECRET, Fault, Lease, ORGANIZATION, OTHER_ADMIN_KEY, World};

/// The entries of the Go plugin, as it writes them.
fn entries() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (
            "config",
            json!({
                "api_key_id": ADMIN_KEY, "api_key_secret": ADMIN_SECRET,
                "url": "https://api.confluent.cloud",
            })
            .to_string(),
        ),
        (
            "role/single",
            r#"{"owner":"sa-1","owner_env":"env-1","resource":"lkc-1","resource_env":"env-1",
                "ttl":600000000000,"max_ttl":3600000000000,"multi_use_key":false,"usage_count":0,
                "cc_key_id":"","cc_key_secret":"","key_description":""}"#
                .to_owned(),
        ),
        (
            "role/shared",
            r#"{"owner":"sa-1","owner_env":"env-1","resource":"lkc-1","resource_env":"env-1",
                "ttl":600000000000,"multi_use_key":true,"usage_count":-2,
                "cc_key_id":"GOSHARED","cc_key_secret":"go-shared-canary",
                "key_description":"words"}"#
                .to_owned(),
        ),
    ])
}

/// A mount that the Go plugin served until now, with one shared key and one
/// single-use key.
async fn left_by_the_go_plugin() -> World {
    let world = World::empty();
    for (key, value) in entries() {
        put(&world, key, &value).await;
    }
    world.cloud.make_by_hand("GOSHARED", "display_name");
    world.cloud.make_by_hand("GOSINGLE", "display_name");
    world.engine.initialize().await.unwrap();
    world
}

async fn put(world: &World, key: &str, value: &str) {
    let storage = &world.storage.disk();
    storage.put(key, value.as_bytes()).await.unwrap();
}

/// A lease that the Go plugin issued.
fn lease(key: &str, role: &str) -> Lease {
    let internal = json!({
        "secret_type": "ccloud_cluster_apikey", "key_id": key, "role": role,
    });
    let mut options = LeaseOptions::renewable(Duration::from_hours(1), Duration::ZERO);
    options.issue_time = Some(jiff::Timestamp::from_second(1_800_000_000).unwrap());
    Lease {
        data: Object::from_iter([("key_id".to_owned(), json!(key))]),
        secret: Secret::from_parts(options, internal.as_object().cloned().unwrap(), ""),
    }
}

#[tokio::test(start_paused = true)]
async fn account_and_roles_are_taken_over_and_the_go_plugins_entries_stay() {
    let world = left_by_the_go_plugin().await;
    let config = world.read("config").await.unwrap().unwrap();
    assert_eq!(config.get("ccloud_api_key_id"), Some(&json!(ADMIN_KEY)));
    let role = world.read("role/shared").await.unwrap().unwrap();
    for (name, value) in [
        ("owner", json!("sa-1")),
        ("owner_env", json!("env-1")),
        ("resource", json!("lkc-1")),
        ("resource_env", json!("env-1")),
        ("ttl", json!(600)),
        ("max_ttl", json!(0)),
        ("multi_use_key", json!(true)),
        ("key_description", json!("words")),
    ] {
        assert_eq!(role.get(name), Some(&value), "{name}");
    }
    assert_eq!(
        world.list("role/").await.unwrap().unwrap().get("keys"),
        Some(&json!(["shared", "single"]))
    );
    let made = world.lease("single").await.unwrap();
    world.revoke(&made).await.unwrap();
    for (key, value) in entries() {
        let stored = world.storage.disk().get(key).await.unwrap().unwrap();
        assert_eq!(stored.as_slice(), value.as_bytes(), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_shared_key_goes_on_for_new_readers() {
    let world = left_by_the_go_plugin().await;
    let lease = world.lease("shared").await.unwrap();
    assert_eq!(lease.key(), "GOSHARED");
    assert_eq!(lease.data["secret"], json!("go-shared-canary"));
    world.revoke(&lease).await.unwrap();
    assert_eq!(
        world.cloud.live(),
        ["GOSHARED", "GOSINGLE"],
        "others hold it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_shared_key_ends_when_its_known_leases_and_the_longest_of_the_others_are_over() {
    let world = left_by_the_go_plugin().await;
    let mut lease = lease("GOSHARED", "shared");
    world.pass(Duration::from_hours(23)).await;
    lease.secret.lease.issue_time = lease
        .secret
        .lease
        .issue_time
        .map(|start| start + Duration::from_hours(20));
    let renewed = world.renew(&lease, 7200).await.unwrap();
    assert!(renewed.secret.is_some());
    world.pass(Duration::from_mins(61)).await;
    // What the Go plugin's leases can live to is over; the renewed one goes on.
    assert_eq!(world.cloud.live(), ["GOSHARED", "GOSINGLE"]);
    world.pass(Duration::from_hours(2)).await;
    assert_eq!(world.cloud.live(), ["GOSINGLE"]);
}

#[tokio::test(start_paused = true)]
async fn revoking_a_lease_on_a_shared_key_spares_those_who_share_it() {
    let world = left_by_the_go_plugin().await;
    for _ in 0..3 {
        world.revoke(&lease("GOSHARED", "shared")).await.unwrap();
    }
    assert_eq!(world.cloud.live(), ["GOSHARED", "GOSINGLE"]);
    world.delete("keys/GOSHARED").await.unwrap();
    assert_eq!(world.cloud.live(), ["GOSINGLE"]);
}

#[tokio::test(start_paused = true)]
async fn revoking_a_single_use_lease_deletes_its_key_whatever_happens() {
    let world = left_by_the_go_plugin().await;
    world.cloud.arm(Fault::FailDelete);
    world
        .revoke(&lease("GOSINGLE", "single"))
        .await
        .unwrap_err();
    // The host gave up; the sweep goes on.
    world.pass(Duration::from_mins(3)).await;
    assert_eq!(world.cloud.live(), ["GOSHARED"]);
    world.revoke(&lease("GOSINGLE", "single")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lease_carries_all_that_ours_carry_and_still_what_the_go_plugin_reads() {
    let world = left_by_the_go_plugin().await;
    let old = lease("GOSINGLE", "single");
    let renewed = world.renew(&old, 0).await.unwrap().secret.unwrap();
    assert_eq!(renewed.internal_data["key_id"], json!("GOSINGLE"));
    assert_eq!(renewed.internal_data["role"], json!("single"));
    assert_eq!(
        renewed.internal_data["secret_type"],
        json!("ccloud_cluster_apikey")
    );
    let ours = Lease {
        data: old.data.clone(),
        secret: renewed,
    };
    world.renew(&ours, 600).await.unwrap();
    world.revoke(&ours).await.unwrap();
    assert_eq!(world.cloud.live(), ["GOSHARED"]);
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lease_that_the_host_loses_takes_its_key_along() {
    let world = left_by_the_go_plugin().await;
    world
        .renew(&lease("GOSINGLE", "single"), 600)
        .await
        .unwrap();
    world.pass(Duration::from_mins(9)).await;
    assert_eq!(world.cloud.live(), ["GOSHARED", "GOSINGLE"]);
    world.pass(Duration::from_mins(4)).await;
    assert_eq!(world.cloud.live(), ["GOSHARED"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_go_plugin_changed_meanwhile_is_taken_again_and_nothing_else() {
    let mut world = left_by_the_go_plugin().await;
    let ours = json!({"ttl": 60});
    world.write("role/single", &ours).await.unwrap();
    world.delete("role/shared").await.unwrap();
    world.restart();
    world.engine.initialize().await.unwrap();
    let single = world.read("role/single").await.unwrap().unwrap();
    assert_eq!(single.get("ttl"), Some(&json!(60)), "ours counts");
    assert_eq!(
        world.read("role/shared").await,
        Ok(None),
        "it stays deleted"
    );
    // The Go plugin serves for a while and a role is written there.
    let theirs = r#"{"owner":"sa-2","resource":"lkc-1","ttl":1200000000000,"multi_use_key":false}"#;
    put(&world, "role/single", theirs).await;
    world.restart();
    world.engine.initialize().await.unwrap();
    let single = world.read("role/single").await.unwrap().unwrap();
    assert_eq!(single.get("ttl"), Some(&json!(1200)));
    assert_eq!(single.get("owner"), Some(&json!("sa-2")));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_entry_does_not_stop_the_rest() {
    let mut world = World::empty();
    for (key, value) in entries() {
        put(&world, key, &value).await;
    }
    put(&world, "role/broken", "{canary").await;
    world.restart();
    world.engine.initialize().await.unwrap();
    world.lease("single").await.unwrap();
    assert_eq!(world.read("role/broken").await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_cut_short_is_finished_and_makes_no_second_record() {
    for failing in 1..8 {
        let mut world = World::empty();
        for (key, value) in entries() {
            put(&world, key, &value).await;
        }
        world.cloud.make_by_hand("GOSHARED", "display_name");
        world
            .storage
            .fail_next_writes(failing, virtual_world::Fault::Done);
        world.engine.initialize().await.unwrap();
        world.restart();
        world.storage.heal();
        let lease = world.lease("shared").await.unwrap();
        assert_eq!(lease.key(), "GOSHARED");
        let keys = world.storage.disk().keys();
        let records = keys.iter().filter(|key| key.contains("/credential/"));
        assert_eq!(records.count(), 1);
        assert_eq!(world.cloud.made(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_of_the_go_plugin_learns_its_organization_when_it_is_written_again() {
    let world = left_by_the_go_plugin().await;
    let lease = world.lease("single").await.unwrap();
    world.write("config", &json!({})).await.unwrap();
    let config = world.read("config").await.unwrap().unwrap();
    assert_eq!(config.get("organization"), Some(&json!(ORGANIZATION)));
    world.write("reconcile", &json!({})).await.unwrap();
    world.revoke(&lease).await.unwrap();
    world
        .revoke(&self::lease("GOSINGLE", "single"))
        .await
        .unwrap();
    assert_eq!(world.cloud.live(), ["GOSHARED"]);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_the_go_plugin_changed_meanwhile_takes_no_earlier_key_for_gone() {
    let mut world = left_by_the_go_plugin().await;
    let theirs = json!({
        "api_key_id": OTHER_ADMIN_KEY, "api_key_secret": ADMIN_SECRET,
        "url": "https://api.confluent.cloud",
    });
    put(&world, "config", &theirs.to_string()).await;
    world.restart();
    world.engine.initialize().await.unwrap();
    let config = world.read("config").await.unwrap().unwrap();
    assert_eq!(
        config.get("ccloud_api_key_id"),
        Some(&json!(OTHER_ADMIN_KEY))
    );
    world.delete("keys/GOSHARED").await.unwrap();
    assert_eq!(world.cloud.live(), ["GOSINGLE"]);
}

#[tokio::test(start_paused = true)]
async fn leases_that_the_go_plugin_may_have_extended_meanwhile_are_not_taken_for_over() {
    let mut world = left_by_the_go_plugin().await;
    let single = world.lease("single").await.unwrap();
    let shared = world.lease("shared").await.unwrap();
    world.pass(Duration::from_mins(6)).await;
    // The Go plugin serves the mount and extends the leases.
    tokio::time::sleep(Duration::from_hours(3)).await;
    world.restart();
    world.pass(Duration::from_mins(30)).await;
    assert!(world.lives(single.key()));
    world.renew(&single, 600).await.unwrap();
    world.renew(&shared, 600).await.unwrap();
    // What cannot have been extended any further lapses.
    world.pass(Duration::from_hours(25)).await;
    assert_eq!(world.cloud.live(), ["GOSINGLE"]);
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_the_go_plugin_never_served_gives_no_lease_more_time_after_a_pause() {
    let mut world = World::ready().await;
    world.lease("single").await.unwrap();
    world.pass(Duration::from_mins(6)).await;
    tokio::time::sleep(Duration::from_hours(3)).await;
    world.restart();
    world.pass(Duration::from_mins(1)).await;
    assert!(world.cloud.live().is_empty());
}

/// The Go plugin keeps its secret when only its address is written, so whoever
/// may write its `config` could have the secret sent there by us.
#[tokio::test(start_paused = true)]
async fn a_changed_address_of_the_go_plugin_is_not_taken_over_without_another_secret() {
    let mut world = left_by_the_go_plugin().await;
    let elsewhere = "https://elsewhere.example";
    let config = |secret: &str| {
        json!({"api_key_id": ADMIN_KEY, "api_key_secret": secret, "url": elsewhere}).to_string()
    };
    put(&world, "config", &config(ADMIN_SECRET)).await;
    world.restart();
    world.engine.initialize().await.unwrap();
    world.pass(Duration::from_mins(2)).await;
    world.lease("single").await.unwrap();
    let url = async |world: &World| {
        let config = world.read("config").await.unwrap().unwrap();
        config.get("url").unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!(url(&world).await, "https://api.confluent.cloud");
    assert!(!world.cloud.sent_to.lock().unwrap().contains(elsewhere));
    put(&world, "config", &config("another secret")).await;
    world.restart();
    world.engine.initialize().await.unwrap();
    assert_eq!(url(&world).await, elsewhere);
}

#[tokio::test(start_paused = true)]
async fn a_shared_key_of_the_go_plugin_is_named_by_reconcile_with_its_deadline() {
    let world = left_by_the_go_plugin().await;
    let report = world.write("reconcile", &json!({})).await;
    let report = report.unwrap().unwrap();
    let waiting = report.get("waiting").unwrap().as_object().unwrap();
    let about = waiting
        .values()
        .find(|about| about["key_id"] == "GOSHARED")
        .unwrap();
    let waits = about["waits"].as_str().unwrap();
    assert!(waits.contains("Go plugin"), "{waits}");
    assert_eq!(about["next_attempt"], json!("2027-01-16T08:01:00Z"));
}
