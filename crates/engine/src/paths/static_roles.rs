//! `static-role/<name>`, its list and its status: one key that all readers get,
//! replaced without a gap. `static-roles/` is accepted in its place.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer, probe};
use logical::{Error, Object, Operation, Response};
use serde_json::Value;

use super::names::{ROLE_SEGMENT, role_field, role_name};
use super::static_creds::warned;
use super::{output, readiness, rotation, target};
use crate::SecretText;
use crate::ids::{KeyId, RoleName};
use crate::rotation::{FirstKey, Imported, Settings};
use crate::state::Engine;
use crate::static_role::{OnDelete, StaticRole};

/// How many static roles a list shows in detail: each costs a read.
const DESCRIBED: usize = 500;

/// The row that lists static roles.
pub(crate) fn list() -> Path<Engine> {
    Path::new("static-roles?/?")
        .on(
            Operation::List,
            answer(|engine: Arc<Engine>, _| async move { listed(&engine).await }),
        )
        .help(
            "Lists the static roles.",
            "The first 500 with their owner, resource and last rotation, in `key_info`.",
        )
}

async fn listed(engine: &Engine) -> Result<Option<Response>, Error> {
    let names = engine.static_roles.list().await?;
    let described = &names[..names.len().min(DESCRIBED)];
    let mut info = Object::new();
    for role in engine.static_roles.named(described).await? {
        let mut about = Object::new();
        about.insert("owner".into(), role.target.owner.as_str().into());
        about.insert("resource".into(), role.target.resource.as_str().into());
        rotation::show_last(&role, &mut about);
        info.insert(role.name.as_str().to_owned(), about.into());
    }
    let mut response = Response::list(names);
    if let (Some(data), false) = (&mut response.data, info.is_empty()) {
        data.insert("key_info".into(), info.into());
    }
    Ok(Some(response))
}

/// The row of one static role.
pub(crate) fn path() -> Path<Engine> {
    let mut fields = vec![role_field()];
    fields.extend(target::fields());
    fields.push(rotation::description_field());
    fields.extend(rotation::fields());
    fields.extend(readiness::fields_of_static_roles());
    fields.push(output::field());
    fields.extend([
        Field::new(
            "on_delete",
            FieldKind::Text,
            "What becomes of the key when the static role is deleted: `retire` (it lives on for \
             `grace`) or `keep` (it lives on, and is not kept account of any more). Default: retire.",
        ),
        Field::new(
            "import_key_id",
            FieldKind::Text,
            "Id of a key that exists, to be the first key of a new static role. It must be of `owner` \
             and `resource`.",
        ),
        Field::new(
            "import_key_secret",
            FieldKind::Text,
            "Secret of the imported key, with which it must log in.",
        )
        .sensitive(),
        Field::new(
            "adopt_role",
            FieldKind::Text,
            "Name of a role with `sharing=role` whose shared key becomes the first key of a new \
             static role. The leases on it go on, and the role gives its next reader another key.",
        ),
    ]);
    Path::new(format!("static-roles?/{ROLE_SEGMENT}"))
        .fields(fields)
        .strict()
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .on(Operation::Delete, answer(delete))
        .existence(probe(|engine: Arc<Engine>, call: Call| async move {
            // The write refuses a name that is none.
            match role_name(&engine, &call).await {
                Ok(name) => Ok(engine.static_roles.get(&name).await?.is_some()),
                Err(_) => Ok(false),
            }
        }))
        .help(
            "A static role: one key that all readers get, replaced again and again.",
            "`owner` is required, and one of `rotation_period`, `rotation_schedule` and \
             `rotation=manual`. A new key is made and proven before readers get it, and the old one \
             lives on for `grace`. Writing a new static role makes its first key. Deleting one \
             leaves its key alive for `grace`; writing the same one again in that time takes the \
             key back.",
        )
}

/// The row of the status of a static role.
pub(crate) fn status() -> Path<Engine> {
    Path::new(format!("static-roles?/{ROLE_SEGMENT}/status"))
        .fields([role_field()])
        .on(Operation::Read, answer(read_status))
        .help(
            "How a static role is: its version, its keys, its next rotation and the last error.",
            "Nothing here is secret. `stage` is `idle`, `making`, `proving`, `ready` or `failed`. \
             `missed` is how often the next rotation was put off because its window had passed. With \
             `retire_when=quiet`, `waiting_keys` are the old keys, until when each stays, and why.",
        )
}

