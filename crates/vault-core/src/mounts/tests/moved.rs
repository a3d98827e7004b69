//! Mounts that are moved. Statuses and texts were seen at OpenBao 2.7.2.

use super::*;

async fn remount(core: &Core, from: &str, to: &str) -> Seen {
    let body = json!({"from": from, "to": to});
    ask(core, Operation::Update, "sys/remount", body).await
}

#[tokio::test(start_paused = true)]
async fn a_moved_mount_keeps_what_it_stores_and_its_leases_end() {
    let world = World::new();
    let core = world.mounted().await;
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    ask(&core, Operation::Update, "puppet/thing", json!({})).await;
    let before = read(&core, "sys/mounts/puppet").await.body["data"].clone();
    let moved = remount(&core, "puppet", "team/puppet").await;
    assert_eq!(moved.status, 200, "{moved:?}");
    assert_eq!(world.puppet.revoked(), [0]);
    let id = moved.body["migration_id"].as_str().unwrap();
    let status = read(&core, &format!("sys/remount/status/{id}")).await;
    let info = json!({
        "source_mount": "puppet/", "target_mount": "team/puppet/", "status": "success",
    });
    assert_eq!(status.body["data"]["migration_info"], info);
    assert_eq!(read(&core, "sys/remount/status/none").await.status, 404);
    let restarted = world.start().await;
    for core in [&core, &restarted] {
        assert_eq!(read(core, "puppet/asker").await.status, 404);
        let asked = read(core, "team/puppet/asker").await;
        assert_eq!(asked.body["data"]["mount"], "team/puppet/");
        let after = read(core, "sys/mounts/team/puppet").await.body["data"].clone();
        assert_eq!(after, before);
        let again = ask(core, Operation::Update, "team/puppet/thing", json!({})).await;
        assert_eq!(again.body["data"]["operation"], "update", "it exists");
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_that_makes_no_sense_is_refused() {
    let core = World::new().mounted().await;
    let kv = json!({"type": "kv"});
    ask(&core, Operation::Update, "sys/mounts/kv", kv).await;
    let approle = json!({"type": "approle"});
    ask(&core, Operation::Update, "sys/auth/approle", approle).await;
    for (from, to, error) in [
        ("nope", "x", "no matching mount at \"nope/\""),
        ("kv", "puppet", "path already in use at \"puppet/\""),
        ("kv", "kv", "path already in use at \"kv/\""),
        ("kv", "kv/x", "path already in use at \"kv/\""),
        ("kv", "sys/x", "cannot remount to destination sys/x/"),
        (
            "kv",
            "cubbyhole",
            "cannot remount to destination cubbyhole/",
        ),
        ("kv", "auth/x", "cannot remount to destination auth/x/"),
        ("auth/approle", "x", "cannot remount to destination x/"),
        (
            "auth/approle",
            "auth/token/x",
            "cannot remount to destination auth/token/x/",
        ),
        ("sys", "x", "cannot remount \"sys/\""),
        ("cubbyhole", "x", "cannot remount \"cubbyhole/\""),
        ("auth/token", "auth/x", "cannot remount \"auth/token/\""),
        (
            "",
            "x",
            "both 'from' and 'to' path must be specified as a string",
        ),
    ] {
        let seen = remount(&core, from, to).await;
        assert_eq!((seen.status, seen.error()), (400, error), "{from} {to}");
    }
    assert_eq!(mounted(&core).await, ["kv/", "puppet/"]);
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_a_request_does_not_leave_stays_where_it_is() {
    let world = World::new();
    let core = world.mounted().await;
    world.puppet.on("handle", Does::Hang);
    let mut hanging = Box::pin(read(&core, "puppet/lease"));
    assert!(hanging.as_mut().now_or_never().is_none());
    world.puppet.on("handle", Does::Work);
    let failed = remount(&core, "puppet", "other").await;
    assert_eq!(failed.status, 500, "{failed:?}");
    assert_eq!(read(&core, "puppet/lease").await.status, 200);
    drop(hanging);
    assert_eq!(remount(&core, "puppet", "other").await.status, 200);
    assert_eq!(mounted(&core).await, ["other/"]);
}

#[tokio::test(start_paused = true)]
async fn no_lease_is_made_at_the_old_path_once_a_mount_has_moved() {
    let world = World::new();
    let core = world.mounted().await;
    let found = core.active().unwrap().router.get("puppet/").unwrap();
    assert_eq!(remount(&core, "puppet", "other").await.status, 200);
    assert!(found.enter().is_none());
    assert_eq!(read(&core, "other/lease").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_tokens_of_a_moved_method_end() {
    let core = World::new().start().await;
    let body = json!({"type": "approle"});
    ask(&core, Operation::Update, "sys/auth/old", body).await;
    let role = json!({"bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.0/8"});
    let written = ask(&core, Operation::Update, "auth/old/role/r", role).await;
    assert_eq!(written.status, 204, "{written:?}");
    let id = read(&core, "auth/old/role/r/role-id").await.body["data"]["role_id"].clone();
    let log_in = async |path: &str| {
        let mut request = crate::ClientRequest::new(Operation::Update, path);
        request.data.insert("role_id".into(), id.clone());
        request.connection = Some(logical::Connection::new("127.0.0.1".parse().unwrap(), 1));
        let answer = core.handle(request).await;
        let body: Value = serde_json::from_slice(&answer.body().unwrap()).unwrap();
        body["auth"]["client_token"].as_str().map(str::to_owned)
    };
    let own = async |token: &str| {
        let path = "auth/token/lookup-self";
        let seen = ask_as(&core, Some(token), Operation::Read, path, Value::Null).await;
        seen.status
    };
    let old = log_in("auth/old/login").await.unwrap();
    assert_eq!(own(&old).await, 200);
    assert_eq!(remount(&core, "auth/old", "auth/new").await.status, 200);
    assert_eq!(own(&old).await, 403);
    assert_eq!(log_in("auth/old/login").await, None);
    let new = log_in("auth/new/login").await.unwrap();
    assert_eq!(own(&new).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_move_that_is_cut_off_leaves_the_mount_at_one_path_with_all_it_has() {
    for cut in 0.. {
        let (world, machine) = (World::new(), virtual_world::World::new());
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        let kv = json!({"type": "kv"});
        ask(&core, Operation::Update, "sys/mounts/kv", kv).await;
        put(&core, "kv/a").await;
        let writes = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = Arc::clone(&writes);
        machine.storage.fail_if(move |call| {
            let is_later = call.is_write() && counter.fetch_add(1, Ordering::SeqCst) >= cut;
            is_later.then_some(Fault::Lost)
        });
        let moved = remount(&core, "kv", "other").await;
        let uncut = writes.load(Ordering::SeqCst) <= cut;
        if !uncut {
            // It goes on at its old path.
            assert_eq!((moved.status, read(&core, "kv/a").await.status), (500, 200));
        }
        core.shut_down().await;
        machine.storage.heal();
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        let path = if uncut { "other" } else { "kv" };
        assert_eq!(mounted(&core).await, [format!("{path}/")]);
        assert_eq!(read(&core, &format!("{path}/a")).await.status, 200);
        if uncut {
            assert_eq!((moved.status, cut), (200, 1));
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_that_could_not_be_stored_is_repeated() {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let core = world.mounted_with(world.effects_of(&machine)).await;
    machine
        .storage
        .fail_if(|call| call.is_write().then_some(Fault::Lost));
    assert_eq!(remount(&core, "puppet", "other").await.status, 500);
    machine.storage.heal();
    assert_eq!(remount(&core, "puppet", "other").await.status, 200);
    assert_eq!(mounted(&core).await, ["other/"]);
    let restarted = world.start_with(world.effects_of(&machine)).await.unwrap();
    assert_eq!(mounted(&restarted).await, ["other/"]);
}
