//! Refuses logins of users who are locked out, and counts wrong ones.

use std::sync::Arc;

use logical::{ErrorClass, Operation, RunToCompletion};

use super::{Context, Reply};
use crate::active::Active;
use crate::errors::Refusal;
use crate::routing::LockoutLimits;

/// A login of a user who may be locked out.
pub(super) struct Attempt {
    accessor: String,
    alias: String,
    limits: LockoutLimits,
}

/// Checks whether the user of a login is locked out.
///
/// # Errors
/// A refusal that looks as if the login were not allowed.
pub(super) async fn check(active: &Active, context: &mut Context) -> Result<(), Refusal> {
    let Some(mount) = &context.mount else {
        return Ok(());
    };
    let request = &context.request;
    let is_login = request.operation == Operation::Update
        && mount.is_auth()
        && mount.tells_logins()
        && mount.is_unauthenticated(&request.path);
    if !is_login {
        return Ok(());
    }
    let tuning = mount.settings.read(|entry| entry.tuning.user_lockout);
    let Some(limits) = active.lockout.limits(&request.mount_type, tuning) else {
        return Ok(());
    };
    let subject = match mount.login_subject(request.clone()).await {
        Ok(subject) => subject,
        // A mount that is closed refuses by itself, with its own text.
        Err(_) if mount.is_closed() => return Ok(()),
        Err(error) => return Err(super::dispatch::failed(mount, error)),
    };
    let Some(subject) = subject.filter(|subject| subject.role.is_some()) else {
        return Ok(());
    };
    let accessor = request.mount_accessor.clone();
    if active.lockout.is_locked(&accessor, &subject.alias) {
        return Err(Refusal::Unauthenticated);
    }
    context.attempt = Some(Attempt {
        accessor,
        alias: subject.alias,
        limits,
    });
    Ok(())
}

/// Counts a wrong login, or forgets those before a right one.
pub(super) async fn note(
    active: &Arc<Active>,
    context: &mut Context,
    result: &Result<Reply, Refusal>,
) {
    let Some(attempt) = context.attempt.take() else {
        return;
    };
    match result {
        Ok(reply) if reply.envelope.auth.is_some() => {
            active.lockout.succeeded(&attempt.accessor, &attempt.alias);
        }
        Err(Refusal::Failed(error, _)) if error.class() == ErrorClass::InvalidCredentials => {
            let lockout = Arc::clone(&active.lockout);
            let counting = async move {
                let Attempt {
                    accessor,
                    alias,
                    limits,
                } = attempt;
                lockout.failed(&accessor, &alias, limits).await;
            };
            RunToCompletion::new(Arc::clone(&active.tasks) as _, counting).await;
        }
        _ => {}
    }
}
