//! The configuration file of a server: HCL 1 or JSON, with the keys of Vault's.
//!
//! Text in, configuration out: nothing is opened here. A wrong value is an error
//! with its place, and so is a key that Vault has and whose absence would weaken
//! the server. Any other unknown key is a warning.

mod audit;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hcl1::{Body, Error, Item, Key, LiteralKind, Position, Value};
use server::{Limits, TlsVersion};
use vault_core::AuditDevice;

use super::super::logging::LogFormat;
use crate::listen;

/// Where a listener listens if nothing else is said.
const ADDRESS: &str = "127.0.0.1:8200";
/// The lease TTLs of a mount that sets none.
const LEASE_TTL: Duration = Duration::from_hours(768);

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) storage: Storage,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) api_addr: Option<String>,
    pub(crate) log_level: &'static str,
    pub(crate) log_format: LogFormat,
    pub(crate) audit: Vec<(Position, AuditDevice)>,
    /// Whether clients may make audit devices, which write to any file that the
    /// server can write.
    pub(crate) unsafe_allow_api_audit_creation: bool,
    /// What has no effect.
    pub(crate) warnings: Vec<Error>,
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In memory, for trials.
    Memory,
    /// In one file.
    Sqlite(PathBuf),
}

/// One `listener "tcp"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) position: Position,
    /// `None` with `tls_disable`.
    pub(crate) tls: Option<Tls>,
    pub(crate) limits: Limits,
}

/// The files of a listener with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) oldest: TlsVersion,
}

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Config, Error> {
    let document = hcl1::parse(text)?;
    if let Some(key) = document.body.repeated_key() {
        return Err(Error::new(
            key.position,
            format!("`{}` is set twice: remove one of the two", key.name),
        ));
    }
    let mut reading = Reading::default();
    for item in &document.body.items {
        reading.item(item)?;
    }
    reading.finish()
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    storage: Option<Storage>,
    listeners: Vec<(Position, Body)>,
    api_addr: Option<String>,
    log_level: Option<&'static str>,
    log_format: LogFormat,
    limits: Limits,
    audit: Vec<(Position, AuditDevice)>,
    unsafe_allow_api_audit_creation: bool,
    warnings: Vec<Error>,
}

impl Reading {
    fn item(&mut self, item: &Item) -> Result<(), Error> {
        let key = first(item)?;
        match &*key.name {
            "storage" | "backend" => self.storage(item, key)?,
            "listener" => self.listener(item)?,
            "api_addr" => self.api_addr = Some(url(item, key)?),
            "cluster_addr" => {
                url(item, key)?;
            }
            "disable_mlock" => {
                boolean(item, key)?;
            }
            "ui" => {
                if boolean(item, key)? {
                    self.warn(key, "this server has no user interface");
                }
            }
            "log_level" => self.log_level = Some(log_level(item, key)?),
            "log_format" => self.log_format = log_format(item, key)?,
            "default_lease_ttl" | "max_lease_ttl" => lease_ttl(item, key)?,
            "max_request_size" => self.limits.max_request_size = size(item, key)?,
            "max_request_duration" | "default_max_request_duration" => {
                self.limits.max_request_duration = positive(item, key)?;
            }
            "seal" => seal(item)?,
            "audit" => self.audit.extend(audit::devices(item)?),
            "unsafe_allow_api_audit_creation" => {
                self.unsafe_allow_api_audit_creation = boolean(item, key)?;
            }
            "ha_storage" | "ha_backend" => {
                return Err(Error::new(
                    key.position,
                    format!(
                        "`{}`: this server runs alone, without others that could take over; remove it",
                        key.name
                    ),
                ));
            }
            _ => self.warn(key, "unknown key, which has no effect"),
        }
        Ok(())
    }

    fn warn(&mut self, key: &Key, why: &str) {
        let problem = format!("`{}`: {why}", key.name);
        self.warnings.push(Error::new(key.position, problem));
    }

    fn warn_unknown(&mut self, body: &Body, known: &[&str]) -> Result<(), Error> {
        for item in &body.items {
            let key = first(item)?;
            if !known.contains(&&*key.name) {
                self.warn(key, "unknown key, which has no effect");
            }
        }
        Ok(())
    }

    fn storage(&mut self, item: &Item, key: &Key) -> Result<(), Error> {
        for (kind, body) in blocks(item)? {
            if self.storage.is_some() {
                return Err(Error::new(
                    key.position,
                    "there are two storages: remove one",
                ));
            }
            self.storage = Some(match &*kind.name {
                "inmem" => {
                    self.warn_unknown(body, &[])?;
                    Storage::Memory
                }
                "sqlite" => {
                    self.warn_unknown(body, &["path"])?;
                    let path = member(body, "path")?;
                    let (path, key) = path.ok_or_else(|| {
                        Error::new(kind.position, "`sqlite` needs the `path` of its file")
                    })?;
                    let path = text(path, key)?;
                    if path.is_empty() {
                        return Err(wrong(key, path, "the path of a file"));
                    }
                    Storage::Sqlite(path.into())
                }
                "postgresql" => {
                    return Err(Error::new(
                        kind.position,
                        "`postgresql` is not supported by this release: use `sqlite`, and move with the API later",
                    ));
                }
                other => {
                    return Err(Error::new(
                        kind.position,
                        format!("storage `{other}` is unknown: use `sqlite` or `inmem`"),
                    ));
                }
            });
        }
        Ok(())
    }

