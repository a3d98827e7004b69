//! `keys/`, `keys/<id>` and `role/<name>/keys`: the keys on record, and their
//! deletion by an operator, even while leases hold them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use logical::framework::{Call, Field, FieldKind, Path, answer, generic_name};
use logical::{Error, Object, Operation, Response};

use super::names::{ROLE_SEGMENT, role_field, role_name};
use crate::ending::{Consent, Ended};
use crate::ids::{EnvironmentId, KeyId, OrganizationId, StorageId};
use crate::ledger::{Credential, Holder, Proving, Purpose, Sharing, State};
use crate::rotation::LastLogin;
use crate::state::Engine;

/// Time limit for a request that ends keys. Hosts cut requests off at 90 s.
const WAIT: Duration = Duration::from_mins(1);

/// The row that lists all keys.
pub(crate) fn list() -> Path<Engine> {
    Path::new("keys/?")
        .on(
            Operation::List,
            answer(|engine: Arc<Engine>, _| async move {
                engine.require_active().await?;
                let known = engine.ledger.store.all().await?;
                let unsettled = known.into_values().filter(|known| !known.is_settled());
                Ok(Some(listed(&unsettled.collect::<Vec<_>>())))
            }),
        )
        .help(
            "Lists the keys on record that are not gone.",
            "Each with its role, state, owner, resource, when it was made, until when leases hold it and \
             how many do, in `key_info`. A key that is being made has no id yet and is not listed; \
             `reconcile` shows it.",
        )
}

/// The row of one key.
pub(crate) fn path() -> Path<Engine> {
    Path::new(format!("keys/{}", generic_name("id")))
        .fields([
            Field::new("id", FieldKind::Text, "Id of the API key."),
            Field::new(
                "storage_id",
                FieldKind::Text,
                "To delete a key of another mount: that mount's `storage_id`, as its `info` shows it.",
            )
            .query(),
            Field::new(
                "force",
                FieldKind::Flag,
                "Deletes a key of another mount whatever its `storage_id`. Default: false.",
            )
            .query(),
        ])
        .on(Operation::Read, answer(read))
        .on(Operation::Delete, answer(delete))
        .help(
            "The record of one key, and its deletion.",
            "Reading never shows a secret. Deleting ends the key at Confluent Cloud whoever holds it: \
             its leases are not extended any more, and a shared role's next reader gets a fresh key. \
             A key without a record is deleted too if its name begins with the marker of a mount, as \
             `reconcile` lists them. One of another mount may be in use there, so it needs that mount's \
             `storage_id` or `force=true`. No other key of the organization can be deleted here.",
        )
}

/// The row of the keys of a role.
pub(crate) fn of_role() -> Path<Engine> {
    Path::new(format!("roles?/{ROLE_SEGMENT}/keys/?"))
        .fields([role_field()])
        .on(Operation::List, answer(list_of_role))
        .on(Operation::Delete, answer(delete_of_role))
        .help(
            "The keys of a role: their list, and the deletion of all of them.",
            "Deleting ends every key of the role at Confluent Cloud whoever holds it, for example when \
             one has leaked. The role stays: its next reader gets a fresh key.",
        )
}

fn listed(records: &[Credential]) -> Response {
    let mut names = Vec::new();
    let mut info = Object::new();
    for (key, credential) in keyed(records) {
        let mut about = Object::new();
        let target = &credential.target;
        about.insert("role".into(), credential.purpose.name().as_str().into());
        about.insert("purpose".into(), purpose(credential).into());
        about.insert("state".into(), state(credential).into());
        about.insert("owner".into(), target.owner.as_str().into());
        about.insert("resource".into(), target.resource.as_str().into());
        about.insert("made_at".into(), credential.intended_at.to_string().into());
        let until = held_until(credential).map(|until| until.to_string());
        about.insert("held_until".into(), until.unwrap_or_default().into());
        about.insert("holders".into(), credential.holders.len().into());
        names.push(key.as_str().to_owned());
        info.insert(key.as_str().to_owned(), about.into());
    }
    names.sort();
    let empty = names.is_empty();
    let mut response = Response::list(names);
    if let (Some(data), false) = (&mut response.data, empty) {
        data.insert("key_info".into(), info.into());
    }
    response
}

fn keyed(records: &[Credential]) -> impl Iterator<Item = (&KeyId, &Credential)> {
    records
        .iter()
        .filter_map(|credential| Some((credential.key_id()?, credential)))
}

/// The purpose of a key.
fn purpose(credential: &Credential) -> &'static str {
    match credential.purpose {
        Purpose::Role { .. } => "role",
        Purpose::Static { .. } => "static-role",
    }
}

/// Why a key in use counts as working.
fn proven(credential: &Credential) -> &'static str {
    match credential.live_key().map(|key| &key.proving) {
        Some(Proving::NotAsked) => "unchecked",
        Some(Proving::Done(proof)) => proof.basis.word(),
        Some(Proving::UnderWay) | None => "",
    }
}

