//! `role/<name>/role-id`.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response};

use super::role;
use crate::method::AppRole;
use crate::role::ROLE_ID;

pub(super) fn path() -> Path<AppRole> {
    Path::new(role::pattern("role-id/?"))
        .fields([
            role::field(),
            Field::new(ROLE_ID, FieldKind::Text, "Id of the role.").required(),
        ])
        .on(Operation::Read, answer(read))
        .on_write(answer(write))
        .help("Reads or sets the id of a role.", "")
}

async fn read(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let role = method.store.role(role::name(&call)).await?;
    Ok(role.map(|role| {
        Response::with_data(Object::from_iter([(
            ROLE_ID.to_owned(),
            role.role_id.into(),
        )]))
    }))
}

async fn write(method: Arc<AppRole>, call: Call) -> Result<Option<Response>, Error> {
    let id = call.fields.text(ROLE_ID).to_owned();
    if id.is_empty() {
        return Err(Error::bad_request("missing role_id"));
    }
    let work = {
        let method = Arc::clone(&method);
        async move {
            let name = role::name(&call);
            let _locked = method.store.lock(name).await;
            let old = method.required_role(name).await?;
            let role = crate::role::Role {
                role_id: id,
                ..old.clone()
            };
            method.store.put_role(&role, Some(&old)).await
        }
    };
    method.complete(work).await?;
    Ok(None)
}
