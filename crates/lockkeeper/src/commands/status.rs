//! `status`: the server's seal, and where its cluster stands.

use std::process::ExitCode;

use serde_json::Value;
use vault_client::{Client, Leader, SealStatus};

use super::client::{connect, format};
use crate::arguments::{Format, Status};
use crate::failure::Failure;
use crate::output;

/// The exit code for a sealed server.
const SEALED: u8 = 2;

pub(super) async fn run(arguments: Status) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    // No answer is 1 here, since 2 means sealed.
    let failed = |error| Failure::of_request(1, "Error checking seal status", &error);
    let seal = client.seal_status().await.map_err(failed)?;
    show(&client, &seal, format).await?;
    Ok(if seal.sealed {
        ExitCode::from(SEALED)
    } else {
        ExitCode::SUCCESS
    })
}

/// Prints the state of the seal, and of the cluster.
pub(super) async fn show(
    client: &Client,
    seal: &SealStatus,
    format: Format,
) -> Result<(), Failure> {
    let leader = if seal.sealed {
        // A sealed server does not know.
        Leader::default()
    } else {
        let failed = |error| Failure::of_request(1, "Error checking leader status", &error);
        client.leader().await.map_err(failed)?
    };
    match output::structured(&whole(seal, &leader)?, format)? {
        Some(text) => output::say(&text),
        None => output::say(&output::key_values(("Key", "Value"), &rows(seal, &leader))),
    }
}

fn rows(seal: &SealStatus, leader: &Leader) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push((key.to_owned(), value));
    let prefix = if seal.recovery_seal { "Recovery " } else { "" };
    row(&format!("{prefix}Seal Type"), seal.kind.clone());
    row("Initialized", seal.initialized.to_string());
    row("Sealed", seal.sealed.to_string());
    row(&format!("Total {prefix}Shares"), seal.n.to_string());
    row("Threshold", seal.t.to_string());
    if seal.sealed {
        row("Unseal Progress", format!("{}/{}", seal.progress, seal.t));
        row("Unseal Nonce", seal.nonce.clone());
    }
    row("Version", seal.version.clone());
    let lockkeeper = seal.lockkeeper_version.iter();
    lockkeeper.for_each(|version| row("Lockkeeper Version", version.clone()));
    let storage = seal.storage_type.iter();
    storage.for_each(|storage| row("Storage Type", storage.clone()));
    let name = seal.cluster_name.iter();
    name.for_each(|name| row("Cluster Name", name.clone()));
    let id = seal.cluster_id.iter();
    id.for_each(|id| row("Cluster ID", id.clone()));
    row("HA Enabled", leader.ha_enabled.to_string());
    if leader.ha_enabled {
        let mode = if leader.is_self { "active" } else { "standby" };
        row("HA Mode", mode.into());
        row("Active Node Address", leader.leader_address.clone());
    }
    rows
}

/// Both answers in one object, as Vault's command line writes them.
fn whole(seal: &SealStatus, leader: &Leader) -> Result<Value, Failure> {
    let shown =
        |error: serde_json::Error| Failure::local(format!("the answer cannot be printed: {error}"));
    let mut whole = serde_json::to_value(seal).map_err(shown)?;
    whole["ha_enabled"] = leader.ha_enabled.into();
    if leader.ha_enabled {
        whole["is_self"] = leader.is_self.into();
        whole["leader_address"] = leader.leader_address.clone().into();
        whole["leader_cluster_address"] = leader.leader_cluster_address.clone().into();
    }
    Ok(whole)
}
