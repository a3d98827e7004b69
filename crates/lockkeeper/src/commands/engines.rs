//! Everything that a server of this program can mount.

use std::collections::BTreeMap;
use std::sync::Arc;

use approle::AppRoleFactory;
use kv::KvFactory;
use logical::Factory;
use vault_core::{CoreConfig, ServerInfo};

/// The name of the plugin in OpenBao and Vault, so that `secrets enable` is the
/// same on every server.
pub(super) const ENGINE: &str = "vault-plugin-secrets-confluent-cloud";

/// The configuration of a server on this type of storage.
pub(super) fn core_config(storage_type: &str) -> CoreConfig {
    CoreConfig::new(
        ServerInfo {
            version: server::VAULT_VERSION.to_owned(),
            lockkeeper_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_type: storage_type.to_owned(),
        },
        factories(),
    )
}

/// By the name of the type.
fn factories() -> BTreeMap<String, Arc<dyn Factory>> {
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    let all: [(&str, Arc<dyn Factory>); 3] = [
        (ENGINE, Arc::new(confluent_backend::factory())),
        ("approle", Arc::new(AppRoleFactory::new(version.clone()))),
        ("kv", Arc::new(KvFactory::new(version))),
    ];
    all.map(|(name, factory)| (name.to_owned(), factory)).into()
}
