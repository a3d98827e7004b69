//! A whole plugin: it keeps values and lends them. The guide is `docs/write-a-vault-plugin.md`.

use std::sync::Arc;
use std::time::Duration;

use vault_plugin::logical::framework::{
    Call, Definition, Field, FieldKind, Framework, Hooks, Path, SecretType, answer, generic_name,
};
use vault_plugin::logical::{
    Backend, BackendContext, Error, Factory, LeaseOptions, Object, Operation, Response, Secret,
    Storage,
};

fn main() -> std::process::ExitCode {
    vault_plugin::Plugin::new(KeyValue).run()
}

struct KeyValue;
impl Factory for KeyValue {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        let name = Field::new("name", FieldKind::Text, "Name of the entry.");
        let value = Field::new("value", FieldKind::Text, "What to keep.").required();
        let entry = Path::new(format!("entry/{}", generic_name("name")))
            .fields([name.clone(), value])
            .on(Operation::Read, answer(read))
            .on_write(answer(write))
            .help("An entry.", "Entries are kept for good.");
        let loan = Path::new(format!("loan/{}", generic_name("name")))
            .fields([name])
            .on(Operation::Read, answer(lend))
            .help("An entry under a lease.", "Loans can be renewed.");
        let names = Path::new("(entry|loan)/?")
            .on(Operation::List, answer(list))
            .help("The first 1000 names of entries, or loans.", "");
        let definition = Definition::new("Keeps values under names, and lends them.")
            .paths([entry, loan, names])
            .secret(SecretType::new("loan", answer(renew), answer(revoke)));
        let engine = Arc::new(Engine(context.storage));
        Ok(Arc::new(Framework::new(engine, definition)?))
    }

    fn version(&self) -> &'static str {
        concat!("v", env!("CARGO_PKG_VERSION"))
    }
}

/// Nothing is kept in memory: each request asks the host's storage.
struct Engine(Arc<dyn Storage>);
impl Hooks for Engine {}

type Answer = Result<Option<Response>, Error>;

async fn read(engine: Arc<Engine>, call: Call) -> Answer {
    let key = format!("entry/{}", call.fields.text("name"));
    let stored = engine.0.get(&key).await?;
    Ok(stored.map(|value| {
        let value = String::from_utf8_lossy(&value).into();
        Response::with_data(Object::from_iter([("value".into(), value)]))
    }))
}

async fn write(engine: Arc<Engine>, call: Call) -> Answer {
    let Some(value) = call.fields.text_given("value") else {
        return Err(Error::bad_request("`value` is missing: give what to keep"));
    };
    let key = format!("entry/{}", call.fields.text("name"));
    engine.0.put(&key, value.as_bytes()).await?;
    tracing::info!(key, "an entry was written");
    Ok(None)
}

async fn list(engine: Arc<Engine>, call: Call) -> Answer {
    let names = engine.0.list_page(&call.request.path, "", 1000).await?;
    Ok(Some(Response::list(names)))
}

/// A loan is on record before it is given, under the path that the host gives again at its end.
async fn lend(engine: Arc<Engine>, call: Call) -> Answer {
    let record = call.request.path.clone();
    let Some(response) = read(Arc::clone(&engine), call).await? else {
        return Err(Error::bad_request("there is no such entry: write it first"));
    };
    engine.0.put(&record, b"lent").await?;
    let lease = LeaseOptions::renewable(Duration::from_mins(10), Duration::ZERO);
    Ok(Some(response.under(Secret::new("loan", lease))))
}

async fn renew(_: Arc<Engine>, call: Call) -> Answer {
    Ok(call.request.secret.map(Response::renewed))
}

/// To delete what is gone already is no error, so this may be called again.
async fn revoke(engine: Arc<Engine>, call: Call) -> Answer {
    engine.0.delete(&call.request.path).await?;
    Ok(None)
}
