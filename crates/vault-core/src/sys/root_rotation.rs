//! `sys/rotate/root` and `sys/rekey`: another root key, and other shares.
//!
//! Both families do the same. Members and texts are OpenBao's; `sys/rekey` answers
//! without the envelope, as it does in Vault, and needs a token here, because
//! nobody should begin or cancel a rotation without one.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logical::framework::{Call, Field, FieldKind, Fields, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion};
use serde_json::{Value, json};

use super::{SysPaths, bare};
use crate::unseal_keys::{
    Given, Progress, RootKeys, Rotated, Share, Shares, Verification, Verified, share_of_text,
    to_hex,
};

const SHARES: &str = "secret_shares";
const THRESHOLD: &str = "secret_threshold";
const VERIFY: &str = "require_verification";
const PGP_KEYS: &str = "pgp_keys";
const BACKUP: &str = "backup";
const KEY: &str = "key";
const NONCE: &str = "nonce";

/// Paths of OpenBao and Vault about recovery keys, which this seal does not have.
const RECOVERY: [&str; 9] = [
    "rotate/recovery",
    "rotate/recovery/init",
    "rotate/recovery/update",
    "rotate/recovery/verify",
    "rotate/recovery/backup",
    "rekey-recovery-key/init",
    "rekey-recovery-key/update",
    "rekey-recovery-key/verify",
    "rekey/recovery-key-backup",
];

/// Which of the two families of paths was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rotate,
    Rekey,
}

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    let mut paths = family("rotate/root", Family::Rotate);
    paths.extend(family("rekey", Family::Rekey));
    paths.push(
        Path::new("rotate/root")
            .on_write(answer(without_shares))
            .help(
                "Is refused.",
                "This server does not keep the key that protects the root key: rotate both with \
                 `rotate/root/init`.",
            ),
    );
    for recovery in RECOVERY {
        paths.push(
            Path::new(recovery)
                .on(Operation::Read, answer(no_recovery))
                .on_write(answer(no_recovery))
                .on(Operation::Delete, answer(no_recovery))
                .help("Is refused.", "There are no recovery keys with this seal."),
        );
    }
    paths
}

fn family(path: &str, family: Family) -> Vec<Path<SysPaths>> {
    let key = || Field::new(KEY, FieldKind::Text, "A share in base64 or hexadecimal.").sensitive();
    let nonce = || {
        Field::new(
            NONCE,
            FieldKind::Text,
            "The nonce of the rotation or verification.",
        )
    };
    vec![
        Path::new(format!("{path}/init"))
            .fields([
                Field::new(
                    SHARES,
                    FieldKind::Integer,
                    "Into how many shares the key is split.",
                ),
                Field::new(THRESHOLD, FieldKind::Integer, "How many of them unseal."),
                Field::new(
                    VERIFY,
                    FieldKind::Flag,
                    "Whether the new shares must be given back before they replace the old ones.",
                ),
                Field::new(PGP_KEYS, FieldKind::CommaList, "Is not supported."),
                Field::new(BACKUP, FieldKind::Flag, "Is not supported."),
                nonce(),
            ])
            .on(
                Operation::Read,
                answer(move |sys, _| async move { status(sys, family).await }),
            )
            .on_write(answer(move |sys, call: Call| async move {
                begin(sys, &call.fields, family).await
            }))
            .on(Operation::Delete, answer(cancel))
            .help(
                "Begins a rotation of the root key and its shares, tells how far it is, or cancels \
                 it.",
                "The shares that unseal at present stay valid until the rotation is complete.",
            ),
        Path::new(format!("{path}/update"))
            .fields([key(), nonce()])
            .on_write(answer(move |sys, call| async move {
                update(sys, call, family).await
            }))
            .help(
                "Takes one of the present shares.",
                "The answer to the last one has the new shares.",
            ),
        Path::new(format!("{path}/verify"))
            .fields([key(), nonce()])
            .on(
                Operation::Read,
                answer(move |sys, _| async move { verification(sys, family).await }),
            )
            .on_write(answer(move |sys, call| async move {
                verify(sys, call, family).await
            }))
            .on(
                Operation::Delete,
                answer(move |sys, _| async move { restart(sys, family).await }),
            )
            .help(
                "Takes one of the new shares back, tells how many were, or begins anew.",
                "With the last one the new shares replace the old ones.",
            ),
        Path::new(format!("{path}/backup"))
            .on(Operation::Read, answer(no_backup))
            .on(Operation::Delete, answer(nothing))
            .help(
                "Tells that there is no backup.",
                "Shares are stored nowhere, not even encrypted.",
            ),
    ]
}

