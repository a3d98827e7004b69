//! One object: what was applied last, what the files say, what is there.

use super::{Action, Change, FieldChange, Shown};
use crate::configuration::adoption::Adoption;
use crate::configuration::compare::{find, is_same, projected};
use crate::configuration::object::{Field, Kind, Object};
use crate::configuration::place::Problem;
use crate::configuration::replacement::{Unnamed, unnamed_secret};
use crate::configuration::server::{Data, Reading};
use crate::configuration::state::{Managed, State};
use crate::configuration::store::Unreadable;

/// What decides besides the object.
pub(super) struct Differ<'a> {
    pub(super) state: &'a State,
    pub(super) adopt: &'a Adoption,
    pub(super) other_owner: Option<&'a str>,
    /// A record of another owner that may name the path.
    pub(super) unreadable: Option<&'a Unreadable>,
    /// What a write to this path does to the fields that it does not name.
    pub(super) unnamed: Unnamed,
}

/// What came of a comparison.
#[derive(Default)]
pub(super) struct Found {
    pub(super) change: Option<Change>,
    pub(super) notes: Vec<Problem>,
}

impl Differ<'_> {
    pub(super) fn compare(&self, object: Object, reading: &Reading) -> Result<Found, Problem> {
        if let Some(owner) = self.other_owner {
            let text = format!(
                "`{}` is managed by the owner `{owner}`: take it out of one of the two",
                object.path
            );
            return Err(object.place.problem(text));
        }
        let managed = self.state.objects.get(&object.path);
        match (reading, managed) {
            // Written once, and done: the rest is its owner's.
            (_, Some(managed)) if object.is_once && !managed.pending => Ok(Found::default()),
            (Reading::Found(_), None) if object.is_once => Ok(Found::default()),
            (Reading::Found(_) | Reading::Unreadable, Some(_)) if object.is_once => {
                // Whether the write of a run that was cut off arrived: with what
                // is there now, nobody can tell, and nothing is written over.
                Ok(Found::of(record(object)))
            }
            (Reading::Absent, managed) => {
                let foreign = managed.is_some_and(|managed| !managed.pending);
                Ok(Found::of(create(object, foreign)))
            }
            (Reading::Unreadable, None) => Ok(Found::of(create(object, false))),
            (Reading::Unreadable, Some(managed)) => {
                self.update(object, &Data::new(), Some(managed))
            }
            (Reading::Found(answer), None) => {
                if !self.adopt.includes(&object.path) {
                    let text = format!(
                        "`{0}` exists and has no owner: -adopt takes it over with all others of the \
                         files, -adopt={0} takes it over alone",
                        object.path
                    );
                    return Err(object.place.problem(text));
                }
                if let Some(unreadable) = self.unreadable {
                    let text = format!(
                        "`{}` is not adopted, because the record at `{}`, which cannot be read, \
                         may name it",
                        object.path, unreadable.path
                    );
                    return Err(object.place.problem(text));
                }
                check_fixed(&object, answer)?;
                self.update(object, answer, None)
            }
            (Reading::Found(answer), Some(managed)) => {
                check_fixed(&object, answer)?;
                self.update(object, answer, Some(managed))
            }
        }
    }

    fn update(
        &self,
        object: Object,
        answer: &Data,
        managed: Option<&Managed>,
    ) -> Result<Found, Problem> {
        let mut fields = Vec::new();
        for (name, field) in &object.fields {
            fields.extend(self.field(name, field, answer, managed));
        }
        if !fields.is_empty() {
            self.send_secrets(&object, answer, &mut fields)?;
        }
        let mut notes = Vec::new();
        if let Some(managed) = managed {
            for name in managed
                .fields
                .keys()
                .filter(|name| !object.fields.contains_key(*name))
            {
                let text = format!(
                    "`{name}` of `{}` is no longer in the files: the server keeps its value",
                    object.path
                );
                notes.push(object.place.problem(text));
            }
        }
        let is_settled = managed.is_some_and(|managed| {
            let is_kept = |(name, field): (&String, &Field)| {
                managed
                    .fields
                    .get(name)
                    .is_some_and(|applied| self.state.is_said(applied, field))
            };
            !managed.pending && object.fields.iter().all(is_kept) && notes.is_empty()
        });
        let change = if !fields.is_empty() {
            Some(Change {
                kind: object.kind,
                path: object.path.clone(),
                action: Action::Update,
                unmanaged: false,
                foreign: fields.iter().any(|field| field.foreign),
                fields,
                object: Some(object),
            })
        } else if is_settled {
            None
        } else {
            Some(record(object))
        };
        Ok(Found { change, notes })
    }

    /// Adds the secrets that have not changed to a write that would wipe them.
    fn send_secrets(
        &self,
        object: &Object,
        answer: &Data,
        fields: &mut Vec<FieldChange>,
    ) -> Result<(), Problem> {
        if self.unnamed == Unnamed::Kept {
            return Ok(());
        }
        let path = &object.path;
        if let Some(name) = unnamed_secret(object, answer) {
            let text = format!(
                "the server has a `{name}` for `{path}` that the files do not name, and a write \
                 would wipe it: name it in the files"
            );
            return Err(object.place.problem(text));
        }
        let secrets = object.fields.iter().filter(|(_, field)| field.is_secret);
        for (name, _) in secrets {
            if fields.iter().any(|field| field.name == *name) {
                continue;
            }
            if self.unnamed == Unnamed::DroppedAndRotated {
                let text = format!(
                    "a write replaces the whole of `{path}`, and its `{name}` may have been rotated \
                     since the files were applied: change it in the files as well, or write \
                     the object by hand with the one that is valid"
                );
                return Err(object.place.problem(text));
            }
            fields.push(FieldChange {
                name: name.clone(),
                from: Shown::Secret,
                to: Shown::Secret,
                foreign: false,
            });
        }
        Ok(())
    }

    fn field(
        &self,
        name: &str,
        field: &Field,
        answer: &Data,
        managed: Option<&Managed>,
    ) -> Option<FieldChange> {
        let applied = managed.and_then(|managed| managed.fields.get(name));
        let is_said = applied.is_some_and(|applied| self.state.is_said(applied, field));
        let pending = managed.is_some_and(|managed| managed.pending);
        let there = find(answer, name);
        let changed = |from, foreign| {
            Some(FieldChange {
                name: name.to_owned(),
                from,
                to: shown(field),
                foreign,
            })
        };
        let Some(there) = there.filter(|_| !field.is_secret) else {
            // Not answered, or not to be compared: only a new value in the file
            // is a reason to write. What was rotated on the server stays.
            let is_empty =
                !field.is_secret && crate::configuration::compare::is_empty(&field.value);
            let is_known = match managed {
                None => true,
                Some(_) => is_said,
            };
            if is_known || (is_empty && !answer.is_empty()) {
                return None;
            }
            let from = if field.is_secret {
                Shown::Secret
            } else {
                Shown::Absent
            };
            return changed(from, false);
        };
        if is_same(name, &field.value, there) {
            return None;
        }
        let there = projected(&field.value, there);
        // What the server answered after the last write, if that is what it
        // still answers: it writes the value in its own way.
        let seen = applied.and_then(|applied| applied.seen.as_ref());
        let is_unchanged = seen.is_some_and(|seen| self.state.is_kept(seen, &there));
        if is_said && is_unchanged && !pending {
            return None;
        }
        let foreign = seen.is_some() && !is_unchanged && !pending;
        changed(Shown::Value(there), foreign)
    }
}