fn state(credential: &Credential) -> &'static str {
    match &credential.state {
        State::Intended => "intended",
        State::Live { .. } => "live",
        State::Retiring { .. } => "retiring",
        State::Gone { .. } => "gone",
    }
}

/// Until when leases may hold a key that is in use.
fn held_until(credential: &Credential) -> Option<Timestamp> {
    let in_use = matches!(credential.state, State::Live { .. });
    let deadlines = credential.holders.values().map(Holder::deadline);
    deadlines.max().filter(|_| in_use)
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let key = KeyId::new(call.fields.text("id"));
    let Some(credential) = engine.ledger.find_key(&key).await? else {
        return Ok(None);
    };
    let mut data = shown(&key, &credential);
    let (last, known_until) = engine.last_login(&key, &credential).await?;
    data.insert("last_login".into(), login_text(last).into());
    let known_until = known_until.map_or_else(String::new, |until| until.to_string());
    data.insert("logins_known_until".into(), known_until.into());
    if let Some(due) = engine.ledger.due(&credential.id)
        && !matches!(credential.state, State::Live { .. })
    {
        data.insert("next_attempt".into(), due.to_string().into());
    }
    Ok(Some(Response::with_data(data)))
}

fn login_text(last: LastLogin) -> String {
    match last {
        LastLogin::At(at) => at.to_string(),
        LastLogin::Never => "never".to_owned(),
        LastLogin::Unknown => "unknown".to_owned(),
    }
}

fn shown(key: &KeyId, credential: &Credential) -> Object {
    let environment = credential.target.environment.as_ref();
    let organization = credential.account.organization.as_ref();
    let mut data = Object::new();
    let mut insert = |name: &str, value: &str| data.insert(name.to_owned(), value.into());
    insert("key_id", key.as_str());
    insert("state", state(credential));
    insert("role", credential.purpose.name().as_str());
    insert("purpose", purpose(credential));
    insert("proven", proven(credential));
    insert("owner", credential.target.owner.as_str());
    insert("resource", credential.target.resource.as_str());
    insert(
        "resource_env",
        environment.map_or("", EnvironmentId::as_str),
    );
    insert(
        "organization",
        organization.map_or("", OrganizationId::as_str),
    );
    insert("made_at", &credential.intended_at.to_string());
    if let Some(requester) = &credential.requester {
        insert("requester", &requester.name);
        insert("requester_entity", &requester.entity);
        insert("requester_accessor_hash", &requester.accessor_hash);
    }
    match &credential.state {
        State::Live { .. } => {
            if let Some(last) = held_until(credential) {
                insert("held_until", &last.to_string());
            }
        }
        State::Retiring { since, cause, .. } => {
            insert("retiring_since", &since.to_string());
            insert("cause", cause.as_deref().unwrap_or_default());
        }
        State::Gone { since, .. } => {
            insert("gone_since", &since.to_string());
        }
        State::Intended => {}
    }
    data.insert("holders".into(), credential.holders.len().into());
    let shared = credential.sharing == Sharing::Shared;
    data.insert("multi_use_key".into(), shared.into());
    data
}

async fn delete(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let key = KeyId::new(call.fields.text("id"));
    let consent = if call.fields.flag("force") == Some(true) {
        Consent::Any
    } else {
        StorageId::parse(call.fields.text("storage_id")).map_or(Consent::Own, Consent::Storage)
    };
    let worker = Arc::clone(&engine);
    let ending = async move {
        let Some(record) = worker.ledger.find_key(&key).await? else {
            worker.end_stranger(&key, &consent).await?;
            let warning = format!("key `{key}` was not on record here; it is deleted");
            return Ok(Some(Response::default().warn(warning)));
        };
        let deleting = format!("deleting key `{key}`");
        let end = worker.end(&record.id).await;
        worker.drain_in_background();
        end.map_err(|error| error.context(deleting)).map(|()| None)
    };
    let ended = engine.finish(WAIT, ending).await;
    ended.unwrap_or_else(|| Err(goes_on()))
}

async fn list_of_role(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let role = role_name(&engine, &call).await?;
    let records = engine.ledger.find_role(&role).await?;
    Ok(Some(listed(&records)))
}

async fn delete_of_role(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let role = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let ending = async move {
        let records = worker.ledger.find_role(&role).await?;
        let ended = worker.end_all(records).await;
        worker.drain_in_background();
        Ok::<Ended, Error>(ended)
    };
    let ended = engine.finish(WAIT, ending).await;
    let ended = ended.unwrap_or_else(|| Err(goes_on()))?;
    if let Some((first, error)) = ended.stay.first() {
        return Err(error.clone().context(format_args!(
            "{} of {} keys could not be deleted now and are tried again, the first {first}",
            ended.stay.len(),
            ended.stay.len() + ended.keys.len(),
        )));
    }
    Ok(None)
}

fn goes_on() -> Error {
    Error::upstream(format!(
        "deleting takes longer than {} seconds and goes on: look at `keys/` later",
        WAIT.as_secs()
    ))
}
