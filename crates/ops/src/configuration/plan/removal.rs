//! What an owner manages and its files no longer have.

use super::built_in::is_built_in;
use super::unmanaged::{self, Unmanaged};
use super::{Action, Change, Plan, PlanOptions};
use crate::configuration::document::Desired;
use crate::configuration::mounts::{Mounts, is_below};
use crate::configuration::object::Kind;
use crate::configuration::place::Problem;
use crate::configuration::server::{Reading, Server};
use crate::configuration::store::Others;

/// How many objects are deleted at once without a word of permission.
const BULK: usize = 10;

/// What deletions must not touch.
pub(super) struct Kept<'a> {
    pub(super) desired: &'a Desired,
    /// Who owns which path, apart from this owner.
    pub(super) others: &'a Others,
    /// Where the record of this owner is, if that is on the server.
    pub(super) record: Option<String>,
}

impl Kept<'_> {
    fn wants(&self, path: &str) -> bool {
        self.desired
            .objects
            .iter()
            .any(|object| object.path == path)
    }

    /// Why a mount may not be deleted: what of others, of the files or of this
    /// program would end with it.
    fn objection(&self, path: &str) -> Option<String> {
        let mount = mount(path)?;
        let is_inside =
            |inner: &str| inner == path || is_below(inner, &mount) || is_below(inner, path);
        if let Some((inner, owner)) = self
            .others
            .owners
            .iter()
            .find(|(inner, _)| is_inside(inner))
        {
            return Some(format!("`{inner}` of the owner `{owner}`"));
        }
        if let Some(unreadable) = self.others.unreadable.first() {
            return Some(format!(
                "perhaps what the record at `{}` names, which cannot be read",
                unreadable.path
            ));
        }
        let mut wanted = self.desired.objects.iter();
        if let Some(object) = wanted.find(|object| is_inside(&object.path)) {
            return Some(format!("`{}`, which the files want", object.path));
        }
        let record = self.record.as_deref().filter(|record| is_inside(record));
        record.map(|record| format!("the record of the owner at `{record}`"))
    }
}

/// Something that may be deleted.
struct Candidate {
    path: String,
    kind: Kind,
    /// Whether it is deleted because nobody manages it.
    unmanaged: bool,
}

/// Plans the deletions.
pub(super) async fn plan(
    server: &dyn Server,
    mounts: &Mounts,
    kept: &Kept<'_>,
    options: &PlanOptions,
    plan: &mut Plan,
) {
    let mut candidates = Vec::new();
    if options.prune {
        candidates = no_longer_wanted(kept, plan);
    } else {
        tell_of_gone(kept, plan);
    }
    match of_nobody(server, mounts, kept, options, plan).await {
        Ok(unmanaged) => candidates.extend(unmanaged),
        Err(problem) => plan.problems.push(problem),
    }
    let mut deletions = Vec::new();
    let mut destroys = Vec::new();
    for candidate in candidates {
        let Candidate {
            path,
            kind,
            unmanaged,
        } = candidate;
        match is_there(server, mounts, &path, kind).await {
            Ok(true) => {}
            Ok(false) => {
                plan.forgotten.push(path);
                continue;
            }
            Err(problem) => {
                plan.problems.push(problem);
                continue;
            }
        }
        match holds_data(server, mounts, &path, kind).await {
            Ok(None) => {}
            Ok(Some(what)) => destroys.push(format!("`{path}` {what}")),
            Err(problem) => plan.problems.push(problem),
        }
        deletions.push(Change {
            kind,
            path,
            action: Action::Delete,
            foreign: false,
            unmanaged,
            fields: Vec::new(),
            object: None,
        });
    }
    // What is in a mount goes with it.
    let mounts: Vec<String> = deletions
        .iter()
        .filter_map(|change| mount(&change.path))
        .collect();
    if deletions.len() > BULK {
        destroys.push(format!("{} are deleted at once", objects(deletions.len())));
    }
    if !destroys.is_empty() && !options.allow_destroy {
        let text = format!("{}: -allow-destroy permits it", destroys.join(", "));
        plan.problems.push(Problem::general(text));
    }
    for change in deletions {
        if !mounts.iter().any(|mount| is_below(&change.path, mount)) {
            plan.changes.push(change);
        }
    }
}

/// Paths on the record that the files no longer have.
fn gone<'a>(kept: &'a Kept<'_>, plan: &'a Plan) -> impl Iterator<Item = (String, Kind, bool)> + 'a {
    let objects = plan.state.objects.iter();
    objects
        .filter(|(path, _)| !kept.wants(path))
        .map(|(path, managed)| (path.clone(), managed.kind, managed.once))
}

