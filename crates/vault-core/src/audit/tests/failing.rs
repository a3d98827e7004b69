//! Devices that fail, and clients that hang up.

use super::*;

#[tokio::test(start_paused = true)]
async fn nothing_is_done_for_a_request_that_cannot_be_logged() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    // The engine's first call stores a key of its own.
    write(&core, "kv/a", json!({"a": "b"})).await;
    audited.page().next(Lines::Fail);
    let before = audited.world.storage.keys();
    for (operation, path) in [
        (Operation::Update, "kv/new"),
        (Operation::Read, "puppet/lease"),
        (Operation::Update, "auth/token/create"),
    ] {
        let seen = ask(&core, operation, path, json!({"a": "b"})).await;
        assert_eq!((seen.status, seen.error()), (500, NOT_LOGGED), "{path}");
        assert!(seen.body.get("data").is_none());
    }
    assert_eq!(audited.world.storage.keys(), before);
    audited.page().heal();
    assert_eq!(read(&core, "puppet/lease").await.body["data"]["number"], 0);
}

/// Promise P5: a full disk lets no secret out, and what was made for the answer is undone.
#[tokio::test(start_paused = true)]
async fn no_secret_leaves_if_its_response_cannot_be_logged() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let before = audited.world.storage.keys();
    audited.page().ends_after(1);
    let seen = read(&core, "puppet/lease").await;
    assert_eq!((seen.status, seen.error()), (500, NOT_LOGGED));
    tokio::time::sleep(SECOND).await;
    assert_eq!(audited.world.puppet.revoked(), [0]);
    assert_eq!(audited.world.storage.keys(), before);
    let create = "auth/token/create";
    let body = json!({"ttl": "1h"});
    audited.page().ends_after(1);
    let seen = write(&core, create, body.clone()).await;
    assert_eq!((seen.status, seen.error()), (500, NOT_LOGGED));
    audited.page().ends_after(1);
    let seen = ask_wrapped(&core, "root", Operation::Update, create, body, SECOND * 60).await;
    assert_eq!((seen.status, seen.error()), (500, NOT_LOGGED));
    tokio::time::sleep(SECOND).await;
    assert_eq!(audited.world.storage.keys(), before);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_cannot_be_logged_leaves_no_token() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    write(&core, "auth/approle/role/app", json!({})).await;
    let role_id = read(&core, "auth/approle/role/app/role-id").await;
    let secret_id = write(&core, "auth/approle/role/app/secret-id", json!({})).await;
    let ids = json!({
        "role_id": role_id.body["data"]["role_id"],
        "secret_id": secret_id.body["data"]["secret_id"],
    });
    let before = audited.world.storage.keys();
    audited.page().ends_after(1);
    let login = "auth/approle/login";
    let seen = ask_as(&core, None, Operation::Update, login, ids).await;
    assert_eq!((seen.status, seen.error()), (500, NOT_LOGGED));
    tokio::time::sleep(SECOND).await;
    assert_eq!(audited.world.storage.keys(), before);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_before_the_response_is_logged_gets_no_lease() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let before = audited.world.storage.keys();
    audited.page().takes(SECOND);
    let asking = read(&core, "puppet/lease");
    let asked = tokio::time::timeout(SECOND * 3 / 2, asking).await;
    assert!(asked.is_err(), "it was answered");
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(audited.page().lines().len(), 2, "the line is written");
    assert_eq!(audited.world.puppet.revoked(), [0]);
    assert_eq!(audited.world.storage.keys(), before);
}

#[tokio::test(start_paused = true)]
async fn one_device_that_writes_is_enough() {
    let audited = Audited::new(vec![device("one", &[]), device("two", &[])]);
    let core = audited.mounted().await;
    audited.page().next(Lines::Fail);
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    audited.pages.page("two").next(Lines::Fail);
    let seen = read(&core, "puppet/lease").await;
    assert_eq!((seen.status, seen.error()), (500, NOT_LOGGED));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_hangs_delays_a_request_and_does_not_hold_it_for_ever() {
    let audited = Audited::new(vec![device("one", &[]), device("two", &[])]);
    let core = audited.mounted().await;
    audited.page().next(Lines::Hang);
    let began = tokio::time::Instant::now();
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    assert_eq!(began.elapsed(), 20 * SECOND);
    audited.pages.page("two").next(Lines::Hang);
    assert_eq!(read(&core, "puppet/lease").await.status, 500);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_an_engine_is_logged_as_it_is_answered() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    audited.world.puppet.on("handle", Does::Fail);
    read(&core, "puppet/asker").await;
    let lines = audited.page().take();
    assert_eq!(lines[1]["error"], "the puppet fails");
}
