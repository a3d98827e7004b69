//! The paths of version 2. What they answer was seen at OpenBao 2.7.2.

use std::time::Duration;

use logical::framework::Framework;
use logical::{Backend, Request, Storage as _};
use serde_json::{Value, json};
use virtual_world::{World, hang_up_after};

use super::*;
use crate::factory::KvFactory;
use logical::{Factory as _, Operation};

struct Mounted {
    world: World,
    backend: Arc<dyn Backend>,
}

impl Mounted {
    fn new() -> Self {
        Self::on(World::new())
    }

    fn on(world: World) -> Self {
        let (state, definition) = engine(world.context());
        let backend = Arc::new(Framework::new(state, definition).unwrap());
        Self { world, backend }
    }

    async fn try_ask(
        &self,
        operation: Operation,
        path: &str,
        body: Value,
    ) -> Result<Option<Response>, Error> {
        let data = body.as_object().cloned().unwrap_or_default();
        let request = Request::new(operation, path).with_data(data);
        self.backend.handle(request).await
    }

    async fn ask(&self, operation: Operation, path: &str, body: Value) -> Option<Response> {
        self.try_ask(operation, path, body).await.unwrap()
    }

    async fn write(&self, path: &str, body: Value) -> Value {
        let response = self.ask(Operation::Update, path, body).await;
        let data = response.and_then(|response| response.data);
        data.map_or(Value::Null, Value::Object)
    }

    /// Status and data of a read.
    async fn read(&self, path: &str, body: Value) -> (u16, Value) {
        match self.ask(Operation::Read, path, body).await {
            None => (404, Value::Null),
            Some(response) => (
                response.status.unwrap_or(200),
                response.data.map_or(Value::Null, Value::Object),
            ),
        }
    }

    async fn refused(&self, operation: Operation, path: &str, body: Value) -> String {
        let error = self.try_ask(operation, path, body).await.unwrap_err();
        assert_eq!(error.class().status(), 400, "{error}");
        error.message().to_owned()
    }
}

const NOTHING: Value = Value::Null;

