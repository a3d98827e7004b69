//! Answers without what differs from one call to the next: times, tokens, ids.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// What a text may hold that is never twice the same, and what stands for it.
static VOLATILE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let patterns = [
        (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
            "<time>",
        ),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<uuid>"),
        (r"\b(hvs|hvb|s|b)\.[A-Za-z0-9_-]{20,}", "<token>"),
        (r"\b[A-Za-z0-9]{24}\b", "<accessor>"),
        (r"\b([a-z_]+)_[0-9a-f]{8}\b", "${1}_<mount>"),
        // Go writes durations out, OpenBao shortens them.
        (r"(\dh)0m0s", "$1"),
        (r"(\dm)0s", "$1"),
        // Not all paths of OpenBao say so.
        (r"^Field validation failed: ", ""),
        // Both say which field, each in its own words what is wrong with it.
        (
            r"(?s)(error converting input for field \S+): .*",
            "$1: <why>",
        ),
        // An error may come in a list of one.
        (r"(?s)^1 error occurred:\n\t\* (.*)\n\n$", "$1"),
    ];
    let compiled = patterns.map(|(pattern, name)| (Regex::new(pattern).unwrap(), name));
    compiled.into()
});

/// Members that only one of the servers has or that name the server: newer
/// versions of Vault say the type of the mount, and so do we.
const OF_THE_SERVER: [&str; 2] = ["mount_type", "running_plugin_version"];

/// What OpenBao says of a policy beside its text.
const OF_A_POLICY: [&str; 5] = [
    "allow_slashes_in_identity_templates",
    "allow_wildcards_in_identity_templates",
    "cas_required",
    "modified",
    "version",
];

/// Members whose number depends on when one asks.
const CLOCKS: [&str; 5] = [
    "ttl",
    "creation_time",
    "last_renewal_time",
    "lease_duration",
    "secret_id_ttl",
];

/// The text without what is volatile.
pub(crate) fn masked_text(text: &str) -> String {
    let mut masked = text.to_owned();
    for (pattern, name) in VOLATILE.iter() {
        masked = pattern.replace_all(&masked, *name).into_owned();
    }
    masked
}

/// The answer without what is volatile: two servers that agree give the same.
pub(crate) fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => masked_text(text).into(),
        Value::Array(items) => {
            // A default that is capped is not always said.
            let is_told = |item: &&Value| {
                let text = item.as_str().unwrap_or_default();
                !text.starts_with("TTL of ")
            };
            let mut items: Vec<Value> = items.iter().filter(is_told).map(masked).collect();
            // Lists of accessors are in the order of what was masked.
            items.sort_by_key(Value::to_string);
            if items.is_empty() {
                Value::Null
            } else {
                items.into()
            }
        }
        Value::Object(members) => {
            let is_policy = members.contains_key(OF_A_POLICY[0]);
            let members = members.iter().filter(|(name, _)| {
                let of_policy = is_policy && OF_A_POLICY.contains(&name.as_str());
                !of_policy && !OF_THE_SERVER.contains(&name.as_str())
            });
            let masked = members.map(|(name, value)| {
                let clock =
                    CLOCKS.contains(&name.as_str()) && value.as_i64().is_some_and(|n| n > 0);
                let is_own_token = name == "id" && value == "root";
                let value = if is_own_token {
                    "<token>".into()
                } else if clock {
                    "<number>".into()
                } else {
                    masked(value)
                };
                (masked_text(name), value)
            });
            Value::Object(masked.collect())
        }
        other => other.clone(),
    }
}
