//! `auth/token/`: lookup, renewal and revocation of tokens.

use std::sync::Arc;

use logical::framework::{Call, Definition, Field, FieldKind, Framework, Hooks, Path, answer};
use logical::{Error, Object, Operation, Response, SpecialPaths};
use serde_json::Value;

use crate::revocation::Revocation;
use crate::tokens::{ClientToken, TokenEntry, TokenStore};

/// The type of the mount that serves these paths.
pub(crate) const TOKEN_MOUNT: &str = "token";

const LOOKUP_SELF: &str = "lookup-self";
const TOKEN: &str = "token";

/// State shared by the paths.
pub(crate) struct TokenPaths {
    tokens: Arc<TokenStore>,
    revocation: Arc<Revocation>,
}

impl Hooks for TokenPaths {}

/// The paths of `auth/token/`.
///
/// # Errors
/// An internal error that names an invalid path pattern.
pub(crate) fn paths(
    tokens: &Arc<TokenStore>,
    revocation: &Arc<Revocation>,
) -> Result<Framework<TokenPaths>, Error> {
    let state = Arc::new(TokenPaths {
        tokens: Arc::clone(tokens),
        revocation: Arc::clone(revocation),
    });
    let definition = Definition {
        help: "Lookup, renewal and revocation of tokens.",
        paths: vec![lookup_self(), lookup(), renew_self(), revoke_self()],
        secrets: Vec::new(),
        special_paths: SpecialPaths::default(),
    };
    Framework::new(state, definition)
}

/// The extra fields of a request about its own token. Only `lookup-self` gets
/// the text of the token, because command lines read it back from the answer.
pub(crate) fn caller_fields(path: &str, token: Option<&ClientToken>) -> Option<(String, Value)> {
    let token = token.filter(|_| path == LOOKUP_SELF)?;
    Some((TOKEN.to_owned(), token.expose().into()))
}

fn lookup_self() -> Path<TokenPaths> {
    Path::new(LOOKUP_SELF)
        .fields([Field::new(
            TOKEN,
            FieldKind::Text,
            "The caller's own token.",
        )])
        .on(Operation::Read, answer(look_up))
        .on(Operation::Update, answer(look_up))
        .help("Looks up the caller's token.", "")
}

fn lookup() -> Path<TokenPaths> {
    Path::new("lookup")
        .fields([Field::new(TOKEN, FieldKind::Text, "The token.")])
        .on(Operation::Update, answer(look_up))
        .help("Looks up a token.", "")
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
            "Requested TTL. Tokens of this server do not expire and cannot be renewed.",
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
                paths.revocation.revoke(&call.request.client_token).await?;
                Ok(None)
            }),
        )
        .help("Revokes the caller's token and all its leases.", "")
}

/// The answer to a lookup. The text of a token is not stored, so `id` repeats
/// the request's.
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
