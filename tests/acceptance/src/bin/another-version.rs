//! The plugin under another version, so that tests of an upgrade can tell two
//! programs apart: the whole engine, which reports `v0.0.9` to its host and in
//! `info`.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use confluent_backend::factory;
use logical::{
    Backend, BackendContext, Error, Existence, Factory, Request, Response, SpecialPaths,
};

const VERSION: &str = "v0.0.9";

fn main() -> ExitCode {
    vault_plugin::Plugin::new(AnotherVersion).run()
}

struct AnotherVersion;

impl Factory for AnotherVersion {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(Renamed(factory().create(context)?)))
    }

    fn version(&self) -> &'static str {
        VERSION
    }
}

/// The engine, but for the version that `info` shows.
struct Renamed(Arc<dyn Backend>);

#[async_trait]
impl Backend for Renamed {
    async fn initialize(&self) -> Result<(), Error> {
        self.0.initialize().await
    }

    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        let of_info = request.path == "info";
        let mut answer = self.0.handle(request).await?;
        let data = answer.as_mut().and_then(|answer| answer.data.as_mut());
        if let (true, Some(data)) = (of_info, data) {
            data.insert("version".into(), VERSION.into());
        }
        Ok(answer)
    }

    async fn exists(&self, request: Request) -> Result<Existence, Error> {
        self.0.exists(request).await
    }

    fn special_paths(&self) -> SpecialPaths {
        self.0.special_paths()
    }

    async fn invalidate(&self, key: &str) {
        self.0.invalidate(key).await;
    }

    async fn periodic(&self) -> Result<(), Error> {
        self.0.periodic().await
    }

    async fn cleanup(&self) {
        self.0.cleanup().await;
    }
}
