//! Builds the method.

use std::sync::Arc;

use async_trait::async_trait;
use logical::framework::{Definition, Framework, Hooks};
use logical::{
    Backend, BackendContext, BackendKind, Error, Factory, LoginSubject, Request, Response,
    SpecialPaths,
};

use crate::method::{AppRole, Tidying};
use crate::store::Store;
use crate::{login, paths};

#[async_trait]
impl Hooks for AppRole {
    async fn periodic(self: Arc<Self>) -> Result<(), Error> {
        self.tidy_now_and_then();
        Ok(())
    }

    async fn renew_login(self: Arc<Self>, request: Request) -> Result<Option<Response>, Error> {
        self.renew(request).await
    }

    fn tells_logins(&self) -> bool {
        true
    }

    async fn login_subject(
        self: Arc<Self>,
        request: Request,
    ) -> Result<Option<LoginSubject>, Error> {
        self.subject_of(&request).await
    }
}

/// Makes mounts of the method.
#[derive(Debug, Clone)]
pub struct AppRoleFactory {
    version: String,
}

impl AppRoleFactory {
    /// A factory whose backends report this version of the program, `v` and a
    /// semantic version.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
        }
    }
}

impl Factory for AppRoleFactory {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        let state = AppRole {
            store: Store::new(context.storage, context.entropy),
            system: context.system,
            clock: context.clock,
            tasks: context.tasks,
            tidying: Tidying::default(),
        };
        let mut paths = paths::all();
        paths.push(login::path());
        let definition =
            Definition::new("Programs log in with the id of their role and a secret id of it.")
                .paths(paths)
                .special_paths(SpecialPaths::new().unauthenticated(["login"]));
        Ok(Arc::new(Framework::new(Arc::new(state), definition)?))
    }

    fn kind(&self) -> BackendKind {
        BackendKind::Auth
    }

    fn version(&self) -> &str {
        &self.version
    }
}
