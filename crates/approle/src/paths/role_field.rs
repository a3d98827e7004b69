//! `role/<name>/<field>`: reads, sets and resets one setting of a role.

use std::sync::Arc;

use logical::framework::{Call, Path, answer};
use logical::{Error, Object, Operation, Response};

use super::role;
use crate::method::AppRole;
use crate::role::{Role, RoleKey, fields};

/// A path and the setting that it is for.
#[derive(Debug, Clone, Copy)]
struct OneSetting {
    path: &'static str,
    field: &'static str,
}

const fn setting(path: &'static str, field: &'static str) -> OneSetting {
    OneSetting { path, field }
}

const SETTINGS: [OneSetting; 11] = [
    setting("policies", "token_policies"),
    setting("secret-id-num-uses", "secret_id_num_uses"),
    setting("secret-id-ttl", "secret_id_ttl"),
    setting("token-ttl", "token_ttl"),
    setting("token-max-ttl", "token_max_ttl"),
    setting("token-num-uses", "token_num_uses"),
    setting("period", "token_period"),
    setting("bind-secret-id", "bind_secret_id"),
    setting("secret-id-bound-cidrs", "secret_id_bound_cidrs"),
    setting("token-bound-cidrs", "token_bound_cidrs"),
    setting("bound-cidr-list", OLD_CIDRS),
];

const OLD_CIDRS: &str = "bound_cidr_list";
const CIDRS: &str = "secret_id_bound_cidrs";
const LOCAL: &str = "local_secret_ids";

pub(super) fn paths() -> Vec<Path<AppRole>> {
    let mut paths: Vec<_> = SETTINGS.into_iter().map(path).collect();
    paths.push(
        Path::new(role::pattern("local-secret-ids/?"))
            .fields([role::field()])
            .on(
                Operation::Read,
                answer(|method, call| read(setting("local-secret-ids", LOCAL), method, call)),
            )
            .help("Reads whether secret ids belong to this cluster alone.", ""),
    );
    paths
}

fn path(setting: OneSetting) -> Path<AppRole> {
    // Old names are taken, too, where they stand for the same setting.
    let old = match setting.field {
        "token_policies" => "policies",
        "token_period" => "period",
        _ => "",
    };
    let given = fields()
        .into_iter()
        .filter(|field| field.name == setting.field || field.name == old);
    Path::new(role::pattern(&format!("{}/?", setting.path)))
        .fields([role::field()])
        .fields(given)
        .on(
            Operation::Read,
            answer(move |method, call| read(setting, method, call)),
        )
        .on_write(answer(move |method, call| write(setting, method, call)))
        .on(
            Operation::Delete,
            answer(move |method, call| reset(setting, method, call)),
        )
        .help("Reads, sets or resets one setting of a role.", "")
}

async fn read(
    setting: OneSetting,
    method: Arc<AppRole>,
    call: Call,
) -> Result<Option<Response>, Error> {
    let role = method.store.role(role::name(&call)).await?;
    Ok(role.map(|role| {
        let shown = if setting.field == OLD_CIDRS {
            CIDRS
        } else {
            setting.field
        };
        let value = role.shown().remove(shown).unwrap_or_default();
        let data = Object::from_iter([(setting.field.to_owned(), value)]);
        let response = Response::with_data(data);
        if setting.field == OLD_CIDRS {
            response.warn(format!(
                "The {OLD_CIDRS:?} field is deprecated and will be removed. Please use {CIDRS:?} \
                 instead."
            ))
        } else {
            response
        }
    }))
}

async fn write(
    setting: OneSetting,
    method: Arc<AppRole>,
    call: Call,
) -> Result<Option<Response>, Error> {
    let is_given = call
        .request
        .data
        .iter()
        .any(|(name, value)| call.fields.given(name) && !value.is_null());
    if !is_given {
        return Err(Error::bad_request(format!("missing {}", setting.field)));
    }
    let fields = call.fields.clone();
    change(method, call, move |role| role.change(&fields, false)).await
}

/// Sets a setting as a new role has it.
async fn reset(
    setting: OneSetting,
    method: Arc<AppRole>,
    call: Call,
) -> Result<Option<Response>, Error> {
    if method.store.role(role::name(&call)).await?.is_none() {
        return Ok(None);
    }
    change(method, call, move |role| {
        let fresh = Role::new(String::new(), String::new(), RoleKey::default());
        match setting.field {
            "token_policies" => {
                role.token.policies.clear();
                role.has_old_policies = false;
            }
            "secret_id_num_uses" => role.secret_id_num_uses = fresh.secret_id_num_uses,
            "secret_id_ttl" => role.secret_id_ttl = fresh.secret_id_ttl,
            "token_ttl" => role.token.ttl = fresh.token.ttl,
            "token_max_ttl" => role.token.max_ttl = fresh.token.max_ttl,
            "token_num_uses" => role.token.num_uses = fresh.token.num_uses,
            "token_period" => role.token.period = fresh.token.period,
            "bind_secret_id" => role.bind_secret_id = fresh.bind_secret_id,
            "token_bound_cidrs" => role.token.bound_cidrs.clear(),
            _ => role.secret_id_bound_cidrs.clear(),
        }
        // The whole must still be a role that somebody can log in with.
        role.change(&logical::framework::Fields::default(), false)
    })
    .await
}

async fn change(
    method: Arc<AppRole>,
    call: Call,
    change: impl FnOnce(&mut Role) -> Result<(), Error> + Send + 'static,
) -> Result<Option<Response>, Error> {
    let work = {
        let method = Arc::clone(&method);
        async move {
            let name = role::name(&call);
            let _locked = method.store.lock(name).await;
            let old = method.required_role(name).await?;
            let mut role = old.clone();
            change(&mut role)?;
            method.store.put_role(&role, Some(&old)).await
        }
    };
    method.complete(work).await?;
    Ok(None)
}