fn tell_of_gone(kept: &Kept<'_>, plan: &mut Plan) {
    let count = gone(kept, plan).count();
    if count > 0 {
        let text = format!(
            "{} of the owner `{}` are no longer in the files: `lockkeeper prune` deletes them",
            objects(count),
            plan.state.owner
        );
        plan.notes.push(Problem::general(text));
    }
}

/// What the owner manages and its files no longer have, as far as it may go.
fn no_longer_wanted(kept: &Kept<'_>, plan: &mut Plan) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let gone: Vec<_> = gone(kept, plan).collect();
    for (path, kind, is_once) in gone {
        if is_built_in(&path) {
            plan.forgotten.push(path);
        } else if is_once {
            let text = format!(
                "`{path}` was written once and may have been changed since: it stays, without an owner"
            );
            plan.notes.push(Problem::general(text));
            plan.forgotten.push(path);
        } else if let Some(what) = kept.objection(&path) {
            let text = format!("`{path}` cannot be deleted: it holds {what}");
            plan.problems.push(Problem::general(text));
        } else {
            candidates.push(Candidate {
                path,
                kind,
                unmanaged: false,
            });
        }
    }
    candidates
}

/// What nobody manages, if the files and the command both want it to go. What
/// somebody has something in stays.
async fn of_nobody(
    server: &dyn Server,
    mounts: &Mounts,
    kept: &Kept<'_>,
    options: &PlanOptions,
    plan: &mut Plan,
) -> Result<Vec<Candidate>, Problem> {
    let purge = kept.desired.purge.as_ref();
    let (Some(purge), true) = (purge, options.purge_unmanaged) else {
        return match purge {
            None if options.purge_unmanaged => Err(Problem::general(
                "-purge-unmanaged needs `purgeUnmanagedConfig: {enabled: true}` in the files",
            )),
            Some(purge) if !options.prune_only => {
                let text = "`purgeUnmanagedConfig` is carried out only with -purge-unmanaged";
                plan.notes.push(purge.place.problem(text));
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        };
    };
    if let Some(unreadable) = kept.others.unreadable.first() {
        return Err(purge.place.problem(format!(
            "nobody can tell what is managed: the record at `{}` cannot be read",
            unreadable.path
        )));
    }
    let mut candidates = Vec::new();
    for Unmanaged { kind, path } in unmanaged::find(server, mounts, kept.desired, purge).await? {
        let is_managed =
            kept.wants(&path) || kept.others.owners.contains_key(&path) || plan.state.has(&path);
        if is_managed {
            continue;
        }
        if let Some(what) = kept.objection(&path) {
            let text = format!("`{path}` is not purged: it holds {what}");
            plan.notes.push(purge.place.problem(text));
            continue;
        }
        candidates.push(Candidate {
            path,
            kind,
            unmanaged: true,
        });
    }
    Ok(candidates)
}

/// What the paths in a mount begin with, if this is one.
pub(crate) fn mount(path: &str) -> Option<String> {
    let engine = path.strip_prefix("sys/mounts/").map(str::to_owned);
    engine.or_else(|| {
        path.strip_prefix("sys/auth/")
            .map(|path| format!("auth/{path}"))
    })
}

fn objects(count: usize) -> String {
    format!("{count} object{}", if count == 1 { "" } else { "s" })
}

async fn is_there(
    server: &dyn Server,
    mounts: &Mounts,
    path: &str,
    kind: Kind,
) -> Result<bool, Problem> {
    let audits = match kind {
        Kind::Audit => crate::configuration::mounts::table(server, "sys/audit").await?,
        _ => std::collections::BTreeMap::new(),
    };
    let reading = super::read_object(server, mounts, &audits, kind, path).await?;
    Ok(reading != Reading::Absent)
}

/// What is lost with an object, beside the object.
async fn holds_data(
    server: &dyn Server,
    mounts: &Mounts,
    path: &str,
    kind: Kind,
) -> Result<Option<&'static str>, Problem> {
    // The path decides: a raw one may be a mount as well.
    if path.starts_with("sys/auth/") {
        return Ok(Some(
            "is an auth method: the tokens of its logins end with it",
        ));
    }
    if path.starts_with("sys/namespaces/") {
        return Ok(Some("is a namespace: all that is in it ends with it"));
    }
    match path.strip_prefix("sys/mounts/") {
        _ if kind == Kind::Seed || mounts.is_value(path) => Ok(Some("holds data")),
        Some(mount) => {
            let folder = match mounts.versioned(&format!("{mount}/x")) {
                Some(_) => format!("{mount}/metadata"),
                None if mounts.is_kv(mount) => mount.to_owned(),
                None => return Ok(Some("is a secrets engine: its leases and data end with it")),
            };
            let names = server.list(&folder).await?;
            Ok((!names.is_empty()).then_some("is a secrets engine with data"))
        }
        None => Ok(None),
    }
}
