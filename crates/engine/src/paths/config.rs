//! `config`: the account of a Confluent Cloud organization.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer, probe};
use logical::{Error, Object, Operation, Response};

use crate::SecretText;
use crate::account::{Account, DEFAULT_URL};
use crate::ids::{KeyId, OrganizationId, OwnerId};
use crate::state::Engine;

/// The row of `config`.
pub(crate) fn path() -> Path<Engine> {
    Path::new("config")
        .fields([
            Field::new(
                "ccloud_api_key_id",
                FieldKind::Text,
                "Id of a Cloud API key. Its owner should be a service account with the role \
                 OrganizationAdmin or ResourceKeyAdmin.",
            ),
            Field::new(
                "ccloud_api_key_secret",
                FieldKind::Text,
                "Secret of that key. It is never returned.",
            ),
            Field::new(
                "url",
                FieldKind::Text,
                "Base address of Confluent Cloud's API: https, or http on loopback. Default: \
                 https://api.confluent.cloud.",
            ),
            Field::new(
                "ca_cert",
                FieldKind::Text,
                "Additional trusted CA certificates in PEM form, for a private endpoint.",
            ),
            Field::new(
                "verify",
                FieldKind::Flag,
                "Whether the key is verified through the API before it is stored. Default: true.",
            ),
            Field::new(
                "fold_role_names",
                FieldKind::Flag,
                "Whether names of roles in requests are folded to lower case, as Confluent's Go \
                 plugin does. A policy on `creds/orders` then says nothing about `creds/Orders`, which \
                 gives the same key. Without it, other spellings are refused. Default: false.",
            ),
        ])
        .strict()
        .on(Operation::Read, answer(|engine: Arc<Engine>, _| async move { read(&engine).await }))
        .on_write(answer(write))
        .on(Operation::Delete, answer(|engine: Arc<Engine>, _| async move { delete(engine).await }))
        .existence(probe(|engine: Arc<Engine>, _| async move {
            Ok(engine.accounts.current().await?.is_some())
        }))
        .help(
            "The account: a Cloud API key that makes and deletes the keys of this mount.",
            "The key is verified by reading it through the API with its own credentials before it is \
             stored, so that a wrong one is refused here and not at the first application. Reading \
             shows everything but the secret. A stored secret is sent only where it was given for: a \
             change of `ccloud_api_key_id`, `url` or `ca_cert` needs it again. An account of another organization replaces the current one for new keys; the earlier one \
             stays, only to delete the keys that were made with it.",
        )
}

/// The row of `config/check`.
pub(crate) fn check() -> Path<Engine> {
    Path::new("config/check")
        .on(Operation::Read, answer(|engine: Arc<Engine>, _| async move { preflight(&engine).await }))
        .on(Operation::Update, answer(|engine: Arc<Engine>, _| async move { preflight(&engine).await }))
        .help(
            "Checks the account: that Confluent Cloud accepts it, and that it may do what the roles \
             need.",
            "Asks Confluent Cloud for the key, for the roles of its owner, and whether the owners and \
             clusters exist that roles name. `ready` is true when nothing stands in the way; what \
             does is in `warnings`, each with a remedy. No key is made to find out, so a role that \
             this program does not know may allow more than is reported.",
        )
}

async fn preflight(engine: &Engine) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let found = engine.check_account().await?;
    let key = found.key.as_ref();
    let organization = key.and_then(|key| key.organization.as_ref());
    let owner = key.and_then(|key| key.owner.as_ref());
    let mut data = Object::new();
    data.insert("ready".into(), found.problems.is_empty().into());
    for (name, text) in [
        ("ccloud_api_key_id", found.id.as_ref().map(KeyId::as_str)),
        ("organization", organization.map(OrganizationId::as_str)),
        ("owner", owner.map(OwnerId::as_str)),
    ] {
        data.insert(name.into(), text.unwrap_or_default().into());
    }
    data.insert("owner_roles".into(), found.roles.into());
    let response = Response::with_data(data).with_warnings(found.problems);
    Ok(Some(response.with_warnings(found.notes)))
}

/// The fields of the account. All others are settings of the mount.
const ACCOUNT_FIELDS: [&str; 5] = [
    "ccloud_api_key_id",
    "ccloud_api_key_secret",
    "url",
    "ca_cert",
    "verify",
];

/// How often a write is retried when `config` changed concurrently.
const ATTEMPTS: usize = 3;

async fn read(engine: &Engine) -> Result<Option<Response>, Error> {
    let account = engine.accounts.current().await?;
    let folds = engine.settings.folds_role_names().await?;
    if account.is_none() && !folds {
        return Ok(None);
    }
    let mut data = Object::new();
    if let Some(account) = account {
        let organization = account.organization.as_ref();
        data.insert("ccloud_api_key_id".into(), account.key_id.as_str().into());
        data.insert("url".into(), account.url.clone().into());
        data.insert(
            "organization".into(),
            organization.map_or("", OrganizationId::as_str).into(),
        );
        if !account.ca_cert.is_empty() {
            data.insert("ca_cert".into(), account.ca_cert.clone().into());
        }
    }
    data.insert("fold_role_names".into(), folds.into());
    Ok(Some(Response::with_data(data)))
}

async fn write(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let worker = Arc::clone(&engine);
    let warnings = engine.run_to_completion(async move { change(&worker, &call.fields).await });
    let warnings = warnings.await?;
    Ok((!warnings.is_empty()).then(|| Response::default().with_warnings(warnings)))
}

