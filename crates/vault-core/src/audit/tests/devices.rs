//! Which devices there are.

use super::*;

#[tokio::test(start_paused = true)]
async fn clients_make_and_remove_devices_where_they_may() {
    let audited = Audited::new(Vec::new());
    let core = audited.mounted().await;
    let body = json!({"type": "page", "description": "d", "options": {"name": "made"}});
    let path = "sys/audit/made";
    let seen = write(&core, path, body.clone()).await;
    assert_eq!(seen.status, 204, "{seen:?}");
    let made = audited.pages.page("made");
    let test = json!({"token_type": "default"});
    assert_eq!(made.lines()[0]["auth"], test);
    assert_eq!(text(&made.lines()[0], "/request/path"), "sys/audit/test");
    let listed = read(&core, "sys/audit").await.body;
    let shown = json!({
        "description": "d", "local": false, "options": {"name": "made"}, "path": "made/",
        "type": "page",
    });
    assert_eq!(
        (&listed["data"]["made/"], &listed["made/"]),
        (&shown, &shown)
    );
    let hash = json!({"input": "x"});
    let first = write(&core, "sys/audit-hash/made", hash.clone()).await;
    assert_eq!(first.body["hash"], first.body["data"]["hash"]);
    for (path, body, error) in [
        (path, &body, "path already in use"),
        ("sys/audit/made/below", &body, "path already in use"),
        (
            "sys/audit/new",
            &json!({"type": "odd"}),
            "unknown backend type: \"odd\"",
        ),
        (
            "sys/audit/new",
            &json!({"type": "page"}),
            "name is required",
        ),
        (
            "sys/audit-hash/none",
            &hash,
            "unknown audit backend \"none/\"",
        ),
        (
            "sys/audit-hash/made",
            &json!({}),
            "the \"input\" parameter is empty",
        ),
    ] {
        let seen = write(&core, path, body.clone()).await;
        assert_eq!((seen.status, seen.error()), (400, error), "{path}");
    }
    // It and its salt are there after a restart.
    core.seal().await;
    let core = audited.start().await;
    let again = write(&core, "sys/audit-hash/made", hash).await;
    assert_eq!(again.body["data"], first.body["data"]);
    let removed = ask(&core, Operation::Delete, path, Value::Null).await;
    assert_eq!(removed.status, 204);
    assert_eq!(
        ask(&core, Operation::Delete, path, Value::Null)
            .await
            .status,
        204
    );
    made.take();
    assert_eq!(read(&core, "sys/audit").await.body["data"], json!({}));
    assert_eq!(made.lines().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_write_is_not_made() {
    let audited = Audited::new(Vec::new());
    let core = audited.start().await;
    audited.pages.page("full").next(Lines::Fail);
    let body = json!({"type": "page", "options": {"name": "full"}});
    let seen = write(&core, "sys/audit/full", body).await;
    let error = "audit backend failed test message: the disk is full";
    assert_eq!((seen.status, seen.error()), (400, error));
    assert_eq!(read(&core, "sys/audit").await.body["data"], json!({}));
}

#[tokio::test(start_paused = true)]
async fn clients_make_no_devices_where_only_the_configuration_may() {
    let audited = Audited::with(one(), false);
    let core = audited.start().await;
    let body = json!({"type": "page", "options": {"name": "two"}});
    let seen = write(&core, "sys/audit/two", body).await;
    assert_eq!(
        (seen.status, seen.error()),
        (
            400,
            "cannot enable audit device via API; use declarative, config-based audit device \
             management instead"
        )
    );
    let seen = ask(&core, Operation::Delete, "sys/audit/one", Value::Null).await;
    let error = "cannot disable configuration-managed audit device";
    assert_eq!((seen.status, seen.error()), (400, error));
    let active = core.active().unwrap();
    let powerless = active.tokens.create(None, &["default"]).await.unwrap();
    let seen = ask_as(
        &core,
        Some(powerless.expose()),
        Operation::Read,
        "sys/audit",
        Value::Null,
    );
    assert_eq!(seen.await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn the_configuration_adds_replaces_and_removes_devices() {
    let audited = Audited::new(one());
    let core = audited.mounted().await;
    let hash = |core: &Core, input: &str| core.active().unwrap().audit.hash("one", input);
    let salted = hash(&core, "x").unwrap();
    let changed = device("one", &[("log_raw", "true")]);
    audited
        .config
        .audit
        .declare(vec![changed.clone(), device("two", &[])]);
    core.reload_audit().await.unwrap();
    assert!(audited.page().reopened.load(Ordering::SeqCst));
    assert_eq!(hash(&core, "x").unwrap(), salted, "the salt stays");
    audited.page().take();
    read(&core, "sys/mounts").await;
    assert_eq!(audited.page().take()[0]["request"]["client_token"], "root");
    assert_eq!(audited.pages.page("two").take().len(), 3);
    // A change while the server was down is the same.
    core.seal().await;
    audited.config.audit.declare(vec![device("one", &[])]);
    let core = audited.start().await;
    assert_eq!(hash(&core, "x").unwrap(), salted);
    let shown = read(&core, "sys/audit").await.body;
    assert_eq!(
        shown["data"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["one/"]
    );
    audited.config.audit.declare(Vec::new());
    core.reload_audit().await.unwrap();
    assert_eq!(read(&core, "sys/audit").await.body["data"], json!({}));
    assert!(hash(&core, "x").is_err());
    let stored = audited
        .world
        .storage
        .list(super::super::table::PREFIX)
        .await;
    assert!(stored.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_declared_device_that_does_not_write_keeps_the_server_sealed() {
    let audited = Audited::new(one());
    audited.page().next(Lines::Fail);
    let started = Core::start(audited.config.clone(), audited.world.effects()).await;
    let Err(error) = started else {
        panic!("it started without its log");
    };
    assert_eq!(
        error.message(),
        "audit device `one`: audit backend failed test message: the disk is full"
    );
    // At a reload it is not in use, and the others are.
    let core = Audited::new(Vec::new());
    let running = core.start().await;
    core.pages.page("bad").next(Lines::Fail);
    core.config
        .audit
        .declare(vec![device("bad", &[]), device("good", &[])]);
    let error = running.reload_audit().await.unwrap_err();
    assert!(error.message().contains("`bad`"), "{error}");
    let shown = read(&running, "sys/audit").await.body;
    assert_eq!(
        shown["data"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["good/"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_device_of_a_client_is_no_declared_one() {
    let audited = Audited::new(Vec::new());
    let core = audited.start().await;
    let body = json!({"type": "page", "options": {"name": "one"}});
    assert_eq!(write(&core, "sys/audit/one", body).await.status, 204);
    audited.config.audit.declare(one());
    let error = core.reload_audit().await.unwrap_err();
    assert!(error.message().contains("a client has made"), "{error}");
    audited.config.audit.declare(Vec::new());
    core.reload_audit().await.unwrap();
    assert_eq!(
        read(&core, "sys/audit").await.body["data"]["one/"]["type"],
        "page"
    );
}

#[tokio::test(start_paused = true)]
async fn the_status_of_the_server_is_not_logged_and_sealing_is() {
    let audited = Audited::new(one());
    let vault = Vault::load(audited.config.clone(), audited.world.effects());
    let vault = vault.await.unwrap();
    let root = Some(ClientToken::new("root"));
    vault.develop(root.clone()).await.unwrap();
    audited.page().take();
    for path in ["sys/health", "sys/seal-status", "sys/leader", "sys/init"] {
        let request = ClientRequest::new(Operation::Read, path);
        assert_eq!(vault.handle(request).await.status(), 200, "{path}");
    }
    assert!(audited.page().lines().is_empty());
    let seal = ClientRequest::new(Operation::Update, "sys/seal").with_token(root);
    assert_eq!(vault.handle(seal).await.status(), 204);
    let lines = audited.page().take();
    assert_eq!(text(&lines[0], "/request/path"), "sys/seal");
    // Nobody can reload what is sealed; it is declared for the next time.
    vault.reload_audit(vec![device("two", &[])]).await.unwrap();
}
