//! The field that selects the output format of a key.

use std::sync::Arc;

use credential_formats::Refusal;
use logical::framework::{Field, FieldKind, Fields};
use logical::{Error, Object};

use crate::SecretText;
use crate::control_plane::Target;
use crate::ids::KeyId;
use crate::ledger::IssuedKey;
use crate::output::{Output, unanswerable};
use crate::rotation::Outputs;
use crate::state::Engine;

pub(super) fn field() -> Field {
    Field::new(
        "output",
        FieldKind::CommaList,
        "In which fields readers get the key, one or several of: compat, minimal, template, \
         kafka-java, librdkafka, spring, schema-registry, env, aws-managed. Default: compat, the \
         fields of Confluent's Go plugin.",
    )
}

/// Merges the fields of a request into the stored record.
pub(super) fn parse(
    stored: Option<&Output>,
    target: &Target,
    fields: &Fields,
) -> Result<Output, Error> {
    let refused = |refusal| Error::bad_request(format!("`output`: {refusal}"));
    let output = match fields.list("output") {
        Some(given) => Output::try_from(given.to_vec()).map_err(refused)?,
        None => stored.cloned().unwrap_or_default(),
    };
    output.check(target).map_err(refused)?;
    Ok(output)
}

pub(super) fn show(output: &Output, data: &mut Object) {
    let names: Vec<&str> = output.names().collect();
    data.insert("output".into(), names.into());
}

/// The fields of a key that has its secret on record: those of the first output that
/// can hold it. The key may have been made before the role was for what it is for
/// now, so that the role's own output need not be one.
pub(super) async fn of_key(
    engine: &Arc<Engine>,
    outputs: &Outputs,
    key: &IssuedKey,
    target: &Target,
) -> Result<Object, Error> {
    let Some(secret) = &key.secret else {
        return Err(Error::internal("the key is on record without its secret"));
    };
    let wanted = fields_of(engine, outputs.wanted(), (&key.id, secret), target).await;
    let refused = match wanted {
        Ok(data) => return Ok(data),
        Err(refusal) => refusal,
    };
    for other in outputs.others() {
        let data = fields_of(engine, other, (&key.id, secret), target).await;
        if let Ok(data) = data {
            return Ok(data);
        }
    }
    Err(unanswerable(&refused))
}

async fn fields_of(
    engine: &Arc<Engine>,
    output: &Output,
    (key, secret): (&KeyId, &SecretText),
    target: &Target,
) -> Result<Object, Refusal> {
    let place = if output.needs_address() {
        engine.place_for_reader(target).await
    } else {
        None
    };
    output.data(key, secret, target, place.as_ref())
}
