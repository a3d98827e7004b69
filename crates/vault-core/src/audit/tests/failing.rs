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
    let login = "auth/approle/login";
    // The entity of the first login stays.
    let seen = ask_as(&core, None, Operation::Update, login, ids.clone()).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let before = audited.world.storage.keys();
    audited.page().ends_after(1);
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

/// The use of its token is given back, so that the answer is neither lost nor told
/// twice.
#[tokio::test(start_paused = true)]
async fn a_wrapped_answer_that_could_not_be_logged_is_unwrapped_once_later() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    for (path, is_own, lines) in [
        ("unwrap", true, 0),
        ("unwrap", true, 1),
        ("unwrap", false, 0),
        ("unwrap", false, 1),
        ("rewrap", false, 1),
    ] {
        let body = json!({"a": "b"});
        let wrap = "sys/wrapping/wrap";
        let wrapped = ask_wrapped(&core, "root", Operation::Update, wrap, body, SECOND * 600);
        let wrapped = wrapped.await.body;
        let token = text(&wrapped, "/wrap_info/token");
        let (caller, body) = if is_own {
            (token, json!({}))
        } else {
            ("root", json!({"token": token}))
        };
        let unwrap = |path| {
            let path = format!("sys/wrapping/{path}");
            let (core, body) = (Arc::clone(&core), body.clone());
            async move { ask_as(&core, Some(caller), Operation::Update, &path, body).await }
        };
        audited.page().ends_after(lines);
        let seen = unwrap(path).await;
        assert_eq!((seen.status, seen.error()), (500, NOT_LOGGED));
        tokio::time::sleep(SECOND).await;
        audited.page().heal();
        let seen = unwrap("unwrap").await;
        assert_eq!(
            seen.body["data"],
            json!({"a": "b"}),
            "{path} {is_own} {lines}"
        );
        assert_eq!(unwrap("unwrap").await.status, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_quota_refuses_is_logged_only_where_that_is_configured() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let limits = json!({"rate": 1, "path": "kv/a", "interval": "1h"});
    write(&core, "sys/quotas/rate-limit/q", limits).await;
    read(&core, "kv/a").await;
    audited.page().take();
    assert_eq!(read(&core, "kv/a").await.status, 429);
    assert_eq!(audited.page().take(), Vec::<Value>::new());
    let settings = json!({"enable_rate_limit_audit_logging": true});
    write(&core, "sys/quotas/config", settings).await;
    let shown = read(&core, "sys/quotas/config").await;
    assert_eq!(shown.body["data"]["enable_rate_limit_audit_logging"], true);
    audited.page().take();
    assert_eq!(read(&core, "kv/a").await.status, 429);
    let lines = audited.page().take();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(text(&lines[0], "/error"), "rate limit quota exceeded");
    assert_eq!(text(&lines[0], "/request/path"), "kv/a");
    // It is refused whether or not it can be logged.
    audited.page().next(Lines::Fail);
    assert_eq!(read(&core, "kv/a").await.status, 429);
}
