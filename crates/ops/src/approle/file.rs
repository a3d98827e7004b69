//! Delivery to a file.

use std::path::PathBuf;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::error::{Error, Result};
use super::private_file;
use super::secret_id::SecretId;
use super::target::Target;

/// A file that an agent or an application reads. It keeps its mode, its owner,
/// and whether it ends with a line break. A file that its agent removes after
/// reading holds nothing.
#[derive(Debug)]
pub struct FileTarget {
    name: String,
    path: PathBuf,
}

impl FileTarget {
    /// A file at this path.
    pub fn new(path: PathBuf) -> Self {
        Self {
            name: format!("file:{}", path.display()),
            path,
        }
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::target(&self.name, error.to_string())
    }

    fn text(&self) -> Result<Option<Zeroizing<String>>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

#[async_trait]
impl Target for FileTarget {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self) -> Result<()> {
        private_file::check(&self.path).map_err(|error| self.failed(&error))?;
        let text = self.text()?;
        // A configuration file that has the secret id in one of its lines would
        // lose all others.
        let lines = text
            .as_deref()
            .map_or(0, |text| text.trim().lines().count());
        if lines > 1 {
            return Err(Error::target(
                &self.name,
                "it has several lines, so it is not a file with a secret id alone, and would be \
                 overwritten",
            ));
        }
        Ok(())
    }

    async fn read(&self) -> Result<Option<SecretId>> {
        Ok(self.text()?.and_then(|text| SecretId::new(&text)))
    }

    async fn deliver(&self, id: &SecretId) -> Result<()> {
        let before = self.text()?;
        let line_end = before.is_some_and(|text| text.ends_with('\n'));
        let mut text = Zeroizing::new(String::with_capacity(id.expose().len() + 1));
        text.push_str(id.expose());
        if line_end {
            text.push('\n');
        }
        private_file::replace(&self.path, text.as_bytes()).map_err(|error| self.failed(&error))
    }

    async fn clean(&self) {
        // Where the folder is gone, so is the draft.
        let _ = private_file::remove_draft(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_gets_the_id_alone_and_keeps_its_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id");
        let target = FileTarget::new(path.clone());
        assert_eq!(target.read().await.unwrap(), None);
        let id = SecretId::new("b778").unwrap();
        target.deliver(&id).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b778");
        std::fs::write(&path, "67bd\n").unwrap();
        target.deliver(&id).await.unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "b778\n");
        assert_eq!(target.read().await.unwrap(), Some(id));
    }

    #[tokio::test]
    async fn a_file_with_more_than_a_secret_id_is_refused_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.properties");
        std::fs::write(&path, "role_id=a\nsecret_id=canary\n").unwrap();
        let error = FileTarget::new(path).check().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("several lines"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
