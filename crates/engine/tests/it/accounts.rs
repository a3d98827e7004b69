//! The account: proven before it is stored, never read back, never stranding
//! a key.

use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::ErrorClass;
use serde_json::json;

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

#[tokio::test(start_paused = true)]
async fn a_changed_address_keeps_the_key_but_a_changed_key_needs_its_secret() {
    let world = World::empty();
    world.write("config", &account()).await.unwrap();
    let url = json!({"url": "https://confluent.example/"});
    world.write("config", &url).await.unwrap();
    let shown = world.read("config").await.unwrap().unwrap();
    assert_eq!(shown.get("url"), Some(&json!("https://confluent.example")));
    let other = json!({"ccloud_api_key_id": "OTHER"});
    let error = world.write("config", &other).await.unwrap_err();
    assert!(error.message().contains("ccloud_api_key_secret"), "{error}");
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
    *world.storage.write_delay.lock().unwrap() = Duration::from_secs(1);
    let (lease, deleted) = tokio::join!(world.lease("single"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.delete("config").await
    });
    *world.storage.write_delay.lock().unwrap() = Duration::ZERO;
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
            .inner
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
    world.cloud.admin_refused.store(true, Ordering::SeqCst);
    let error = world.read("config/check").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
}
