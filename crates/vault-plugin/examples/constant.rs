//! The least that a plugin can do: the same answer under a new lease to every
//! read of `creds/<name>`, and without a lease to every read of `data/<name>`.
//! What a host needs for such a request is its own limit, against which `cargo
//! xtask bench plugin` measures the engine. Reads of `after/<waits>` get the
//! answer after so many waits, which is what a plugin can reach that has to wait
//! so often and does nothing else.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use logical::framework::{
    Call, Definition, Field, FieldKind, Framework, Hooks, Path, SecretType, answer, generic_name,
};
use logical::{
    Backend, BackendContext, Error, Factory, LeaseOptions, Object, Operation, Response, Secret,
};

/// About what a call to a busy host takes, and one over HTTP.
const WAIT: Duration = Duration::from_millis(2);

fn main() -> ExitCode {
    vault_plugin::Plugin::new(Constant).run()
}

struct Constant;

struct Engine;

impl Hooks for Engine {}

impl Factory for Constant {
    fn create(&self, _: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        let creds = Path::new(format!("creds/{}", generic_name("name")))
            .fields([Field::new("name", FieldKind::Text, "Any name.")])
            .on(Operation::Read, answer(read))
            .help("The constant under a lease.", "");
        let data = Path::new(format!("data/{}", generic_name("name")))
            .fields([Field::new("name", FieldKind::Text, "Any name.")])
            .on(Operation::Read, answer(read_data))
            .help("The constant without a lease.", "");
        let after = Path::new(r"after/(?P<waits>\d)")
            .fields([Field::new("waits", FieldKind::Integer, "How many waits.")])
            .on(Operation::Read, answer(read_after))
            .help("The constant under a lease, after some waits.", "");
        let definition = Definition::new("Answers a constant under a lease.")
            .paths([creds, data, after])
            .secret(SecretType::new("constant", answer(renew), answer(revoke)));
        Ok(Arc::new(Framework::new(Arc::new(Engine), definition)?))
    }

    fn version(&self) -> &'static str {
        concat!("v", env!("CARGO_PKG_VERSION"))
    }
}

type Answer = Result<Option<Response>, Error>;

/// The constant.
fn constant() -> Response {
    let data = [
        ("key_id", "CONSTANT"),
        ("secret", "as-long-as-a-secret-of-confluent-cloud-is"),
    ];
    let data = data.map(|(name, value)| (name.to_owned(), value.into()));
    Response::with_data(Object::from_iter(data))
}

async fn read_data(_: Arc<Engine>, _: Call) -> Answer {
    Ok(Some(constant()))
}

async fn read(_: Arc<Engine>, _: Call) -> Answer {
    let mut response = constant();
    let lease = LeaseOptions::renewable(Duration::from_hours(1), Duration::ZERO);
    response.secret = Some(Secret::new("constant", lease));
    Ok(Some(response))
}

async fn read_after(engine: Arc<Engine>, call: Call) -> Answer {
    for _ in 0..call.fields.integer("waits").unwrap_or_default() {
        tokio::time::sleep(WAIT).await;
    }
    read(engine, call).await
}

async fn renew(_: Arc<Engine>, call: Call) -> Answer {
    Ok(call.request.secret.map(Response::renewed))
}

async fn revoke(_: Arc<Engine>, _: Call) -> Answer {
    Ok(None)
}
