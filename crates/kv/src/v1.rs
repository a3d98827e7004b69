//! Version 1: one value for each secret, and no history.

use std::sync::Arc;
use std::time::Duration;

use logical::framework::{Call, Definition, Field, FieldKind, Hooks, Path, answer, probe};
use logical::{BackendContext, Error, Object, Operation, Response, SystemView, Write, duration};
use serde_json::Value;

use crate::paging;
use crate::store::{self, Store};

/// Where the secrets are, below their hidden names. Version 2 moves them from
/// here when a mount is upgraded.
pub(crate) const TREE: &str = "plain/";

const PATH: &str = "path";

/// A mount of version 1.
pub(crate) struct Plain {
    store: Store,
    system: Arc<dyn SystemView>,
}

impl Hooks for Plain {}

/// The engine of a mount.
pub(crate) fn engine(context: BackendContext) -> (Arc<Plain>, Definition<Plain>) {
    let state = Plain {
        store: Store::new(context.storage, context.entropy),
        system: context.system,
    };
    let definition = Definition::new(
        "Keeps secrets under paths, one value for each: a write replaces what was there.",
    )
    .paths([secrets()]);
    (Arc::new(state), definition)
}

fn secrets() -> Path<Plain> {
    Path::new(format!("(?P<{PATH}>.*)"))
        .fields([Field::new(PATH, FieldKind::Text, "Path of the secret.")])
        .fields(paging::fields())
        .any_input()
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .on(Operation::Delete, answer(delete))
        .on(Operation::List, answer(list))
        .on(Operation::Scan, answer(scan))
        .existence(probe(exists))
        .help(
            "Reads, writes, deletes and lists secrets.",
            "All members of the body are the secret. A member `ttl` (or `lease`) tells readers \
             when to read again: it becomes the `lease_duration` of answers, and nothing is \
             revoked after it.",
        )
}

/// Where a secret is. `None` for the mount itself, which is none.
async fn key(engine: &Plain, call: &Call) -> Result<Option<String>, Error> {
    let path = call.fields.text(PATH);
    if path.is_empty() {
        return Ok(None);
    }
    let names = engine.store.names().await?;
    Ok(Some(format!("{TREE}{}", names.seal(path)?)))
}

fn missing_path() -> Error {
    Error::bad_request("missing path")
}

async fn exists(engine: Arc<Plain>, call: Call) -> Result<bool, Error> {
    match key(&engine, &call).await? {
        Some(key) => Ok(engine.store.get(&key).await?.is_some()),
        None => Ok(false),
    }
}

async fn read(engine: Arc<Plain>, call: Call) -> Result<Option<Response>, Error> {
    let Some(key) = key(&engine, &call).await? else {
        return Ok(None);
    };
    let Some(data) = engine.store.read::<Object>(&key).await? else {
        return Ok(None);
    };
    let refresh = match told_ttl(&data) {
        Some(ttl) => ttl,
        None => engine.system.default_lease_ttl().await?,
    };
    Ok(Some(Response::with_data(data).refresh_after(refresh)))
}

/// When readers should read again, as the secret itself says.
fn told_ttl(data: &Object) -> Option<Duration> {
    match data.get("ttl").or_else(|| data.get("lease"))? {
        Value::String(text) => duration::parse(text).ok(),
        Value::Number(seconds) => seconds.as_u64().map(Duration::from_secs),
        _ => None,
    }
}

async fn write(engine: Arc<Plain>, call: Call) -> Result<Option<Response>, Error> {
    let key = key(&engine, &call).await?.ok_or_else(missing_path)?;
    if call.request.data.is_empty() {
        return Err(Error::bad_request("missing data fields"));
    }
    let write = store::put(key, &call.request.data)?;
    engine.store.apply(vec![write]).await?;
    Ok(None)
}

async fn delete(engine: Arc<Plain>, call: Call) -> Result<Option<Response>, Error> {
    let key = key(&engine, &call).await?.ok_or_else(missing_path)?;
    engine.store.apply(vec![Write::delete(key)]).await?;
    Ok(None)
}

async fn list(engine: Arc<Plain>, call: Call) -> Result<Option<Response>, Error> {
    let names = engine.store.list(TREE, &folder(&call)).await?;
    Ok(Some(Response::list(paging::page(&call, names))))
}

async fn scan(engine: Arc<Plain>, call: Call) -> Result<Option<Response>, Error> {
    let paths = engine.store.scan(TREE, &folder(&call)).await?;
    Ok(Some(Response::list(paging::page(&call, paths))))
}

/// The folder that a list names, with the slash that hosts append.
fn folder(call: &Call) -> String {
    let path = call.fields.text(PATH);
    if path.is_empty() || path.ends_with('/') {
        path.to_owned()
    } else {
        format!("{path}/")
    }
}

#[cfg(test)]
mod tests {
    use logical::framework::Framework;
    use logical::{Backend as _, Request, Storage as _};
    use serde_json::json;
    use virtual_world::World;

    use super::*;

    struct Mounted {
        world: World,
        backend: Framework<Plain>,
    }

    impl Mounted {
        fn new() -> Self {
            let world = World::new();
            let (state, definition) = engine(world.context());
            let backend = Framework::new(state, definition).unwrap();
            Self { world, backend }
        }

