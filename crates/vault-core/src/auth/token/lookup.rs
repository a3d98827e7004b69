//! Lookup of tokens.

use std::sync::Arc;

use jiff::Timestamp;
use logical::framework::{Call, Path, answer};
use logical::{Error, ErrorClass, Object, Operation, Response};
use serde_json::{Value, json};

use super::TokenPaths;
use super::fields::{ACCESSOR, TOKEN, accessor, token};
use crate::tokens::{ClientToken, TokenEntry, Uses};

pub(super) fn paths() -> Vec<Path<TokenPaths>> {
    vec![
        Path::new("lookup-self")
            .fields([token()])
            .on(Operation::Read, answer(look_up))
            .on(Operation::Update, answer(look_up))
            .help("Looks up the caller's token.", ""),
        Path::new("lookup")
            .fields([token()])
            .on(Operation::Read, answer(look_up))
            .on(Operation::Update, answer(look_up))
            .help("Looks up a token; without `token`, the caller's.", ""),
        Path::new("lookup-accessor")
            .fields([accessor()])
            .on(Operation::Update, answer(by_accessor))
            .help(
                "Looks up the token with an accessor.",
                "The answer does not tell the token itself.",
            ),
    ]
}

async fn look_up(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let text = call.fields.text(TOKEN);
    if text.is_empty() {
        return Err(Error::bad_request(
            "missing `token`: give the token to look up",
        ));
    }
    let found = paths.tokens.find(&ClientToken::new(text)).await?;
    let found = found.ok_or_else(|| Error::new(ErrorClass::PermissionDenied, "bad token"))?;
    let info = info(&found.entry, text, paths.clock.now());
    Ok(Some(Response::with_data(info)))
}

async fn by_accessor(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let salted = paths.by_accessor(call.fields.text(ACCESSOR)).await?;
    let entry = match salted {
        Some(salted) => paths.tokens.lookup_salted(&salted).await?,
        None => None,
    };
    // One whose last use is over is about to be revoked.
    let entry = entry.filter(|entry| entry.uses != Uses::Spent);
    let entry = entry.ok_or_else(|| Error::bad_request("invalid accessor"))?;
    Ok(Some(Response::with_data(info(
        &entry,
        "",
        paths.clock.now(),
    ))))
}

/// The answer to a lookup. The text of a token is not stored, so `id` repeats
/// the request's.
fn info(entry: &TokenEntry, text: &str, now: Timestamp) -> Object {
    let lifetime = entry.lifetime.as_ref();
    let metadata = (!entry.metadata.is_empty()).then_some(&entry.metadata);
    let expire_time = lifetime.map(|lifetime| lifetime.expire_time.to_string());
    let members = [
        ("accessor", Value::from(entry.accessor.clone())),
        ("creation_time", entry.issue_time.as_second().into()),
        (
            "creation_ttl",
            lifetime.map_or(0, |lifetime| lifetime.creation_ttl).into(),
        ),
        ("display_name", entry.display_name.clone().into()),
        ("entity_id", entry.entity_id.clone().into()),
        ("expire_time", expire_time.into()),
        (
            "explicit_max_ttl",
            lifetime
                .map_or(0, |lifetime| lifetime.explicit_max_ttl)
                .into(),
        ),
        ("id", text.into()),
        ("issue_time", entry.issue_time.to_string().into()),
        ("meta", json!(metadata)),
        ("num_uses", entry.uses.number().into()),
        ("orphan", entry.orphan.into()),
        ("path", entry.path.clone().into()),
        ("policies", entry.policies.clone().into()),
        ("renewable", entry.renewable.into()),
        ("ttl", entry.ttl(now).as_secs().into()),
        ("type", entry.kind.word().into()),
    ];
    let mut info: Object = members
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect();
    if !entry.role.is_empty() {
        info.insert("role".into(), entry.role.clone().into());
    }
    if !entry.bound_cidrs.is_empty() {
        info.insert("bound_cidrs".into(), json!(entry.bound_cidrs));
    }
    if let Some(lifetime) = lifetime {
        if lifetime.period > 0 {
            info.insert("period".into(), lifetime.period.into());
        }
        if let Some(renewal) = lifetime.last_renewal {
            info.insert("last_renewal".into(), renewal.to_string().into());
            info.insert("last_renewal_time".into(), renewal.as_second().into());
        }
    }
    info
}
