//! A whole plugin: a small key-value engine that also lends its values.
//!
//! Mounted at `notes/`, `vault write notes/entry/a value=1` keeps a value,
//! `vault read notes/entry/a` reads it, and `vault read notes/loan/a` reads it
//! under a lease of ten minutes.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use logical::framework::{
    Call, Definition, Field, FieldKind, Framework, Hooks, Path, SecretType, answer, generic_name,
};
use logical::lease::SECRET_TYPE;
use logical::{
    Backend, BackendContext, Error, Factory, LeaseOptions, Object, Operation, Response, Secret,
    SpecialPaths, Storage,
};

fn main() -> ExitCode {
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
        let entries = Path::new("(entry|loan)/?")
            .on(Operation::List, answer(list))
            .help("The first 1000 names of entries, or loans.", "");
        let loan = Path::new(format!("loan/{}", generic_name("name")))
            .fields([name])
            .on(Operation::Read, answer(lend))
            .help("An entry under a lease.", "Loans can be renewed.");
        let definition = Definition {
            help: "Keeps values under names, and lends them.",
            paths: vec![entry, entries, loan],
            secrets: vec![SecretType::new("loan", answer(renew), answer(revoke))],
            special_paths: SpecialPaths::default(),
        };
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

fn key(call: &Call) -> String {
    format!("entry/{}", call.fields.text("name"))
}

fn object(name: &str, value: &str) -> Object {
    Object::from_iter([(name.to_owned(), value.into())])
}

async fn read(engine: Arc<Engine>, call: Call) -> Answer {
    let value = engine.0.get(&key(&call)).await?;
    let value = value.map(|value| String::from_utf8_lossy(&value).into_owned());
    Ok(value.map(|value| Response::with_data(object("value", &value))))
}

async fn write(engine: Arc<Engine>, call: Call) -> Answer {
    let Some(value) = call.fields.text_given("value") else {
        return Err(Error::bad_request("`value` is missing: give what to keep"));
    };
    engine.0.put(&key(&call), value.as_bytes()).await?;
    tracing::info!(key = key(&call), "an entry was written");
    Ok(None)
}

async fn list(engine: Arc<Engine>, call: Call) -> Answer {
    let names = engine.0.list_page(&call.request.path, "", 1000).await?;
    Ok(Some(Response::list(names)))
}

/// Loans are on record under the path by which they were asked for. The host
/// gives that path again when a lease ends.
async fn lend(engine: Arc<Engine>, call: Call) -> Answer {
    let record = call.request.path.clone();
    let Some(mut response) = read(Arc::clone(&engine), call).await? else {
        return Err(Error::bad_request("there is no such entry: write it first"));
    };
    engine.0.put(&record, b"lent").await?;
    response.secret = Some(Secret {
        lease: LeaseOptions::renewable(Duration::from_mins(10), Duration::ZERO),
        internal_data: object(SECRET_TYPE, "loan"),
        lease_id: String::new(),
    });
    Ok(Some(response))
}

async fn renew(_: Arc<Engine>, call: Call) -> Answer {
    Ok(Some(Response {
        secret: call.request.secret,
        ..Response::default()
    }))
}

async fn revoke(engine: Arc<Engine>, call: Call) -> Answer {
    engine.0.delete(&call.request.path).await?;
    Ok(None)
}
