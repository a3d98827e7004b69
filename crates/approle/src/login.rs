//! `login`: who may log in, and with what.

use core::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{
    Alias, Auth, Changes, Error, LoginSubject, Object, Operation, Request, Response, cidr,
};
use serde_json::Value;

use crate::method::AppRole;
use crate::role::{NAME, ROLE_ID, Role};
use crate::secret_id::{AfterUse, TOKEN_BOUND_CIDRS, check_inside};
use crate::store::put;

pub(crate) const SECRET_ID: &str = "secret_id";

/// The text for everything that is wrong about an id, so that nobody finds out
/// which roles exist.
const INVALID: &str = "invalid role or secret ID";

/// The path of logins.
const LOGIN: &str = "login";

pub(crate) fn path() -> Path<AppRole> {
    Path::new(LOGIN)
        .fields([
            Field::new(ROLE_ID, FieldKind::Text, "Id of the role.").required(),
            Field::new(SECRET_ID, FieldKind::Text, "A secret id of the role.").sensitive(),
        ])
        .on(Operation::Update, answer(log_in))
        .help(
            "Logs in with the id of a role and a secret id of it.",
            "Roles with `bind_secret_id=false` need no secret id, but an address that their \
             networks contain.",
        )
}

impl AppRole {
    /// Who a login is for. A role id is its alias, whether or not a role has it.
    pub(crate) async fn subject_of(
        &self,
        request: &Request,
    ) -> Result<Option<LoginSubject>, Error> {
        // As the field of the login is read: a number or a flag is text, too.
        let role_id = match request.data.get(ROLE_ID) {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => u8::from(*flag).to_string(),
            _ => String::new(),
        };
        if request.path != LOGIN || role_id.is_empty() {
            return Ok(None);
        }
        let subject = LoginSubject::new(&*role_id);
        Ok(Some(match self.store.role_by_id(&role_id).await? {
            Some(name) => subject.with_role(name),
            None => subject,
        }))
    }
}

async fn log_in(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let role_id = call.fields.text(ROLE_ID).trim();
    if role_id.is_empty() {
        return Err(Error::bad_request("missing role_id"));
    }
    let name = method.store.role_by_id(role_id).await?;
    let name = name.ok_or_else(|| Error::bad_request(INVALID))?;
    let role = method.store.role_for_login(&name).await?;
    let (role, unchanged) = role
        .filter(|(role, _)| role.role_id == role_id)
        .ok_or_else(|| Error::bad_request(INVALID))?;
    let connection = call.request.connection.as_ref();
    let address = connection.and_then(|connection| connection.remote_address);
    let mut changes = Changes::under([unchanged]);
    let mut auth = Auth::default();
    role.token.apply_to(&mut auth, address);
    let mut networks = role.token.bound_cidrs.clone();
    if role.bind_secret_id {
        let secret_id = call.fields.text(SECRET_ID).trim();
        if secret_id.is_empty() {
            return Err(Error::bad_request("missing secret_id"));
        }
        let own = method
            .use_secret_id(&role, secret_id, address, &mut auth, &mut changes)
            .await?;
        if !own.is_empty() {
            // The role may have been narrowed since the secret id was made.
            check_inside(TOKEN_BOUND_CIDRS, &own, &networks)?;
            networks = own;
        }
    }
    if !role.token.strictly_bind_ip {
        auth.bound_cidrs = cidr::shown_short(&networks);
    } else if !cidr::allows(&networks, address) {
        // A token that is bound to this address would be outside the networks.
        return Err(unauthorized(address, "by CIDR restrictions on the token"));
    }
    if !cidr::allows(&role.secret_id_bound_cidrs, address) {
        return Err(unauthorized(address, "by CIDR restrictions on the role"));
    }
    auth.metadata.insert(NAME.to_owned(), role.name.clone());
    auth.alias = Some(Alias::new(&*role.role_id).with_metadata(auth.metadata.clone()));
    auth.internal_data = Object::from_iter([(NAME.to_owned(), Value::from(&*role.name))]);
    auth.changes = changes;
    Ok(Some(Response::login(auth)))
}

impl AppRole {
    /// Checks a secret id, and adds what its use changes. Returns the networks
    /// that it has for its tokens.
    async fn use_secret_id(
        &self,
        role: &Role,
        secret_id: &str,
        address: Option<IpAddr>,
        auth: &mut Auth,
        changes: &mut Changes,
    ) -> Result<Vec<IpNet>, Error> {
        let now = self.clock.now();
        let found = self.store.secret_id(role, secret_id).await?;
        let found = found.ok_or_else(|| Error::invalid_credentials(INVALID))?;
        if found.entry.is_expired(now) {
            self.store.remove(&found).await?;
            return Err(Error::invalid_credentials(INVALID));
        }
        if !cidr::allows(&found.entry.cidr_list, address) {
            return Err(unauthorized(
                address,
                "through CIDR restrictions on the secret ID",
            ));
        }
        match found.entry.used(now) {
            AfterUse::Unchanged => {}
            AfterUse::Counted(entry) => changes.writes.push(put(found.key.clone(), &entry)?),
            AfterUse::UsedUp => changes.writes.extend(self.store.removals(&found).await?),
        }
        changes.conditions.push(found.unchanged());
        auth.metadata.clone_from(&found.entry.metadata);
        Ok(found.entry.token_bound_cidrs)
    }

    /// The lease of a renewed login: what the role says now.
    pub(crate) async fn renew(&self, request: Request) -> Result<Option<Response>, Error> {
        let login = request.auth.as_ref();
        let name = login
            .and_then(|login| login.internal_data.get(NAME))
            .and_then(Value::as_str)
            .ok_or_else(|| Error::internal("the login names no role"))?;
        let role = self.store.role(name).await?.ok_or_else(|| {
            Error::bad_request(format!(
                "failed to renew entry: role {name:?} does not exist during renewal"
            ))
        })?;
        let mut auth = Auth::default();
        auth.lease = role.token.lease();
        auth.period = std::time::Duration::from_secs(role.token.period);
        Ok(Some(Response::login(auth)))
    }
}

fn unauthorized(address: Option<IpAddr>, restriction: &str) -> Error {
    let address = address.map(|address| address.to_canonical().to_string());
    Error::bad_request(format!(
        "source address {:?} unauthorized {restriction}",
        address.unwrap_or_default()
    ))
}
