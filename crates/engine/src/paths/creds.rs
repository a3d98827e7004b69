//! `creds/<name>`: a key under a lease.

use std::sync::Arc;

use logical::framework::{Call, Path, SecretType, answer};
use logical::{Error, Operation, Response};
use tracing::Instrument as _;

use super::names::{ROLE_SEGMENT, role_field, role_name};
use crate::ids::{HolderId, RoleName};
use crate::issue::Requester;
use crate::lease;
use crate::state::Engine;

/// The row of `creds/<name>`. Reading and writing do the same, as in the Go
/// plugin.
pub(crate) fn path() -> Path<Engine> {
    Path::new(format!("creds/{ROLE_SEGMENT}"))
        .fields([role_field()])
        .on(Operation::Read, answer(read))
        .on(Operation::Update, answer(read))
        .help(
            "An API key of a role, under a lease.",
            "The answer has `key_id` and `secret`, and for Kafka keys `sasl.jaas.config`. A role \
             that shares (`sharing`) gives its readers, or those of one entity or token, one key, \
             which is deleted when its last lease ends; other roles make a key for each reader, \
             which is deleted with its lease.",
        )
}

/// What happens to the leases of `creds/`.
pub(crate) fn secret_type() -> SecretType<Engine> {
    SecretType::new(
        crate::SECRET_TYPE,
        answer(|engine: Arc<Engine>, call: Call| async move {
            engine.renew(call.request).await.map(Some)
        }),
        answer(|engine: Arc<Engine>, call: Call| async move {
            engine.revoke(call.request).await.map(|()| None)
        }),
    )
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active_for_lease().await?;
    engine.take_over().await?;
    let name = role_name(&engine, &call).await?;
    let span = tracing::info_span!("creds", role = %name);
    hand_out(engine, call, name).instrument(span).await
}

async fn hand_out(
    engine: Arc<Engine>,
    call: Call,
    name: RoleName,
) -> Result<Option<Response>, Error> {
    let role = engine.roles.for_lease(&name).await?.ok_or_else(|| {
        Error::bad_request(format!(
            "role `{name}` does not exist: check its name, or ask whoever runs mount `{}` for it",
            call.request.mount_point
        ))
    })?;
    let mut requester = Requester {
        mount: call.request.mount_point,
        name: call.request.display_name,
        entity: call.request.entity_id,
        accessor: call.request.client_token_accessor,
        token: call.request.client_token,
        holder: HolderId::random(&*engine.entropy),
        counted_as: None,
        seat: None,
    };
    engine.admit(&role, &mut requester).await?;
    let issued = if role.sharing.is_shared() {
        engine.share(Arc::clone(&role), requester).await?
    } else if role.asks_readiness() {
        engine.issue_tried(Arc::clone(&role), requester).await?
    } else {
        engine
            .issue_single_use(Arc::clone(&role), requester)
            .await?
    };
    engine.measurements.handed_out(role.sharing.is_shared());
    let mut warnings = role.capped_by(issued.times.longest);
    warnings.extend(issued.works_from.map(|time| {
        let (key, time) = (&issued.key.id, time.strftime("%H:%M:%S"));
        format!("key `{key}` is new and works from about {time} UTC: until then it may be refused")
    }));
    warnings.extend(issued.key.warning());
    let place = if role.output.needs_address() {
        engine.place_for_reader(&role.target).await
    } else {
        None
    };
    let response = lease::leased(&role, &issued, place.as_ref())?;
    Ok(Some(response.with_warnings(warnings)))
}
