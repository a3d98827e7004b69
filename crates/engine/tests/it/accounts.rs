//! The account: proven before it is stored, never read back, never stranding
//! a key.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::ErrorClass;
use serde_json::json;
use virtual_world::Timing;

use crate::world::{ADMIN_KEY, ADMIN_SECRET, Fault, ORGANIZATION, OTHER_ADMIN_KEY, World, account};

#[tokio::test(start_paused = true)]
async fn an_absent_account_reads_as_absent() {
    assert_eq!(World::empty().read("config").await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn an_account_reads_back_without_its_secret() {
    let world = World::empty();
    assert_eq!(world.write("config", &account()).await, Ok(None));
    let shown = world.read("config").await.unwrap().unwrap();
    let expected = json!({
        "ccloud_api_key_id": ADMIN_KEY,
        "url": "https://api.confluent.cloud",
        "organization": ORGANIZATION,
        "fold_role_names": false,
    });
    assert_eq!(shown.data.map(serde_json::Value::Object), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_account_is_refused_and_not_stored() {
    let world = World::empty();
    let body = json!({"ccloud_api_key_id": ADMIN_KEY, "ccloud_api_key_secret": "wrong"});
    let error = world.write("config", &body).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert_eq!(world.read("config").await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_proof_can_be_skipped_and_the_answer_says_so() {
    let world = World::empty();
    let mut body = account();
    body["verify"] = json!(false);
    let response = world.write("config", &body).await.unwrap().unwrap();
    assert!(response.warnings[0].contains("without a proof"));
    world
        .write("role/app", &json!({"owner": "sa-1"}))
        .await
        .unwrap();
    let lease = world.lease("app").await.unwrap();
    // Proven later, it still deletes what it made before.
    world.write("config", &account()).await.unwrap();
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

const ELSEWHERE: &str = "https://elsewhere.example";

#[tokio::test(start_paused = true)]
async fn a_stored_secret_is_sent_only_where_it_was_given_for() {
    let world = World::empty();
    world.write("config", &account()).await.unwrap();
    let before = world.read("config").await;
    for (field, value) in [
        ("url", ELSEWHERE),
        ("ca_cert", "certificates"),
        ("ccloud_api_key_id", OTHER_ADMIN_KEY),
    ] {
        for verify in [true, false] {
            let body = json!({field: value, "verify": verify});
            let error = world.write("config", &body).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::BadRequest);
            let expected = format!("`{field}` changed: give `ccloud_api_key_secret` again");
            assert_eq!(error.message(), expected);
        }
    }
    assert_eq!(world.read("config").await, before);
    assert!(!world.cloud.sent_to.lock().unwrap().contains(ELSEWHERE));
    // With the secret it may change, and what is the same is no change.
    let mut moved = account();
    moved["url"] = json!(format!("{ELSEWHERE}/"));
    world.write("config", &moved).await.unwrap();
    let same = json!({"url": ELSEWHERE, "ccloud_api_key_id": ADMIN_KEY});
    world.write("config", &same).await.unwrap();
    let shown = world.read("config").await.unwrap().unwrap();
    assert_eq!(shown.get("url"), Some(&json!(ELSEWHERE)));
}

#[tokio::test(start_paused = true)]
async fn a_field_of_the_account_that_is_mistyped_is_refused() {
    let world = World::empty();
    let mut body = account();
    body["urll"] = json!("https://confluent.example");
    let error = world.write("config", &body).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains("did you mean `url`?"), "{error}");
    assert_eq!(world.read("config").await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn an_id_that_carries_a_secret_is_refused_and_not_repeated() {
    let world = World::empty();
    for id in [format!("{ADMIN_KEY}:{ADMIN_SECRET}"), "a b".to_owned()] {
        let body = json!({"ccloud_api_key_id": id, "ccloud_api_key_secret": ADMIN_SECRET});
        let error = world.write("config", &body).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::BadRequest);
        assert!(error.message().contains("`ccloud_api_key_id`"), "{error}");
        assert!(!error.message().contains(ADMIN_SECRET), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_refused_is_told_at_which_address() {
    let world = World::empty();
    world.cloud.admin_refused.store(true, Ordering::SeqCst);
    let error = world.write("config", &account()).await.unwrap_err();
    for word in [ADMIN_KEY, "`url`", "https://api.confluent.cloud"] {
        assert!(error.message().contains(word), "{error}");
    }
}

/// Roles are written while Confluent is asked about the account.
#[tokio::test(start_paused = true)]
async fn a_role_is_written_while_the_account_is_being_proven() {
    let world = World::ready().await;
    *world.cloud.read_delay.lock().unwrap() = Duration::from_secs(20);
    let body = account();
    let (written, ()) = tokio::join!(world.write("config", &body), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let shorter = json!({"ttl": 60});
        let role = world.write("role/single", &shorter);
        let role = tokio::time::timeout(Duration::from_secs(5), role).await;
        role.expect("the role does not wait").unwrap();
    });
    written.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_client_hangs_up_is_stored_all_the_same() {
    let world = World::empty();
    *world.cloud.read_delay.lock().unwrap() = Duration::from_secs(5);
    let body = account();
    let write = world.write("config", &body);
    let cut = tokio::time::timeout(Duration::from_secs(1), write).await;
    assert!(cut.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(world.read("config").await.unwrap().is_some());
}

/// Another organization's keys are on record, which each take a while to read.
#[tokio::test(start_paused = true)]
async fn keys_are_made_while_the_records_are_searched_for_those_of_an_account() {
    let world = World::ready().await;
    for _ in 0..40 {
        world.lease("single").await.unwrap();
    }
    let other = json!({
        "ccloud_api_key_id": OTHER_ADMIN_KEY,
        "ccloud_api_key_secret": ADMIN_SECRET,
    });
    world.write("config", &other).await.unwrap();
    world.storage.set_read_delay(Duration::from_millis(500));
    let (deleted, lease) = tokio::join!(world.delete("config"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::time::timeout(Duration::from_secs(5), world.lease("single")).await
    });
    let lease = lease.expect("the reader does not wait").unwrap();
    let error = deleted.unwrap_err();
    assert!(error.message().contains(lease.key()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_account_that_keys_depend_on_cannot_be_deleted() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let error = world.delete("config").await.unwrap_err();
    assert!(error.message().contains(lease.key()), "{error}");
    world.revoke(&lease).await.unwrap();
    assert_eq!(world.delete("config").await, Ok(None));
    assert_eq!(world.read("config").await, Ok(None));
}

/// The creation has its account and no record yet when the account is deleted.
#[tokio::test(start_paused = true)]
async fn an_account_that_a_key_is_being_made_with_cannot_be_deleted() {
    let world = World::ready().await;
    world
        .storage
        .set_write_delay(Duration::from_secs(1), Timing::First);
    let (lease, deleted) = tokio::join!(world.lease("single"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.delete("config").await
    });
    world.storage.set_write_delay(Duration::ZERO, Timing::First);
    deleted.unwrap_err();
    world.revoke(&lease.unwrap()).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_an_account_the_answer_says_what_to_write() {
    let world = World::empty();
    world
        .write("role/app", &json!({"owner": "sa-1"}))
        .await
        .unwrap();
    let error = world.lease("app").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains("`config`"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn no_error_and_no_read_shows_the_admin_secret() {
    let world = World::empty();
    let body = json!({"ccloud_api_key_id": "WRONG", "ccloud_api_key_secret": ADMIN_SECRET});
    let error = world.write("config", &body).await.unwrap_err();
    assert!(!format!("{error:?}").contains(ADMIN_SECRET));
    world.write("config", &account()).await.unwrap();
    let shown = world.read("config").await.unwrap().unwrap();
    assert!(
        !serde_json::to_string(&shown.data)
            .unwrap()
            .contains(ADMIN_SECRET)
    );
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_refused_once_is_read_and_asked_again() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    world.cloud.arm(Fault::UnknownAdmin);
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
    assert_eq!(world.cloud.deletes.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn the_account_of_an_earlier_organization_goes_with_the_last_key_that_needs_it() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let other = json!({
        "ccloud_api_key_id": OTHER_ADMIN_KEY,
        "ccloud_api_key_secret": ADMIN_SECRET,
    });
    world.write("config", &other).await.unwrap();
    world.write("reconcile", &json!({})).await.unwrap();
    let accounts = || {
        world
            .storage
            .disk()
            .keys()
            .into_iter()
            .filter(|key| key.contains("account/organization/"))
            .count()
    };
    assert_eq!(accounts(), 2);
    world.revoke(&lease).await.unwrap();
    assert!(world.cloud.live().is_empty());
    // In the first minute a key may still be under way with the earlier one.
    world.write("reconcile", &json!({})).await.unwrap();
    assert_eq!(accounts(), 2);
    world.pass(Duration::from_mins(1)).await;
    world.write("reconcile", &json!({})).await.unwrap();
    assert_eq!(accounts(), 1);
    world.lease("single").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_check_of_an_account_tells_its_roles_and_what_they_do_not_allow() {
    let world = World::ready().await;
    *world.cloud.admin_role.lock().unwrap() = "OrganizationAdmin";
    let check = world.read("config/check").await.unwrap().unwrap();
    assert_eq!(check.get("ready"), Some(&json!(true)));
    assert_eq!(check.get("owner"), Some(&json!("sa-admin")));
    assert_eq!(
        check.get("owner_roles"),
        Some(&json!(["OrganizationAdmin"]))
    );
    assert_eq!(check.warnings, Vec::<String>::new());
    *world.cloud.admin_role.lock().unwrap() = "ResourceKeyAdmin";
    let check = world.read("config/check").await.unwrap().unwrap();
    assert_eq!(check.get("ready"), Some(&json!(false)));
    assert!(check.warnings[0].contains("`sa-1`"), "{:?}", check.warnings);
}

#[tokio::test(start_paused = true)]
async fn the_check_of_an_account_that_is_of_no_use_says_why() {
    let check = async |world: &World, word: &str| {
        let check = world.read("config/check").await.unwrap().unwrap();
        assert_eq!(check.get("ready"), Some(&json!(false)), "{word}");
        assert!(check.warnings[0].contains(word), "{:?}", check.warnings);
    };
    check(&World::empty(), "no account is configured").await;
    let world = World::ready().await;
    world.cloud.admin_hidden.store(true, Ordering::SeqCst);
    check(&world, "does not let it read API keys").await;
    world.cloud.admin_refused.store(true, Ordering::SeqCst);
    check(&world, "wrong admin key").await;
}
