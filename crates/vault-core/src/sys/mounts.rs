//! `sys/mounts`: enabling, showing, tuning and removing engines; `sys/auth`
//! shows the auth methods, which nobody can change.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer};
use logical::{Error, Object, Operation, Response};

use super::SysPaths;
use crate::mounts::{Removed, Tuning, normalize};
use crate::routing::{MountConfig, MountRequest, read_ttl};

/// Where the core keeps its auth methods among all mounts.
const AUTH: &str = "auth/";

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        list(),
        tune(),
        mount(),
        auth_list(),
        auth_tune(),
        auth_mount(),
    ]
}

fn list() -> Path<SysPaths> {
    Path::new("mounts/?")
        .on(
            Operation::Read,
            answer(|sys: Arc<SysPaths>, _| async move { Ok(Some(sys.shown(false))) }),
        )
        .help("Shows the mounted engines.", "")
}

fn mount() -> Path<SysPaths> {
    Path::new("mounts/(?P<path>.+?)/?")
        .fields(fields())
        .on(Operation::Read, answer(read))
        .on_write(answer(enable))
        .on(
            Operation::Delete,
            answer(disable),
        )
        .help(
            "Mounts an engine, shows it, or removes it with all its leases.",
            "A mount is neither above nor below another one. Removing one revokes its leases first, \
             and goes on in the background if that takes long. While one of them cannot be revoked \
             the mount stays: it makes no new leases but can be configured, and its removal is \
             tried again.",
        )
}

fn tune() -> Path<SysPaths> {
    Path::new("mounts/(?P<path>.+?)/tune")
        .fields([
            path_field(),
            Field::new(
                "default_lease_ttl",
                FieldKind::Text,
                "Time to live of a lease when nobody asks for another: seconds, a duration, or \
                 `system` to inherit.",
            ),
            Field::new(
                "max_lease_ttl",
                FieldKind::Text,
                "Longest life of a lease: seconds, a duration, or `system` to inherit.",
            ),
            Field::new("description", FieldKind::Text, "Words for people."),
        ])
        .on(Operation::Read, answer(read_tuning))
        .on_write(answer(write_tuning))
        .help("Shows or changes the settings of a mount.", "")
}

fn auth_list() -> Path<SysPaths> {
    Path::new("auth/?")
        .on(
            Operation::Read,
            answer(|sys: Arc<SysPaths>, _| async move { Ok(Some(sys.shown(true))) }),
        )
        .help("Shows the auth methods.", "")
}

fn auth_mount() -> Path<SysPaths> {
    Path::new("auth/(?P<path>.+?)/?")
        .fields([path_field()])
        .on(
            Operation::Read,
            answer(|sys: Arc<SysPaths>, call: Call| async move {
                let path = normalize(call.fields.text("path"))?;
                sys.info(&format!("{AUTH}{path}"))
                    .map(Some)
                    .ok_or_else(|| Error::bad_request(format!("No auth engine at {path}")))
            }),
        )
        .help("Shows an auth method.", "")
}

fn auth_tune() -> Path<SysPaths> {
    Path::new("auth/(?P<path>.+?)/tune")
        .fields([path_field()])
        .on(
            Operation::Read,
            answer(|sys: Arc<SysPaths>, call: Call| async move {
                let path = normalize(call.fields.text("path"))?;
                sys.tuning(&format!("{AUTH}{path}"))
                    .map(Some)
                    .ok_or_else(|| Error::bad_request(format!("No auth engine at {path}")))
            }),
        )
        .help("Shows the settings of an auth method.", "")
}

fn path_field() -> Field {
    Field::new("path", FieldKind::Text, "Path of the mount.")
}