impl Found {
    fn of(change: Change) -> Self {
        Self {
            change: Some(change),
            notes: Vec::new(),
        }
    }
}

fn create(object: Object, foreign: bool) -> Change {
    let fields = object.fields.iter().map(|(name, field)| FieldChange {
        name: name.clone(),
        from: Shown::Absent,
        to: shown(field),
        foreign: false,
    });
    Change {
        kind: object.kind,
        path: object.path.clone(),
        action: Action::Create,
        unmanaged: false,
        foreign,
        fields: fields.collect(),
        object: Some(object),
    }
}

fn record(object: Object) -> Change {
    Change {
        kind: object.kind,
        path: object.path.clone(),
        action: Action::Record,
        unmanaged: false,
        foreign: false,
        fields: Vec::new(),
        object: Some(object),
    }
}

fn shown(field: &Field) -> Shown {
    if field.is_secret {
        Shown::Secret
    } else {
        Shown::Value(field.value.clone())
    }
}

/// What cannot be changed once a mount is there.
fn check_fixed(object: &Object, answer: &Data) -> Result<(), Problem> {
    let fixed: &[&str] = match object.kind {
        Kind::SecretsEngine | Kind::AuthMethod => &["type", "local", "seal_wrap"],
        Kind::Audit => &["type", "description", "options", "local"],
        _ => &[],
    };
    for name in fixed {
        let Some(field) = object.fields.get(*name) else {
            continue;
        };
        let there = answer.get(*name).unwrap_or(&serde_json::Value::Null);
        if !is_same(name, &field.value, there) {
            let text = format!(
                "`{name}` of `{}` cannot be changed once it is there: disable it by hand, or use another path",
                object.path
            );
            return Err(object.place.problem(text));
        }
    }
    Ok(())
}
