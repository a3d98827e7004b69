//! `operator rotate` and `operator rotate-keys`.

use std::fmt::Write as _;
use std::process::ExitCode;

use vault_client::{
    Client, NewShares, RotationPaths, RotationRequest, RotationStatus, RotationStep,
    VerificationStatus,
};
use zeroize::Zeroizing;

use super::client::{connect, format};
use super::{key_status, typed};
use crate::arguments::{Format, OperatorRotate, OperatorRotateKeys};
use crate::failure::Failure;
use crate::output;

pub(super) async fn rotate(arguments: OperatorRotate) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let rotated = client.rotate().await;
    rotated.map_err(|error| Failure::asking("rotating key", &error))?;
    if format == Format::Table {
        output::say("Success! Rotated key\n")?;
    }
    key_status::show(&client, format).await
}

pub(super) async fn rotate_keys(
    arguments: OperatorRotateKeys,
    paths: RotationPaths,
) -> Result<ExitCode, Failure> {
    let format = format(&arguments.output)?;
    let client = connect(arguments.connection)?;
    let asking = |doing: &'static str| move |error| Failure::asking(doing, &error);
    if arguments.init {
        let wanted = RotationRequest {
            shares: arguments.key_shares,
            threshold: arguments.key_threshold,
            verify: arguments.verify,
        };
        let status = client.begin_rotation(paths, wanted).await;
        return show_status(&status.map_err(asking("beginning the rotation"))?, format);
    }
    match (arguments.cancel, arguments.status, arguments.verify) {
        (true, _, true) => {
            let restarted = client.restart_verification(paths).await;
            restarted.map_err(asking("giving up the verification"))?;
            done("Success! The shares that were given back are forgotten.")
        }
        (true, _, false) => {
            let cancelled = client.cancel_rotation(paths).await;
            cancelled.map_err(asking("canceling the rotation"))?;
            done("Success! Canceled rotation (if one was started)")
        }
        (_, true, true) => {
            let status = client.verification_status(paths).await;
            let status = status.map_err(asking("reading the verification status"))?;
            show_verification(&status, format)
        }
        (_, true, false) => {
            let status = client.rotation_status(paths).await;
            show_status(
                &status.map_err(asking("reading the rotation status"))?,
                format,
            )
        }
        (_, _, verify) => {
            let nonce = match arguments.nonce {
                Some(nonce) => nonce,
                None => nonce(&client, paths, verify).await?,
            };
            let key = key(arguments.key.as_deref()).await?;
            if verify {
                let status = client.verify_with(paths, &key, &nonce).await;
                let status = status.map_err(asking("giving back a new share"))?;
                return show_verification(&status, format);
            }
            let step = client.rotate_with(paths, &key, &nonce).await;
            match step.map_err(asking("giving a share"))? {
                RotationStep::More(status) => show_status(&status, format),
                RotationStep::Done(new) => show_shares(&new, format),
            }
        }
    }
}

fn done(text: &str) -> Result<ExitCode, Failure> {
    output::say(text)?;
    Ok(ExitCode::SUCCESS)
}

/// The id of what is under way.
async fn nonce(client: &Client, paths: RotationPaths, verify: bool) -> Result<String, Failure> {
    let asking = |error| Failure::asking("reading the rotation status", &error);
    let nonce = if verify {
        client
            .verification_status(paths)
            .await
            .map_err(asking)?
            .nonce
    } else {
        client.rotation_status(paths).await.map_err(asking)?.nonce
    };
    if nonce.is_empty() {
        let what = if verify { "verification" } else { "rotation" };
        return Err(Failure::local(format!(
            "there is no {what} under way: begin one with -init"
        )));
    }
    Ok(nonce)
}

async fn key(argument: Option<&str>) -> Result<Zeroizing<String>, Failure> {
    let key = typed::secret(argument, "Key share (will be hidden): ").await?;
    if key.trim().is_empty() {
        return Err(Failure::local(
            "no key was given: give a share of the server's key",
        ));
    }
    Ok(key.trim().to_owned().into())
}

fn show_status(status: &RotationStatus, format: Format) -> Result<ExitCode, Failure> {
    if let Some(text) = output::structured(status, format)? {
        return done(&text);
    }
    let mut rows = vec![("Started", status.started.to_string())];
    if status.started {
        rows.insert(0, ("Nonce", status.nonce.clone()));
        rows.extend([
            (
                "Progress",
                format!("{}/{}", status.progress, status.required),
            ),
            ("New Shares", status.n.to_string()),
            ("New Threshold", status.t.to_string()),
            (
                "Verification Required",
                status.verification_required.to_string(),
            ),
        ]);
        if !status.verification_nonce.is_empty() {
            rows.push(("Verification Nonce", status.verification_nonce.clone()));
        }
    }
    show_rows(rows)
}

fn show_verification(status: &VerificationStatus, format: Format) -> Result<ExitCode, Failure> {
    if let Some(text) = output::structured(status, format)? {
        return done(&text);
    }
    if status.complete {
        return done("Success! The new shares replace the old ones.");
    }
    show_rows(vec![
        ("Nonce", status.nonce.clone()),
        ("Started", status.started.to_string()),
        ("Progress", format!("{}/{}", status.progress, status.t)),
    ])
}

fn show_rows(rows: Vec<(&'static str, String)>) -> Result<ExitCode, Failure> {
    let rows: Vec<(String, String)> = rows
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    done(&output::key_values(("Key", "Value"), &rows))
}

fn show_shares(new: &NewShares, format: Format) -> Result<ExitCode, Failure> {
    let shown = Zeroizing::new(match output::structured(new, format)? {
        Some(text) => text,
        None => text(new),
    });
    done(&shown)
}

fn text(new: &NewShares) -> String {
    let mut text = String::new();
    for (index, share) in new.keys_base64.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "Key {}: {}", index + 1, share.expose());
    }
    let _ = writeln!(text, "\nOperation nonce: {}", new.nonce);
    text.push_str(if new.verification_required {
        "\nThe old shares count until enough of the new ones were given back, with\n\
         `lockkeeper operator rotate-keys -verify`. Nobody can print the new ones again.\n"
    } else {
        "\nThe new shares replace the old ones. Nobody can print them again: hand each to\n\
         another person.\n"
    });
    if !new.verification_nonce.is_empty() {
        let _ = writeln!(text, "\nVerification nonce: {}", new.verification_nonce);
    }
    text
}
