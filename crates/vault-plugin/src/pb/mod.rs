//! The messages and services of the wire, made from `proto/` by
//! `cargo xtask codegen`.
//!
//! Public so that a test can play the host. Messages that hold secrets or
//! tokens show nothing but their name with `Debug`.

#![allow(
    missing_docs,
    unreachable_pub,
    rustdoc::all,
    clippy::all,
    clippy::pedantic,
    reason = "generated code"
)]

/// Identities and the plugin's version: package `logical`.
pub mod logical {
    include!("logical.rs");
}

/// The engine, its storage and its view of the host: package `pb`.
pub mod backend {
    include!("pb.rs");
}

/// go-plugin's own services: package `plugin`.
pub mod plugin {
    include!("plugin.rs");
}

/// One process for several mounts: package `pluginutil.multiplexing`.
pub mod multiplexing {
    include!("pluginutil.multiplexing.rs");
}

macro_rules! opaque {
    ($($message:ident),+ $(,)?) => {$(
        impl std::fmt::Debug for backend::$message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )+};
}

opaque!(
    Auth,
    Secret,
    Request,
    Response,
    ResponseWrapInfo,
    StorageEntry,
    ResponseWrapDataArgs,
    GeneratePasswordFromPolicyReply,
    GenerateIdentityTokenResponse,
);

#[cfg(test)]
mod tests {
    use super::backend;

    #[test]
    fn debug_of_a_message_shows_no_secret() {
        let arguments = backend::StoragePutArgs {
            entry: Some(backend::StorageEntry {
                key: "role/app".into(),
                value: b"canary".to_vec(),
                seal_wrap: false,
            }),
            txn: String::new(),
        };
        let shown = format!("{arguments:?}");
        assert!(shown.contains("StorageEntry"), "{shown}");
        assert!(!shown.contains("99, 97, 110"), "{shown}");
    }
}