/// The rows of rotations by hand.
pub(crate) fn by_hand() -> [Path<Engine>; 3] {
    let row = |step: &str| {
        Path::new(format!("static-roles?/{ROLE_SEGMENT}/{step}")).fields([role_field()])
    };
    let force = Field::new(
        "force",
        FieldKind::Flag,
        "Serves the staged key although it is not proven. Default: false.",
    );
    [
        row("stage").strict().on_write(answer(stage)).help(
            "Makes and proves the next key without serving it.",
            "`static-creds/<name>/pending` reads it, `commit` serves it and `rollback` drops it. When \
             the planned time comes first, it is served then.",
        ),
        row("commit")
            .fields([force])
            .strict()
            .on_write(answer(commit))
            .help(
                "Serves the staged key.",
                "Readers get it from then on, and the old key lives on for `grace`.",
            ),
        row("rollback").strict().on_write(answer(roll_back)).help(
            "Drops the staged key, or goes back to the key before.",
            "Without a staged key, and within the grace of the key before, readers get that one again \
             and the present one lives on for `grace`.",
        ),
    ]
}

async fn stage(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let staging = async move { worker.stage(&name).await };
    engine.run_to_completion(staging).await.map(|()| None)
}

async fn commit(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let force = call.fields.flag("force") == Some(true);
    let (worker, role) = (Arc::clone(&engine), name.clone());
    let committing = async move { worker.commit(&role, force).await };
    engine.run_to_completion(committing).await?;
    Ok(warned(&engine, &name).await)
}

async fn roll_back(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let going_back = async move { worker.roll_back(&name).await };
    engine.run_to_completion(going_back).await.map(|()| None)
}

async fn read(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let name = role_name(&engine, &call).await?;
    let role = engine.static_roles.get(&name).await?;
    Ok(role.map(|role| Response::with_data(shown(&role))))
}

fn shown(role: &StaticRole) -> Object {
    let mut data = Object::new();
    target::show(&role.target, &mut data);
    let description = role.key_description.as_str();
    data.insert("key_description".into(), description.into());
    rotation::show(role, &mut data);
    readiness::show_of_static_role(&role.readiness, &mut data);
    let on_delete = match role.on_delete {
        OnDelete::Retire => "retire",
        OnDelete::Keep => "keep",
    };
    data.insert("on_delete".into(), on_delete.into());
    output::show(&role.output, &mut data);
    rotation::show_last(role, &mut data);
    data
}

async fn write(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move {
        let fields = call.fields;
        let is_new = worker.static_roles.get(&name).await?.is_none();
        let first = first_key(&fields)?;
        let role = worker
            .write_static_role(name, first, |stored| merge(stored, &fields))
            .await?;
        if role.output.needs_address() {
            worker.look_up_for_writer(&role.target).await;
        }
        let mut warnings = Vec::new();
        if is_new && target::defaults_resource(&fields) {
            warnings.push(
                "`resource` was not given, so the key is a Cloud API key (`resource=cloud`), which \
                 opens Confluent Cloud's own API: give the id of a cluster for a key of that cluster"
                    .to_owned(),
            );
        }
        if is_new && role.served.is_none() {
            warnings.push(format!(
                "the first key of `{}` is being proven: `static-role/{}/status` tells when it is \
                 served",
                role.name, role.name
            ));
        }
        if role.served.is_some() {
            let warning = worker.warning_of_served(&role.name).await;
            warnings.extend(warning.ok().flatten());
        }
        Ok::<_, Error>(warnings)
    };
    let warnings = engine.run_to_completion(change).await?;
    Ok((!warnings.is_empty()).then(|| Response::default().with_warnings(warnings)))
}