    fn listener(&mut self, item: &Item) -> Result<(), Error> {
        for (kind, body) in blocks(item)? {
            if &*kind.name != "tcp" {
                return Err(Error::new(
                    kind.position,
                    format!("listener `{}` is not supported: use `tcp`", kind.name),
                ));
            }
            self.listeners.push((kind.position, body.clone()));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Config, Error> {
        audit::check_names(&self.audit)?;
        let storage = self.storage.take().ok_or_else(|| {
            Error::new(
                Position::START,
                "there is no `storage`: add `storage \"sqlite\" { path = \"...\" }`",
            )
        })?;
        let mut listeners = Vec::new();
        for (position, body) in std::mem::take(&mut self.listeners) {
            listeners.push(self.tcp(position, &body)?);
        }
        if listeners.is_empty() {
            return Err(Error::new(
                Position::START,
                "there is no `listener`: add `listener \"tcp\" { ... }`",
            ));
        }
        Ok(Config {
            storage,
            listeners,
            api_addr: self.api_addr,
            log_level: self.log_level.unwrap_or("info"),
            log_format: self.log_format,
            audit: self.audit,
            unsafe_allow_api_audit_creation: self.unsafe_allow_api_audit_creation,
            warnings: self.warnings,
        })
    }

    fn tcp(&mut self, position: Position, body: &Body) -> Result<Listener, Error> {
        let mut listener = Tcp::new(self.limits);
        for item in &body.items {
            let key = first(item)?;
            if !listener.item(item, key)? {
                self.warn(key, "unknown key, which has no effect");
            }
        }
        listener.finish(position)
    }
}

/// A listener that is being read.
struct Tcp {
    address: String,
    address_at: Option<Position>,
    disabled: bool,
    certificate: Option<String>,
    key: Option<String>,
    oldest: TlsVersion,
    limits: Limits,
}

impl Tcp {
    fn new(limits: Limits) -> Self {
        Self {
            address: ADDRESS.to_owned(),
            address_at: None,
            disabled: false,
            certificate: None,
            key: None,
            oldest: TlsVersion::default(),
            limits,
        }
    }

    /// Returns whether the key is known.
    fn item(&mut self, item: &Item, key: &Key) -> Result<bool, Error> {
        match &*key.name {
            "address" => {
                text(&item.value, key)?.clone_into(&mut self.address);
                self.address_at = Some(key.position);
            }
            // Nobody else is listened for.
            "cluster_address" => {
                text(&item.value, key)?;
            }
            "tls_disable" => self.disabled = boolean(item, key)?,
            "tls_cert_file" => self.certificate = Some(text(&item.value, key)?.to_owned()),
            "tls_key_file" => self.key = Some(text(&item.value, key)?.to_owned()),
            "tls_min_version" => {
                self.oldest = match text(&item.value, key)? {
                    "tls12" => TlsVersion::Tls12,
                    "tls13" => TlsVersion::Tls13,
                    other => return Err(wrong(key, other, "`tls12` or `tls13`")),
                }
            }
            "tls_require_and_verify_client_cert"
            | "tls_client_ca_file"
            | "proxy_protocol_behavior" => {
                return Err(Error::new(
                    key.position,
                    format!("`{}` is not supported by this server: remove it", key.name),
                ));
            }
            "max_request_size" => self.limits.max_request_size = size(item, key)?,
            "max_request_duration" => self.limits.max_request_duration = positive(item, key)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self, position: Position) -> Result<Listener, Error> {
        let at = self.address_at.unwrap_or(position);
        let address = self
            .address
            .strip_prefix(':')
            .map(|port| format!("[::]:{port}"));
        let address =
            listen::parse(address.as_deref().unwrap_or(&self.address)).map_err(|allowed| {
                Error::new(at, format!("`address` is `{}`: {allowed}", self.address))
            })?;
        let tls = match (self.disabled, self.certificate, self.key) {
            (true, ..) => None,
            (false, Some(certificate), Some(key)) => Some(Tls {
                certificate: certificate.into(),
                key: key.into(),
                oldest: self.oldest,
            }),
            _ => {
                return Err(Error::new(
                    position,
                    "a listener needs `tls_cert_file` and `tls_key_file`, or `tls_disable = true`",
                ));
            }
        };
        Ok(Listener {
            address,
            position,
            tls,
            limits: self.limits,
        })
    }
}

/// The key of an item.
fn first(item: &Item) -> Result<&Key, Error> {
    let key = item.keys.first();
    key.ok_or_else(|| Error::new(item.value.position(), "there is no key"))
}

/// `key "label" { ... }`, and the forms that JSON has for it: an object by label,
/// or a list of such objects.
fn blocks(item: &Item) -> Result<Vec<(&Key, &Body)>, Error> {
    let key = first(item)?;
    if let [_, label] = item.keys.as_slice() {
        return Ok(vec![(label, body(&item.value, key)?)]);
    }
    if let Value::List(list) = &item.value {
        let mut blocks = Vec::new();
        for value in &list.values {
            for item in &body(value, key)?.items {
                blocks.push((first(item)?, body(&item.value, key)?));
            }
        }
        return Ok(blocks);
    }
    let by_label = &body(&item.value, key)?.items;
    by_label
        .iter()
        .map(|item| Ok((first(item)?, body(&item.value, key)?)))
        .collect()
}

fn body<'a>(value: &'a Value, key: &Key) -> Result<&'a Body, Error> {
    match value {
        Value::Object(object) => Ok(&object.body),
        other => Err(Error::new(
            other.position(),
            format!(
                "`{0}` is {1}: write it as a block, such as `{0} \"...\" {{ ... }}`",
                key.name,
                other.describe()
            ),
        )),
    }
}

fn member<'a>(body: &'a Body, name: &str) -> Result<Option<(&'a Value, &'a Key)>, Error> {
    for item in &body.items {
        let key = first(item)?;
        if *key.name == *name {
            return Ok(Some((&item.value, key)));
        }
    }
    Ok(None)
}

