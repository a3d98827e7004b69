//! `operator generate-root`.

use std::process::ExitCode;

use ::logical::Entropy as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use runtime::SystemEntropy;
use serde_json::{Value, json};
use vault_client::RootGeneration;
use zeroize::Zeroizing;

use super::client::{connect, format};
use super::typed;
use crate::arguments::{Format, OperatorGenerateRoot};
use crate::failure::Failure;
use crate::output;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

pub(super) async fn run(arguments: OperatorGenerateRoot) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    if let Some(encoded) = &arguments.decode {
        let encoded = typed::secret(Some(encoded), "").await?;
        let otp = arguments.otp.unwrap_or_default();
        let token = decoded(encoded.trim(), &otp)?;
        return say(&json!({"token": token.as_str()}), &token, format);
    }
    let client = connect(arguments.connection)?;
    let asking = |doing: &'static str| move |error| Failure::asking(doing, &error);
    let (paths, status) = client
        .root_generation()
        .await
        .map_err(asking("reading the state of root generation"))?;
    if arguments.generate_otp {
        let length = usize::try_from(status.otp_length).unwrap_or_default();
        let otp = password(length);
        let structured = json!({"otp": otp.as_str(), "otp_length": length});
        return say(&structured, &otp, format);
    }
    if arguments.status {
        return show(&status, format);
    }
    if arguments.cancel {
        let cancelled = client.cancel_root_generation(paths).await;
        cancelled.map_err(asking("canceling root generation"))?;
        output::say("Success! Root token generation canceled (if it was started)")?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.init {
        let otp = arguments.otp.as_deref();
        let begun = client.begin_root_generation(paths, otp).await;
        return show(
            &begun.map_err(asking("initializing root generation"))?,
            format,
        );
    }
    if !status.started {
        return Err(Failure::local(
            "there is no generation of a root token under way: begin one with -init",
        ));
    }
    let nonce = arguments.nonce.unwrap_or(status.nonce);
    let key = typed::secret(arguments.key.as_deref(), "Unseal Key (will be hidden): ").await?;
    if key.trim().is_empty() {
        return Err(Failure::local(
            "no key was given: give a share of the server's key",
        ));
    }
    let given = client.generate_root_with(paths, key.trim(), &nonce).await;
    show(&given.map_err(asking("giving a share"))?, format)
}

fn show(status: &RootGeneration, format: Format) -> Result<ExitCode, Failure> {
    let text = Zeroizing::new(match output::structured(status, format)? {
        Some(text) => text,
        None => output::key_values(("Key", "Value"), &rows(status)),
    });
    output::say(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn rows(status: &RootGeneration) -> Vec<(String, String)> {
    let nonce = match status.nonce.as_str() {
        "" => "n/a",
        nonce => nonce,
    };
    let mut rows = vec![
        ("Nonce", nonce.to_owned()),
        ("Started", status.started.to_string()),
        (
            "Progress",
            format!("{}/{}", status.progress, status.required),
        ),
        ("Complete", status.complete.to_string()),
    ];
    for (name, text) in [
        ("PGP Fingerprint", status.pgp_fingerprint.as_str()),
        ("Encoded Token", status.encoded_token.expose()),
        ("OTP", status.otp.expose()),
    ] {
        if !text.is_empty() {
            rows.push((name, text.to_owned()));
        }
    }
    if status.otp_length > 0 {
        rows.push(("OTP Length", status.otp_length.to_string()));
    }
    let rows = rows.into_iter();
    rows.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// One text, or the object that has it.
fn say(object: &Value, text: &str, format: Format) -> Result<ExitCode, Failure> {
    let structured = output::structured(object, format)?.map(Zeroizing::new);
    output::say(structured.as_deref().map_or(text, String::as_str))?;
    Ok(ExitCode::SUCCESS)
}

/// Letters and digits, each equally likely.
fn password(length: usize) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(length));
    while text.len() < length {
        let mut byte = Zeroizing::new([0_u8]);
        SystemEntropy.fill(byte.as_mut_slice());
        // Larger bytes would favour the first letters.
        if byte[0] < 248 {
            text.push(char::from(LETTERS[usize::from(byte[0] % 62)]));
        }
    }
    text
}

/// The token that a generation answered, with the password of the generation.
fn decoded(encoded: &str, otp: &str) -> Result<Zeroizing<String>, Failure> {
    let problem = |why: &str| Failure::local(format!("Error decoding root token: {why}"));
    let hidden = BASE64_STANDARD_NO_PAD.decode(encoded.trim_end_matches('='));
    let hidden = hidden.map_err(|_| problem("-decode is not what a generation answered"))?;
    if hidden.len() != otp.len() {
        return Err(problem(&format!(
            "-decode has {} bytes and -otp {}: they belong to different generations",
            hidden.len(),
            otp.len()
        )));
    }
    let token = hidden
        .iter()
        .zip(otp.as_bytes())
        .map(|(one, other)| one ^ other);
    match String::from_utf8(token.collect()) {
        Ok(token) => Ok(token.into()),
        Err(_) => Err(problem("-otp is not the password of this generation")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_decoded_with_the_password_of_its_generation() {
        // Seen at OpenBao 2.7.2.
        let token = decoded(
            "Klx9FF8wCCssGgMvGiMKO0RZFXYeMwtAP0c",
            "Yr5VoUdFYN1vcnrV63s9gASpSr",
        );
        assert_eq!(token.unwrap().as_str(), "s.HB0elmuT2YyMxmrjfOyrX0l5");
        for (encoded, otp, problem) in [
            ("abc", "d", "has 2 bytes and -otp 1"),
            ("!", "d", "is not what a generation answered"),
            ("/w", "a", "is not the password"),
        ] {
            let refused = decoded(encoded, otp).unwrap_err().to_string();
            assert!(refused.contains(problem), "{refused}");
        }
    }

    #[test]
    fn a_password_has_letters_and_digits_and_is_never_the_same() {
        let one = password(28);
        assert!(one.len() == 28 && one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(one, password(28));
    }
}
