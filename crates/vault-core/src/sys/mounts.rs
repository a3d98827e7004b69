//! `sys/mounts`: enables, shows, tunes and disables secrets engines. `sys/auth`
//! shows the auth methods, which are fixed.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer};
use logical::{Error, Object, Operation, Response};

use super::{SysPaths, tuning};
use crate::mounts::{Removed, Tuning, normalize};
use crate::routing::{MountConfig, MountRequest, MountTuning};

/// The prefix of auth methods among all mounts.
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
            answer(|sys: Arc<SysPaths>, _| async move { Ok(Some(sys.list_mounts(false))) }),
        )
        .help("Lists the mounted secrets engines.", "")
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
            "Enables, shows or disables a secrets engine.",
            "No mount may be a prefix of another. Disabling an engine revokes its leases first, and \
             continues in the background if that takes long. While a lease cannot be revoked the \
             mount remains: it issues no new leases but can be configured, and its removal is \
             retried.",
        )
}

fn tune() -> Path<SysPaths> {
    Path::new("mounts/(?P<path>.+?)/tune")
        .fields([
            path_field(),
            Field::new(
                "default_lease_ttl",
                FieldKind::Text,
                "TTL of a lease when the engine sets none: seconds, a duration, or `system` to \
                 inherit the default.",
            ),
            Field::new(
                "max_lease_ttl",
                FieldKind::Text,
                "Maximum TTL of a lease: seconds, a duration, or `system` to inherit the default.",
            ),
            description_field(),
            options_field(),
            Field::new(
                "force_no_cache",
                FieldKind::Flag,
                "Whether reads bypass every cache of the server.",
            ),
            Field::new(
                "listing_visibility",
                FieldKind::Text,
                "Who sees the mount in `sys/internal/ui/mounts`: `unauth` for everybody, `hidden` \
                 or nothing for those who can reach it.",
            ),
            Field::new(
                "audit_non_hmac_request_keys",
                FieldKind::CommaList,
                "Fields of requests that an audit log shows as they are.",
            ),
            Field::new(
                "audit_non_hmac_response_keys",
                FieldKind::CommaList,
                "Fields of responses that an audit log shows as they are.",
            ),
            Field::new(
                "passthrough_request_headers",
                FieldKind::CommaList,
                "Headers of requests for the engine. Stored without effect.",
            ),
            Field::new(
                "allowed_response_headers",
                FieldKind::CommaList,
                "Headers that the engine may add to responses. Stored without effect.",
            ),
            Field::new(
                "plugin_version",
                FieldKind::Text,
                "Version of the engine. Only the version that is built in is accepted.",
            ),
        ])
        .on(Operation::Read, answer(read_tuning))
        .on_write(answer(write_tuning))
        .help("Shows or changes the settings of a mount.", "")
}

fn auth_list() -> Path<SysPaths> {
    Path::new("auth/?")
        .on(
            Operation::Read,
            answer(|sys: Arc<SysPaths>, _| async move { Ok(Some(sys.list_mounts(true))) }),
        )
        .help("Lists the auth methods.", "")
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

fn description_field() -> Field {
    Field::new(
        "description",
        FieldKind::Text,
        "Human-readable description of the mount.",
    )
}

fn options_field() -> Field {
    Field::new("options", FieldKind::KeyValue, "Options of the engine.")
}

fn path_field() -> Field {
    Field::new("path", FieldKind::Text, "Path of the mount.")
}

fn fields() -> [Field; 9] {
    [
        path_field(),
        Field::new(
            "type",
            FieldKind::Text,
            "Name of the engine, as `sys/plugins/catalog` lists it.",
        ),
        description_field(),
        Field::new(
            "config",
            FieldKind::Map,
            "Settings, as in `sys/mounts/<path>/tune`.",
        ),
        options_field(),
        Field::new(
            "plugin_version",
            FieldKind::Text,
            "Version of the engine. Only the version that is built in is accepted.",
        ),
        Field::new(
            "local",
            FieldKind::Flag,
            "Whether the mount belongs to this cluster alone.",
        ),
        Field::new(
            "seal_wrap",
            FieldKind::Flag,
            "Whether its storage asks for wrapping with the seal. Stored without effect.",
        ),
        Field::new(
            "external_entropy_access",
            FieldKind::Flag,
            "Whether the engine asks for randomness from outside. Stored without effect.",
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
    for name in tuning::UNSUPPORTED {
        let given = call.request.data.get(name);
        given.map_or(Ok(()), |value| tuning::refuse_unsupported(name, value))?;
    }
    let config = call.fields.map("config").cloned().unwrap_or_default();
    let settings = tuning::read_config(&config)?;
    let request = requested(&call.fields, &settings);
    let mut warnings = tuning::warnings(&settings);
    for (name, is_asked_for) in [
        ("seal_wrap", request.seal_wrap),
        ("external_entropy_access", request.external_entropy_access),
    ] {
        if is_asked_for {
            warnings.push(format!(
                "`{name}` is stored and has no effect: this server has no such protection"
            ));
        }
    }
    sys.mounts.enable(request).await?;
    Ok(warnings_only(warnings))
}

async fn disable(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = call.fields.text("path");
    Ok(match sys.mounts.disable(path).await? {
        Removed::Done => None,
        Removed::Continues => Some(Response::default().warn(format!(
            "the removal of `{path}` continues in the background: the mount issues no new leases, \
             and is gone once `sys/mounts` does not list it"
        ))),
    })
}

/// Parses the request for a new mount.
fn requested(fields: &Fields, settings: &Tuning) -> MountRequest {
    let flag = |name: &str| fields.flag(name).unwrap_or(false);
    let in_config = settings.description.as_deref().unwrap_or_default();
    let description = fields.text_given("description").unwrap_or(in_config);
    let mut options = settings.options.clone();
    options.extend(fields.key_value("options").cloned().unwrap_or_default());
    let mut tuning = MountTuning::default();
    settings.apply_to(&mut tuning);
    if let Some(version) = fields.text_given("plugin_version") {
        version.clone_into(&mut tuning.plugin_version);
    }
    MountRequest {
        path: fields.text("path").to_owned(),
        kind: fields.text("type").to_owned(),
        description: description.to_owned(),
        config: MountConfig {
            default_lease_ttl: settings.default_lease_ttl.unwrap_or(0),
            max_lease_ttl: settings.max_lease_ttl.unwrap_or(0),
        },
        tuning,
        options,
        local: flag("local"),
        seal_wrap: flag("seal_wrap"),
        external_entropy_access: flag("external_entropy_access"),
    }
}

/// The response to a successful write: warnings, or nothing.
fn warnings_only(warnings: Vec<String>) -> Option<Response> {
    let any = !warnings.is_empty();
    any.then(|| Response::default().with_warnings(warnings))
}

async fn read_tuning(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = normalize(call.fields.text("path"))?;
    sys.tuning(&path)
        .map(Some)
        .ok_or_else(|| Error::bad_request(format!("cannot fetch sysview for path \"{path}\"")))
}

async fn write_tuning(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let tuning = tuning::read(&call.request.data)?;
    let mut warnings = tuning::warnings(&tuning);
    if !tuning.options.is_empty() {
        warnings
            .push("the engine reads its `options` again at the next start of the server".into());
    }
    sys.mounts.tune(call.fields.text("path"), tuning).await?;
    Ok(warnings_only(warnings))
}

impl SysPaths {
    /// All secrets engines or all auth methods, by the path that clients use.
    fn list_mounts(&self, auth: bool) -> Response {
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
