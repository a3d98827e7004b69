//! Builds the engine in the version that the mount's options ask for.

use std::sync::Arc;

use logical::framework::Framework;
use logical::{Backend, BackendContext, Error, Factory, OtherName};

use crate::{v1, v2};

/// The option of a mount that chooses the version.
const VERSION: &str = "version";

/// The names that Vault has for a version, and the first one of the engine.
const OTHER_NAMES: [OtherName; 3] = [
    OtherName::new("kv-v1", "1"),
    OtherName::new("kv-v2", "2"),
    OtherName::new("generic", ""),
];

/// Makes key/value engines.
#[derive(Debug, Clone)]
pub struct KvFactory {
    version: String,
}

impl KvFactory {
    /// A factory whose backends report this version of the program, `v` and a
    /// semantic version.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
        }
    }
}

impl Factory for KvFactory {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        let version = context.options.get(VERSION).map(String::as_str);
        match version.unwrap_or_default() {
            "" | "1" => {
                let (state, definition) = v1::engine(context);
                Ok(Arc::new(Framework::new(state, definition)?))
            }
            "2" => {
                let (state, definition) = v2::engine(context);
                Ok(Arc::new(Framework::new(state, definition)?))
            }
            other => Err(Error::bad_request(format!(
                "option `version` is `{other}`: a key/value engine has version 1 or 2"
            ))),
        }
    }

    fn other_names(&self) -> &[OtherName] {
        &OTHER_NAMES
    }

    fn has_versions(&self) -> bool {
        true
    }

    fn version(&self) -> &str {
        &self.version
    }
}

#[cfg(test)]
mod tests {
    use virtual_world::World;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_version_that_does_not_exist_is_refused_by_name() {
        let options = [("version".to_owned(), "3".to_owned())].into();
        let context = World::new().context().with_options(options);
        let error = KvFactory::new("v1.0.0").create(context).err().unwrap();
        assert!(error.message().contains("`version` is `3`"), "{error}");
    }
}
