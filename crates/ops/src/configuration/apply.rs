//! Making a server what the files say.
//!
//! Before anything changes, the owner's record says what is about to: a run that is
//! cut off is continued by the next one. A failure stops what depends on it, and the
//! rest goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::group_alias;
use super::mounts::{Mounts, is_below};
use super::object::{Kind, Object};
use super::place::Problem;
use super::plan::{
    Action, Change, Plan, has_accessor, mount, read_object, seed_path, with_accessors,
};
use super::redact::redacted;
use super::server::{Data, Reading, Server, ServerError};
use super::state::State;
use super::store::{Held, Store, is_cas_mismatch};

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Applied {
    /// How many changes were made.
    pub done: usize,
    /// What could not be done, and why.
    pub failed: Vec<Failed>,
    /// What was not begun: its path, and what it depends on.
    pub skipped: Vec<(String, String)>,
    /// What stays on the server although nobody manages it any more.
    pub left: Vec<String>,
}

impl Applied {
    fn is_incomplete(&self) -> bool {
        !self.failed.is_empty() || !self.skipped.is_empty()
    }
}

/// A change that could not be made.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Where.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// Something that has just happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A change was made.
    Done(&'a Change),
    /// Somebody else made the object at the same time; it is left as it is.
    ThereAlready(&'a Change),
    /// A change could not be made.
    Failed(&'a Change, &'a str),
}

/// What came of one change.
enum Outcome {
    /// With what the server answers now.
    Done(Option<Data>),
    ThereAlready,
    /// The server cannot delete it.
    Undeletable,
}

/// Makes the changes of a plan.
///
/// # Errors
/// When the record could not be written before anything was changed. What happens
/// later is in the answer.
pub async fn apply(
    server: &Arc<dyn Server>,
    store: &Store,
    held: &Held,
    mut plan: Plan,
    parallel: usize,
    report: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Applied, Problem> {
    let mut applied = Applied::default();
    if !plan.changes_record() {
        return Ok(applied);
    }
    let fresh = claim(store, &mut plan).await?;
    let mut run = Run {
        server,
        store,
        fresh,
        secrets: std::mem::take(&mut plan.secrets),
        blocked: Vec::new(),
    };
    let mut changes = std::mem::take(&mut plan.changes).into_iter().peekable();
    let mut is_deleting = false;
    while let Some(first) = changes.next() {
        let mut stage = vec![first];
        while let Some(next) = changes.next_if(|next| same_stage(next, &stage[0])) {
            stage.push(next);
        }
        if held.is_lost() {
            let lost = "the lock was lost: somebody else may be at work".to_owned();
            let stage = stage.into_iter().chain(changes);
            applied
                .skipped
                .extend(stage.map(|change| (change.path, lost.clone())));
            break;
        }
        // What is to be deleted may be what still serves in place of what failed.
        let is_deletion = stage[0].action == Action::Delete;
        if is_deletion && !is_deleting && applied.is_incomplete() {
            let cause = "what failed before it: nothing is deleted after a failure";
            let stage = stage.into_iter().chain(changes);
            applied
                .skipped
                .extend(stage.map(|change| (change.path, cause.to_owned())));
            break;
        }
        is_deleting = is_deletion;
        run.stage(stage, parallel, &mut plan, &mut applied, report)
            .await;
        if let Err(problem) = store.save(&plan.state, &mut plan.version).await {
            applied.failed.push(Failed {
                path: "the record of the owner".to_owned(),
                reason: problem.to_string(),
            });
            applied
                .skipped
                .extend(changes.map(|change| (change.path, "the record".to_owned())));
            break;
        }
    }
    Ok(applied)
}

/// Writes down what is about to be changed, and makes sure that no other owner
/// has done so for the same paths. Returns what the record did not have before.
async fn claim(store: &Store, plan: &mut Plan) -> Result<BTreeSet<String>, Problem> {
    let before = plan.state.clone();
    for path in &plan.forgotten {
        plan.state.objects.remove(path);
    }
    for change in &plan.changes {
        if let Some(object) = &change.object
            && change.is_visible()
        {
            plan.state.claim(object, change.action == Action::Update);
        }
    }
    store.save(&plan.state, &mut plan.version).await?;
    let others = store.others().await?.owners;
    for change in &plan.changes {
        if let Some(owner) = others.get(&change.path) {
            store.save(&before, &mut plan.version).await?;
            let text = format!(
                "`{}` is managed by the owner `{owner}`, who came first",
                change.path
            );
            return Err(Problem::general(text));
        }
    }
    let paths = plan.state.objects.keys();
    let fresh = paths.filter(|path| !before.objects.contains_key(*path));
    Ok(fresh.cloned().collect())
}

fn same_stage(one: &Change, other: &Change) -> bool {
    let is_deletion = |change: &Change| change.action == Action::Delete;
    one.kind == other.kind && is_deletion(one) == is_deletion(other)
}

struct Run<'a> {
    server: &'a Arc<dyn Server>,
    store: &'a Store,
    /// What this run claimed: if it is never made, it is not the owner's.
    fresh: BTreeSet<String>,
    secrets: Vec<Zeroizing<String>>,
    /// What failed: nothing that depends on it is begun.
    blocked: Vec<Blocked>,
}

struct Blocked {
    kind: Kind,
    path: String,
}

impl Run<'_> {
    async fn stage(
        &mut self,
        stage: Vec<Change>,
        parallel: usize,
        plan: &mut Plan,
        applied: &mut Applied,
        report: &mut (dyn FnMut(Event<'_>) + Send),
    ) {
        let mounts = match Mounts::read(self.server.as_ref()).await {
            Ok(mounts) => mounts,
            Err(problem) => {
                for change in stage {
                    self.disclaim(&mut plan.state, &change.path);
                    self.fail(&change, &problem.to_string(), applied, report);
                }
                return;
            }
        };
        let mut ready = Vec::new();
        for mut change in stage {
            let object = change.object.as_ref();
            if let Some(cause) = object.and_then(|object| self.cause(object)) {
                self.blocked.push(Blocked::of(&change));
                self.disclaim(&mut plan.state, &change.path);
                applied.skipped.push((change.path, cause));
                continue;
            }
            // Methods that were just enabled have accessors now.
            if let Some(object) = change.object.take() {
                change.object = with_accessors(&[object], &mounts).pop();
            }
            let fields = change
                .object
                .iter()
                .flat_map(|object| object.fields.values());
            if fields.clone().any(|field| has_accessor(&field.value)) {
                let reason = "`__accessor__…` names no mount of the server";
                self.disclaim(&mut plan.state, &change.path);
                self.fail(&change, reason, applied, report);
                continue;
            }
            ready.push(change);
        }
        let server = self.server.as_ref();
        let mounts = &mounts;
        let mut outcomes = futures_util::stream::iter(ready)
            .map(|change| async move {
                let outcome = make(server, mounts, &change).await;
                (change, outcome)
            })
            .buffer_unordered(parallel.max(1));
        while let Some((change, outcome)) = outcomes.next().await {
            match outcome {
                Ok(Outcome::Done(answer)) => {
                    match &change.object {
                        Some(object) => plan.state.settle(object, answer.as_ref()),
                        None => forget(&mut plan.state, &change.path),
                    }
                    if wrote_secret(&change) {
                        // So that a run that is cut off does not write it again,
                        // over one that was rotated since. What fails here fails
                        // again at the end of the stage, and is told there.
                        let _ = self.store.save(&plan.state, &mut plan.version).await;
                    }
                    if change.is_visible() {
                        applied.done += 1;
                        report(Event::Done(&change));
                    }
                }
                Ok(Outcome::ThereAlready) => {
                    plan.state.objects.remove(&change.path);
                    report(Event::ThereAlready(&change));
                }
                Ok(Outcome::Undeletable) => {
                    plan.state.objects.remove(&change.path);
                    applied.left.push(change.path.clone());
                }
                Err(error) => {
                    // Without such an answer, it may have been made.
                    if error
                        .status
                        .is_some_and(|status| (400..500).contains(&status))
                    {
                        self.disclaim(&mut plan.state, &change.path);
                    }
                    self.fail(&change, &error.text, applied, report);
                }
            }
        }
    }

    /// Takes what was not made off the record, unless it was on it before.
    fn disclaim(&self, state: &mut State, path: &str) {
        if self.fresh.contains(path) {
            state.objects.remove(path);
        }
    }

    fn fail(
        &mut self,
        change: &Change,
        reason: &str,
        applied: &mut Applied,
        report: &mut (dyn FnMut(Event<'_>) + Send),
    ) {
        let reason = self.redacted(reason);
        report(Event::Failed(change, &reason));
        self.blocked.push(Blocked::of(change));
        applied.failed.push(Failed {
            path: change.path.clone(),
            reason,
        });
    }

    /// What an object depends on that failed.
    fn cause(&self, object: &Object) -> Option<String> {
        let blocked = self
            .blocked
            .iter()
            .find(|blocked| blocked.holds_up(object))?;
        Some(blocked.path.clone())
    }

    /// A server's reason may quote what it was sent.
    fn redacted(&self, reason: &str) -> String {
        redacted(reason, &self.secrets)
    }
}

fn wrote_secret(change: &Change) -> bool {
    let fields = change.object.iter().flat_map(|object| &object.fields);
    let mut secrets = fields.filter(|(_, field)| field.is_secret);
    match change.action {
        Action::Create => secrets.next().is_some(),
        Action::Update => {
            secrets.any(|(name, _)| change.fields.iter().any(|field| field.name == *name))
        }
        Action::Record | Action::Delete => false,
    }
}

/// What is in a mount goes with it.
fn forget(state: &mut State, path: &str) {
    state.objects.remove(path);
    if let Some(mount) = mount(path) {
        state.objects.retain(|path, _| !is_below(path, &mount));
    }
}

impl Blocked {
    fn of(change: &Change) -> Self {
        Self {
            kind: change.kind,
            path: change.path.clone(),
        }
    }

    fn holds_up(&self, object: &Object) -> bool {
        let path = self.path.as_str();
        match self.kind {
            Kind::SecretsEngine => is_below(
                &object.path,
                path.strip_prefix("sys/mounts/").unwrap_or(path),
            ),
            Kind::AuthMethod => is_below(&object.path, path.strip_prefix("sys/").unwrap_or(path)),
            Kind::Policy => names_policy(object, path.rsplit('/').next().unwrap_or(path)),
            Kind::Config => {
                let mount = path.split("/config").next().unwrap_or(path);
                object.kind == Kind::Role && is_below(&object.path, mount)
            }
            _ => false,
        }
    }
}

fn names_policy(object: &Object, policy: &str) -> bool {
    matches!(object.kind, Kind::Role | Kind::Group)
        && object.policies().iter().any(|name| name == policy)
}

async fn make(
    server: &dyn Server,
    mounts: &Mounts,
    change: &Change,
) -> Result<Outcome, ServerError> {
    let Some(object) = &change.object else {
        return delete(server, mounts, change).await;
    };
    match change.action {
        Action::Create if object.kind == Kind::GroupAlias => {
            group_alias::write(server, mounts, &object.path).await?;
        }
        Action::Create => {
            let mut body = object.body(|_, _| true);
            let is_versioned = mounts.versioned(&object.path).is_some();
            if object.is_once && is_versioned {
                let options = body.entry("options").or_insert_with(|| json!({}));
                if let Some(options) = options.as_object_mut() {
                    options.insert("cas".to_owned(), json!(0));
                }
            }
            match server.write(&object.path, &body).await {
                Err(error) if object.is_once && is_cas_mismatch(&error) => {
                    return Ok(Outcome::ThereAlready);
                }
                written => written?,
            }
        }
        Action::Update => update(server, object, change).await?,
        Action::Record | Action::Delete => {}
    }
    if object.is_once {
        return Ok(Outcome::Done(None));
    }
    match seen(server, mounts, object).await {
        Ok(answer) => Ok(Outcome::Done(answer)),
        // It is written: whatever the server says now, it is no refusal of that.
        Err(error) => Err(ServerError {
            status: None,
            ..error
        }),
    }
}

async fn update(server: &dyn Server, object: &Object, change: &Change) -> Result<(), ServerError> {
    let is_changed = |name: &str| change.fields.iter().any(|field| field.name == name);
    if !matches!(object.kind, Kind::SecretsEngine | Kind::AuthMethod) {
        // Secrets only if the file has a new one: what was rotated there stays.
        let body = object.body(|name, field| !field.is_secret || is_changed(name));
        return server.write(&object.path, &body).await;
    }
    let mut body = Data::new();
    for (name, value) in object.body(|name, _| is_changed(name)) {
        match value {
            // Tuning has the members of `config` at its top.
            Value::Object(members) if name == "config" => body.extend(members),
            value => drop(body.insert(name, value)),
        }
    }
    server.write(&format!("{}/tune", object.path), &body).await
}

async fn delete(
    server: &dyn Server,
    mounts: &Mounts,
    change: &Change,
) -> Result<Outcome, ServerError> {
    if change.kind == Kind::GroupAlias {
        group_alias::delete(server, mounts, &change.path).await?;
        return Ok(Outcome::Done(None));
    }
    let path = match change.kind {
        Kind::Seed => seed_path(mounts, &change.path),
        _ => change.path.clone(),
    };
    match server.delete(&path).await {
        Ok(()) => Ok(Outcome::Done(None)),
        Err(error) if error.status == Some(404) => Ok(Outcome::Done(None)),
        Err(error) if error.status == Some(405) => Ok(Outcome::Undeletable),
        // A policy that the server has by itself, and that is new to this program.
        Err(error) if change.kind == Kind::Policy && error.text.contains("cannot delete") => {
            Ok(Outcome::Undeletable)
        }
        Err(error) => Err(error),
    }
}

/// What the server answers of an object after it was written.
async fn seen(
    server: &dyn Server,
    mounts: &Mounts,
    object: &Object,
) -> Result<Option<Data>, ServerError> {
    let is_mount = matches!(object.kind, Kind::SecretsEngine | Kind::AuthMethod);
    let fresh = if is_mount {
        Some(
            Mounts::read(server)
                .await
                .map_err(|problem| of_problem(&problem))?,
        )
    } else {
        None
    };
    let audits = if object.kind == Kind::Audit {
        super::mounts::table(server, "sys/audit")
            .await
            .map_err(|problem| of_problem(&problem))?
    } else {
        BTreeMap::new()
    };
    let mounts = fresh.as_ref().unwrap_or(mounts);
    let reading = read_object(server, mounts, &audits, object.kind, &object.path).await?;
    Ok(match reading {
        Reading::Found(answer) => Some(answer),
        Reading::Absent | Reading::Unreadable => None,
    })
}

fn of_problem(problem: &Problem) -> ServerError {
    ServerError {
        status: None,
        text: problem.to_string(),
    }
}