fn fields() -> [Field; 8] {
    [
        path_field(),
        Field::new(
            "type",
            FieldKind::Text,
            "Name of the engine, as `sys/plugins/catalog` lists it.",
        ),
        Field::new("description", FieldKind::Text, "Words for people."),
        Field::new(
            "config",
            FieldKind::Map,
            "Settings: `default_lease_ttl` and `max_lease_ttl`.",
        ),
        Field::new("options", FieldKind::KeyValue, "Options of the engine."),
        Field::new(
            "local",
            FieldKind::Flag,
            "Whether the mount belongs to this cluster alone.",
        ),
        Field::new(
            "seal_wrap",
            FieldKind::Flag,
            "Whether its storage asks for wrapping with the seal.",
        ),
        Field::new(
            "external_entropy_access",
            FieldKind::Flag,
            "Taken for compatibility; there is one source of randomness.",
        ),
    ]
}

async fn read(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = normalize(call.fields.text("path"))?;
    sys.info(&path)
        .filter(|_| !path.starts_with(AUTH))
        .map(Some)
        .ok_or_else(|| Error::bad_request(format!("No secret engine mount at {path}")))
}

async fn enable(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    sys.mounts.enable(requested(&call.fields)?).await?;
    Ok(None)
}

async fn disable(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = call.fields.text("path");
    Ok(match sys.mounts.disable(path).await? {
        Removed::Done => None,
        Removed::Continues => Some(Response::default().warn(format!(
            "the removal of `{path}` takes long and goes on in the background: the mount makes no \
             new leases and is gone once `sys/mounts` does not list it"
        ))),
    })
}

/// The mount that a request asks for.
fn requested(fields: &Fields) -> Result<MountRequest, Error> {
    let config = fields.map("config").cloned().unwrap_or_default();
    let ttl = |name: &str| {
        config
            .get(name)
            .map_or(Ok(0), |value| read_ttl(name, value))
    };
    Ok(MountRequest {
        path: fields.text("path").to_owned(),
        kind: fields.text("type").to_owned(),
        description: fields.text("description").to_owned(),
        config: MountConfig {
            default_lease_ttl: ttl("default_lease_ttl")?,
            max_lease_ttl: ttl("max_lease_ttl")?,
        },
        options: fields.key_value("options").cloned().unwrap_or_default(),
        local: fields.flag("local").unwrap_or(false),
        seal_wrap: fields.flag("seal_wrap").unwrap_or(false),
    })
}

async fn read_tuning(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = normalize(call.fields.text("path"))?;
    sys.tuning(&path)
        .map(Some)
        .ok_or_else(|| Error::bad_request(format!("cannot fetch sysview for path \"{path}\"")))
}

async fn write_tuning(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let ttl = |name: &str| {
        let given = call.request.data.get(name);
        given.map(|value| read_ttl(name, value)).transpose()
    };
    let tuning = Tuning {
        default_lease_ttl: ttl("default_lease_ttl")?,
        max_lease_ttl: ttl("max_lease_ttl")?,
        description: call.fields.text_given("description").map(str::to_owned),
    };
    sys.mounts.tune(call.fields.text("path"), tuning).await?;
    Ok(None)
}

impl SysPaths {
    /// All mounts of one kind, by the path that clients say.
    fn shown(&self, auth: bool) -> Response {
        let mut data = Object::new();
        for (entry, version) in self.mounts.list() {
            let inside_auth = entry.path.strip_prefix(AUTH);
            if inside_auth.is_some() == auth {
                let path = inside_auth.unwrap_or(&entry.path).to_owned();
                data.insert(path, entry.info(&version).into());
            }
        }
        Response::with_data(data)
    }

    fn info(&self, path: &str) -> Option<Response> {
        let all = self.mounts.list();
        let (entry, version) = all.into_iter().find(|(entry, _)| entry.path == path)?;
        Some(Response::with_data(entry.info(&version)))
    }

    fn tuning(&self, path: &str) -> Option<Response> {
        let all = self.mounts.list();
        let (entry, _) = all.into_iter().find(|(entry, _)| entry.path == path)?;
        Some(Response::with_data(entry.tuning()))
    }
}
