//! The name of a group at an auth method. The server keeps it under an id of its
//! own; here it is known by the group, the path of the method and the name.

use serde_json::{Value, json};

use super::mounts::Mounts;
use super::server::{Data, Reading, Server, ServerError};

/// What the paths of aliases begin with, here and on the server.
const FOLDER: &str = "identity/group-alias";

/// An alias, from its path here.
struct Alias<'a> {
    group: &'a str,
    method: &'a str,
    name: &'a str,
}

/// The path by which an alias is known here.
pub(crate) fn path(group: &str, method: &str, name: &str) -> String {
    format!("{FOLDER}/{group}/{method}/{name}")
}

/// The path by which the alias of a group is known here, if the group has one at a
/// method that is there.
pub(crate) fn path_of(group: &str, answer: &Data, mounts: &Mounts) -> Option<String> {
    let (method, name) = of_group(answer, mounts)?;
    (!group.contains('/')).then(|| path(group, method, name))
}

/// The method and the name of the alias of a group, if it has one that can be known
/// by them.
pub(crate) fn of_group<'a>(answer: &'a Data, mounts: &'a Mounts) -> Option<(&'a str, &'a str)> {
    let alias = answer.get("alias")?;
    let text = |member: &str| alias.get(member).and_then(Value::as_str);
    let (name, accessor) = (text("name")?, text("mount_accessor")?);
    let mut methods = mounts.methods();
    let (method, _) = methods
        .find(|(_, entry)| entry.get("accessor").and_then(Value::as_str) == Some(accessor))?;
    (!name.contains('/')).then_some((method, name))
}

impl<'a> Alias<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let inner = path.strip_prefix(FOLDER)?.strip_prefix('/')?;
        let (group, rest) = inner.split_once('/')?;
        let (method, name) = rest.rsplit_once('/')?;
        Some(Self {
            group,
            method,
            name,
        })
    }

    /// The group as the server has it.
    async fn group(&self, server: &dyn Server) -> Result<Option<Data>, ServerError> {
        let reading = server
            .read(&format!("identity/group/name/{}", self.group))
            .await?;
        Ok(match reading {
            Reading::Found(group) => Some(group),
            Reading::Absent | Reading::Unreadable => None,
        })
    }

    fn accessor<'m>(&self, mounts: &'m Mounts) -> Option<&'m str> {
        mounts.method(self.method)?.get("accessor")?.as_str()
    }

    /// The id of the alias, if the group has it.
    fn id(&self, group: &Data, mounts: &Mounts) -> Option<String> {
        let alias = group.get("alias")?;
        let is =
            |member: &str, value: &str| alias.get(member).and_then(Value::as_str) == Some(value);
        let is_it = is("name", self.name) && is("mount_accessor", self.accessor(mounts)?);
        let id = alias.get("id").filter(|_| is_it)?;
        id.as_str().map(str::to_owned)
    }
}

/// Whether an alias is there.
pub(crate) async fn read(
    server: &dyn Server,
    mounts: &Mounts,
    path: &str,
) -> Result<Reading, ServerError> {
    let Some(alias) = Alias::of(path) else {
        return Ok(Reading::Absent);
    };
    let group = alias.group(server).await?;
    let id = group.and_then(|group| alias.id(&group, mounts));
    Ok(id.map_or(Reading::Absent, |_| Reading::Found(Data::new())))
}

/// Makes an alias.
pub(crate) async fn write(
    server: &dyn Server,
    mounts: &Mounts,
    path: &str,
) -> Result<(), ServerError> {
    let problem = |text: String| ServerError { status: None, text };
    let alias = Alias::of(path).ok_or_else(|| problem(format!("`{path}` is no group alias")))?;
    let group = alias.group(server).await?;
    let id = group.as_ref().and_then(|group| group.get("id"));
    let id = id.ok_or_else(|| problem(format!("there is no group `{}`", alias.group)))?;
    let accessor = alias
        .accessor(mounts)
        .ok_or_else(|| problem(format!("no auth method is enabled at `{}`", alias.method)))?;
    let body = json!({ "name": alias.name, "mount_accessor": accessor, "canonical_id": id });
    let body = body.as_object().cloned().unwrap_or_default();
    server.write(FOLDER, &body).await
}

/// Deletes an alias.
pub(crate) async fn delete(
    server: &dyn Server,
    mounts: &Mounts,
    path: &str,
) -> Result<(), ServerError> {
    let Some(alias) = Alias::of(path) else {
        return Ok(());
    };
    let group = alias.group(server).await?;
    match group.and_then(|group| alias.id(&group, mounts)) {
        Some(id) => server.delete(&format!("{FOLDER}/id/{id}")).await,
        None => Ok(()),
    }
}
