//! Records in files of this machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Document, Documents, Neighbours, Saved, Version};
use crate::configuration::place::Problem;
use crate::configuration::server::Whereabouts;

pub(super) struct FileStore {
    path: PathBuf,
    /// Of which the file tells. Nothing else ties it to one.
    server: Whereabouts,
}

impl FileStore {
    pub(super) fn new(path: PathBuf, server: Whereabouts) -> Self {
        Self { path, server }
    }

    fn check(&self, path: &Path, server: &Whereabouts) -> Result<(), Problem> {
        if *server == self.server {
            return Ok(());
        }
        let text = format!(
            "it is of the server at {server}, and this one is at {}: name another file with \
             -state=file:PATH, or change `server` in this one if the server has moved",
            self.server
        );
        Err(failed(path, &text))
    }

    /// Held by one process at a time, from the look at a version to the change of
    /// it. The system lets go of it when a process ends, however it ends.
    fn guard(&self) -> Result<std::fs::File, Problem> {
        let mut name = self.path.clone().into_os_string();
        name.push(".guard");
        let path = PathBuf::from(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let opened = options.open(&path);
        let guarded = opened.and_then(|file| file.lock().map(|()| file));
        guarded.map_err(|error| failed(&path, &error.to_string()))
    }

    fn path(&self, document: Document) -> PathBuf {
        match document {
            Document::Record => self.path.clone(),
            Document::Lock => {
                let mut name = self.path.clone().into_os_string();
                name.push(".lock");
                name.into()
            }
        }
    }
}

#[async_trait]
impl Documents for FileStore {
    async fn load(&self, document: Document) -> Result<(Option<Value>, Version), Problem> {
        let path = self.path(document);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok((None, Version(0)));
            }
            Err(error) => return Err(failed(&path, &error.to_string())),
        };
        let not_ours = || failed(&path, "it is not a record of this program");
        let mut value: Value = serde_json::from_str(&text).map_err(|_| not_ours())?;
        let version = value
            .get("version")
            .and_then(Value::as_u64)
            .ok_or_else(not_ours)?;
        let server = serde_json::from_value(value["server"].take()).map_err(|_| not_ours())?;
        self.check(&path, &server)?;
        Ok((Some(value["document"].take()), Version(version)))
    }

    async fn save(
        &self,
        document: Document,
        value: &Value,
        from: &Version,
    ) -> Result<Saved, Problem> {
        let path = self.path(document);
        let _guard = self.guard()?;
        let (_, version) = self.load(document).await?;
        if version != *from {
            return Ok(Saved::Changed);
        }
        let next = Version(from.0 + 1);
        let text =
            json!({ "version": next.0, "server": self.server, "document": value }).to_string();
        write_private(&path, &text).map_err(|error| failed(&path, &error.to_string()))?;
        Ok(Saved::Now(next))
    }

    fn path(&self) -> Option<String> {
        None
    }

    async fn others(&self) -> Result<Neighbours, Problem> {
        Ok(Neighbours::default())
    }
}

/// Writes a file that only its owner may read: beside it, and renames, so that a
/// power cut leaves the old text or the new one, and an old file's mode goes with
/// it.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = PathBuf::from(name);
    // Left behind by a process of the same number.
    let _ = std::fs::remove_file(&fresh);
    let written = write_new(&fresh, text).and_then(|()| std::fs::rename(&fresh, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    written?;
    std::fs::File::open(folder)?.sync_all()
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(path: &Path, reason: &str) -> Problem {
    Problem::general(format!("the record in `{}`: {reason}", path.display()))
}
