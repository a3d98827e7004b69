//! Secret ids of a role: making, finding and destroying them.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, cidr};
use serde_json::Value;

use super::role;
use crate::login::SECRET_ID;
use crate::method::AppRole;
use crate::secret_id::{SecretId, TOKEN_BOUND_CIDRS, Wish};

const ACCESSOR: &str = "secret_id_accessor";

pub(super) fn paths() -> Vec<Path<AppRole>> {
    let by_id = [role::field(), secret_id_field()];
    let by_accessor = [
        role::field(),
        Field::new(ACCESSOR, FieldKind::Text, "Accessor of the secret id.").required(),
    ];
    vec![
        Path::new(role::pattern("secret-id/lookup/?"))
            .fields(by_id.clone())
            .on_write(answer(look_up))
            .help("Looks up a secret id.", ""),
        Path::new(role::pattern("secret-id/destroy/?"))
            .fields(by_id)
            .on_write(answer(destroy))
            .on(Operation::Delete, answer(destroy))
            .help("Destroys a secret id. Tokens that it made stay.", ""),
        Path::new(role::pattern("secret-id-accessor/lookup/?"))
            .fields(by_accessor.clone())
            .on_write(answer(look_up_by_accessor))
            .help("Looks up the secret id with an accessor.", ""),
        Path::new(role::pattern("secret-id-accessor/destroy/?"))
            .fields(by_accessor)
            .on_write(answer(destroy_by_accessor))
            .on(Operation::Delete, answer(destroy_by_accessor))
            .help("Destroys the secret id with an accessor.", ""),
        Path::new(role::pattern("secret-id/?"))
            .fields([role::field()])
            .fields(fields())
            .on_write(answer(generate))
            .on(Operation::List, answer(list))
            .help(
                "Makes a secret id, or lists the accessors of all.",
                "The secret id is shown once: only a hash of it is stored.",
            ),
        Path::new(role::pattern("custom-secret-id/?"))
            .fields([role::field(), secret_id_field()])
            .fields(fields())
            .on_write(answer(register))
            .help("Registers a secret id that the caller chose.", ""),
        Path::new("tidy/secret-id/?")
            .on(Operation::Update, answer(tidy))
            .help("Removes secret ids that expired.", ""),
    ]
}

fn secret_id_field() -> Field {
    Field::new(SECRET_ID, FieldKind::Text, "The secret id.")
        .required()
        .sensitive()
}

fn fields() -> Vec<Field> {
    vec![
        Field::new(
            "metadata",
            FieldKind::Text,
            "Facts that tokens carry: JSON of an object of texts, or `key=value,…`; either may be \
             in base64.",
        ),
        Field::new(
            "cidr_list",
            FieldKind::CommaList,
            "Addresses and networks from which it can be used.",
        ),
        Field::new(
            TOKEN_BOUND_CIDRS,
            FieldKind::CommaList,
            "Addresses and networks from which its tokens can be used.",
        ),
        Field::new(
            "num_uses",
            FieldKind::Integer,
            "How often it can be used; the role's setting by default.",
        ),
        Field::new(
            "ttl",
            FieldKind::DurationSeconds,
            "After which time it expires; the role's setting by default.",
        ),
    ]
}

async fn list(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let name = role::name(&call);
    let role = method.store.role(name).await?;
    let role = role.ok_or_else(|| Error::bad_request(format!("role {name:?} does not exist")))?;
    Ok(Some(Response::list(method.store.accessors(&role).await?)))
}

async fn generate(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let text = method.uuid();
    store(method, call, text).await
}

async fn register(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let text = given(&call, SECRET_ID)?.to_owned();
    store(method, call, text).await
}

async fn store(method: Arc<AppRole>, call: Call, text: String) -> Result<Option<Response>, Error> {
    let wish = wish(&call)?;
    let work = {
        let method = Arc::clone(&method);
        async move {
            let name = role::name(&call);
            // A role that is being deleted takes this one along.
            let _locked = method.store.lock(name).await;
            let role = method.required_role(name).await?;
            let entry = SecretId::new(&role, method.uuid(), wish, method.clock.now())?;
            method.store.put_secret_id(&role, &text, &entry).await?;
            Ok((text, entry))
        }
    };
    let (text, entry) = method.complete(work).await?;
    let members = [
        (SECRET_ID, Value::from(text)),
        (ACCESSOR, entry.accessor.into()),
        ("secret_id_num_uses", entry.num_uses.into()),
        ("secret_id_ttl", entry.ttl.into()),
    ];
    let data: Object = members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    Ok(Some(Response::with_data(data)))
}

