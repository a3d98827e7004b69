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

use super::settings::Shares;
use super::vault::{Initialized, Vault};
use crate::errors::{self, Origin, Refusal};
use crate::status::bare;
use crate::{Answer, ClientRequest};

/// How long a share is in bytes: from Vault's shortest key to its longest with
/// the number of the share.
const SHARE_LENGTH: std::ops::RangeInclusive<usize> = 16..=33;
/// The longest text of a share, which is in hexadecimal.
const MAX_TEXT: usize = 66;

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
        let share = share(&text)
            .ok_or_else(|| Error::bad_request("'key' must be a valid hex or base64 string"))?;
        vault.unseal(share).await?;
    }
    Ok(Answer::bare(200, vault.status.seal(&vault.seal_state())))
}

/// A share in hexadecimal if that gives as many bytes as a share has, and
/// otherwise in base64, if that does.
fn share(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let is_share = |bytes: &Zeroizing<Vec<u8>>| SHARE_LENGTH.contains(&bytes.len());
    if text.len() > MAX_TEXT {
        return None;
    }
    let from_base64 = || BASE64_STANDARD.decode(text).ok().map(Zeroizing::new);
    let from_hex = from_hex(text).filter(is_share);
    from_hex.or_else(|| from_base64().filter(is_share))
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    // As large as it gets: a buffer that grows leaves copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for at in (0..text.len()).step_by(2) {
        bytes.push(u8::from_str_radix(&text[at..at + 2], 16).ok()?);
    }
    Some(bytes)
}

fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
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
    fn a_share_is_read_in_hexadecimal_and_in_base64() {
        let bytes: Vec<u8> = (0..33).collect();
        let hex = to_hex(&bytes);
        assert!(hex.starts_with("000102"));
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            BASE64_STANDARD.encode(&bytes),
        ] {
            assert_eq!(share(&text).unwrap().as_slice(), bytes, "{text}");
        }
        // Digits alone, of a length that no share has in hexadecimal.
        assert_eq!(share("0123456789abcdef01234567").unwrap().len(), 18);
        let long = "ab".repeat(34);
        let short = BASE64_STANDARD.encode([1; 15]);
        for text in ["not a key", "abc", "é", "abcd", &long, &short] {
            assert!(share(text).is_none(), "{text}");
        }
    }

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
