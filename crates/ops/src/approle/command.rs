//! Delivery by a command.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::{Error, Result};
use super::secret_id::SecretId;
use super::shell::Shell;
use super::target::Target;

/// A command that gets the secret id on its standard input. What it did with the
/// last one cannot be read back.
pub struct CommandTarget {
    name: String,
    command: String,
    shell: Arc<dyn Shell>,
}

impl CommandTarget {
    /// A command for `sh -c`.
    pub fn new(command: &str, shell: Arc<dyn Shell>) -> Self {
        Self {
            name: format!("command:{command}"),
            command: command.to_owned(),
            shell,
        }
    }
}

#[async_trait]
impl Target for CommandTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }

    async fn read(&self) -> Result<Option<SecretId>> {
        Ok(None)
    }

    async fn deliver(&self, id: &SecretId) -> Result<()> {
        let ran = self.shell.run(&self.command, Some(id)).await;
        ran.map_err(|problem| Error::target(&self.name, problem))
    }

    fn is_readable(&self) -> bool {
        false
    }
}
