//! `sys/policies/password`: policies by which passwords are made.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion, Storage as _};
use serde::{Deserialize, Serialize};

use super::SysPaths;
use super::policies::decoded;
use crate::passwords::parse;
use crate::storage::Version;

const NAME: &str = "name";
const POLICY: &str = "policy";

/// A password policy, as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    version: Version<1>,
    text: String,
}

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    let name = || Field::new(NAME, FieldKind::Text, "Name of the policy.");
    vec![
        Path::new("policies/password/?")
            .on(Operation::List, answer(list))
            .help("Lists the password policies.", ""),
        Path::new(format!("policies/password/(?P<{NAME}>[^/]+)/generate"))
            .fields([name()])
            .on(Operation::Read, answer(generate))
            .help("Makes a password by a policy.", "It is not stored."),
        Path::new(format!("policies/password/(?P<{NAME}>[^/]+)"))
            .fields([
                name(),
                Field::new(
                    POLICY,
                    FieldKind::Text,
                    "The policy in HCL or JSON, as it is or in base64: `length`, and for each \
                     `rule \"charset\"` its `charset` and `min-chars`.",
                ),
            ])
            .on(Operation::Read, answer(read))
            .on_write(answer(write))
            .on(Operation::Delete, answer(delete))
            .help("Reads, writes and deletes a password policy.", ""),
    ]
}

impl SysPaths {
    async fn password_policy(&self, call: &Call) -> Result<String, Error> {
        let stored: Option<Stored> = self.passwords.read(call.fields.text(NAME)).await?;
        let stored = stored.ok_or_else(|| Error::not_found("policy does not exist"))?;
        Ok(stored.text)
    }
}

async fn list(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::list(sys.passwords.list("").await?)))
}

async fn read(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let text = sys.password_policy(&call).await?;
    let data = Object::from_iter([(POLICY.to_owned(), text.into())]);
    Ok(Some(Response::with_data(data)))
}

async fn generate(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let policy = parse(&sys.password_policy(&call).await?)?;
    let password = policy.generate(sys.entropy.as_ref());
    let data = Object::from_iter([("password".to_owned(), password.as_str().into())]);
    Ok(Some(Response::with_data(data)))
}

async fn write(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let given = call.fields.text(POLICY);
    if given.trim().is_empty() {
        return Err(Error::bad_request("missing policy"));
    }
    let text = decoded(given);
    parse(&text)?;
    let name = call.fields.text(NAME).to_owned();
    let work = {
        let sys = Arc::clone(&sys);
        let stored = Stored {
            version: Version,
            text,
        };
        async move { sys.passwords.write(&name, &stored).await }
    };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}

async fn delete(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    sys.passwords.delete(call.fields.text(NAME)).await?;
    Ok(None)
}