async fn change(engine: &Engine, fields: &Fields) -> Result<Vec<String>, Error> {
    let folds = fields.flag("fold_role_names");
    let of_account = ACCOUNT_FIELDS.iter().any(|field| fields.given(field));
    let mut warnings = Vec::new();
    // A write without any field proves the account again.
    if of_account || folds.is_none() {
        warnings.extend(change_account(engine, fields).await?);
    }
    if let Some(folds) = folds {
        engine.settings.set_fold_role_names(folds).await?;
    }
    Ok(warnings)
}

/// Verifies and stores the account. No lock is held across the call to Confluent:
/// the verified account is stored only if the account that it was merged with is
/// unchanged.
async fn change_account(engine: &Engine, fields: &Fields) -> Result<Vec<String>, Error> {
    for _ in 0..ATTEMPTS {
        let current = engine.accounts.current().await?;
        let mut account = merge(current.as_deref(), fields, engine.clock.now())?;
        let mut warnings = engine
            .control
            .check_access(&account.access())
            .map_err(Error::bad_request)?;
        if fields.flag("verify").unwrap_or(true) {
            warnings.extend(engine.prove(&mut account).await?);
        } else {
            warnings.push(format!(
                "key `{}` was stored without a proof that Confluent Cloud accepts it",
                account.key_id
            ));
        }
        let _lock = engine.accounts.lock().await;
        if engine.accounts.current().await? == current {
            engine.accounts.put(&account, &*engine.entropy).await?;
            return Ok(warnings);
        }
    }
    Err(Error::coded(
        409,
        "somebody else changed `config` meanwhile: read it and try again",
    ))
}

/// Merges the fields of a request into the stored account. A stored secret is kept
/// only for the key, address and certificates that it was given with, so that a
/// token with write access to `config` cannot have it sent elsewhere.
fn merge(
    current: Option<&Account>,
    fields: &Fields,
    now: jiff::Timestamp,
) -> Result<Account, Error> {
    let missing = |field: &str, what: &str| {
        Error::bad_request(format!(
            "`{field}` is missing: give the {what} of a Cloud API key"
        ))
    };
    let given = |field: &str| {
        fields
            .text_given(field)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let key_id = match (given("ccloud_api_key_id"), current) {
        (Some(text), _) => key_id(text)?,
        (None, Some(current)) => current.key_id.clone(),
        (None, None) => return Err(missing("ccloud_api_key_id", "id")),
    };
    let url = given("url")
        .map(|url| url.trim_end_matches('/').to_owned())
        .or_else(|| current.map(|account| account.url.clone()))
        .unwrap_or_else(|| DEFAULT_URL.to_owned());
    let ca_cert = fields
        .text_given("ca_cert")
        .map(str::to_owned)
        .or_else(|| current.map(|account| account.ca_cert.clone()))
        .unwrap_or_default();
    let secret = match (given("ccloud_api_key_secret"), current) {
        (Some(secret), _) => SecretText::new(secret),
        (None, None) => return Err(missing("ccloud_api_key_secret", "secret")),
        (None, Some(current)) => {
            let changed = [
                ("ccloud_api_key_id", current.key_id != key_id),
                ("url", current.url != url),
                ("ca_cert", current.ca_cert != ca_cert),
            ];
            if let Some((field, _)) = changed.into_iter().find(|(_, changed)| *changed) {
                return Err(Error::bad_request(format!(
                    "`{field}` changed: give `ccloud_api_key_secret` again"
                )));
            }
            current.secret.clone()
        }
    };
    let same_key = current.filter(|account| account.key_id == key_id);
    Ok(Account {
        organization: same_key.and_then(|account| account.organization.clone()),
        url,
        key_id,
        secret,
        ca_cert,
        written_at: now,
    })
}

/// Parses the id of a key. The error does not repeat the text, which may be the
/// secret.
fn key_id(text: &str) -> Result<KeyId, Error> {
    if text.contains(':') {
        return Err(Error::bad_request(
            "`ccloud_api_key_id` is more than an id: give the id alone, and the secret in \
             `ccloud_api_key_secret`",
        ));
    }
    let is_id = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_id {
        return Err(Error::bad_request(
            "`ccloud_api_key_id` is no id of an API key, which has letters and digits only, such as \
             `ABCDEFGHIJKLMNOP`",
        ));
    }
    Ok(KeyId::new(text))
}

async fn delete(engine: Arc<Engine>) -> Result<Option<Response>, Error> {
    let worker = Arc::clone(&engine);
    engine
        .run_to_completion(async move { worker.delete_account().await })
        .await
        .map(|()| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> Account {
        Account {
            organization: Some(OrganizationId::new("org-1")),
            url: DEFAULT_URL.into(),
            key_id: KeyId::new("OLD"),
            secret: SecretText::new("old secret"),
            ca_cert: String::new(),
            written_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn an_account_needs_an_id_and_a_secret() {
        let error = merge(None, &Fields::default(), jiff::Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(error.message().contains("ccloud_api_key_id"), "{error}");
    }

    #[test]
    fn what_is_not_given_stays() {
        let merged = merge(
            Some(&stored()),
            &Fields::default(),
            jiff::Timestamp::UNIX_EPOCH,
        );
        assert_eq!(merged.unwrap(), stored());
    }
}
