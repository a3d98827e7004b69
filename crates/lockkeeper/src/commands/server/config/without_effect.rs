//! Keys at the top level that Vault or OpenBao has and that do nothing here: what is
//! not done, in a warning.
//!
//! Keys whose absence would weaken the server are not here: they are errors.

use hcl1::{Error, Item, Key};

use super::UNKNOWN;
use super::values::boolean;

/// What `true` asks for.
const SWITCHES: [(&str, &str); 8] = [
    ("ui", "this server has no user interface"),
    (
        "raw_storage_endpoint",
        "this server has no `sys/raw`: its storage is read by its engines alone",
    ),
    (
        "introspection_endpoint",
        "this server has no `sys/internal/inspect`",
    ),
    (
        "enable_response_header_hostname",
        "answers do not name the host of this server",
    ),
    (
        "enable_response_header_raft_node_id",
        "there is no Raft here, so answers name no node",
    ),
    (
        "disable_cache",
        "this server keeps no secrets in memory between requests, and always keeps policies and tokens",
    ),
    ("disable_clustering", "this server runs alone anyway"),
    (
        "detect_deadlocks",
        "this server does not look for deadlocks",
    ),
];

/// What any value asks for.
const SETTINGS: [(&str, &str); 12] = [
    ("telemetry", "this server collects and sends no metrics"),
    (
        "cluster_name",
        "this server names its cluster itself when it is initialized",
    ),
    (
        "pid_file",
        "no file with the process id is written: have the service manager start and stop the server",
    ),
    (
        "plugin_directory",
        "no plugin is read from there: this server has its engines in itself",
    ),
    ("plugin_file_uid", "this server reads no plugins"),
    ("plugin_file_permissions", "this server reads no plugins"),
    ("cache_size", "this server sizes its caches itself"),
    (
        "log_file",
        "the log goes to standard error alone: have the service manager keep it",
    ),
    ("log_rotate_bytes", "the log goes to standard error alone"),
    (
        "log_rotate_duration",
        "the log goes to standard error alone",
    ),
    (
        "log_rotate_max_files",
        "the log goes to standard error alone",
    ),
    (
        "log_requests_level",
        "requests are logged by audit devices alone: declare an `audit`",
    ),
];

/// What is not done for a key; nothing if its value asks for nothing.
pub(super) fn why(item: &Item, key: &Key) -> Result<Option<&'static str>, Error> {
    let named = |(name, _): &&(&str, &str)| *name == &*key.name;
    if let Some((_, why)) = SWITCHES.iter().find(named) {
        return Ok(boolean(item, key)?.then_some(*why));
    }
    let setting = SETTINGS.iter().find(named);
    Ok(Some(setting.map_or(UNKNOWN, |(_, why)| why)))
}
