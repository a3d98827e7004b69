//! `sys/mounts` and `sys/auth`: enable, show, tune and disable secrets engines
//! and auth methods.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer};
use logical::{Error, Object, Operation, Response};

use super::SysPaths;
use super::tuning::{self, Class};
use crate::mounts::{Removed, Tuning, normalize};
use crate::routing::{AUTH, MountConfig, MountRequest, MountTuning};

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    let mut paths = Vec::new();
    for class in [Class::Secrets, Class::Auth] {
        paths.extend([list(class), tune(class), mount(class)]);
    }
    paths
}

impl Class {
    /// The segment of its paths below `sys/`.
    fn segment(self) -> &'static str {
        match self {
            Self::Secrets => "mounts",
            Self::Auth => "auth",
        }
    }

    /// The path of a mount among all mounts.
    ///
    /// # Errors
    /// A bad request for a path that is not valid.
    fn full_path(self, path: &str) -> Result<String, Error> {
        let path = normalize(path)?;
        Ok(match self {
            Self::Secrets => path,
            Self::Auth => format!("{AUTH}{path}"),
        })
    }

    /// The error for a mount that does not exist.
    fn absent(self, path: &str) -> Error {
        let path = path.strip_prefix(AUTH).unwrap_or(path);
        Error::bad_request(match self {
            Self::Secrets => format!("No secret engine mount at {path}"),
            Self::Auth => format!("No auth engine at {path}"),
        })
    }
}

fn list(class: Class) -> Path<SysPaths> {
    Path::new(format!("{}/?", class.segment()))
        .on(
            Operation::Read,
            answer(move |sys: Arc<SysPaths>, _| async move { Ok(Some(sys.list_mounts(class))) }),
        )
        .help(
            match class {
                Class::Secrets => "Lists the mounted secrets engines.",
                Class::Auth => "Lists the auth methods.",
            },
            "",
        )
}

fn mount(class: Class) -> Path<SysPaths> {
    Path::new(format!("{}/(?P<path>.+?)/?", class.segment()))
        .fields(fields())
        .on(
            Operation::Read,
            answer(move |sys: Arc<SysPaths>, call| async move { read(class, &sys, &call) }),
        )
        .on_write(answer(move |sys, call| enable(class, sys, call)))
        .on(
            Operation::Delete,
            answer(move |sys, call| disable(class, sys, call)),
        )
        .help(
            match class {
                Class::Secrets => "Enables, shows or disables a secrets engine.",
                Class::Auth => "Enables, shows or disables an auth method.",
            },
            match class {
                Class::Secrets => {
                    "No mount may be a prefix of another. Disabling an engine revokes its leases \
                     first, and continues in the background if that takes long. While a lease cannot \
                     be revoked the mount remains: it issues no new leases but can be configured, and \
                     its removal is retried."
                }
                Class::Auth => {
                    "Disabling a method revokes the tokens that it gave, with everything that they \
                     made."
                }
            },
        )
}

fn tune(class: Class) -> Path<SysPaths> {
    let token_type = (class == Class::Auth).then(|| {
        Field::new(
            tuning::TOKEN_TYPE,
            FieldKind::Text,
            "Type of tokens: `default-service`, `default-batch`, or `service` or `batch` whatever a \
             role says.",
        )
    });
    Path::new(format!("{}/(?P<path>.+?)/tune", class.segment()))
        .fields(token_type)
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
        .on(
            Operation::Read,
            answer(move |sys: Arc<SysPaths>, call| async move { read_tuning(class, &sys, &call) }),
        )
        .on_write(answer(move |sys, call| write_tuning(class, sys, call)))
        .help("Shows or changes the settings of a mount.", "")
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

fn read(class: Class, sys: &SysPaths, call: &Call) -> Result<Option<Response>, Error> {
    let path = class.full_path(call.fields.text("path"))?;
    sys.info(&path)
        .filter(|_| class == Class::Auth || !path.starts_with(AUTH))
        .map(Some)
        .ok_or_else(|| class.absent(&path))
}

async fn enable(class: Class, sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    for name in tuning::UNSUPPORTED {
        let given = call.request.data.get(name);
        given.map_or(Ok(()), |value| tuning::refuse_unsupported(name, value))?;
    }
    let config = call.fields.map("config").cloned().unwrap_or_default();
    let settings = tuning::read_config(class, &config)?;
    let path = class.full_path(call.fields.text("path"))?;
    refuse_other_class(class, &path, "mount")?;
    let request = requested(path, &call.fields, &settings);
    let mut warnings = Vec::new();
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

async fn disable(class: Class, sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = call.fields.text("path");
    let full_path = class.full_path(path)?;
    refuse_other_class(class, &full_path, "unmount")?;
    Ok(match sys.mounts.disable(&full_path).await? {
        Removed::Done => None,
        Removed::Continues => Some(Response::default().warn(format!(
            "the removal of `{path}` continues in the background: the mount issues no new leases, \
             and is gone once `sys/{}` does not list it",
            class.segment()
        ))),
    })
}

/// Auth methods are not reached through `sys/mounts`.
fn refuse_other_class(class: Class, path: &str, verb: &str) -> Result<(), Error> {
    if class == Class::Secrets && path.starts_with(AUTH) {
        return Err(Error::bad_request(format!("cannot {verb} \"{path}\"")));
    }
    Ok(())
}

/// Parses the request for a new mount.
fn requested(path: String, fields: &Fields, settings: &Tuning) -> MountRequest {
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
        path,
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

fn read_tuning(class: Class, sys: &SysPaths, call: &Call) -> Result<Option<Response>, Error> {
    let path = class.full_path(call.fields.text("path"))?;
    sys.tuning(&path).map(Some).ok_or_else(|| match class {
        Class::Secrets => Error::bad_request(format!("cannot fetch sysview for path \"{path}\"")),
        Class::Auth => class.absent(&path),
    })
}

async fn write_tuning(
    class: Class,
    sys: Arc<SysPaths>,
    call: Call,
) -> Result<Option<Response>, Error> {
    let path = class.full_path(call.fields.text("path"))?;
    // `bao auth tune` goes to `sys/mounts/auth/<path>/tune`.
    let of_mount = if path.starts_with(AUTH) {
        Class::Auth
    } else {
        class
    };
    let tuning = tuning::read(of_mount, &call.request.data)?;
    let mut warnings = Vec::new();
    match tuning.options.get("version") {
        Some(version) => warnings.push(format!(
            "Upgrading mount to version {version}. This mount will be unavailable for a brief \
             period and will resume service shortly."
        )),
        None if !tuning.options.is_empty() => warnings
            .push("the engine reads its `options` again at the next start of the server".into()),
        None => {}
    }
    sys.mounts.tune(&path, tuning).await?;
    Ok(warnings_only(warnings))
}

impl SysPaths {
    /// All secrets engines or all auth methods, by the path that clients use.
    fn list_mounts(&self, class: Class) -> Response {
        let mut data = Object::new();
        for (entry, version) in self.mounts.list() {
            let inside_auth = entry.path.strip_prefix(AUTH);
            if inside_auth.is_some() == (class == Class::Auth) {
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
        self.mounts.tuning(path).map(Response::with_data)
    }
}