        async fn ask(&self, operation: Operation, path: &str, body: Value) -> Option<Response> {
            let data = body.as_object().cloned().unwrap_or_default();
            let request = Request::new(operation, path).with_data(data);
            self.backend.handle(request).await.unwrap()
        }

        async fn keys(&self, operation: Operation, path: &str) -> Value {
            let response = self.ask(operation, path, json!({})).await.unwrap();
            response.get("keys").cloned().unwrap_or(Value::Null)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_is_read_and_gone_once_it_is_deleted() {
        let mounted = Mounted::new();
        let secret = json!({"x": 1, "y": {"z": [-1, "é"]}, "path": "kept"});
        mounted.ask(Operation::Create, "a/b", secret.clone()).await;
        let read = mounted
            .ask(Operation::Read, "a/b", json!({}))
            .await
            .unwrap();
        assert_eq!(Value::Object(read.data.unwrap()), secret);
        mounted.ask(Operation::Delete, "a/b", json!({})).await;
        assert_eq!(mounted.ask(Operation::Read, "a/b", json!({})).await, None);
        mounted.ask(Operation::Delete, "a/b", json!({})).await;
    }

    #[tokio::test(start_paused = true)]
    async fn folders_are_listed_and_scanned_by_their_clear_names() {
        let mounted = Mounted::new();
        for path in ["b", "a", "f/g", "f/h/i", "f"] {
            mounted.ask(Operation::Create, path, json!({"x": 1})).await;
        }
        let list = Operation::List;
        assert_eq!(mounted.keys(list, "").await, json!(["a", "b", "f", "f/"]));
        assert_eq!(mounted.keys(list, "f/").await, json!(["g", "h/"]));
        assert_eq!(mounted.keys(list, "none/").await, Value::Null);
        let all = json!(["a", "b", "f", "f/g", "f/h/i"]);
        assert_eq!(mounted.keys(Operation::Scan, "").await, all);
        let page = json!({"after": "a", "limit": 2});
        let page = mounted.ask(list, "", page).await.unwrap();
        assert_eq!(page.get("keys"), Some(&json!(["b", "f"])));
    }

    #[tokio::test(start_paused = true)]
    async fn storage_shows_no_name_of_a_secret() {
        let mounted = Mounted::new();
        let secret = json!({"x": 1});
        mounted
            .ask(Operation::Create, "canary/canary", secret)
            .await;
        let keys = mounted.world.storage.disk().keys();
        assert!(keys.iter().any(|key| key.starts_with(TREE)));
        assert!(keys.iter().all(|key| !key.contains("canary")), "{keys:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_ttl_tells_when_to_read_again() {
        let mounted = Mounted::new();
        let default = Duration::from_hours(1);
        mounted.world.host.set_default_lease_ttl(default);
        for (secret, seconds) in [
            (json!({"ttl": "30s"}), 30),
            (json!({"ttl": 60}), 60),
            (json!({"lease": "2m"}), 120),
            (json!({"ttl": "soon"}), 3600),
            (json!({"x": 1}), 3600),
        ] {
            mounted.ask(Operation::Update, "a", secret).await;
            let read = mounted.ask(Operation::Read, "a", json!({})).await.unwrap();
            assert_eq!(read.refresh_after, Some(Duration::from_secs(seconds)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_mount_itself_is_no_secret() {
        let mounted = Mounted::new();
        for operation in [Operation::Create, Operation::Update, Operation::Delete] {
            let data = json!({"x": 1}).as_object().cloned().unwrap();
            let request = Request::new(operation, "").with_data(data);
            let error = mounted.backend.handle(request).await.unwrap_err();
            assert_eq!(error.class().status(), 400);
            assert_eq!(error.message(), "missing path");
        }
        assert_eq!(mounted.ask(Operation::Read, "", json!({})).await, None);
        mounted.ask(Operation::Create, "a", json!({"x": 1})).await;
        // What an earlier write to the mount left.
        mounted.world.storage.put(TREE, b"{}").await.unwrap();
        assert_eq!(mounted.keys(Operation::List, "").await, json!(["a"]));
        assert_eq!(mounted.keys(Operation::Scan, "").await, json!(["a"]));
        assert_eq!(mounted.ask(Operation::Read, "", json!({})).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn members_that_are_called_like_parameters_of_lists_are_kept() {
        let mounted = Mounted::new();
        let secret = json!({"limit": "ten", "after": {"x": [1]}});
        for operation in [Operation::Create, Operation::Update] {
            let data = secret.as_object().cloned().unwrap();
            let request = Request::new(operation, "a").with_data(data);
            mounted.backend.exists(request).await.unwrap();
            mounted.ask(operation, "a", secret.clone()).await;
        }
        let read = mounted.ask(Operation::Read, "a", json!({})).await.unwrap();
        assert_eq!(Value::Object(read.data.unwrap()), secret);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_without_members_is_refused() {
        let mounted = Mounted::new();
        let empty = Request::new(Operation::Create, "a");
        let error = mounted.backend.handle(empty).await.unwrap_err();
        assert_eq!(error.message(), "missing data fields");
    }
}
