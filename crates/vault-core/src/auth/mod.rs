//! `auth/token/`: what a token can learn of itself, and its end.

use std::sync::Arc;

use logical::framework::{Call, Definition, Field, FieldKind, Framework, Hooks, Path, answer};
use logical::{Error, Object, Operation, Response, SpecialPaths};
use serde_json::Value;

use crate::leases::Leases;
use crate::tokens::{ClientToken, TokenEntry, TokenStore};

const LOOKUP_SELF: &str = "lookup-self";
const TOKEN: &str = "token";

/// What the paths need.
pub(crate) struct TokenPaths {
    tokens: Arc<TokenStore>,
    leases: Arc<Leases>,
}

impl Hooks for TokenPaths {}

/// The table of `auth/token/`.
///
/// # Errors
/// An internal error that names a pattern which is no regular expression.
pub(crate) fn paths(
    tokens: &Arc<TokenStore>,
    leases: &Arc<Leases>,
) -> Result<Framework<TokenPaths>, Error> {
    let state = Arc::new(TokenPaths {
        tokens: Arc::clone(tokens),
        leases: Arc::clone(leases),
    });
    let definition = Definition {
        help: "Tokens: what they are and how they end.",
        paths: vec![lookup_self(), lookup(), renew_self(), revoke_self()],
        secrets: Vec::new(),
        special_paths: SpecialPaths::default(),
    };
    Framework::new(state, definition)
}

/// What a look-up is told of its caller. Only here does a path see a token's
/// text, because command lines read it back from the answer to learn who they
/// are.
pub(crate) fn told_of_caller(path: &str, token: Option<&ClientToken>) -> Option<(String, Value)> {
    let token = token.filter(|_| path == LOOKUP_SELF)?;
    Some((TOKEN.to_owned(), token.expose().into()))
}

fn lookup_self() -> Path<TokenPaths> {
    Path::new(LOOKUP_SELF)
        .fields([Field::new(TOKEN, FieldKind::Text, "The caller's own.")])
        .on(Operation::Read, answer(look_up))
        .on(Operation::Update, answer(look_up))
        .help("Tells what is known of the caller's token.", "")
}

fn lookup() -> Path<TokenPaths> {
    Path::new("lookup")
        .fields([Field::new(TOKEN, FieldKind::Text, "The token.")])
        .on(Operation::Update, answer(look_up))
        .help("Tells what is known of a token.", "")
}

async fn look_up(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let text = call.fields.text(TOKEN);
    if text.is_empty() {
        return Err(Error::bad_request(
            "missing `token`: give the token to look up",
        ));
    }
    let salted = paths.tokens.salted(&ClientToken::new(text));
    let entry = paths.tokens.lookup_salted(&salted).await?;
    let entry =
        entry.ok_or_else(|| Error::new(logical::ErrorClass::PermissionDenied, "bad token"))?;
    Ok(Some(Response::with_data(info(&entry, text))))
}

fn renew_self() -> Path<TokenPaths> {
    Path::new("renew-self")
        .fields([Field::new(
            "increment",
            FieldKind::DurationSeconds,
            "By how much. Every token here lives until it is revoked.",
        )])
        .on(
            Operation::Update,
            answer(|_: Arc<TokenPaths>, _| async {
                Err(Error::bad_request("lease is not renewable"))
            }),
        )
        .help("Renews the caller's token.", "")
}

fn revoke_self() -> Path<TokenPaths> {
    Path::new("revoke-self")
        .on(
            Operation::Update,
            answer(|paths: Arc<TokenPaths>, call: Call| async move {
                let salted = call.request.client_token;
                // The token first: no lease can be added from then on.
                paths.tokens.delete(&salted).await?;
                paths.leases.expire_token_now(&salted).await?;
                Ok(None)
            }),
        )
        .help("Ends the caller's token and all its leases.", "")
}

/// What a look-up shows. A token's text is not kept, so only who gave it gets
/// it back.
fn info(entry: &TokenEntry, text: &str) -> Object {
    let members = [
        ("accessor", Value::from(entry.accessor.clone())),
        ("creation_time", entry.creation_time().into()),
        ("creation_ttl", 0.into()),
        ("display_name", entry.display_name.clone().into()),
        ("entity_id", "".into()),
        ("expire_time", Value::Null),
        ("explicit_max_ttl", 0.into()),
        ("id", text.into()),
        ("issue_time", entry.issue_time.clone().into()),
        ("meta", Value::Null),
        ("num_uses", 0.into()),
        ("orphan", entry.orphan.into()),
        ("path", entry.path.clone().into()),
        ("policies", entry.policies.clone().into()),
        ("renewable", false.into()),
        ("ttl", 0.into()),
        ("type", "service".into()),
    ];
    members
        .map(|(key, value)| (key.to_owned(), value))
        .into_iter()
        .collect()
}
