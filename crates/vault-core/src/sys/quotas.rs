//! `sys/quotas`: limits of the rate of requests.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion};
use serde_json::{Value, json};

use super::SysPaths;
use crate::quotas::RateLimit;

const NAME: &str = "name";
const RATE: &str = "rate";
const INTERVAL: &str = "interval";
const BLOCK: &str = "block_interval";
const PATH: &str = "path";
const ROLE: &str = "role";
const INHERITABLE: &str = "inheritable";
const KIND: &str = "type";
const RATE_LIMIT: &str = "rate-limit";

const HEADERS: &str = "enable_rate_limit_response_headers";
const AUDIT: &str = "enable_rate_limit_audit_logging";
const EXEMPT: &str = "rate_limit_exempt_paths";

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("quotas/config")
            .fields([
                Field::new(HEADERS, FieldKind::Flag, "Whether answers tell what is left."),
                Field::new(
                    AUDIT,
                    FieldKind::Flag,
                    "Whether requests that a quota refuses are in the audit log.",
                ),
                Field::new(
                    EXEMPT,
                    FieldKind::CommaList,
                    "Paths that no quota limits; a final `*` stands for any ending.",
                ),
            ])
            .on(Operation::Read, answer(read_config))
            .on_write(answer(write_config))
            .help(
                "Reads and writes the settings of quotas.",
                "A setting that is not given stays as it is.",
            ),
        Path::new("quotas/rate-limit/?")
            .on(Operation::List, answer(list))
            .help("Lists the rate-limit quotas.", ""),
        Path::new(format!("quotas/rate-limit/(?P<{NAME}>[^/]+)"))
            .fields([
                Field::new(NAME, FieldKind::Text, "Name of the quota."),
                Field::new(KIND, FieldKind::Text, "Is `rate-limit`."),
                Field::new(
                    RATE,
                    FieldKind::Float,
                    "How many requests an address may make in an interval.",
                ),
                Field::new(
                    INTERVAL,
                    FieldKind::DurationSeconds,
                    "The interval; one second if nothing else is said.",
                ),
                Field::new(
                    BLOCK,
                    FieldKind::DurationSeconds,
                    "For how long an address is refused that asked for more; 0 for the rest of the \
                     interval.",
                ),
                Field::new(
                    PATH,
                    FieldKind::Text,
                    "What is limited: empty for all paths, a mount, or a path inside one, at whose \
                     end `*` stands for any ending.",
                ),
                Field::new(
                    ROLE,
                    FieldKind::Text,
                    "Limits logins with this role of the auth method at `path`.",
                ),
                Field::new(INHERITABLE, FieldKind::Flag, "Has no effect without namespaces."),
            ])
            .on(Operation::Read, answer(read))
            .on_write(answer(write))
            .on(Operation::Delete, answer(delete))
            .help(
                "Reads, writes and deletes a rate-limit quota.",
                "Of the quotas that fit a request the most specific one counts: that of the role, of \
                 the path, of the longest beginning, of the mount, of everything.",
            ),
    ]
}

async fn read_config(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    let settings = sys.quotas.settings();
    let data = Object::from_iter([
        (AUDIT.to_owned(), json!(settings.audit_logging)),
        (HEADERS.to_owned(), json!(settings.response_headers)),
        (EXEMPT.to_owned(), json!(settings.exempt_paths)),
    ]);
    Ok(Some(Response::with_data(data)))
}

async fn write_config(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let audit_logging = call.fields.flag(AUDIT);
    let headers = call.fields.flag(HEADERS);
    let exempt = call.fields.list(EXEMPT).map(<[String]>::to_vec);
    let quotas = Arc::clone(&sys.quotas);
    let work = async move {
        let change = quotas.configure(|settings| {
            if let Some(headers) = headers {
                settings.response_headers = headers;
            }
            if let Some(audit_logging) = audit_logging {
                settings.audit_logging = audit_logging;
            }
            if let Some(exempt) = exempt {
                settings.exempt_paths = exempt;
            }
        });
        change.await
    };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}

async fn list(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::list(sys.quotas.names())))
}

async fn read(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let name = call.fields.text(NAME);
    Ok(sys.quotas.get(name).map(|rule| {
        let shown = json!({
            KIND: RATE_LIMIT,
            NAME: name,
            PATH: rule.path,
            ROLE: rule.role,
            RATE: shown_rate(rule.rate),
            INTERVAL: rule.interval,
            BLOCK: rule.block_interval,
            INHERITABLE: rule.inheritable,
        });
        match shown {
            Value::Object(shown) => Response::with_data(shown),
            _ => Response::default(),
        }
    }))
}

/// A rate as Go writes it: whole ones without a fraction.
fn shown_rate(rate: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number in the range"
    )]
    if rate.fract() == 0.0 && rate < 1e15 {
        json!(rate as u64)
    } else {
        json!(rate)
    }
}

async fn write(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let fields = &call.fields;
    let name = fields.text(NAME).to_owned();
    let rate = fields
        .float(RATE)
        .filter(|rate| *rate > 0.0 && rate.is_finite());
    let rate = rate.ok_or_else(|| Error::bad_request("'rate' is invalid"))?;
    let seconds = |name| fields.duration(name).map_or(0, |given| given.as_secs());
    let path = sys.limited_path(fields.text(PATH), fields.text(ROLE))?;
    let mut rule = RateLimit::new(rate, path);
    fields.text(ROLE).clone_into(&mut rule.role);
    rule.interval = seconds(INTERVAL).max(1);
    rule.block_interval = seconds(BLOCK);
    if let Some(inheritable) = fields.flag(INHERITABLE) {
        rule.inheritable = inheritable;
    }
    let quotas = Arc::clone(&sys.quotas);
    let work = async move { quotas.put(&name, rule).await };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}

async fn delete(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let (quotas, name) = (Arc::clone(&sys.quotas), call.fields.text(NAME).to_owned());
    let work = async move { quotas.remove(&name).await };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}

impl SysPaths {
    /// The path of a quota as it is stored: that of a mount has a slash.
    fn limited_path(&self, given: &str, role: &str) -> Result<String, Error> {
        let given = given.trim_start_matches('/');
        if given.is_empty() && role.is_empty() {
            return Ok(String::new());
        }
        let unknown = || Error::bad_request(format!("invalid mount path \"{given}\""));
        let with_slash = format!("{}/", given.trim_end_matches('/'));
        let found = self.mounts.serving(&with_slash).ok_or_else(unknown)?;
        let mount = found.path();
        let is_mount = mount == with_slash;
        if role.is_empty() {
            return Ok(if is_mount { mount } else { given.to_owned() });
        }
        if !is_mount {
            return Err(Error::bad_request(
                "Quotas cannot contain both a path suffix and a role. If a role is provided, path \
                 must be a valid auth mount with a concept of roles",
            ));
        }
        if !found.tells_logins() {
            return Err(Error::bad_request(format!(
                "Mount path \"{mount}\" does not support use with role-based quotas"
            )));
        }
        Ok(mount)
    }
}
