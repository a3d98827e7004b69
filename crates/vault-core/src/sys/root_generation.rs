//! `sys/generate-root-token` and `sys/generate-root`: a root token for whoever has
//! enough shares, hidden by a password on its way.
//!
//! Both families do the same. Members and texts are OpenBao's; `sys/generate-root`
//! answers without the envelope, as it does in Vault, and needs a token unless the
//! configuration says otherwise.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{SysPaths, bare};
use crate::random;
use crate::tokens::{ClientToken, TEXT_LENGTH};
use crate::unseal_keys::{Generated, GenerationProgress, share_of_text};

const OTP: &str = "otp";
const PGP_KEY: &str = "pgp_key";
const KEY: &str = "key";
const NONCE: &str = "nonce";
const ENCODED: &str = "encoded_token";

/// Which of the two families of paths was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// OpenBao's.
    GenerateRootToken,
    /// Vault's.
    GenerateRoot,
}

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    let mut paths = family("generate-root-token", Family::GenerateRootToken);
    paths.extend(family("generate-root", Family::GenerateRoot));
    paths.push(
        Path::new("decode-token")
            .fields([
                Field::new(
                    ENCODED,
                    FieldKind::Text,
                    "The token as a generation answered it.",
                )
                .sensitive(),
                Field::new(OTP, FieldKind::Text, "The password of the generation.").sensitive(),
            ])
            .on_write(answer(decode))
            .help("Tells the token that a generation made.", ""),
    );
    paths
}

fn family(path: &str, family: Family) -> Vec<Path<SysPaths>> {
    vec![
        Path::new(format!("{path}/attempt"))
            .fields([
                Field::new(
                    OTP,
                    FieldKind::Text,
                    "The password that hides the token: as long as `otp_length` says. Without it \
                     one is made and answered.",
                )
                .sensitive(),
                Field::new(PGP_KEY, FieldKind::Text, "Is not supported."),
            ])
            .on(
                Operation::Read,
                answer(move |sys, _| async move { status(&sys, family).await }),
            )
            .on_write(answer(move |sys, call| async move {
                begin(&sys, call, family).await
            }))
            .on(Operation::Delete, answer(cancel))
            .help(
                "Begins the generation of a root token, tells how far it is, or cancels it.",
                "There is one generation at a time. Sealing ends it.",
            ),
        Path::new(format!("{path}/update"))
            .fields([
                Field::new(KEY, FieldKind::Text, "A share in base64 or hexadecimal.").sensitive(),
                Field::new(NONCE, FieldKind::Text, "The nonce of the generation."),
            ])
            .on_write(answer(move |sys, call| async move {
                update(sys, call, family).await
            }))
            .help(
                "Takes one of the shares that unseal.",
                "The answer to the last one has the token, each byte combined with that of the \
                 password by exclusive or, in base64.",
            ),
    ]
}

async fn status(sys: &SysPaths, family: Family) -> Result<Option<Response>, Error> {
    let keys = sys.root_keys()?;
    let progress = keys.generation().progress().await;
    let required = keys.shares().threshold();
    Ok(Some(family.status(progress.as_ref(), required, "")))
}

async fn begin(sys: &SysPaths, mut call: Call, family: Family) -> Result<Option<Response>, Error> {
    let keys = sys.root_keys()?;
    let given = call.take_secret(OTP);
    if !call.fields.text(PGP_KEY).is_empty() {
        return Err(Error::bad_request(format!(
            "`{PGP_KEY}` is not supported by this server: leave it out, and take the token with \
             `{OTP}`"
        )));
    }
    let (otp, shown) = match given.len() {
        0 => {
            let made = random::base62(sys.entropy.as_ref(), TEXT_LENGTH);
            (made.clone(), made)
        }
        TEXT_LENGTH => (given, Zeroizing::default()),
        _ => return Err(Error::bad_request("OTP string has incorrect length")),
    };
    let progress = keys.generation().begin(otp).await?;
    let required = keys.shares().threshold();
    Ok(Some(family.status(Some(&progress), required, &shown)))
}

async fn cancel(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    sys.root_keys()?.generation().cancel().await;
    Ok(None)
}

