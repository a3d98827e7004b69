//! `operator init`, `unseal`, `seal` and `key-status`.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};
use vault_client::{InitRequest, Initialized, RotationPaths};
use zeroize::Zeroizing;

use super::client::{connect, format};
use super::{generate_root, key_status, operator_keys, operator_store, status, typed};
use crate::arguments::{Operator, OperatorInit, OperatorKeyStatus, OperatorSeal, OperatorUnseal};
use crate::failure::Failure;
use crate::output;

/// The exit code of `operator init -status` for a server that is not
/// initialized.
const NOT_INITIALIZED: u8 = 2;

pub(super) async fn run(operator: Operator) -> Result<ExitCode, Failure> {
    match operator {
        Operator::Init(arguments) if arguments.status => init_status(arguments).await,
        Operator::Init(arguments) => init(arguments).await,
        Operator::Unseal(arguments) => unseal(arguments).await,
        Operator::Seal(arguments) => seal(arguments).await,
        Operator::KeyStatus(arguments) => show_key_status(arguments).await,
        Operator::Rotate(arguments) => operator_keys::rotate(arguments).await,
        Operator::RotateKeys(arguments) => {
            operator_keys::rotate_keys(arguments, RotationPaths::RotateRoot).await
        }
        Operator::Rekey(arguments) => {
            operator_keys::rotate_keys(arguments, RotationPaths::Rekey).await
        }
        Operator::GenerateRoot(arguments) => generate_root::run(arguments).await,
        Operator::Backup(arguments) => operator_store::back_up(arguments).await,
        Operator::Restore(arguments) => operator_store::restore(&arguments),
    }
}

async fn init_status(arguments: OperatorInit) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let answer = client.is_initialized().await;
    // No answer is 1 here, since 2 means that there is nothing yet.
    let beginning = "Error checking initialization status";
    let initialized = answer.map_err(|error| Failure::of_request(1, beginning, &error))?;
    match output::structured(&json!({ "Initialized": initialized }), format)? {
        Some(text) => output::say(&text)?,
        None if initialized => output::say("Vault is initialized")?,
        None => output::say("Vault is not initialized")?,
    }
    Ok(if initialized {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_INITIALIZED)
    })
}

async fn init(arguments: OperatorInit) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let wanted = InitRequest {
        shares: arguments.key_shares,
        threshold: arguments.key_threshold,
    };
    let made = client.initialize(wanted).await;
    let made = made.map_err(|error| Failure::asking("initializing", &error))?;
    let shown = Zeroizing::new(match output::structured(&whole(&made, wanted), format)? {
        Some(text) => text,
        None => text(&made, wanted),
    });
    output::say(&shown)?;
    Ok(ExitCode::SUCCESS)
}

/// The members that Vault's command line prints.
fn whole(made: &Initialized, wanted: InitRequest) -> Value {
    let all = |texts: &[Zeroizing<String>]| -> Vec<Value> {
        texts.iter().map(|text| text.as_str().into()).collect()
    };
    let or_null = |texts: &[Zeroizing<String>]| match all(texts) {
        texts if texts.is_empty() => Value::Null,
        texts => texts.into(),
    };
    json!({
        "unseal_keys_b64": all(&made.keys_base64),
        "unseal_keys_hex": all(&made.keys),
        "unseal_shares": wanted.shares,
        "unseal_threshold": wanted.threshold,
        "recovery_keys_b64": or_null(&made.recovery_keys_base64),
        "recovery_keys_hex": or_null(&made.recovery_keys),
        "recovery_keys_shares": made.recovery_keys.len(),
        "recovery_keys_threshold": 0,
        "root_token": made.root_token.as_str(),
    })
}

fn text(made: &Initialized, wanted: InitRequest) -> String {
    let mut text = String::new();
    for (kind, shares) in [
        ("Unseal", &made.keys_base64),
        ("Recovery", &made.recovery_keys_base64),
    ] {
        for (index, share) in shares.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{kind} Key {}: {}", index + 1, share.as_str());
        }
    }
    let _ = writeln!(text, "\nInitial Root Token: {}", made.root_token.as_str());
    if made.keys_base64.is_empty() {
        return text;
    }
    let (shares, threshold) = (wanted.shares, wanted.threshold);
    let _ = write!(
        text,
        "\nThe server is initialized with {shares} key shares and a key threshold of {threshold}.\n\
         Nobody can print them again: hand each share to another person, and keep the\n\
         token safe.\n\n\
         Whenever the server is sealed, or starts, {threshold} of these shares unseal it, with\n\
         `lockkeeper operator unseal`. Without that many, its data is lost.\n"
    );
    text
}

async fn unseal(arguments: OperatorUnseal) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let (answer, doing) = if arguments.reset {
        (client.reset_unseal().await, "resetting unseal process")
    } else {
        let key = typed::secret(arguments.key.as_deref(), "Unseal Key (will be hidden): ").await?;
        if key.trim().is_empty() {
            return Err(Failure::local(
                "no key was given: give a share of the server's key",
            ));
        }
        (client.unseal(key.trim()).await, "unsealing")
    };
    let seal = answer.map_err(|error| Failure::asking(doing, &error))?;
    status::show(&client, &seal, format).await?;
    Ok(ExitCode::SUCCESS)
}

async fn seal(arguments: OperatorSeal) -> Result<ExitCode, Failure> {
    let client = connect(arguments.connection)?;
    let sealed = client.seal().await;
    sealed.map_err(|error| Failure::asking("sealing", &error))?;
    output::say("Success! Vault is sealed.")?;
    Ok(ExitCode::SUCCESS)
}

async fn show_key_status(arguments: OperatorKeyStatus) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    key_status::show(&connect(arguments.connection)?, format).await
}
