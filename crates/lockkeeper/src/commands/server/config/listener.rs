//! `listener` of the configuration file: `tcp` and `unix`.

mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hcl1::{Body, Error, Item, Key, Position};
use server::{Limits, TlsSettings};

use self::tls::TlsKeys;
use super::UNKNOWN;
use super::values::{boolean, duration, first, positive, size, text, wrong};
use crate::listen;

/// Where a listener listens if nothing else is said.
const ADDRESS: &str = "127.0.0.1:8200";
/// The widest mode of a file.
const MOST: u32 = 0o777;

/// One `listener`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) place: Place,
    pub(crate) position: Position,
    pub(crate) limits: Limits,
}

/// Where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// At an address, with TLS unless that is disabled.
    Tcp {
        address: SocketAddr,
        tls: Option<TlsSettings>,
    },
    /// At a socket of this machine.
    Unix(Socket),
}

/// A socket in the file system. What is not said is decided by the server's user
/// and its umask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) path: PathBuf,
    pub(crate) mode: Option<u32>,
    /// A name or a number.
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
}

/// The kinds of listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Unix,
}

impl Kind {
    /// The kind of a block.
    pub(super) fn of(label: &Key) -> Result<Self, Error> {
        match &*label.name {
            "tcp" => Ok(Self::Tcp),
            "unix" => Ok(Self::Unix),
            other => Err(Error::new(
                label.position,
                format!("listener `{other}` is not supported: use `tcp` or `unix`"),
            )),
        }
    }

    /// Reads a block. A key that has no effect goes to `warn`, with the reason.
    pub(super) fn read(
        self,
        position: Position,
        body: &Body,
        limits: Limits,
        mut warn: impl FnMut(&Key, &str),
    ) -> Result<Listener, Error> {
        let mut limits = limits;
        let mut tcp = Tcp::default();
        let mut unix = Unix::default();
        for item in &body.items {
            let key = first(item)?;
            let is_known = limit(&mut limits, item, key)?
                || connection_limit(&mut limits, item, key)?
                || match self {
                    Self::Tcp => tcp.item(item, key)?,
                    Self::Unix => unix.item(item, key)?,
                };
            if !is_known {
                warn(key, UNKNOWN);
            }
        }
        Ok(Listener {
            place: match self {
                Self::Tcp => tcp.finish(position, warn)?,
                Self::Unix => Place::Unix(unix.finish(position)?),
            },
            position,
            limits,
        })
    }
}

/// Reads a limit of requests. Returns whether the key is one.
pub(super) fn limit(limits: &mut Limits, item: &Item, key: &Key) -> Result<bool, Error> {
    match &*key.name {
        "max_request_size" => limits.max_request_size = size(item, key)?,
        "max_request_duration" => limits.max_request_duration = positive(item, key)?,
        "max_request_json_memory" => limits.json.memory = size(item, key)?,
        "max_request_json_strings" => limits.json.strings = size(item, key)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads a limit of connections. Returns whether the key is one.
fn connection_limit(limits: &mut Limits, item: &Item, key: &Key) -> Result<bool, Error> {
    match &*key.name {
        "http_read_header_timeout" => timeout(&mut limits.timeouts.header, item, key)?,
        "http_read_timeout" => timeout(&mut limits.timeouts.body, item, key)?,
        "http_idle_timeout" => timeout(&mut limits.timeouts.idle, item, key)?,
        "http_write_timeout" => {
            let given = duration(item, key)?;
            limits.timeouts.answer = (!given.is_zero()).then_some(given);
        }
        "max_connections" => limits.max_connections = size(item, key)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Reads a time-out. Zero is the same as leaving it out, as in Vault and OpenBao.
fn timeout(timeout: &mut Duration, item: &Item, key: &Key) -> Result<(), Error> {
    let given = duration(item, key)?;
    if !given.is_zero() {
        *timeout = given;
    }
    Ok(())
}

/// A `listener "tcp"` that is being read.
#[derive(Default)]
struct Tcp {
    address: Option<(String, Position)>,
    tls: TlsKeys,
}

impl Tcp {
    /// Returns whether the key is known.
    fn item(&mut self, item: &Item, key: &Key) -> Result<bool, Error> {
        match &*key.name {
            "address" => {
                self.address = Some((text(&item.value, key)?.to_owned(), key.position));
            }
            // Nobody else is listened for.
            "cluster_address" => {
                text(&item.value, key)?;
            }
            "proxy_protocol_behavior" => {
                return Err(Error::new(
                    key.position,
                    format!("`{}` is not supported by this server: remove it", key.name),
                ));
            }
            _ => return self.tls.item(item, key),
        }
        Ok(true)
    }

    fn finish(self, position: Position, warn: impl FnMut(&Key, &str)) -> Result<Place, Error> {
        let (given, at) = self
            .address
            .unwrap_or_else(|| (ADDRESS.to_owned(), position));
        let address = given.strip_prefix(':').map(|port| format!("[::]:{port}"));
        let address = listen::parse(address.as_deref().unwrap_or(&given))
            .map_err(|allowed| Error::new(at, format!("`address` is `{given}`: {allowed}")))?;
        let tls = self.tls.finish(position, warn)?;
        Ok(Place::Tcp { address, tls })
    }
}

/// A `listener "unix"` that is being read.
#[derive(Default)]
struct Unix {
    path: Option<PathBuf>,
    mode: Option<u32>,
    user: Option<String>,
    group: Option<String>,
}

impl Unix {
    /// Returns whether the key is known.
    fn item(&mut self, item: &Item, key: &Key) -> Result<bool, Error> {
        let given = || text(&item.value, key);
        let filled = |given: &str| (!given.is_empty()).then(|| given.to_owned());
        match &*key.name {
            "address" => match given()? {
                path if path.starts_with('/') => self.path = Some(path.into()),
                other => return Err(wrong(key, other, "the whole path of a socket")),
            },
            "socket_mode" => self.mode = mode(given()?, key)?,
            "socket_user" => self.user = filled(given()?),
            "socket_group" => self.group = filled(given()?),
            // There is no TLS at a socket: nobody is between its two ends.
            "tls_disable" => {
                boolean(item, key)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self, position: Position) -> Result<Socket, Error> {
        let path = self.path.ok_or_else(|| {
            Error::new(
                position,
                "a listener `unix` needs the path of its socket as `address`",
            )
        })?;
        Ok(Socket {
            path,
            mode: self.mode,
            user: self.user,
            group: self.group,
        })
    }
}

/// A mode in octal, with or without a leading zero, as in Vault; none if it is
/// empty.
fn mode(given: &str, key: &Key) -> Result<Option<u32>, Error> {
    if given.is_empty() {
        return Ok(None);
    }
    let is_octal = given.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
    let mode = u32::from_str_radix(given, 8).ok();
    let mode = mode.filter(|mode| is_octal && *mode <= MOST);
    mode.map(Some)
        .ok_or_else(|| wrong(key, given, "the mode of a file in octal, such as `0660`"))
}