fn wrong(key: &Key, given: &str, allowed: &str) -> Error {
    Error::new(
        key.position,
        format!("`{}` is `{given}`: give {allowed}", key.name),
    )
}

fn text<'a>(value: &'a Value, key: &Key) -> Result<&'a str, Error> {
    match value {
        Value::Literal(literal) => literal.text(),
        _ => None,
    }
    .ok_or_else(|| {
        let problem = format!("`{}` is {}: give a string", key.name, value.describe());
        Error::new(value.position(), problem)
    })
}

/// `true`, `false`, or what Vault takes for them in a string or a number.
fn boolean(item: &Item, key: &Key) -> Result<bool, Error> {
    if let Value::Literal(literal) = &item.value {
        if let LiteralKind::Bool(value) = literal.kind {
            return Ok(value);
        }
        match literal.text() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => return Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => return Ok(false),
            _ => {}
        }
    }
    let problem = format!("`{}` must be `true` or `false`", key.name);
    Err(Error::new(item.value.position(), problem))
}

fn size(item: &Item, key: &Key) -> Result<usize, Error> {
    let number = match &item.value {
        Value::Literal(literal) => literal.integer(),
        _ => None,
    };
    let size = number.and_then(|size| usize::try_from(size).ok());
    size.filter(|size| *size > 0).ok_or_else(|| {
        let problem = format!("`{}` must be a number of bytes above zero", key.name);
        Error::new(item.value.position(), problem)
    })
}

fn duration(item: &Item, key: &Key) -> Result<Duration, Error> {
    let given = text(&item.value, key)?;
    logical::duration::parse(given).map_err(|error| {
        let problem = format!("`{}`: {error}", key.name);
        Error::new(item.value.position(), problem)
    })
}

fn positive(item: &Item, key: &Key) -> Result<Duration, Error> {
    let duration = duration(item, key)?;
    if duration.is_zero() {
        return Err(wrong(key, "0", "a duration above zero, such as `90s`"));
    }
    Ok(duration)
}

fn lease_ttl(item: &Item, key: &Key) -> Result<(), Error> {
    if duration(item, key)? == LEASE_TTL {
        return Ok(());
    }
    Err(wrong(
        key,
        text(&item.value, key)?,
        "`768h`, which it is in this server, or set it for each mount (`secrets tune`)",
    ))
}

fn url(item: &Item, key: &Key) -> Result<String, Error> {
    let given = text(&item.value, key)?;
    let is_url = ["http://", "https://"].iter().any(|scheme| {
        given
            .strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    });
    if is_url {
        Ok(given.to_owned())
    } else {
        Err(wrong(
            key,
            given,
            "an address such as `https://vault.example:8200`",
        ))
    }
}

fn log_level(item: &Item, key: &Key) -> Result<&'static str, Error> {
    let given = text(&item.value, key)?;
    Ok(match given.to_ascii_lowercase().as_str() {
        "trace" => "trace",
        "debug" => "debug",
        "info" | "notice" => "info",
        "warn" | "warning" => "warn",
        "err" | "error" => "error",
        _ => {
            return Err(wrong(
                key,
                given,
                "`trace`, `debug`, `info`, `warn` or `error`",
            ));
        }
    })
}

fn log_format(item: &Item, key: &Key) -> Result<LogFormat, Error> {
    match text(&item.value, key)? {
        "standard" => Ok(LogFormat::Standard),
        "json" => Ok(LogFormat::Json),
        other => Err(wrong(key, other, "`standard` or `json`")),
    }
}

/// Shares are the one seal; another would leave the store open to anyone who
/// expects it.
fn seal(item: &Item) -> Result<(), Error> {
    for (kind, _) in blocks(item)? {
        if &*kind.name != "shamir" {
            return Err(Error::new(
                kind.position,
                format!(
                    "seal `{}` is not supported: use `shamir`, or remove `seal`",
                    kind.name
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
