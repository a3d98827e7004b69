//! What every server has by itself, and nobody's files make.

/// What a server has by itself. It is never deleted.
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

/// Whether a server has it by itself.
pub(crate) fn is_built_in(path: &str) -> bool {
    BUILT_IN.contains(&path)
}
