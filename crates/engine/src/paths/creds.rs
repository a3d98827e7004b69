//! `creds/<name>`: a key under a lease.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, SecretType, answer, generic_name};
use logical::{Error, Operation, Response};

use crate::ids::RoleName;
use crate::issue::Requester;
use crate::lease;
use crate::state::Engine;

/// The row of `creds/<name>`. Reading and writing do the same, as in the Go
/// plugin.
pub(crate) fn path() -> Path<Engine> {
    Path::new(format!("creds/{}", generic_name("name")))
        .fields([Field::new(
            "name",
            FieldKind::LowerCase,
            "Name of the role.",
        )])
        .on(Operation::Read, answer(read))
        .on(Operation::Update, answer(read))
        .help(
            "An API key of a role, under a lease.",
            "The answer has `key_id` and `secret`, and for Kafka keys `sasl.jaas.config`. A role \
             with `multi_use_key` gives all readers one key, which is deleted when its last lease \
             ends; other roles make a key for each reader, which is deleted with its lease.",
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
    let name = RoleName::new(call.fields.text("name"));
    let role = engine.roles.for_lease(&name).await?.ok_or_else(|| {
        Error::bad_request(format!(
            "role `{name}` does not exist: write it to `role/{name}` first"
        ))
    })?;
    let requester = Requester {
        mount: call.request.mount_point,
        name: call.request.display_name,
    };
    let issued = if role.multi_use_key {
        engine.share(Arc::clone(&role), requester).await?
    } else {
        engine
            .issue_single_use(Arc::clone(&role), requester)
            .await?
    };
    lease::leased(&role, &issued).map(Some)
}
