//! `lease lookup`, `lease renew` and `lease revoke`.

use std::process::ExitCode;

use vault_client::Secret;

use super::client::{connect, connect_for_secrets, format, increment};
use super::progress;
use crate::arguments::{AnswerOptions, Lease, LeaseLookup, LeaseRenew, LeaseRevoke};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(lease: Lease) -> Result<ExitCode, Failure> {
    match lease {
        Lease::Lookup(arguments) => lookup(arguments).await,
        Lease::Renew(arguments) => renew(arguments).await,
        Lease::Revoke(arguments) => revoke(arguments).await,
    }
}

async fn lookup(arguments: LeaseLookup) -> Result<ExitCode, Failure> {
    let id = &arguments.id;
    let client = connect_for_secrets(arguments.connection, &arguments.answer)?;
    let answer = client.lookup_lease(id).await;
    // In lower case, as Vault's own command line has it.
    let beginning = format!("error looking up lease id {id}");
    let answer = answer.map_err(|error| Failure::of_request(2, beginning, &error))?;
    show(answer.as_ref(), &arguments.answer)
}

async fn renew(arguments: LeaseRenew) -> Result<ExitCode, Failure> {
    let id = &arguments.id;
    let increment = increment(arguments.increment.as_deref())?;
    let client = connect_for_secrets(arguments.connection, &arguments.answer)?;
    let answer = client.renew_lease(id, increment).await;
    let answer = answer.map_err(|error| Failure::asking(format!("renewing {id}"), &error))?;
    show(answer.as_ref(), &arguments.answer)
}

async fn revoke(arguments: LeaseRevoke) -> Result<ExitCode, Failure> {
    let (id, sync) = (arguments.id.trim_matches('/'), arguments.sync);
    if arguments.force && !arguments.prefix {
        return Err(Failure::local(
            "Specifying -force requires also specifying -prefix",
        ));
    }
    if id.is_empty() {
        return Err(Failure::local(if arguments.prefix {
            "the prefix is empty, which would mean every lease: give a path such as \
             `confluent/creds/app`"
        } else {
            "the id of the lease is empty"
        }));
    }
    let client = connect(arguments.connection)?;
    let what = if arguments.prefix {
        format!("leases with prefix {id}")
    } else {
        format!("lease {id}")
    };
    if arguments.force {
        output::tell("Warning! Credentials that their engine cannot revoke will live on.");
    }
    let request = async {
        if arguments.force {
            client.revoke_force(id).await
        } else if arguments.prefix {
            client.revoke_prefix(id, sync).await
        } else {
            client.revoke_lease(id, sync).await
        }
    };
    let revoked = progress::shown(&format!("revoking {what}"), request).await;
    revoked.map_err(|error| Failure::asking(format!("revoking {what}"), &error))?;
    output::say(&match (arguments.force, arguments.prefix, sync) {
        (true, ..) => format!("Success! Force revoked any leases with prefix: {id}"),
        (_, true, true) => format!("Success! Revoked any leases with prefix: {id}"),
        (_, false, true) => format!("Success! Revoked lease: {id}"),
        _ => "All revocation operations queued successfully!".to_owned(),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn show(answer: Option<&Secret>, options: &AnswerOptions) -> Result<ExitCode, Failure> {
    if let Some(secret) = answer {
        output::secret(secret, format(&options.output)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
