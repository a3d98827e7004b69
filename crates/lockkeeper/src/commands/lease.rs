//! `lease lookup`, `lease renew` and `lease revoke`.

use std::process::ExitCode;

use vault_client::Secret;

use super::client::{connect, format};
use crate::arguments::{Form, Lease, LeaseLookup, LeaseRenew, LeaseRevoke};
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
    let client = connect(arguments.connection)?;
    let answer = client.lookup_lease(id).await;
    // In lower case, as Vault's own says it.
    let answer = answer
        .map_err(|error| Failure::server(format!("error looking up lease id {id}: {error}")))?;
    show(answer.as_ref(), &arguments.form)
}

async fn renew(arguments: LeaseRenew) -> Result<ExitCode, Failure> {
    let id = &arguments.id;
    let increment = arguments
        .increment
        .as_deref()
        .map(logical::duration::parse)
        .transpose()
        .map_err(|error| Failure::local(format!("-increment: {error}")))?;
    let client = connect(arguments.connection)?;
    let answer = client.renew_lease(id, increment).await;
    let answer = answer.map_err(|error| Failure::asking(format!("renewing {id}"), &error))?;
    show(answer.as_ref(), &arguments.form)
}

async fn revoke(arguments: LeaseRevoke) -> Result<ExitCode, Failure> {
    let (id, sync) = (arguments.id.trim_matches('/'), arguments.sync);
    if arguments.force && !arguments.prefix {
        return Err(Failure::local(
            "Specifying -force requires also specifying -prefix",
        ));
    }
    let client = connect(arguments.connection)?;
    let failed = |what: &str, error: &vault_client::Error| {
        Failure::asking(format!("revoking {what} {id}"), error)
    };
    let done = if arguments.force {
        eprintln!(
            "Warning! What these leases stand for may live on when their engine cannot end it."
        );
        let revoked = client.revoke_force(id).await;
        revoked.map_err(|error| failed("leases with prefix", &error))?;
        format!("Success! Force revoked any leases with prefix: {id}")
    } else if arguments.prefix {
        let revoked = client.revoke_prefix(id, sync).await;
        revoked.map_err(|error| failed("leases with prefix", &error))?;
        format!("Success! Revoked any leases with prefix: {id}")
    } else {
        let revoked = client.revoke_lease(id, sync).await;
        revoked.map_err(|error| failed("lease", &error))?;
        format!("Success! Revoked lease: {id}")
    };
    if sync || arguments.force {
        output::say(&done)?;
    } else {
        output::say("All revocation operations queued successfully!")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(answer: Option<&Secret>, form: &Form) -> Result<ExitCode, Failure> {
    if let Some(secret) = answer {
        output::secret(secret, format(form)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