#[tokio::test(start_paused = true)]
async fn each_write_makes_a_version_and_every_version_can_be_read() {
    let kv = Mounted::new();
    let first = kv.write("data/a", json!({"data": {"x": 1}})).await;
    assert_eq!(first["version"], 1);
    assert_eq!(first["deletion_time"], "");
    assert_eq!(first["custom_metadata"], Value::Null);
    kv.write("data/a", json!({"data": {"x": 2}})).await;
    let (status, newest) = kv.read("data/a", NOTHING).await;
    assert_eq!((status, &newest["data"]["x"]), (200, &json!(2)));
    let (_, older) = kv.read("data/a", json!({"version": "1"})).await;
    assert_eq!(older["data"]["x"], 1);
    assert_eq!(older["metadata"], first);
    assert_eq!(kv.read("data/a", json!({"version": 9})).await.0, 404);
    assert_eq!(kv.read("data/none", NOTHING).await, (404, Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_version_is_404_with_its_metadata_and_can_be_restored() {
    let kv = Mounted::new();
    kv.write("data/a", json!({"data": {"x": 1}})).await;
    kv.ask(Operation::Delete, "data/a", NOTHING).await;
    kv.ask(Operation::Delete, "data/a", NOTHING).await;
    let (status, gone) = kv.read("data/a", NOTHING).await;
    assert_eq!((status, &gone["data"]), (404, &Value::Null));
    assert_ne!(gone["metadata"]["deletion_time"], "");
    kv.write("undelete/a", json!({"versions": ["1", 5]})).await;
    assert_eq!(kv.read("data/a", NOTHING).await.0, 200);
    kv.write("delete/a", json!({"versions": "1"})).await;
    assert_eq!(kv.read("data/a", NOTHING).await.0, 404);
    let next = kv.write("data/a", json!({"data": {"x": 2}})).await;
    assert_eq!(next["version"], 2);
    for path in ["delete/a", "undelete/a", "destroy/a"] {
        let text = kv.refused(Operation::Update, path, json!({})).await;
        assert_eq!(text.to_lowercase(), "no version number provided");
    }
    kv.write("delete/none", json!({"versions": [1]})).await;
    kv.ask(Operation::Delete, "data/none", NOTHING).await;
}

#[tokio::test(start_paused = true)]
async fn the_data_of_a_destroyed_version_leaves_storage() {
    let kv = Mounted::new();
    kv.write("data/a", json!({"data": {"x": "canary"}})).await;
    let held = |kv: &Mounted| {
        let disk = Arc::clone(kv.world.storage.disk());
        async move {
            let mut found = false;
            for key in disk.keys() {
                let value = logical::Storage::get(disk.as_ref(), &key).await.unwrap();
                let value = value.unwrap();
                found |= String::from_utf8_lossy(&value).contains("canary");
            }
            found
        }
    };
    assert!(held(&kv).await);
    kv.write("destroy/a", json!({"versions": [1]})).await;
    assert!(!held(&kv).await);
    kv.write("undelete/a", json!({"versions": [1]})).await;
    let (status, gone) = kv.read("data/a", NOTHING).await;
    assert_eq!(
        (status, &gone["metadata"]["destroyed"]),
        (404, &json!(true))
    );
    let (status, subkeys) = kv.read("subkeys/a", NOTHING).await;
    assert_eq!((status, &subkeys["subkeys"]), (404, &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn check_and_set_lets_one_writer_win() {
    let kv = Mounted::new();
    let body =
        |cas: Value| json!({"data": {"key_sets": [], "active_kid": -1}, "options": {"cas": cas}});
    assert_eq!(kv.write("data/a", body(json!(0))).await["version"], 1);
    let differs = "check-and-set parameter did not match the current version";
    let text = kv
        .refused(Operation::Update, "data/a", body(json!(0)))
        .await;
    assert_eq!(text, differs);
    assert_eq!(kv.write("data/a", body(json!("1"))).await["version"], 2);
    kv.write("metadata/a", json!({"cas_required": true})).await;
    let text = kv
        .refused(Operation::Update, "data/a", json!({"data": {}}))
        .await;
    assert_eq!(text, "check-and-set parameter required for this call");
    let text = kv
        .refused(Operation::Update, "data/a", body(json!("x")))
        .await;
    assert_eq!(text, "error parsing check-and-set parameter");
    let racing = (0..20).map(|_| kv.try_ask(Operation::Update, "data/a", body(json!(2))));
    let mut won = 0;
    for racer in futures(racing).await {
        won += usize::from(racer.is_ok());
    }
    assert_eq!(won, 1);
}

async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut outputs = Vec::new();
    std::future::poll_fn(|context| {
        all.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => {
                outputs.push(output);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outputs
}

#[tokio::test(start_paused = true)]
async fn a_patch_is_merged_into_the_newest_version_if_that_can_be_read() {
    let kv = Mounted::new();
    let patch = json!({"data": {"a": null, "n": {"m": null, "o": 1}}});
    let absent = kv.ask(Operation::Patch, "data/a", patch.clone()).await;
    assert_eq!(absent.unwrap().status, Some(404));
    let secret = json!({"data": {"a": 1, "s": "t"}});
    kv.write("data/a", secret).await;
    let made = kv
        .ask(Operation::Patch, "data/a", patch.clone())
        .await
        .unwrap();
    assert_eq!(made.get("version"), Some(&json!(2)));
    let (_, read) = kv.read("data/a", NOTHING).await;
    assert_eq!(read["data"], json!({"s": "t", "n": {"o": 1}}));
    let text = kv.refused(Operation::Patch, "data/a", json!({})).await;
    assert_eq!(text, "no data provided");
    kv.ask(Operation::Delete, "data/a", NOTHING).await;
    let gone = kv.ask(Operation::Patch, "data/a", patch).await.unwrap();
    assert_eq!(
        (gone.status, gone.get("version")),
        (Some(404), Some(&json!(2)))
    );
}

#[tokio::test(start_paused = true)]
async fn only_as_many_versions_are_kept_as_the_larger_limit_says() {
    let kv = Mounted::new();
    kv.write("config", json!({"max_versions": 2})).await;
    for version in 1..=4 {
        kv.write("data/a", json!({"data": {"v": version}})).await;
    }
    assert_eq!(kv.read("data/a", json!({"version": 2})).await.0, 404);
    assert_eq!(kv.read("data/a", json!({"version": 3})).await.0, 200);
    let (_, metadata) = kv.read("metadata/a", NOTHING).await;
    assert_eq!(metadata["oldest_version"], 3);
    let kept: Vec<&String> = metadata["versions"].as_object().unwrap().keys().collect();
    assert_eq!(kept, ["3", "4"]);
    let data = kv.world.storage.disk().keys();
    assert_eq!(
        data.iter().filter(|key| key.starts_with("data/")).count(),
        2
    );
    for path in ["config", "metadata/a"] {
        let text = kv
            .refused(Operation::Update, path, json!({"max_versions": -1}))
            .await;
        assert!(text.contains("`max_versions` is -1"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn versions_are_deleted_after_the_time_that_was_set() {
    let kv = Mounted::new();
    kv.write("metadata/a", json!({"delete_version_after": "10s"}))
        .await;
    kv.write("data/a", json!({"data": {"x": 1}})).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(kv.read("data/a", NOTHING).await.0, 200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(kv.read("data/a", NOTHING).await.0, 404);
    kv.write("config", json!({"delete_version_after": "-1s"}))
        .await;
    let (_, config) = kv.read("config", NOTHING).await;
    assert_eq!(config["delete_version_after"], "-1s");
    let written = kv.write("data/a", json!({"data": {"x": 1}})).await;
    assert_eq!(written["deletion_time"], "");
}

#[tokio::test(start_paused = true)]
async fn settings_of_a_secret_are_kept_unless_they_are_given() {
    let kv = Mounted::new();
    let settings = json!({
        "max_versions": 3, "custom_metadata": {"a": "b"}, "delete_version_after": "1h",
    });
    kv.write("metadata/a", settings).await;
    kv.write("metadata/a", json!({"cas_required": true})).await;
    kv.write("metadata/a", json!({})).await;
    let (_, shown) = kv.read("metadata/a", NOTHING).await;
    assert_eq!(shown["max_versions"], 3);
    assert_eq!(shown["custom_metadata"], json!({"a": "b"}));
    assert_eq!(shown["delete_version_after"], "1h0m0s");
    assert_eq!(shown["cas_required"], true);
    assert_eq!(shown["current_metadata_version"], 2);
    assert_eq!(
        (&shown["current_version"], &shown["versions"]),
        (&json!(0), &json!({}))
    );
    let patch = json!({
        "custom_metadata": {"a": null, "k": "v"},
        "cas_required": null,
        "delete_version_after": null,
        "max_versions": null,
    });
    kv.ask(Operation::Patch, "metadata/a", patch).await;
    let (_, shown) = kv.read("metadata/a", NOTHING).await;
    assert_eq!(shown["custom_metadata"], json!({"k": "v"}));
    assert_eq!(shown["max_versions"], 0);
    assert_eq!(shown["cas_required"], false);
    assert_eq!(shown["delete_version_after"], "0s");
    kv.ask(
        Operation::Patch,
        "metadata/a",
        json!({"custom_metadata": null}),
    )
    .await;
    let (_, shown) = kv.read("metadata/a", NOTHING).await;
    assert_eq!(shown["custom_metadata"], Value::Null);
    let absent = kv
        .ask(
            Operation::Patch,
            "metadata/none",
            json!({"max_versions": 1}),
        )
        .await;
    assert_eq!(absent.unwrap().status, Some(404));
}

#[tokio::test(start_paused = true)]
async fn settings_may_require_the_version_that_they_replace() {
    let kv = Mounted::new();
    let required = "metadata check-and-set parameter required for this call";
    kv.write(
        "metadata/a",
        json!({"metadata_cas": 0, "metadata_cas_required": true}),
    )
    .await;
    let text = kv
        .refused(Operation::Update, "metadata/a", json!({"max_versions": 4}))
        .await;
    assert_eq!(text, required);
    let again = json!({"metadata_cas": 0, "max_versions": 4});
    let text = kv.refused(Operation::Update, "metadata/a", again).await;
    assert_eq!(
        text,
        "metadata check-and-set parameter does not match the current version"
    );
    kv.write("metadata/a", json!({"metadata_cas": 1, "max_versions": 4}))
        .await;
    let text = kv
        .refused(Operation::Patch, "metadata/a", json!({"max_versions": 4}))
        .await;
    assert_eq!(text, required);
}

#[tokio::test(start_paused = true)]
async fn a_removed_secret_leaves_nothing_in_storage() {
    let kv = Mounted::new();
    for _ in 0..3 {
        kv.write("data/a/b", json!({"data": {"x": 1}})).await;
    }
    kv.ask(Operation::Delete, "metadata/a/b", NOTHING).await;
    kv.ask(Operation::Delete, "metadata/a/b", NOTHING).await;
    assert_eq!(kv.read("metadata/a/b", NOTHING).await.0, 404);
    assert_eq!(kv.world.storage.disk().keys(), ["name-key"]);
}

#[tokio::test(start_paused = true)]
async fn secrets_are_listed_by_clear_names_that_storage_does_not_show() {
    let kv = Mounted::new();
    for path in ["canary", "b", "f/g", "f"] {
        kv.write(&format!("data/{path}"), json!({"data": {"x": 1}}))
            .await;
    }
    let keys = async |operation, path: &str, body| {
        let listed = kv.ask(operation, path, body).await.unwrap();
        listed.get("keys").cloned().unwrap_or(Value::Null)
    };
    let list = Operation::List;
    let root = json!(["b", "canary", "f", "f/"]);
    assert_eq!(keys(list, "metadata/", NOTHING).await, root);
    assert_eq!(keys(list, "metadata/f/", NOTHING).await, json!(["g"]));
    assert_eq!(keys(list, "metadata/f/g/", NOTHING).await, Value::Null);
    let page = json!({"after": "b", "limit": "2"});
    assert_eq!(keys(list, "metadata/", page).await, json!(["canary", "f"]));
    let all = json!(["b", "canary", "f", "f/g"]);
    assert_eq!(keys(Operation::Scan, "metadata/", NOTHING).await, all);
    let details = kv.ask(list, "detailed-metadata/", NOTHING).await.unwrap();
    assert_eq!(details.get("keys"), Some(&root));
    assert_eq!(details.get("key_info").unwrap()["b"]["current_version"], 1);
    let stored = kv.world.storage.disk().keys();
    assert!(
        stored.iter().all(|key| !key.contains("canary")),
        "{stored:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn paths_of_version_1_are_answered_with_what_to_use_instead() {
    let kv = Mounted::new();
    for (operation, command) in [
        (Operation::Read, "vault kv get"),
        (Operation::Update, "vault kv put"),
        (Operation::Delete, "vault kv delete"),
        (Operation::List, "vault kv list"),
    ] {
        let answer = kv.ask(operation, "foo", NOTHING).await.unwrap();
        assert_eq!((answer.status, answer.data), (Some(404), None));
        assert!(answer.warnings[0].contains(command));
    }
    let root = kv.ask(Operation::Read, "data", NOTHING).await.unwrap();
    assert!(root.warnings[0].starts_with("Non-listing operations on the root"));
}

#[tokio::test(start_paused = true)]
async fn a_write_tells_create_from_update_by_the_secret() {
    let kv = Mounted::new();
    let existence = async || {
        let request = Request::new(Operation::Update, "data/a");
        kv.backend.exists(request).await.unwrap()
    };
    assert_eq!(existence().await, logical::Existence::Absent);
    kv.write("data/a", json!({"data": {"x": 1}})).await;
    kv.ask(Operation::Delete, "data/a", NOTHING).await;
    assert_eq!(
        existence().await,
        logical::Existence::Present,
        "deleted is there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_a_whole_write_or_none() {
    for awaits in 0..40 {
        let world = World::new();
        let delay = Duration::from_millis(1);
        world
            .storage
            .set_write_delay(delay, virtual_world::Timing::Last);
        world.storage.set_read_delay(delay);
        let kv = Mounted::on(world);
        kv.write("data/a", json!({"data": {"v": 1}})).await;
        let request = Request::new(Operation::Update, "data/a")
            .with_data(json!({"data": {"v": 2}}).as_object().cloned().unwrap());
        let hung_up = hang_up_after(awaits, kv.backend.handle(request))
            .await
            .is_none();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (status, read) = kv.read("data/a", NOTHING).await;
        assert_eq!(status, 200);
        assert_eq!(read["data"]["v"], read["metadata"]["version"]);
        if !hung_up {
            assert_eq!(read["data"]["v"], 2);
            return;
        }
    }
    panic!("the write never ended");
}

#[tokio::test(start_paused = true)]
async fn secrets_of_version_1_become_first_versions_even_when_the_move_is_cut() {
    for cut in 0..12 {
        let mut world = World::new();
        let old = KvFactory::new("v1").create(world.context()).unwrap();
        for path in ["a", "f/g", "f"] {
            let data = json!({"x": path}).as_object().cloned().unwrap();
            let request = Request::new(Operation::Update, path).with_data(data);
            old.handle(request).await.unwrap();
        }
        world.restart();
        let upgraded = Mounted::on(world);
        upgraded
            .world
            .storage
            .fail_next_writes(cut, virtual_world::Fault::Lost);
        upgraded.backend.initialize().await.unwrap();
        let text = upgraded.refused(Operation::Read, "data/a", NOTHING).await;
        assert!(text.starts_with("Upgrading from non-versioned"));
        tokio::time::sleep(Duration::from_secs(2)).await;
        upgraded.world.storage.heal();
        let mut world = upgraded.world;
        world.restart();
        let kv = Mounted::on(world);
        kv.backend.initialize().await.unwrap();
        tokio::time::sleep(Duration::from_mins(10)).await;
        for path in ["a", "f/g", "f"] {
            let (status, read) = kv.read(&format!("data/{path}"), NOTHING).await;
            assert_eq!((status, &read["data"]["x"]), (200, &json!(path)));
            assert_eq!(read["metadata"]["version"], 1);
        }
        let keys = kv.world.storage.disk().keys();
        assert!(keys.iter().all(|key| !key.starts_with(crate::v1::TREE)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_makes_no_version_without_removing_what_it_moved() {
    let mut world = World::new();
    let old = KvFactory::new("v1").create(world.context()).unwrap();
    let data = json!({"x": 1}).as_object().cloned().unwrap();
    let request = Request::new(Operation::Update, "a").with_data(data);
    old.handle(request).await.unwrap();
    world.restart();
    let kv = Mounted::on(world);
    let batches = || kv.world.storage.calls().writes();
    let before = batches();
    kv.backend.initialize().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(kv.read("data/a", NOTHING).await.0, 200);
    assert_eq!(batches() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_was_of_version_1_between_keeps_its_versions() {
    let kv = Mounted::new();
    kv.write("data/a", json!({"data": {"x": 1}})).await;
    kv.write("metadata/a", json!({"max_versions": 5})).await;
    let mut world = kv.world;
    world.restart();
    let between = KvFactory::new("v1").create(world.context()).unwrap();
    let data = json!({"x": 2}).as_object().cloned().unwrap();
    let request = Request::new(Operation::Update, "a").with_data(data);
    between.handle(request).await.unwrap();
    world.restart();
    let kv = Mounted::on(world);
    kv.backend.initialize().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (version, x) in [(1, 1), (2, 2)] {
        let (status, read) = kv.read("data/a", json!({"version": version})).await;
        assert_eq!((status, &read["data"]["x"]), (200, &json!(x)), "{version}");
    }
    let (_, shown) = kv.read("metadata/a", NOTHING).await;
    assert_eq!(
        (&shown["current_version"], &shown["max_versions"]),
        (&json!(2), &json!(5))
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_is_made_when_its_turn_has_come() {
    let kv = Mounted::new();
    let delay = Duration::from_secs(10);
    kv.write("data/a", json!({"data": {"x": 0}})).await;
    kv.world
        .storage
        .set_write_delay(delay, virtual_world::Timing::default());
    let turns: [(Operation, &str, Value); 8] = [
        (Operation::Update, "data/a", json!({"data": {"x": 1}})),
        (Operation::Patch, "data/a", json!({"data": {"x": 2}})),
        (Operation::Update, "metadata/a", json!({"max_versions": 4})),
        (Operation::Patch, "metadata/a", json!({"max_versions": 3})),
        (Operation::Delete, "data/a", NOTHING),
        (Operation::Update, "undelete/a", json!({"versions": [3]})),
        (Operation::Update, "delete/a", json!({"versions": [2]})),
        (Operation::Update, "delete/a", json!({"versions": [3]})),
    ];
    // All arrive at the same moment, and take the lock one after the other.
    let asked = turns.map(|(operation, path, body)| {
        let data = body.as_object().cloned().unwrap_or_default();
        let request = Request::new(operation, path).with_data(data);
        let backend = Arc::clone(&kv.backend);
        tokio::spawn(async move { backend.handle(request).await })
    });
    for asked in asked {
        asked.await.unwrap().unwrap();
    }
    let (_, shown) = kv.read("metadata/a", NOTHING).await;
    let time = |text: &Value| text.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let versions = &shown["versions"];
    let first = time(&versions["1"]["created_time"]);
    let after = |text: &Value| time(text).duration_since(first).as_secs();
    assert_eq!(after(&versions["2"]["created_time"]), 0);
    assert_eq!(after(&versions["3"]["created_time"]), 10);
    assert_eq!(after(&shown["updated_time"]), 30);
    assert_eq!(after(&versions["2"]["deletion_time"]), 60);
    assert_eq!(after(&versions["3"]["deletion_time"]), 70);
}

#[tokio::test(start_paused = true)]
async fn an_entry_without_a_name_does_not_keep_a_mount_from_starting() {
    let kv = Mounted::new();
    kv.world.storage.put(crate::v1::TREE, b"{}").await.unwrap();
    kv.backend.initialize().await.unwrap();
    kv.write("data/a", json!({"data": {"x": 1}})).await;
    assert_eq!(kv.read("data/a", NOTHING).await.0, 200);
}