/// Merges the fields of a request into the stored record.
fn merge(stored: Option<&StaticRole>, fields: &Fields) -> Result<Settings, Error> {
    let target = target::parse(stored.map(|role| &role.target), fields)?;
    let description = fields
        .text_given("key_description")
        .or_else(|| stored.map(|role| role.key_description.as_str()));
    Ok(Settings {
        key_description: description.unwrap_or_default().to_owned(),
        timing: rotation::parse_timing(stored.map(|role| &role.timing), fields)?,
        overlap: rotation::parse_overlap(stored, fields),
        retire: rotation::parse_retire(fields),
        readiness: readiness::parse_of_static_role(
            stored.map(|role| role.readiness),
            &target,
            fields,
        )?,
        on_delete: on_delete(stored, fields)?,
        output: output::parse(stored.map(|role| &role.output), &target, fields)?,
        target,
    })
}

fn on_delete(stored: Option<&StaticRole>, fields: &Fields) -> Result<OnDelete, Error> {
    match fields.text_given("on_delete") {
        None => Ok(stored.map_or_else(OnDelete::default, |role| role.on_delete)),
        Some("retire") => Ok(OnDelete::Retire),
        Some("keep") => Ok(OnDelete::Keep),
        Some(other) => Err(Error::bad_request(format!(
            "`on_delete` is {other:?}: give `retire` or `keep`"
        ))),
    }
}

/// The first key of a new static role.
fn first_key(fields: &Fields) -> Result<FirstKey, Error> {
    let given = |field| {
        fields
            .text_given(field)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    if let Some(from) = given("adopt_role") {
        for field in ["import_key_id", "import_key_secret"] {
            if given(field).is_some() {
                return Err(Error::bad_request(format!(
                    "`adopt_role` and `{field}` were both given: a static role takes over one key"
                )));
            }
        }
        let from = RoleName::parse(from).map_err(|_| {
            Error::bad_request(format!(
                "`adopt_role` is {from:?}, which is no name of a role"
            ))
        })?;
        return Ok(FirstKey::Adopted(from));
    }
    match (given("import_key_id"), given("import_key_secret")) {
        (None, None) => Ok(FirstKey::Made),
        (Some(id), Some(secret)) => Ok(FirstKey::Imported(Imported {
            id: KeyId::new(id),
            secret: SecretText::new(secret),
        })),
        (Some(_), None) => Err(Error::bad_request(
            "`import_key_secret` is missing: an imported key needs its secret",
        )),
        (None, Some(_)) => Err(Error::bad_request(
            "`import_key_id` is missing: give the id of the key that the secret is of",
        )),
    }
}

async fn delete(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name: RoleName = role_name(&engine, &call).await?;
    let worker = Arc::clone(&engine);
    let change = async move { worker.delete_static_role(&name).await };
    engine.run_to_completion(change).await?;
    Ok(None)
}

async fn read_status(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let name = role_name(&engine, &call).await?;
    let Some(report) = engine.report(&name).await? else {
        return Ok(None);
    };
    let time = |time: Option<jiff::Timestamp>| time.map_or_else(String::new, |at| at.to_string());
    let mut data = Object::new();
    data.insert("healthy".into(), report.is_healthy.into());
    data.insert("version".into(), report.version.into());
    data.insert("stage".into(), report.stage.into());
    data.insert("key_id".into(), report.key.into());
    data.insert("proven".into(), report.proven.into());
    data.insert("next_rotation".into(), time(report.next_rotation).into());
    data.insert("begins".into(), time(report.begins).into());
    data.insert("pending_key_id".into(), report.pending.into());
    data.insert("previous_key_id".into(), report.previous.into());
    let until = time(report.previous_until);
    data.insert("previous_key_until".into(), until.into());
    data.insert("attempts".into(), report.attempts.into());
    data.insert("last_error".into(), report.last_error.into());
    data.insert("retry_at".into(), time(report.retry_at).into());
    data.insert("missed".into(), report.missed.into());
    data.insert("problem".into(), report.problem.into());
    let waiting = report.waiting.into_iter().map(|waiting| {
        let mut key = Object::new();
        key.insert("key_id".into(), waiting.key.into());
        key.insert("until".into(), waiting.until.to_string().into());
        key.insert("waits_for".into(), waiting.why.into());
        Value::from(key)
    });
    data.insert("waiting_keys".into(), waiting.collect::<Vec<_>>().into());
    let warning = engine.warning_of_served(&name).await?;
    Ok(Some(Response::with_data(data).with_warnings(warning)))
}
