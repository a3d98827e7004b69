//! `role/` and `role/<name>`.

use std::sync::Arc;

use logical::framework::{Call, Path, answer, generic_name, probe};
use logical::{Error, Operation, Response};

use crate::method::AppRole;
use crate::role::{self, NAME, ROLE_ID, Role, name_field};

pub(super) fn paths() -> Vec<Path<AppRole>> {
    vec![
        Path::new("role/?")
            .on(Operation::List, answer(list))
            .help("Lists the roles.", ""),
        Path::new(format!("role/{}", generic_name(NAME)))
            .fields(role::fields())
            .on(Operation::Read, answer(read))
            .on_write(answer(write))
            .on(Operation::Delete, answer(delete))
            .existence(probe(exists))
            .help(
                "Reads, writes and deletes a role.",
                "A write keeps what it does not give. Names are folded to lower case. Deleting a \
                 role deletes its secret ids; tokens that exist stay, but cannot be renewed.",
            ),
    ]
}

/// The role that a path names.
pub(super) fn name(call: &Call) -> &str {
    call.fields.text(NAME)
}

/// The part of a pattern that names a role.
pub(super) fn pattern(rest: &str) -> String {
    format!("role/{}/{rest}", generic_name(NAME))
}

/// The field of a path below a role.
pub(super) fn field() -> logical::framework::Field {
    name_field()
}

async fn exists(method: Arc<AppRole>, call: Call) -> Result<bool, Error> {
    Ok(method.store.role(name(&call)).await?.is_some())
}

async fn list(method: Arc<AppRole>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::list(method.store.roles().await?)))
}

async fn read(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let role = method.store.role(name(&call)).await?;
    Ok(role.map(|role| Response::with_data(role.shown())))
}

async fn write(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let work = {
        let method = Arc::clone(&method);
        async move {
            let name = name(&call);
            let _locked = method.store.lock(name).await;
            let old = method.store.role(name).await?;
            let mut role = match &old {
                Some(old) => old.clone(),
                None => method.new_role(name),
            };
            role.change(&call.fields, old.is_none())?;
            let id = call.fields.text(ROLE_ID);
            if !id.is_empty() {
                id.clone_into(&mut role.role_id);
            }
            method.store.put_role(&role, old.as_ref()).await?;
            Ok(role)
        }
    };
    let role = method.complete(work).await?;
    let longest = method.system.max_lease_ttl().await?;
    let warning = role.token.warnings(longest);
    Ok(warning.map(|warning| Response::default().warn(warning)))
}

async fn delete(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let work = {
        let method = Arc::clone(&method);
        async move {
            let name = name(&call);
            let _locked = method.store.lock(name).await;
            match method.store.role(name).await? {
                Some(role) => method.store.delete_role(&role).await,
                None => Ok(()),
            }
        }
    };
    method.complete(work).await?;
    Ok(None)
}

impl AppRole {
    fn new_role(&self, name: &str) -> Role {
        Role::new(name.to_owned(), self.uuid(), self.store.role_key())
    }

    /// A random id.
    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.store.entropy.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes)
            .into_uuid()
            .to_string()
    }
}