impl SysPaths {
    /// The keys of storage, if it has any.
    pub(super) fn root_keys(&self) -> Result<&Arc<RootKeys>, Error> {
        self.keys.as_ref().ok_or_else(Error::unsupported_path)
    }
}

async fn status(sys: Arc<SysPaths>, family: Family) -> Result<Option<Response>, Error> {
    let keys = sys.root_keys()?;
    let required = keys.shares().threshold();
    Ok(Some(match keys.progress().await {
        Some(progress) => family.shown(shown(&progress, required, family)),
        None => family.shown(none(required, family)),
    }))
}

async fn begin(
    sys: Arc<SysPaths>,
    fields: &Fields,
    family: Family,
) -> Result<Option<Response>, Error> {
    let keys = sys.root_keys()?;
    if fields.list(PGP_KEYS).is_some_and(|keys| !keys.is_empty()) {
        return Err(Error::bad_request(format!(
            "`{PGP_KEYS}` is not supported by this server: leave it out, and encrypt what you get"
        )));
    }
    if fields.flag(BACKUP) == Some(true) {
        return Err(Error::bad_request(format!(
            "`{BACKUP}` is not supported by this server, which stores no shares: leave it out"
        )));
    }
    let number = |name| u64::try_from(fields.integer(name).unwrap_or(0)).unwrap_or(0);
    let shares = Shares::new(number(SHARES), number(THRESHOLD)).map_err(|error| {
        let text = error.to_string();
        Error::bad_request(text.replace("invalid seal", "invalid rotate seal"))
    })?;
    let verifies = fields.flag(VERIFY) == Some(true);
    let progress = keys.begin(shares, verifies).await?;
    let required = keys.shares().threshold();
    Ok(Some(family.shown(shown(&progress, required, family))))
}

async fn cancel(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    sys.root_keys()?.cancel().await;
    Ok(None)
}

async fn update(
    sys: Arc<SysPaths>,
    mut call: Call,
    family: Family,
) -> Result<Option<Response>, Error> {
    let keys = Arc::clone(sys.root_keys()?);
    let (share, nonce) = share_and_nonce(&mut call)?;
    let required = keys.shares().threshold();
    let giving = {
        let keys = Arc::clone(&keys);
        async move { keys.give(share, &nonce).await }
    };
    let abandoned = {
        let keys = Arc::clone(&keys);
        |given: Result<Given, Error>| async move {
            if let Ok(Given::Done(rotated)) = given {
                keys.abandon(&rotated.undo).await;
            }
        }
    };
    let given = RunToCompletion::new(Arc::clone(&sys.tasks) as _, giving).or_abandoned(abandoned);
    Ok(Some(family.shown(match given.await? {
        Given::More(progress) => shown(&progress, required, family),
        Given::Done(rotated) => {
            let shown = done(&rotated, family);
            let undo = async move { Some(keys.abandon(&rotated.undo).await) };
            let unreported = sys.revocation.unreported();
            unreported.note(&call.request.id, Box::pin(undo));
            shown
        }
    })))
}

async fn verification(sys: Arc<SysPaths>, family: Family) -> Result<Option<Response>, Error> {
    let verification = sys.root_keys()?.verification().await?;
    Ok(Some(family.shown(verifying(&verification))))
}