async fn update(
    sys: Arc<SysPaths>,
    mut call: Call,
    family: Family,
) -> Result<Option<Response>, Error> {
    let keys = Arc::clone(sys.root_keys()?);
    let required = keys.shares().threshold();
    // Taken out of the request, which is not wiped.
    let key = call.take_secret(KEY);
    let nonce = call.fields.text(NONCE).to_owned();
    if key.is_empty() {
        return Err(Error::bad_request(
            "'key' must be specified in request body as JSON",
        ));
    }
    let share = share_of_text(&key)
        .ok_or_else(|| Error::bad_request("'key' must be a valid hex or base64 string"))?;
    let work = {
        let sys = Arc::clone(&sys);
        async move {
            let make = root_token(&sys);
            keys.generation().give(share, &nonce, make).await
        }
    };
    let abandoned = {
        let sys = Arc::clone(&sys);
        |given: Result<Generated<ClientToken>, Error>| async move {
            if let Ok(Generated::Done { token, .. }) = given {
                sys.revocation.revoke_later(sys.tokens.salted(&token));
            }
        }
    };
    let given = RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).or_abandoned(abandoned);
    Ok(Some(match given.await? {
        Generated::More(progress) => family.given(&progress, required, ""),
        Generated::Done {
            token,
            otp,
            nonce,
            given,
        } => {
            let salted = sys.tokens.salted(&token);
            let revocation = sys.revocation.clone();
            let undo = async move {
                revocation.revoke_later(salted);
                None
            };
            let unreported = sys.revocation.unreported();
            unreported.note(&call.request.id, Box::pin(undo));
            let progress = GenerationProgress { nonce, given };
            let required = u8::try_from(given).unwrap_or(required);
            family.given(&progress, required, &encode(&token, &otp))
        }
    }))
}

/// A root token, whose text nobody knows if this fails: it may be stored all the same.
async fn root_token(sys: &SysPaths) -> Result<ClientToken, Error> {
    let text = sys.tokens.random_text();
    let created = sys.tokens.create(Some(text.clone()), &["root"]).await;
    created.inspect_err(|_| sys.revocation.revoke_later(sys.tokens.salted(&text)))
}

async fn decode(_: Arc<SysPaths>, mut call: Call) -> Result<Option<Response>, Error> {
    let otp = call.take_secret(OTP);
    let encoded = call.fields.text(ENCODED);
    if encoded.is_empty() || otp.is_empty() {
        return Err(Error::bad_request(
            "provided 'encoded_token' or 'otp' is empty",
        ));
    }
    let hidden = BASE64_STANDARD_NO_PAD.decode(encoded);
    let hidden = hidden.map_err(|_| {
        Error::bad_request(format!("`{ENCODED}` is not what a generation answered"))
    })?;
    if hidden.len() != otp.len() {
        return Err(Error::bad_request(format!(
            "`{ENCODED}` has {} bytes and `{OTP}` {}: they belong to different generations",
            hidden.len(),
            otp.len()
        )));
    }
    let token = Zeroizing::new(combine(&hidden, otp.as_bytes()));
    let token = std::str::from_utf8(&token).map_err(|_| {
        Error::bad_request(format!("`{OTP}` is not the password of this `{ENCODED}`"))
    })?;
    Ok(Some(Response::with_data(object(json!({"token": token})))))
}

fn encode(token: &ClientToken, otp: &str) -> String {
    BASE64_STANDARD_NO_PAD.encode(combine(token.expose().as_bytes(), otp.as_bytes()))
}

fn combine(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one ^ other)
        .collect()
}

impl Family {
    fn status(self, progress: Option<&GenerationProgress>, required: u8, otp: &str) -> Response {
        let mut data = object(json!({
            "started": progress.is_some(),
            "complete": false,
            "progress": progress.map_or(0, |progress| progress.given),
            "required": required,
            OTP: otp,
            "otp_length": TEXT_LENGTH,
        }));
        let nonce = progress.map(|progress| progress.nonce.as_str());
        if self == Self::GenerateRoot || nonce.is_some() {
            data.insert(NONCE.into(), nonce.unwrap_or_default().into());
            data.insert("pgp_fingerprint".into(), "".into());
        }
        self.shown(data, "")
    }

    /// The answer to a share.
    fn given(self, progress: &GenerationProgress, required: u8, encoded: &str) -> Response {
        let mut data = object(json!({
            "started": true,
            "complete": !encoded.is_empty(),
            "progress": progress.given,
            "required": required,
            NONCE: progress.nonce,
            ENCODED: encoded,
            "pgp_fingerprint": "",
        }));
        if self == Self::GenerateRoot {
            data.insert(OTP.into(), "".into());
            data.insert("otp_length".into(), 0.into());
        }
        self.shown(data, encoded)
    }

    fn shown(self, mut data: Object, encoded: &str) -> Response {
        match self {
            Self::GenerateRootToken => Response::with_data(data),
            Self::GenerateRoot => {
                data.insert(ENCODED.into(), encoded.into());
                data.insert("encoded_root_token".into(), encoded.into());
                bare(&data)
            }
        }
    }
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
