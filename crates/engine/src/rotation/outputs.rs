//! In which fields readers get the keys of a static role. The role says so; a key
//! that was made for another kind of resource keeps the fields in which it was
//! served, so that a change of the role fails no reader of the key before.

use credential_formats::Refusal;
use logical::Error;

use crate::control_plane::Target;
use crate::ids::{KeyId, RoleName};
use crate::ledger::IssuedKey;
use crate::output::Output;
use crate::state::Engine;
use crate::static_role::StaticRole;

/// The outputs that are tried for a key, the wanted one first.
pub(crate) struct Outputs {
    wanted: Output,
    kept: Option<Output>,
    fits_all: Output,
}

impl Outputs {
    /// What the role says; what was kept with the key; and what fits every key,
    /// which records of earlier versions need.
    pub(super) fn of(role: &StaticRole, kept: Option<&Output>) -> Self {
        Self {
            wanted: role.output.clone(),
            kept: kept.cloned(),
            fits_all: Output::default(),
        }
    }

    pub(crate) fn wanted(&self) -> &Output {
        &self.wanted
    }

    /// For a key that the wanted one cannot hold.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Output> {
        self.kept.iter().chain([&self.fits_all])
    }
}

/// Whether a role serves the key that its new output must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serves {
    /// Now, so that the key can be replaced first.
    Now,
    /// Again, if the role that was deleted is written.
    Again,
}

impl Engine {
    /// Keeps the output of before with the keys that readers can get and that the new
    /// one cannot hold.
    ///
    /// # Errors
    /// When the new output is for keys of the kind that is served, and cannot hold
    /// the secret of this one.
    pub(super) async fn keep_outputs(
        &self,
        before: &Output,
        role: &mut StaticRole,
        serves: Serves,
    ) -> Result<(), Error> {
        if let Some(served) = &mut role.served
            && let Some((key, target)) = self.key_with_secret(&served.credential).await?
            && let Err(refusal) = carries(&role.output, &key, &target)
        {
            if role.output.check(&target).is_ok() {
                return Err(refused(&refusal, &key.id, &role.name, serves));
            }
            keep(&mut served.output, before, &key, &target);
        }
        if let Some(previous) = &mut role.previous
            && let Some((key, target)) = self.key_with_secret(&previous.credential).await?
            && carries(&role.output, &key, &target).is_err()
        {
            keep(&mut previous.output, before, &key, &target);
        }
        Ok(())
    }
}

fn refused(refusal: &Refusal, key: &KeyId, role: &RoleName, serves: Serves) -> Error {
    match serves {
        Serves::Now => Error::bad_request(format!(
            "`output`: key `{key}`, which static role `{role}` serves: {refusal}, or replace the key \
             with `rotate-role/{role}` first"
        )),
        Serves::Again => Error::bad_request(format!(
            "`output`: key `{key}`, which static role `{role}` served when it was deleted and would \
             serve again: {refusal}, or write the role with an `output` that can hold the key, replace \
             it with `rotate-role/{role}`, and change `output` after that"
        )),
    }
}

fn carries(output: &Output, key: &IssuedKey, target: &Target) -> Result<(), Refusal> {
    match &key.secret {
        Some(secret) => output.carries(&key.id, secret, target),
        None => Ok(()),
    }
}

/// An output of an earlier change stays where that of before was not for this key
/// either.
fn keep(kept: &mut Option<Output>, before: &Output, key: &IssuedKey, target: &Target) {
    if carries(before, key, target).is_ok() {
        *kept = Some(before.clone());
    }
}
