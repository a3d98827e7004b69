//! Mounts, auth methods and policies that every server has from its start. No plan
//! deletes them and no import writes them into a file.

/// Their paths.
const BUILT_IN: &[&str] = &[
    "sys/mounts/sys",
    "sys/mounts/identity",
    "sys/mounts/cubbyhole",
    "sys/mounts/agent-registry",
    "sys/auth/token",
    "sys/policies/acl/default",
    "sys/policies/acl/root",
    "sys/policies/acl/response-wrapping",
];

/// Whether a server has the object at this path from its start.
pub(crate) fn is_built_in(path: &str) -> bool {
    BUILT_IN.contains(&path)
}
