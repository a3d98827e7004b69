//! `sys/policies/acl` and the older `sys/policy`: the rights of tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion};

use super::SysPaths;

const NAME: &str = "name";
const POLICY: &str = "policy";
const RULES: &str = "rules";

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("policies/acl/?")
            .on(Operation::List, answer(list))
            .help("Lists the policies.", ""),
        Path::new(format!("policies/acl/(?P<{NAME}>.+)"))
            .fields(fields())
            .on(
                Operation::Read,
                answer(|sys: Arc<SysPaths>, call| async move { read(&sys, &call, POLICY).await }),
            )
            .on_write(answer(write))
            .on(Operation::Delete, answer(delete))
            .help(
                "Reads, writes and deletes a policy.",
                "Names are folded to lower case. A change counts for every token at once.",
            ),
        Path::new("policy/?")
            .on(Operation::Read, answer(list_twice))
            .on(Operation::List, answer(list_twice))
            .help("Lists the policies.", ""),
        Path::new(format!("policy/(?P<{NAME}>.+)"))
            .fields(fields())
            .fields([Field::new(RULES, FieldKind::Text, "Use `policy`.").deprecated()])
            .on(
                Operation::Read,
                answer(|sys: Arc<SysPaths>, call| async move { read(&sys, &call, RULES).await }),
            )
            .on_write(answer(write))
            .on(Operation::Delete, answer(delete))
            .help("Reads, writes and deletes a policy.", ""),
    ]
}

fn fields() -> [Field; 2] {
    [
        Field::new(NAME, FieldKind::LowerCase, "Name of the policy."),
        Field::new(
            POLICY,
            FieldKind::Text,
            "The rules in HCL or JSON, as they are or in base64.",
        )
        .required(),
    ]
}

async fn list(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::list(sys.policies.names().await?)))
}

/// The older list has the names under two keys.
async fn list_twice(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    let names = sys.policies.names().await?;
    let mut data = Object::new();
    data.insert("keys".into(), names.clone().into());
    data.insert("policies".into(), names.into());
    Ok(Some(Response::with_data(data)))
}

/// The policy with its text under `key`.
async fn read(sys: &SysPaths, call: &Call, key: &str) -> Result<Option<Response>, Error> {
    let name = call.fields.text(NAME);
    let text = sys.policies.text(name).await?;
    Ok(text.map(|text| {
        let mut data = Object::new();
        data.insert(NAME.into(), name.into());
        data.insert(key.into(), text.into());
        Response::with_data(data)
    }))
}

async fn write(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let old_name = call.fields.text(RULES);
    let (given, is_old) = match call.fields.text(POLICY) {
        "" => (old_name, !old_name.is_empty()),
        given => (given, false),
    };
    if given.trim().is_empty() {
        return Err(Error::bad_request(
            "'policy' parameter not supplied or empty",
        ));
    }
    let name = call.fields.text(NAME).to_owned();
    let text = decoded(given);
    let work = {
        let sys = Arc::clone(&sys);
        async move { sys.policies.put(&name, text).await }
    };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(is_old
        .then(|| Response::default().warn("'rules' is deprecated, please use 'policy' instead")))
}

/// The text of a policy that may be sent in base64.
pub(super) fn decoded(given: &str) -> String {
    let bytes = STANDARD.decode(given.trim()).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| given.to_owned())
}

async fn delete(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let name = call.fields.text(NAME).to_owned();
    let work = {
        let sys = Arc::clone(&sys);
        async move { sys.policies.delete(&name).await }
    };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}
