//! `static-creds/<name>`: the key of a static role, without a lease; and
//! `rotate-role/<name>`, which replaces it. `static-cred/` is accepted too.

use std::sync::Arc;
use std::time::Duration;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Operation, Response};

use super::names::{ROLE_SEGMENT, role_field, role_name};
use super::output;
use super::rotation::rotation_time;
use crate::ids::RoleName;
use crate::rotation::{KeyBeside, Rotated};
use crate::state::Engine;

/// Clients of Vault and OpenBao time out after a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(50);

/// The longest grace that a request may set.
const LONGEST_GRACE: Duration = Duration::from_hours(10 * 365 * 24);

/// The row of `static-creds/<name>`.
pub(crate) fn path() -> Path<Engine> {
    Path::new(format!("static-creds?/{ROLE_SEGMENT}"))
        .fields([role_field()])
        .on(Operation::Read, answer(read))
        .help(
            "The key of a static role.",
            "All readers get one key, without a lease. `ttl` says in how many seconds to come back: \
             the key works that long and a minute more, whatever happens to the role, unless a \
             person ends it. A read makes nothing and may be repeated at will.",
        )
}

/// The rows for the keys beside the served one, for pipelines. They have paths of
/// their own so that policies can distinguish them.
pub(crate) fn beside() -> [Path<Engine>; 2] {
    [
        Path::new(format!("static-creds?/{ROLE_SEGMENT}/pending"))
            .fields([role_field()])
            .on(Operation::Read, answer(read_pending))
            .help(
                "The key of a static role that is staged or being proven.",
                "Nobody else gets it before it is served. It may not work yet.",
            ),
        Path::new(format!("static-creds?/{ROLE_SEGMENT}/previous"))
            .fields([role_field()])
            .on(Operation::Read, answer(read_previous))
            .help(
                "The key of a static role before the one that is served.",
                "While its grace lasts.",
            ),
    ]
}

/// The row of `rotate-role/<name>`.
pub(crate) fn rotate() -> Path<Engine> {
    Path::new(format!("rotate-role/{ROLE_SEGMENT}"))
        .fields([
            role_field(),
            Field::new(
                "grace",
                FieldKind::DurationSeconds,
                "How long the old key lives on this time. Zero ends it at the switch. Default: the \
                 static role's.",
            ),
            Field::new(
                "wait",
                FieldKind::DurationSeconds,
                "How long to wait for the new key to be served, 50 seconds at most. Default: 0.",
            ),
        ])
        .strict()
        .on_write(answer(rotate_role))
        .help(
            "Replaces the key of a static role now.",
            "Begins a rotation: a new key is made and proven, then readers get it, and the old one \
             lives on for `grace`. The answer is empty when that is done, and has a warning when it \
             goes on.",
        )
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let served = engine.serve(&name, &call.request.mount_point).await?;
    let mut data = output::of_key(&engine, &served.outputs, &served.key, &served.target).await?;
    let since = rotation_time(served.since);
    data.insert("last_vault_rotation".into(), since.into());
    data.insert("rotation_period".into(), served.period.into());
    data.insert("ttl".into(), served.ttl.into());
    Ok(Some(Response::with_data(data)))
}

async fn read_pending(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let pending = engine.pending_key(&name).await?;
    beside_served(&engine, pending).await
}

async fn read_previous(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let previous = engine.previous_key(&name).await?.ok_or_else(|| {
        Error::bad_request(format!(
            "static role `{name}` has no key before the one that is served, or its grace is over"
        ))
    })?;
    beside_served(&engine, previous).await
}

async fn beside_served(engine: &Arc<Engine>, beside: KeyBeside) -> Result<Option<Response>, Error> {
    let data = output::of_key(engine, &beside.outputs, &beside.key, &beside.target).await?;
    Ok(Some(Response::with_data(data)))
}

/// What readers should know of the key that a static role serves, for who changed
/// it. The change is done: what fails here is not told.
pub(super) async fn warned(engine: &Engine, name: &RoleName) -> Option<Response> {
    let warning = engine.warning_of_served(name).await.ok().flatten()?;
    Some(Response::default().warn(warning))
}

async fn rotate_role(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let grace = call.fields.duration("grace");
    let wait = call.fields.duration("wait").unwrap_or_default();
    if wait > LONGEST_WAIT {
        return Err(Error::bad_request(format!(
            "`wait` is {}s: give {}s at most, since clients give up after 60s",
            wait.as_secs(),
            LONGEST_WAIT.as_secs()
        )));
    }
    if grace.is_some_and(|grace| grace > LONGEST_GRACE) {
        return Err(Error::bad_request(
            "`grace` is longer than 10 years: give less",
        ));
    }
    let (worker, role) = (Arc::clone(&engine), name.clone());
    let rotation = async move { worker.rotate_static_role(&role, grace, wait).await };
    match engine.run_to_completion(rotation).await? {
        Rotated::Done => Ok(warned(&engine, &name).await),
        Rotated::GoesOn => Ok(Some(Response::default().warn(format!(
            "the rotation of `{name}` goes on: `static-role/{name}/status` tells when the new key is \
             served"
        )))),
    }
}
