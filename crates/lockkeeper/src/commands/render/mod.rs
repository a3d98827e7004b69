//! `render`: a credential as a file.

use std::io::Write as _;
use std::process::ExitCode;

use credential_formats::{Form, Profile, SecretName, SecretText};

use super::client::trimmed;
use super::obtain::{Lease, Obtained, connect_unwrapped, give_back, obtain};
use super::private_file::Draft;
use super::signals::Signals;
use crate::arguments::{FormName, Known, Render};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(arguments: Render) -> Result<ExitCode, Failure> {
    let form = form(&arguments)?;
    let client = connect_unwrapped(arguments.connection)?;
    // First, so that no key is made that cannot be written.
    let draft = arguments.out.as_deref().map(Draft::create).transpose()?;
    let mut signals = Signals::catch()?;
    let mut obtained = obtain(&client, &arguments.path, &mut signals).await?;
    let lease = obtained.lease.take();
    let written = file(obtained, &arguments.known, &arguments.profile, &form)
        .and_then(|text| write(draft, &text));
    match written {
        Ok(()) => {
            tell(lease.as_ref());
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            // Nobody has it.
            give_back(&client, lease.as_ref(), &mut signals).await;
            Err(failure)
        }
    }
}

fn form(arguments: &Render) -> Result<Form, Failure> {
    Ok(match arguments.form {
        FormName::Properties => Form::Properties,
        FormName::Librdkafka => Form::Librdkafka,
        FormName::SpringYaml => Form::SpringYaml,
        FormName::Env => Form::Env,
        FormName::Dotenv => Form::Dotenv,
        FormName::Kubernetes => Form::Kubernetes(secret_name(arguments)?),
        FormName::Json => Form::Json,
    })
}

fn secret_name(arguments: &Render) -> Result<SecretName, Failure> {
    let last = || trimmed(&arguments.path).rsplit('/').next();
    let name = arguments.name.as_deref().or_else(last).unwrap_or_default();
    name.parse()
        .map_err(|refusal| Failure::local(format!("-name: {refusal}")))
}

fn file(
    obtained: Obtained,
    known: &Known,
    profiles: &[Profile],
    form: &Form,
) -> Result<SecretText, Failure> {
    let fields = obtained.fields(known, profiles, |kind| form.usual_profile(kind))?;
    form.write(&fields)
        .map_err(|refusal| Failure::local(refusal.to_string()))
}

fn write(draft: Option<Draft>, text: &SecretText) -> Result<(), Failure> {
    match draft {
        None => print(text.expose()),
        Some(draft) => {
            let path = draft.publish(text.expose())?;
            output::say(&format!(
                "Success! Credential written to: {}",
                path.display()
            ))
        }
    }
}

/// A reader that went away is a failure here: nobody got the key.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::local(format!("cannot print the credential: {error}")))
}

/// On standard error: standard output may be the file.
fn tell(lease: Option<&Lease>) {
    if let Some(lease) = lease {
        crate::output::tell(&format!(
            "It ends with lease {} in {}, unless that is renewed.",
            lease.id,
            output::seconds(i64::try_from(lease.duration.as_secs()).unwrap_or(i64::MAX))
        ));
    }
}
