//! `sys/internal/ui/mounts`: mount information for command lines and user
//! interfaces. It is not part of Vault's documented API, but every client with
//! `kv` commands relies on it.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, ErrorClass, Object, Operation, Response};
use serde_json::Value;

use super::SysPaths;
use crate::routing::{ListingVisibility, MountEntry};

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("internal/ui/mounts/?")
            .on(Operation::Read, answer(all))
            .help("Shows the mounts that the caller can reach, and those that are listed for everybody.", ""),
        Path::new("internal/ui/mounts/(?P<path>.+)")
            .fields([Field::new(
                "path",
                FieldKind::Text,
                "A path inside a mount.",
            )])
            .on(Operation::Read, answer(one))
            .help("Shows the mount of a path that the caller can reach.", ""),
    ]
}

async fn all(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let acl = sys.acl(&call).await?;
    let (mut secret, mut auth) = (Object::new(), Object::new());
    for (entry, version) in sys.mounts.list() {
        let is_public = entry.tuning.listing_visibility == ListingVisibility::Unauth;
        let info = match &acl {
            Some(acl) if is_public || acl.reaches(&entry.path) => entry.info(&version),
            None if is_public => entry.public_info(),
            _ => continue,
        };
        let info = Value::from(info);
        match entry.path.strip_prefix("auth/") {
            Some(path) => auth.insert(path.to_owned(), info),
            None => secret.insert(entry.path.clone(), info),
        };
    }
    let mut data = Object::new();
    data.insert("auth".into(), auth.into());
    data.insert("secret".into(), secret.into());
    Ok(Some(Response::with_data(data)))
}

async fn one(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = call.fields.text("path");
    let acl = sys.acl(&call).await?;
    let acl = acl.ok_or_else(Error::permission_denied)?;
    let reached = |entry: &MountEntry| acl.reaches(&entry.path);
    let found = sys.mounts.find(path).filter(|(entry, _)| reached(entry));
    let (entry, version) = found.ok_or_else(|| {
        Error::new(
            ErrorClass::PermissionDenied,
            format!(
                "preflight capability check returned 403, please ensure client's policies grant \
                 access to path \"{}/\"",
                path.trim_end_matches('/')
            ),
        )
    })?;
    let mut data = entry.info(&version);
    data.insert("path".into(), entry.path.into());
    Ok(Some(Response::with_data(data)))
}
