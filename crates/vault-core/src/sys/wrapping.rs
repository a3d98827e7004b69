//! `sys/wrapping`: wrapping of values, and what becomes of wrapped answers. The
//! pipeline wraps, and checks the token that a request is about.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::response::WrapInfo;
use logical::{Error, Object, Operation, Response};

use super::SysPaths;
use crate::tokens::ClientToken;

const TOKEN: &str = "token";

/// The members of a response that stand for its whole body, as in Vault.
const RAW: [&str; 3] = ["http_status_code", "http_content_type", "http_raw_body"];

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("wrapping/wrap")
            .any_input()
            .on(Operation::Update, answer(wrap))
            .help(
                "Answers what the body has, wrapped.",
                "The header `X-Vault-Wrap-TTL` says for how long.",
            ),
        Path::new("wrapping/lookup")
            .fields([token()])
            .on(Operation::Read, answer(lookup))
            .on(Operation::Update, answer(lookup))
            .help(
                "Tells when, for how long and of which path an answer was wrapped.",
                "It stays wrapped. A path other than the expected one means that the answer was \
                 exchanged.",
            ),
        Path::new("wrapping/unwrap")
            .fields([token()])
            .on(Operation::Update, answer(unwrap))
            .help(
                "Returns a wrapped answer, once.",
                "Without `token` the caller's own token is the one of the answer. If it is not \
                 valid, somebody else may have unwrapped the answer.",
            ),
        Path::new("wrapping/rewrap")
            .fields([token()])
            .on(Operation::Update, answer(rewrap))
            .help(
                "Wraps a wrapped answer anew: with a new token, and the time from now.",
                "",
            ),
    ]
}

fn token() -> Field {
    Field::new(TOKEN, FieldKind::Text, "The token of the wrapped answer.")
}

async fn wrap(_: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    if call.request.wrap_ttl.is_none() {
        return Err(Error::bad_request(
            "endpoint requires response wrapping to be used",
        ));
    }
    // They would make the answer another than that of this path.
    let reserved = RAW
        .iter()
        .find(|name| call.request.data.contains_key(**name));
    if let Some(name) = reserved {
        return Err(Error::bad_request(format!(
            "`{name}` cannot be wrapped by itself: put it inside another member"
        )));
    }
    Ok(Some(Response::with_data(call.request.data)))
}

async fn lookup(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let info = sys.wrapping.info(&sys.target(&call)).await?;
    Ok(Some(Response::with_data(info)))
}

async fn unwrap(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let answer = sys.wrapping.answer(&sys.target(&call)).await?;
    Ok(Some(raw(&answer)))
}

async fn rewrap(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let salted = sys.target(&call);
    let wish = sys.wrapping.wish_of(&salted).await?;
    let answer = sys.wrapping.answer(&salted).await?;
    let mut wrapping = WrapInfo::for_ttl(wish.ttl);
    wrapping.creation_path = wish.creation_path;
    let mut response = raw(&answer);
    response.wrap_info = Some(Box::new(wrapping));
    Ok(Some(response))
}

impl SysPaths {
    /// Salted hash of the token that a request is about.
    fn target(&self, call: &Call) -> String {
        match call.fields.text(TOKEN) {
            "" => call.request.client_token.clone(),
            text => self.tokens.salted(&ClientToken::new(text)),
        }
    }
}

/// An answer as it was before it was wrapped.
pub(super) fn raw(answer: &str) -> Response {
    Response::with_data(Object::from_iter([
        (RAW[0].to_owned(), 200.into()),
        (RAW[1].to_owned(), "application/json".into()),
        (RAW[2].to_owned(), STANDARD.encode(answer).into()),
    ]))
}
