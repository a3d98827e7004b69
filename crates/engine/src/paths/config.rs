//! `config`: the account of a Confluent Cloud organization.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Fields, Path, answer, probe};
use logical::{Error, Object, Operation, Response};

use crate::SecretText;
use crate::account::{Account, DEFAULT_URL};
use crate::control_plane::{Caller, Failure};
use crate::ids::{KeyId, OrganizationId, OwnerId};
use crate::state::Engine;

/// The row of `config`.
pub(crate) fn path() -> Path<Engine> {
    Path::new("config")
        .fields([
            Field::new(
                "ccloud_api_key_id",
                FieldKind::Text,
                "Id of a Cloud API key, best of a service account with the roles OrganizationAdmin or \
                 ResourceKeyAdmin.",
            ),
            Field::new(
                "ccloud_api_key_secret",
                FieldKind::Text,
                "Secret of that key. It is never read back.",
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
                "Further trusted certificates, PEM, for a private endpoint.",
            ),
            Field::new(
                "verify",
                FieldKind::Flag,
                "Whether the key is proven against the API before it is stored. Default: true.",
            ),
        ])
        .on(Operation::Read, answer(|engine: Arc<Engine>, _| async move { read(&engine).await }))
        .on_write(answer(write))
        .on(Operation::Delete, answer(|engine: Arc<Engine>, _| async move { delete(&engine).await }))
        .existence(probe(|engine: Arc<Engine>, _| async move {
            Ok(engine.accounts.current().await?.is_some())
        }))
        .help(
            "The account: a Cloud API key that makes and deletes the keys of this mount.",
            "The key is read at Confluent Cloud before it is stored, so that a wrong one is refused \
             here and not at the first application. Reading shows everything but the secret. An \
             account of another organization replaces the current one for new keys; the earlier one \
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
            "Asks Confluent Cloud for the key and for the roles of its owner. `ready` is true when \
             nothing stands in the way; what does is told in `warnings`, with what to do. No key is \
             made to find out, so a role that this program does not know may allow more than is told.",
        )
}

async fn preflight(engine: &Engine) -> Result<Option<Response>, Error> {
    engine.require_active().await?;
    let preflight = engine.check_account().await?;
    let text = |id: Option<&str>| id.unwrap_or_default().to_owned();
    let organization = preflight.key.organization.as_ref();
    let owner = preflight.key.owner.as_ref();
    let mut data = Object::new();
    data.insert("ready".into(), preflight.problems.is_empty().into());
    data.insert("ccloud_api_key_id".into(), preflight.key.id.as_str().into());
    data.insert(
        "organization".into(),
        text(organization.map(OrganizationId::as_str)).into(),
    );
    data.insert("owner".into(), text(owner.map(OwnerId::as_str)).into());
    data.insert("owner_roles".into(), preflight.roles.into());
    let response = Response::with_data(data);
    Ok(Some(response.with_warnings(preflight.problems)))
}

async fn read(engine: &Engine) -> Result<Option<Response>, Error> {
    let Some(account) = engine.accounts.current().await? else {
        return Ok(None);
    };
    let organization = account.organization.map(|id| id.as_str().to_owned());
    let mut data = Object::new();
    data.insert("ccloud_api_key_id".into(), account.key_id.as_str().into());
    data.insert("url".into(), account.url.into());
    data.insert(
        "organization".into(),
        organization.unwrap_or_default().into(),
    );
    if !account.ca_cert.is_empty() {
        data.insert("ca_cert".into(), account.ca_cert.into());
    }
    Ok(Some(Response::with_data(data)))
}

async fn write(engine: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
    let _writing = engine.writing.lock().await;
    let current = engine.accounts.current().await?;
    let mut account = merge(current.as_ref(), &call.fields, engine.clock.now())?;
    let mut warnings = engine
        .control
        .check_access(&account.access())
        .map_err(Error::bad_request)?;
    if call.fields.flag("verify").unwrap_or(true) {
        warnings.extend(prove(&engine, &mut account).await?);
    } else {
        warnings.push(format!(
            "key `{}` was stored without a proof that Confluent Cloud accepts it",
            account.key_id
        ));
    }
    engine.put_account(&account).await?;
    Ok((!warnings.is_empty()).then(|| Response::default().with_warnings(warnings)))
}

/// The new account: what the request gives over what is stored.
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
    let key_id = given("ccloud_api_key_id")
        .map(KeyId::new)
        .or_else(|| current.map(|account| account.key_id.clone()))
        .ok_or_else(|| missing("ccloud_api_key_id", "id"))?;
    let same_key = current.filter(|account| account.key_id == key_id);
    let secret = given("ccloud_api_key_secret")
        .map(SecretText::new)
        .or_else(|| same_key.map(|account| account.secret.clone()))
        .ok_or_else(|| missing("ccloud_api_key_secret", "secret"))?;
    let url = given("url")
        .map(|url| url.trim_end_matches('/').to_owned())
        .or_else(|| current.map(|account| account.url.clone()))
        .unwrap_or_else(|| DEFAULT_URL.to_owned());
    let ca_cert = fields
        .text_given("ca_cert")
        .map(str::to_owned)
        .or_else(|| current.map(|account| account.ca_cert.clone()))
        .unwrap_or_default();
    Ok(Account {
        organization: same_key.and_then(|account| account.organization.clone()),
        url,
        key_id,
        secret,
        ca_cert,
        written_at: now,
    })
}

/// Reads the admin key with itself. That proves the key and tells the
/// organization.
async fn prove(engine: &Engine, account: &mut Account) -> Result<Vec<String>, Error> {
    let access = account.access().on_behalf_of(Caller::operator());
    let proof = engine.control.read_key(&access, &account.key_id).await;
    match proof {
        Ok(known) => {
            account.organization = known.organization;
            Ok(Vec::new())
        }
        Err(error) if matches!(error.failure, Failure::Forbidden | Failure::NotFound) => {
            Ok(vec![format!(
                "Confluent Cloud accepts key `{}` but does not let it read API keys: give its owner \
                 the role OrganizationAdmin, or ResourceKeyAdmin on what keys are made for",
                account.key_id
            )])
        }
        Err(error) => Err(error.into()),
    }
}

async fn delete(engine: &Engine) -> Result<Option<Response>, Error> {
    let _writing = engine.writing.lock().await;
    // A key that is being made has no record yet for a moment.
    let _nobody_makes = engine.making.write().await;
    let Some(account) = engine.accounts.current().await? else {
        return Ok(None);
    };
    for id in engine.ledger.store.ids().await? {
        let Some(credential) = engine.ledger.store.load(&id).await? else {
            continue;
        };
        if credential.is_settled() {
            continue;
        }
        let organization = credential.organization.as_ref();
        let needed = engine.accounts.for_organization(organization).await;
        if needed.is_ok_and(|needed| *needed == account) {
            let key = credential.key_id().map_or("being made", KeyId::as_str);
            return Err(Error::bad_request(format!(
                "the account is needed to delete the keys that were made with it, such as `{key}` of \
                 role `{}`: revoke the leases of this mount first",
                credential.role
            )));
        }
    }
    engine.accounts.delete_current().await?;
    Ok(None)
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
