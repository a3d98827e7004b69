//! Moves the secrets of version 1 into version 2, when the option `version` of
//! a mount was changed.
//!
//! Each secret is moved in one batch: its value becomes a version, the first
//! unless the mount was of version 2 before, and the old entry goes. The move is resumed at the next start, and requests are refused
//! while it runs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use logical::{Error, Object, Write};

use super::Versioned;
use super::metadata::Metadata;
use crate::v1::TREE;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The error of requests while the mount is being upgraded.
pub(super) fn unavailable() -> Error {
    Error::bad_request(
        "Upgrading from non-versioned to versioned data. This backend will be unavailable for a \
         brief period and will resume service shortly.",
    )
}

/// Starts the move if there is anything to move.
///
/// # Errors
/// When storage cannot be listed.
pub(super) async fn begin(engine: &Arc<Versioned>) -> Result<(), Error> {
    if engine.store.list(TREE, "").await?.is_empty() {
        return Ok(());
    }
    engine.upgrading.store(true, Ordering::SeqCst);
    let moving = Arc::clone(engine);
    engine.tasks.spawn(Box::pin(async move {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = move_all(&moving).await {
            tracing::warn!(%error, "the upgrade to version 2 failed and will be tried again");
            moving.tasks.sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        moving.upgrading.store(false, Ordering::SeqCst);
        tracing::info!("the upgrade to version 2 is done");
    }));
    Ok(())
}

async fn move_all(engine: &Versioned) -> Result<(), Error> {
    for path in engine.store.scan(TREE, "").await? {
        move_one(engine, &path).await?;
    }
    Ok(())
}

async fn move_one(engine: &Versioned, path: &str) -> Result<(), Error> {
    let old = format!("{TREE}{}", engine.store.names().await?.seal(path)?);
    let Some(data) = engine.store.read::<Object>(&old).await? else {
        return Ok(());
    };
    let mount = engine.mount_settings().await?;
    let changing = engine.change(path).await?;
    let now = engine.clock.now();
    let stored = changing.metadata().await?;
    let mut metadata = stored.unwrap_or_else(|| Metadata::new(now));
    let (number, pruned) = metadata.add_version(&mount, now);
    let mut batch = changing.version(&metadata, number, &data, &pruned)?;
    batch.push(Write::delete(old));
    engine.store.apply(batch).await
}
