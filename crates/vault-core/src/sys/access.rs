//! `sys/capabilities`: the capabilities of a token on paths; and the rules of
//! the caller as a whole.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response};
use serde_json::{Value, json};

use super::SysPaths;
use crate::policies::Acl;
use crate::tokens::{ClientToken, TokenEntry};

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("capabilities-self")
            .fields(fields())
            .on_write(answer(|sys: Arc<SysPaths>, call: Call| async move {
                let acl = sys.acl(&call).await?;
                capabilities(&call, acl.as_deref())
            }))
            .help("Returns the caller's capabilities on paths.", ""),
        Path::new("capabilities-accessor")
            .fields(fields())
            .fields([Field::new(
                "accessor",
                FieldKind::Text,
                "The accessor of the token.",
            )])
            .on_write(answer(of_accessor))
            .help(
                "Returns the capabilities of the token with an accessor on paths.",
                "",
            ),
        Path::new("capabilities")
            .fields(fields())
            .on_write(answer(of_token))
            .help("Returns the capabilities of a token on paths.", ""),
        Path::new("internal/ui/resultant-acl")
            .on(Operation::Read, answer(resultant_acl))
            .help("Returns the rules of all policies of the caller.", ""),
    ]
}

fn fields() -> [Field; 3] {
    [
        Field::new("token", FieldKind::Text, "The token."),
        Field::new("path", FieldKind::CommaList, "The path or paths."),
        Field::new("paths", FieldKind::CommaList, "The paths."),
    ]
}

async fn of_token(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let token = call.fields.text("token");
    if token.is_empty() {
        return Err(Error::bad_request(
            "missing `token`: give the token to ask about",
        ));
    }
    let found = sys.tokens.find(&ClientToken::new(token)).await?;
    let acl = match found {
        Some(found) => Some(sys.rights.of(&found.entry).await?),
        None => None,
    };
    capabilities(&call, acl.as_deref())
}

async fn of_accessor(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let invalid = || Error::bad_request("invalid accessor");
    let salted = sys.tokens.by_accessor(call.fields.text("accessor")).await?;
    let entry = sys
        .tokens
        .lookup_salted(&salted.ok_or_else(invalid)?)
        .await?;
    let entry = entry.ok_or_else(invalid)?;
    let acl = sys.rights.of(&entry).await?;
    capabilities(&call, Some(&acl))
}

fn capabilities(call: &Call, acl: Option<&Acl>) -> Result<Option<Response>, Error> {
    let given = call
        .fields
        .list("paths")
        .or_else(|| call.fields.list("path"));
    let paths = given
        .filter(|paths| !paths.is_empty())
        .ok_or_else(|| Error::bad_request("paths must be supplied"))?;
    let acl = acl.ok_or_else(|| Error::bad_request("invalid token"))?;
    let mut data = Object::new();
    for path in paths {
        let mut capabilities = acl.capabilities(path.trim_start_matches('/'));
        capabilities.sort_unstable();
        if paths.len() == 1 {
            data.insert("capabilities".into(), capabilities.clone().into());
        }
        data.insert(path.clone(), capabilities.into());
    }
    Ok(Some(Response::with_data(data)))
}

async fn resultant_acl(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let acl = sys.acl(&call).await?.ok_or_else(Error::permission_denied)?;
    let mut data = Object::new();
    data.insert("root".into(), acl.is_root().into());
    if !acl.is_root() {
        let shown = acl.rules().map(|rules| {
            let rules = rules.into_iter();
            let rules = rules.map(|(path, names)| (path, json!({ "capabilities": names })));
            Value::Object(rules.collect())
        });
        let [exact, glob] = shown;
        data.insert("exact_paths".into(), exact);
        data.insert("glob_paths".into(), glob);
    }
    Ok(Some(Response::with_data(data)))
}

impl SysPaths {
    /// The caller's rights, or `None` without a valid token.
    pub(super) async fn acl(&self, call: &Call) -> Result<Option<Arc<Acl>>, Error> {
        match TokenEntry::of_caller(&call.request) {
            Some(caller) => self.rights.of(&caller).await.map(Some),
            None => Ok(None),
        }
    }
}
