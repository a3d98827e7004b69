//! `server`: a server with a configuration file, sealed until it is unsealed.

mod accounts;
mod audit;
mod config;
mod core_dumps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use server::UnixSocket;
use store::{MemoryStorage, SqliteStorage};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use vault_core::{CoreConfig, Vault};

use self::config::{Config, Place, Storage};
use super::engines::core_config;
use super::{logging, shutdown_requested};
use crate::arguments;
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(arguments: arguments::Server) -> Result<ExitCode, Failure> {
    let file = &arguments.config;
    let config = read(file)?;
    logging::install(config.log_level, config.log_format)?;
    core_dumps::forbid();
    for warning in &config.warnings {
        output::tell(&format!("{}: {warning}", file.display()));
    }
    let audit = audit::config(&config)
        .map_err(|error| Failure::local(format!("{}: {error}", file.display())))?;
    let (storage, kind) = open(&config.storage)?;
    // Bound before anything is read, so that an address that is taken costs
    // nothing.
    let mut listeners = Vec::new();
    let mut certificates = Vec::new();
    for listener in &config.listeners {
        let (listener, tls) = bind(file, listener).await?;
        listeners.push(listener);
        certificates.extend(tls);
    }
    let effects = server::effects(storage);
    let core = CoreConfig {
        audit,
        lease_ttls: config.lease_ttls,
        user_lockout: config.user_lockout.clone(),
        without_token: config.without_token,
        ..core_config(kind)
    };
    let vault = Vault::load(core, effects).await;
    let vault =
        vault.map_err(|error| Failure::local(format!("the server does not start: {error}")))?;
    let hangups = signal(SignalKind::hangup())
        .map_err(|error| Failure::local(format!("cannot catch signals: {error}")))?;
    let devices = audit::Reload::new(file.clone(), Arc::clone(&vault), &config);
    let reloading = tokio::spawn(reload(hangups, certificates, devices));
    let shutdown = shutdown_requested()?;
    output::say(&welcome(&config, kind))?;
    let served = server::serve(vault, listeners, shutdown).await;
    reloading.abort();
    served.map_err(|error| Failure::local(format!("the server stopped: {error}")))?;
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<Config, Failure> {
    let named =
        |problem: &dyn std::fmt::Display| Failure::local(format!("{}: {problem}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| named(&error))?;
    config::parse(&text).map_err(|error| named(&error))
}

/// The file of the store that a configuration names; none for one in memory.
///
/// # Errors
/// When the configuration cannot be read.
pub(super) fn storage_of(config: &Path) -> Result<Option<PathBuf>, Failure> {
    Ok(match read(config)?.storage {
        Storage::Memory => None,
        Storage::Sqlite(path) => Some(path),
    })
}

/// The store, and its name in `sys/seal-status`.
fn open(storage: &Storage) -> Result<(Arc<dyn logical::Storage>, &'static str), Failure> {
    Ok(match storage {
        Storage::Memory => (Arc::new(MemoryStorage::new()), "inmem"),
        Storage::Sqlite(path) => {
            let store = SqliteStorage::open(path);
            let store = store.map_err(|error| Failure::local(error.to_string()))?;
            (Arc::new(store), "sqlite")
        }
    })
}

async fn bind(
    file: &Path,
    listener: &config::Listener,
) -> Result<(server::Listener, Option<Arc<server::Tls>>), Failure> {
    let named = |problem: &dyn std::fmt::Display| {
        Failure::local(format!(
            "{}: {}: {problem}",
            file.display(),
            listener.position
        ))
    };
    let (bound, certificate) = match &listener.place {
        Place::Tcp { address, tls } => {
            let tls = tls.clone().map(server::Tls::load).transpose();
            let tls = tls.map_err(|error| named(&error))?.map(Arc::new);
            let tcp = TcpListener::bind(address).await;
            let tcp =
                tcp.map_err(|error| named(&format_args!("cannot listen at {address}: {error}")))?;
            match tls {
                None => (server::Listener::new(tcp), None),
                Some(tls) => (server::Listener::tls(tcp, Arc::clone(&tls)), Some(tls)),
            }
        }
        Place::Unix(socket) => {
            let access = accounts::access(socket).map_err(|error| named(&error))?;
            let bound = UnixSocket::bind(&socket.path, access).map_err(|error| {
                named(&format_args!(
                    "cannot listen at `{}`: {error}",
                    socket.path.display()
                ))
            })?;
            (server::Listener::unix(bound), None)
        }
    };
    Ok((bound.with_limits(listener.limits), certificate))
}

/// Reads certificates and audit devices again at each `SIGHUP`. One that cannot be
/// used leaves the old one in place.
async fn reload(
    mut hangups: Signal,
    certificates: Vec<Arc<server::Tls>>,
    mut devices: audit::Reload,
) {
    while hangups.recv().await.is_some() {
        for tls in &certificates {
            match tls.reload() {
                Ok(()) => tracing::info!("the certificates were read again"),
                Err(error) => tracing::error!(%error, "the old certificates stay in use"),
            }
        }
        devices.run().await;
    }
}

fn welcome(config: &Config, kind: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("==> Lockkeeper server configuration:\n\n");
    for listener in &config.listeners {
        let shown = match &listener.place {
            Place::Tcp { address, tls } => {
                let tls = tls.as_ref().map_or("disabled", |_| "enabled");
                format!("tcp (addr: \"{address}\", tls: \"{tls}\")")
            }
            Place::Unix(socket) => format!("unix (addr: \"{}\")", socket.path.display()),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:>16}: {shown}", "Listener");
    }
    for (name, value) in [
        (
            "Api Address",
            config.api_addr.as_deref().unwrap_or_default(),
        ),
        ("Storage", kind),
        ("Log Level", config.log_level),
        (
            "Version",
            concat!("Lockkeeper v", env!("CARGO_PKG_VERSION")),
        ),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:>16}: {value}");
        }
    }
    text.push_str("\n==> Lockkeeper server started! Log data will stream in below:\n");
    text
}