async fn verify(
    sys: Arc<SysPaths>,
    mut call: Call,
    family: Family,
) -> Result<Option<Response>, Error> {
    let keys = Arc::clone(sys.root_keys()?);
    let (share, nonce) = share_and_nonce(&mut call)?;
    let work = async move { keys.verify(share, &nonce).await };
    let verified = RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(Some(family.shown(match verified {
        Verified::More(verification) => verifying(&verification),
        Verified::Done { nonce } => object(json!({"nonce": nonce, "complete": true})),
    })))
}

async fn restart(sys: Arc<SysPaths>, family: Family) -> Result<Option<Response>, Error> {
    let verification = sys.root_keys()?.restart_verification().await?;
    Ok(Some(family.shown(verifying(&verification))))
}

async fn without_shares(_: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Err(Error::bad_request(
        "this server does not keep the key that protects the root key: rotate both with \
         `rotate/root/init`, which needs the shares",
    ))
}

async fn no_recovery(_: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Err(Error::bad_request("recovery keys not supported"))
}

async fn no_backup(_: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Err(Error::bad_request("no backed-up keys found"))
}

async fn nothing(_: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(None)
}

/// The share is taken out of the request, which is not wiped.
fn share_and_nonce(call: &mut Call) -> Result<(Share, String), Error> {
    let key = call.take_secret(KEY);
    let nonce = call.fields.text(NONCE);
    for (name, is_empty) in [(KEY, key.is_empty()), (NONCE, nonce.is_empty())] {
        if is_empty {
            return Err(Error::bad_request(format!(
                "missing required field '{name}'"
            )));
        }
    }
    let share = share_of_text(&key)
        .ok_or_else(|| Error::bad_request("'key' must be a valid hex or base64 string"))?;
    Ok((share, nonce.to_owned()))
}

impl Family {
    /// The answer of this family.
    fn shown(self, data: Object) -> Response {
        match self {
            Self::Rotate => Response::with_data(data),
            Self::Rekey => bare(&data),
        }
    }

    /// Members that Vault has and OpenBao left out.
    fn add_old(self, data: &mut Object) {
        if self == Self::Rekey {
            data.insert("pgp_fingerprints".into(), Value::Null);
            data.insert(BACKUP.into(), false.into());
        }
    }
}

fn none(required: u8, family: Family) -> Object {
    let mut data = object(json!({"started": false, "t": 0, "n": 0, "required": required}));
    if family == Family::Rekey {
        data.insert(NONCE.into(), "".into());
        data.insert("progress".into(), 0.into());
        data.insert("verification_required".into(), false.into());
    }
    family.add_old(&mut data);
    data
}

fn shown(progress: &Progress, required: u8, family: Family) -> Object {
    let mut data = object(json!({
        "nonce": progress.nonce,
        "started": true,
        "t": progress.shares.threshold(),
        "n": progress.shares.count(),
        "progress": progress.given,
        "required": required,
        "verification_required": progress.verifies,
        "verification_nonce": progress.verification_nonce,
    }));
    family.add_old(&mut data);
    data
}

fn done(rotated: &Rotated, family: Family) -> Object {
    let keys = |shown: fn(&[u8]) -> String| -> Value {
        rotated.shares.iter().map(|share| shown(share)).collect()
    };
    let mut data = object(json!({
        "nonce": rotated.nonce,
        "complete": true,
        "keys": keys(to_hex),
        "keys_base64": keys(|bytes| BASE64_STANDARD.encode(bytes)),
        "pgp_fingerprints": null,
        "backup": false,
        "verification_required": rotated.verification_nonce.is_some(),
        "verification_nonce": rotated.verification_nonce.as_deref().unwrap_or_default(),
    }));
    family.add_old(&mut data);
    data
}

fn verifying(verification: &Verification) -> Object {
    object(json!({
        "nonce": verification.nonce,
        "started": !verification.nonce.is_empty(),
        "t": verification.shares.threshold(),
        "n": verification.shares.count(),
        "progress": verification.given,
    }))
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
