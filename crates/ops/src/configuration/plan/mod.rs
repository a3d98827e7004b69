//! What is to be changed so that a server is as the files say.
//!
//! Three things decide: what was applied last, what the files say, and what is on
//! the server. Making a plan changes nothing.

mod built_in;
mod checks;
mod differ;
mod observe;
mod removal;
mod show;
mod unmanaged;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use serde::Serialize;
use zeroize::Zeroizing;

use super::adoption::Adoption;
use super::document::Desired;
use super::mounts::{ACCESSOR, Mounts};
use super::object::{Kind, Object};
use super::place::Problem;
use super::replacement::Unnamed;
use super::server::{Data, Reading, Server};
use super::state::State;
use super::store::{Store, Version};

pub(crate) use built_in::is_built_in;
pub(crate) use observe::{read_object, seed as seed_path};
pub(crate) use removal::mount;
pub use show::{json, text};

/// What a plan is made for.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command"
)]
pub struct PlanOptions {
    /// Which objects without an owner are taken over.
    pub adopt: Adoption,
    /// Whether what the files no longer have is deleted.
    pub prune: bool,
    /// Whether only deletions are planned.
    pub prune_only: bool,
    /// Whether what nobody manages is deleted, where the files want that.
    pub purge_unmanaged: bool,
    /// Whether mounts with data, and many objects at once, may be deleted.
    pub allow_destroy: bool,
    /// How many requests are sent at the same time.
    pub parallel: usize,
}

/// What is done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// Fields of it are changed.
    Update,
    /// It is as the files say, and only the owner's record changes.
    Record,
    /// It is deleted.
    Delete,
}

/// A value as a plan may show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// There is none.
    Absent,
    /// One that nobody may see.
    Secret,
    /// Any other.
    Value(serde_json::Value),
}

/// A field that is changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub name: String,
    /// What is on the server.
    pub from: Shown,
    /// What the files say.
    pub to: Shown,
    /// Whether somebody else has changed it since it was applied.
    pub foreign: bool,
}

/// One object that is changed.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// What it is.
    pub kind: Kind,
    /// Where it is on the server.
    pub path: String,
    /// What is done.
    pub action: Action,
    /// Whether somebody else has changed or deleted it since it was applied.
    pub foreign: bool,
    /// Whether it is deleted although it is on no record.
    pub unmanaged: bool,
    /// Its fields, as far as they change.
    pub fields: Vec<FieldChange>,
    /// The object, unless it is deleted.
    #[serde(skip)]
    pub(crate) object: Option<Object>,
}

impl Change {
    /// Whether the server changes with it.
    pub fn is_visible(&self) -> bool {
        self.action != Action::Record
    }
}

/// A plan for one server.
pub struct Plan {
    /// In the order in which they are made.
    pub changes: Vec<Change>,
    /// What is worth knowing.
    pub notes: Vec<Problem>,
    /// What keeps the plan from being applied.
    pub problems: Vec<Problem>,
    /// How many objects the files have.
    pub count: usize,
    pub(crate) state: State,
    pub(crate) version: Version,
    /// Paths that leave the record without a change of the server.
    pub(crate) forgotten: Vec<String>,
    /// Stands for all that the plan was made from.
    pub(crate) digest: String,
    pub(crate) secrets: Vec<Zeroizing<String>>,
}

impl Plan {
    /// The changes of the server.
    pub fn visible(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.is_visible())
    }

    /// Whether the server is as the files say.
    pub fn is_empty(&self) -> bool {
        self.visible().next().is_none()
    }

    /// Whether somebody else has changed what the owner manages.
    pub fn has_drift(&self) -> bool {
        self.changes.iter().any(|change| change.foreign)
    }

    /// Whether the record is to be written.
    pub(crate) fn changes_record(&self) -> bool {
        !self.changes.is_empty() || !self.forgotten.is_empty()
    }
}

