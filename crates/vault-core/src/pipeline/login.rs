//! Makes the token of a login that an auth method accepted.

use std::sync::Arc;

use logical::{Auth, Changes, Error, Response, RunToCompletion};

use super::Context;
use crate::active::Active;
use crate::auth;
use crate::errors::{Origin, Refusal};
use crate::quotas::Claim;
use crate::routing::{Entered, Mount};
use crate::tokens::{LoginContext, NewToken, TokenKind, entry_of_login, lease_id};

/// How often a login is decided again because somebody else changed what it
/// relied on, such as the uses of the same secret id.
const ATTEMPTS: usize = 200;

/// Stores the token of a login with the changes that the login takes, and
/// returns the answer for the client. If the client hangs up meanwhile, the
/// token is revoked.
pub(super) async fn log_in(
    active: &Arc<Active>,
    context: &Context,
    entered: Entered,
    mut response: Response,
) -> Result<Response, Refusal> {
    let Some(mount) = &context.mount else {
        return Err(Refusal::NoRoute(context.path.clone()));
    };
    let entered = Arc::new(entered);
    let failed = |error: Error| super::dispatch::failed(mount, error);
    for _ in 0..ATTEMPTS {
        let Some(proposed) = response.auth.take() else {
            return Ok(response);
        };
        let entered = Arc::clone(&entered);
        let created = create(active, mount, entered, &context.path, *proposed).await;
        if let Some((auth, warning)) = created.map_err(failed)? {
            response.auth = Some(Box::new(auth));
            response.warnings.extend(warning);
            return Ok(response);
        }
        let Some(again) = context.login_request.clone() else {
            break;
        };
        let answer = mount.handle(*again).await.map_err(failed)?;
        response = answer.unwrap_or_default();
    }
    Err(Refusal::Failed(
        Error::coded(503, "too many logins change the same entry: try again"),
        Origin::Core,
    ))
}

/// Creates the token, or returns `None` if the login must be decided again.
async fn create(
    active: &Arc<Active>,
    mount: &Mount,
    entered: Arc<Entered>,
    path: &str,
    mut proposed: Auth,
) -> Result<Option<(Auth, Option<String>)>, Error> {
    let now = active.effects.clock.now();
    let of_mount = mount.settings.read(Clone::clone);
    let entity = match &proposed.alias {
        Some(alias) => Some(active.entities.of_login(&of_mount.accessor, alias).await?),
        None => None,
    };
    let limits = mount.settings.lease_ttls();
    let context = LoginContext {
        path,
        mount: &of_mount.path,
        limits,
        token_type: of_mount.tuning.token_type,
        now,
        entity_id: entity.as_ref().map_or("", |entity| &entity.id),
    };
    let (entry, warning) = entry_of_login(&proposed, context)?;
    let of_method = std::mem::take(&mut proposed.changes);
    let view = active.mounts.view_of(&of_mount.uuid);
    let mut changes = Changes::under(view.conditions(of_method.conditions));
    changes.writes = view.writes(of_method.writes);
    let changed_entity = entity.and_then(|entity| {
        let id = (!entity.changes.is_empty()).then_some(entity.id);
        changes.conditions.extend(entity.changes.conditions);
        changes.writes.extend(entity.changes.writes);
        id
    });
    let work = {
        let active = Arc::clone(active);
        async move {
            // The mount is not removed before the token is stored.
            let _entered = entered;
            let text = active.tokens.random_text();
            let salted = active.tokens.salted(&text);
            let counts = active.leases.counts();
            let place = match lease_id(&entry, &salted) {
                Some(id) => counts.claim(Claim::Open(Box::default()), &id).await?,
                // A batch token takes none, and is refused as well.
                None => counts.place(&entry.path).await?,
            };
            let changing = changed_entity.as_deref();
            let _changing = changing.map(|id| active.entities.changing(id));
            let created = active.tokens.insert_login(text, entry, changes).await;
            // Nobody knows its text, and it may be stored all the same.
            let created = created.inspect_err(|_| active.revocation.revoke_later(salted))?;
            if let Some(created) = &created {
                let leases = &active.leases;
                leases.watch_token(&created.entry, &created.salted, None);
                if let Some(place) = place.filter(|_| created.entry.kind != TokenKind::Batch) {
                    place.keep();
                }
            }
            Ok(created)
        }
    };
    let revocation = Arc::clone(&active.revocation);
    let abandoned = |created: Result<Option<NewToken>, Error>| async move {
        if let Ok(Some(created)) = created {
            revocation.revoke_later(created.salted);
        }
    };
    let created = RunToCompletion::new(Arc::clone(&active.tasks) as _, work)
        .or_abandoned(abandoned)
        .await?;
    Ok(created.map(|created| {
        let auth = auth::created(&created.entry, created.text.expose(), now);
        (auth, warning)
    }))
}
