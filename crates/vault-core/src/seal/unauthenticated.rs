//! The paths that need no token, because they must answer while there is nothing
//! to look one up in: `sys/init`, `sys/unseal`, and the status of the server.
//!
//! Members, statuses and texts are Vault's (`http/sys_init.go`,
//! `http/sys_seal.go`).

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logical::{Error, Object, Operation};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::vault::{Initialized, Vault};
use crate::errors::{self, Origin, Refusal};
use crate::status::bare;
use crate::unseal_keys::{Shares, share_of_text, to_hex};
use crate::{Answer, ClientRequest};

/// The answer, if the request is for one of these paths.
pub(super) async fn answer(vault: &Arc<Vault>, request: &mut ClientRequest) -> Option<Answer> {
    if request.operation == Operation::Help {
        return None;
    }
    Some(match request.path.as_str() {
        "sys/init" => match request.operation {
            Operation::Read => {
                let initialized = vault.seal_state().initialized;
                bare(json!({ "initialized": initialized }))
            }
            Operation::Update => or_error(initialize(vault, &request.data).await),
            _ => Answer::empty_errors(405),
        },
        "sys/unseal" => match request.operation {
            Operation::Update => or_error(unseal(vault, &mut request.data).await),
            _ => Answer::empty_errors(405),
        },
        "sys/health" | "sys/seal-status" | "sys/leader" => {
            return vault.status.answer(request, &vault.seal_state());
        }
        _ => return None,
    })
}

/// Whether a request asks to seal, if it is allowed.
pub(super) fn asks_to_seal(request: &ClientRequest) -> bool {
    request.path == "sys/seal" && request.operation == Operation::Update
}

fn or_error(result: Result<Answer, Error>) -> Answer {
    result.unwrap_or_else(|error| errors::answer(&Refusal::Failed(error, Origin::Core)))
}

async fn initialize(vault: &Arc<Vault>, data: &Object) -> Result<Answer, Error> {
    for name in ["recovery_shares", "recovery_threshold"] {
        if number(data, name)? != 0 {
            return Err(Error::bad_request(format!(
                "parameters {name} not applicable to seal type shamir"
            )));
        }
    }
    for name in ["pgp_keys", "recovery_pgp_keys", "root_token_pgp_key"] {
        if !is_empty(data.get(name)) {
            return Err(Error::bad_request(format!(
                "`{name}` is not supported by this server: leave it out, and encrypt what you get"
            )));
        }
    }
    let shares = Shares::new(
        number(data, "secret_shares")?,
        number(data, "secret_threshold")?,
    )?;
    let made = vault.initialize(shares, None).await?;
    Ok(initialized(&made))
}

fn initialized(made: &Initialized) -> Answer {
    let keys = |shown: fn(&[u8]) -> String| -> Value {
        made.shares.iter().map(|share| shown(share)).collect()
    };
    bare(json!({
        "keys": keys(to_hex),
        "keys_base64": keys(|bytes| BASE64_STANDARD.encode(bytes)),
        "root_token": made.root_token.expose(),
    }))
}

async fn unseal(vault: &Arc<Vault>, data: &mut Object) -> Result<Answer, Error> {
    if data.get("reset") == Some(&Value::Bool(true)) {
        vault.reset_unseal()?;
    } else {
        // Taken out of the request, which is not wiped.
        let text = match data.remove("key") {
            Some(Value::String(text)) => Zeroizing::new(text),
            _ => Zeroizing::default(),
        };
        if text.is_empty() {
            return Err(Error::bad_request(
                "'key' must be specified in request body as JSON, or 'reset' set to true",
            ));
        }
        let share = share_of_text(&text)
            .ok_or_else(|| Error::bad_request("'key' must be a valid hex or base64 string"))?;
        vault.unseal(share).await?;
    }
    Ok(Answer::bare(200, vault.status.seal(&vault.seal_state())))
}

/// A whole number; zero if it is not given.
fn number(data: &Object, name: &str) -> Result<u64, Error> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value.as_u64().ok_or_else(|| {
            Error::bad_request(format!(
                "`{name}` must be a whole number that is not negative"
            ))
        }),
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers() {
        let data = |value: Value| Object::from_iter([("n".to_owned(), value)]);
        assert_eq!(number(&data(json!(3)), "n").unwrap(), 3);
        assert_eq!(number(&Object::new(), "n").unwrap(), 0);
        for wrong in [json!("x"), json!(-1), json!(1.5), json!([])] {
            assert!(number(&data(wrong), "n").is_err());
        }
    }
}