fn wish(call: &Call) -> Result<Wish, Error> {
    let networks = |name: &str| {
        let texts = call.fields.list(name).unwrap_or_default();
        cidr::parse(name, texts)
    };
    Ok(Wish {
        metadata: metadata(call.fields.text("metadata"))?,
        cidr_list: networks("cidr_list")?,
        token_bound_cidrs: networks(TOKEN_BOUND_CIDRS)?,
        num_uses: call.fields.integer("num_uses"),
        ttl: call.fields.duration("ttl"),
    })
}

/// JSON of an object of texts, or `key=value` with commas, and either of them
/// in base64.
fn metadata(text: &str) -> Result<BTreeMap<String, String>, Error> {
    let text = text.trim();
    let decoded = STANDARD.decode(text).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.as_deref().unwrap_or(text).trim();
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    let refused =
        |problem: String| Error::bad_request(format!("failed to parse metadata: {problem}"));
    let Ok(metadata) = serde_json::from_str::<BTreeMap<String, String>>(text) else {
        return pairs(text)
            .map_err(|problem| refused(format!("failed to parse the input: {problem}")));
    };
    match metadata.iter().find(|(_, value)| value.is_empty()) {
        Some((key, _)) => Err(refused(format!("invalid value for key {key:?}"))),
        None => Ok(metadata),
    }
}

fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = text.split(',').map(|pair| {
        let pair = pair.split_once('=');
        let pair = pair.filter(|(_, value)| !value.contains('='));
        let (key, value) = pair.ok_or("invalid <key,value> format")?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || value.is_empty() {
            return Err(format!(
                "invalid <key,value> pair: key: {key:?} value: {value:?}"
            ));
        }
        Ok((key.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

fn given<'a>(call: &'a Call, name: &str) -> Result<&'a str, Error> {
    match call.fields.text(name) {
        "" => Err(Error::bad_request(format!("missing {name}"))),
        text => Ok(text),
    }
}

async fn look_up(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let text = given(&call, SECRET_ID)?;
    let role = method.required_role(role::name(&call)).await?;
    let found = method.store.secret_id(&role, text).await?;
    Ok(found.map(|found| Response::with_data(found.entry.shown())))
}

async fn destroy(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let text = given(&call, SECRET_ID)?.to_owned();
    let work = {
        let method = Arc::clone(&method);
        async move {
            let role = method.required_role(role::name(&call)).await?;
            while let Some(found) = method.store.secret_id(&role, &text).await? {
                if method.store.remove(&found).await? {
                    break;
                }
            }
            Ok(())
        }
    };
    method.complete(work).await?;
    Ok(None)
}

async fn look_up_by_accessor(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let accessor = given(&call, ACCESSOR)?;
    let role = method.required_role(role::name(&call)).await?;
    if let Some(found) = method.store.by_accessor(&role, accessor).await? {
        return Ok(Some(Response::with_data(found.entry.shown())));
    }
    let data = Object::from_iter([("error".to_owned(), unknown(accessor).into())]);
    Ok(Some(Response::with_data(data).with_status(404)))
}

async fn destroy_by_accessor(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let accessor = given(&call, ACCESSOR)?.to_owned();
    let work = {
        let method = Arc::clone(&method);
        async move {
            let role = method.required_role(role::name(&call)).await?;
            let mut found = method.store.by_accessor(&role, &accessor).await?;
            if found.is_none() {
                return Err(Error::not_found(unknown(&accessor)));
            }
            while let Some(known) = found {
                if method.store.remove(&known).await? {
                    break;
                }
                found = method.store.by_accessor(&role, &accessor).await?;
            }
            Ok(())
        }
    };
    method.complete(work).await?;
    Ok(None)
}

fn unknown(accessor: &str) -> String {
    format!("failed to find accessor entry for secret_id_accessor: {accessor:?}")
}

async fn tidy(method: Arc<AppRole>, _: Call) -> Result<Option<Response>, Error> {
    method.tidy_in_background();
    let warning = "Tidy operation successfully started. Any information from the operation will be \
                   printed to the server's logs.";
    Ok(Some(Response::default().warn(warning).with_status(202)))
}
