//! An engine for the tests: it echoes, waits, panics and leases.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use logical::{
    Backend, BackendContext, Error, Existence, Factory, LeaseOptions, Object, Request, Response,
    Secret, SpecialPaths,
};

/// How long a slow answer takes.
pub(crate) const SLOW: Duration = Duration::from_secs(1);

/// What became of requests that the engine kept waiting.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) begun: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
    pub(crate) revoked: AtomicUsize,
}

pub(crate) struct EchoFactory(pub(crate) Arc<Waiting>);

impl Factory for EchoFactory {
    fn create(&self, _: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(Echo(Arc::clone(&self.0))))
    }

    fn version(&self) -> &'static str {
        "v0.0.1"
    }
}

/// How the engine shows bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

struct Echo(Arc<Waiting>);

/// Counts a request that was dropped before its end.
struct Dropped(Arc<Waiting>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Backend for Echo {
    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        match request.path.as_str() {
            "panic" => panic!("canary"),
            "wait" => {
                self.0.begun.fetch_add(1, Ordering::SeqCst);
                let dropped = Dropped(Arc::clone(&self.0));
                tokio::time::sleep(Duration::from_mins(1)).await;
                std::mem::forget(dropped);
                Ok(None)
            }
            "slow" => {
                tokio::time::sleep(SLOW).await;
                Ok(None)
            }
            "nothing" => Ok(None),
            "client" => {
                let client = request.connection.unwrap_or_default();
                let shown = client.client_certificates.iter().map(|der| hex(der));
                let shown = shown.collect::<Vec<_>>().into();
                let data = [("certificates".to_owned(), shown)];
                Ok(Some(Response::with_data(data.into_iter().collect())))
            }
            "lease" if request.operation == logical::Operation::Revoke => {
                self.0.revoked.fetch_add(1, Ordering::SeqCst);
                Ok(None)
            }
            "lease" => {
                let second = Duration::from_secs(1);
                let lease = LeaseOptions::renewable(second, second);
                let lease = Secret::from_parts(lease, Object::new(), "");
                Ok(Some(Response::with_data(Object::new()).under(lease)))
            }
            _ => {
                let mut data = request.data;
                data.insert("operation".into(), request.operation.as_str().into());
                data.insert("path".into(), request.path.into());
                Ok(Some(Response::with_data(data)))
            }
        }
    }

    async fn exists(&self, _: Request) -> Result<Existence, Error> {
        Ok(Existence::Unchecked)
    }

    fn special_paths(&self) -> SpecialPaths {
        SpecialPaths::default()
    }
}
