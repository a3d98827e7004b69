//! `reconcile`: the sweep now, with a report.

use std::sync::Arc;
use std::time::Duration;

use logical::framework::{Call, Path, answer};
use logical::{Error, Object, Operation, Response};
use serde_json::Value;

use crate::ids::KeyId;
use crate::inventory::Stranger;
use crate::ledger::Credential;
use crate::reconcile::{Report, Waiting};
use crate::state::Engine;

/// Time limit for a request. Hosts cut requests off at 90 s.
const WAIT: Duration = Duration::from_mins(1);

/// The row of `reconcile`.
pub(crate) fn path() -> Path<Engine> {
    Path::new("reconcile")
        .on(Operation::Update, answer(reconcile))
        .help(
            "Runs the sweep now and compares the records with what Confluent Cloud lists.",
            "The answer has the number of `entries` on record, without those of keys that are \
             certainly gone, the `deleted_keys`, what is `waiting` and until when, under \
             `missing_keys` the keys that were on record as in use and are not at Confluent Cloud, \
             and under `unrecorded_keys` the keys that carry the marker of a mount and have no record \
             here. Missing keys are ended: their leases are not extended any more, and a shared role's \
             next reader gets a fresh key. Unrecorded keys are not deleted automatically, since another \
             mount or a restored storage may use them: delete one with `keys/<id>` when nobody does. Only owners and resources that roles or records name \
             are looked at.",
        )
}

async fn reconcile(engine: Arc<Engine>, _: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let report = engine
        .finish(WAIT, Arc::clone(&engine).reconcile())
        .await
        .unwrap_or_else(|| {
            Err(Error::upstream(format!(
                "reconciling takes longer than {} seconds and goes on: read `status`, or ask again",
                WAIT.as_secs()
            )))
        })?;
    Ok(Some(answered(&report)))
}

fn answered(report: &Report) -> Response {
    let deleted: Vec<&str> = report.deleted.iter().map(KeyId::as_str).collect();
    let waiting: Object = report
        .waiting
        .iter()
        .map(|(id, waiting)| (id.to_string(), waits(waiting).into()))
        .collect();
    let missing: Object = report
        .missing
        .iter()
        .filter_map(|credential| {
            let key = credential.key_id()?;
            Some((key.as_str().to_owned(), lost(credential).into()))
        })
        .collect();
    let unrecorded: Object = report
        .strangers
        .iter()
        .map(|(key, stranger)| (key.as_str().to_owned(), strange(stranger).into()))
        .collect();
    let mut data = Object::new();
    data.insert("entries".into(), report.entries.into());
    data.insert("deleted_keys".into(), deleted.into());
    data.insert("waiting".into(), waiting.into());
    data.insert("missing_keys".into(), missing.into());
    data.insert("unrecorded_keys".into(), unrecorded.into());
    Response::with_data(data).with_warnings(report.gaps.clone())
}

fn waits(waiting: &Waiting) -> Object {
    let key = waiting.key.as_ref().map_or("", KeyId::as_str);
    let until = waiting.until.map(|until| until.to_string());
    texts([
        ("role", waiting.role.as_str()),
        ("key_id", key),
        ("waits", &waiting.what),
        ("next_attempt", &until.unwrap_or_default()),
    ])
}

fn lost(credential: &Credential) -> Object {
    texts([
        ("role", credential.purpose.name().as_str()),
        ("owner", credential.target.owner.as_str()),
        ("resource", credential.target.resource.as_str()),
        ("made_at", &credential.intended_at.to_string()),
    ])
}

fn strange(stranger: &Stranger) -> Object {
    let created = stranger.key.created_at.map(|created| created.to_string());
    texts([
        ("owner", stranger.target.owner.as_str()),
        ("resource", stranger.target.resource.as_str()),
        ("display_name", &stranger.key.display_name),
        ("created_at", &created.unwrap_or_default()),
        ("storage_id", &stranger.storage.to_string()),
    ])
}

fn texts<const N: usize>(members: [(&str, &str); N]) -> Object {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}