/// Makes a plan.
///
/// # Errors
/// When the server or the record cannot be read.
pub async fn make(
    server: &Arc<dyn Server>,
    store: &Store,
    desired: &Desired,
    options: &PlanOptions,
    new_state: impl FnOnce() -> Result<State, Problem>,
) -> Result<Plan, Vec<Problem>> {
    let (state, version) = store.load().await.map_err(|problem| vec![problem])?;
    let state = state
        .map_or_else(new_state, Ok)
        .map_err(|problem| vec![problem])?;
    let mounts = Mounts::read(server.as_ref())
        .await
        .map_err(|problem| vec![problem])?;
    let others = store.others().await.map_err(|problem| vec![problem])?;
    let wanted = hidden(&desired.objects, &mounts);
    let objects = if options.prune_only {
        Vec::new()
    } else {
        with_accessors(&wanted, &mounts)
    };
    let audits = if objects.iter().any(|object| object.kind == Kind::Audit) {
        let table = super::mounts::table(server.as_ref(), "sys/audit").await;
        table.map_err(|problem| vec![problem])?
    } else {
        BTreeMap::new()
    };
    let readings: Vec<_> = futures_util::stream::iter(objects)
        .map(|object| {
            let (server, mounts, audits) = (server.as_ref(), &mounts, &audits);
            async move {
                let reading = read_object(server, mounts, audits, object.kind, &object.path).await;
                (object, reading)
            }
        })
        .buffered(options.parallel.max(1))
        .collect()
        .await;

    let mut plan = Plan {
        changes: Vec::new(),
        notes: Vec::new(),
        problems: options.adopt.unknown(&desired.objects),
        count: desired.objects.len(),
        version,
        forgotten: Vec::new(),
        digest: String::new(),
        secrets: wanted.iter().flat_map(Object::secrets).collect(),
        state,
    };
    for unreadable in &others.unreadable {
        let text = format!(
            "the record at `{}` cannot be read: {}; what its owner manages is not known",
            unreadable.path, unreadable.reason
        );
        plan.notes.push(Problem::general(text));
    }
    let mut evidence = Vec::new();
    for (object, reading) in readings {
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) => {
                plan.problems.push(object.place.problem(error.to_string()));
                continue;
            }
        };
        evidence.push(trace(&plan.state, &object, &reading));
        if !is_mounted(&object, &mounts, &desired.objects) {
            let text = format!(
                "`{}` is in no secrets engine or auth method of the server",
                object.path
            );
            plan.problems.push(object.place.problem(text));
            continue;
        }
        let differ = differ::Differ {
            state: &plan.state,
            adopt: &options.adopt,
            other_owner: others.owners.get(&object.path).map(String::as_str),
            unreadable: others.unreadable.first(),
            unnamed: Unnamed::of(&object, &mounts),
        };
        match differ.compare(object, &reading) {
            Ok(found) => {
                plan.changes.extend(found.change);
                plan.notes.extend(found.notes);
            }
            Err(problem) => plan.problems.push(problem),
        }
    }
    if !options.prune_only {
        checks::mounts(&mounts, &desired.objects, &mut plan);
        checks::policies(server.as_ref(), &desired.objects, &mut plan).await;
    }
    let kept = removal::Kept {
        desired,
        others: &others,
        record: store.path(),
    };
    removal::plan(server.as_ref(), &mounts, &kept, options, &mut plan).await;
    plan.changes.sort_by_key(order);
    for change in plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Delete)
    {
        evidence.push(change.path.clone());
    }
    plan.digest = digest(&plan.state, &evidence);
    Ok(plan)
}

/// The objects, with all that goes into a KV engine as secrets, whatever the way.
fn hidden(objects: &[Object], mounts: &Mounts) -> Vec<Object> {
    let mounts = mounts.with_planned(objects);
    let mut objects = objects.to_vec();
    for object in &mut objects {
        if mounts.is_data(&object.path) {
            object
                .fields
                .values_mut()
                .for_each(|field| field.is_secret = true);
        }
    }
    objects
}

/// Creations by dependence, deletions last and backward.
fn order(change: &Change) -> (bool, i32, String) {
    let is_deletion = change.action == Action::Delete;
    let stage = change.kind as i32;
    let stage = if is_deletion { -stage } else { stage };
    (is_deletion, stage, change.path.clone())
}

/// Whether the path of an object is in a mount, or in one that the files make.
fn is_mounted(object: &Object, mounts: &Mounts, all: &[Object]) -> bool {
    if !matches!(object.kind, Kind::Config | Kind::Role | Kind::Seed) {
        return true;
    }
    let is_planned = all.iter().any(|other| {
        let mount = match other.kind {
            Kind::SecretsEngine => other.path.strip_prefix("sys/mounts/").map(str::to_owned),
            Kind::AuthMethod => other.path.strip_prefix("sys/").map(str::to_owned),
            _ => None,
        };
        mount.is_some_and(|mount| super::mounts::is_below(&object.path, &mount))
    });
    is_planned || mounts.has(&object.path)
}

/// The objects with the accessors of mounts, as far as the mounts are there.
pub(crate) fn with_accessors(objects: &[Object], mounts: &Mounts) -> Vec<Object> {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        for field in object.fields.values_mut() {
            if has_accessor(&field.value) {
                resolve(&mut field.value, mounts);
            }
        }
    }
    objects
}

pub(crate) fn has_accessor(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains(ACCESSOR),
        serde_json::Value::Array(items) => items.iter().any(has_accessor),
        serde_json::Value::Object(members) => members.values().any(has_accessor),
        _ => false,
    }
}

fn resolve(value: &mut serde_json::Value, mounts: &Mounts) {
    match value {
        serde_json::Value::String(text) => *text = mounts.with_accessors(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, mounts)),
        serde_json::Value::Object(members) => {
            members.values_mut().for_each(|item| resolve(item, mounts));
        }
        _ => {}
    }
}

/// An object and what is on the server, without their secrets.
fn trace(state: &State, object: &Object, reading: &Reading) -> String {
    let mut data = Data::new();
    for (name, field) in &object.fields {
        let kept = state.keep(&field.value, field.is_secret);
        data.insert(name.clone(), serde_json::to_value(kept).unwrap_or_default());
    }
    let there = match reading {
        Reading::Absent => "absent".to_owned(),
        Reading::Unreadable => "unreadable".to_owned(),
        Reading::Found(answer) => {
            let fields = object.fields.keys();
            let named = fields.map(|name| (name, super::compare::find(answer, name)));
            let value = serde_json::to_value(named.collect::<BTreeMap<_, _>>());
            let kept = state.keep(&value.unwrap_or_default(), true);
            serde_json::to_string(&kept).unwrap_or_default()
        }
    };
    format!(
        "{} {} {there}",
        object.path,
        serde_json::Value::Object(data)
    )
}

fn digest(state: &State, evidence: &[String]) -> String {
    state.hmac(&serde_json::json!([state.to_json(), evidence]))
}
