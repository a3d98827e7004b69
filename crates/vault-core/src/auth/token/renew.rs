//! Renewal of tokens.

use std::sync::Arc;
use std::time::Duration;

use logical::framework::{Call, Path, answer};
use logical::{Auth, Error, LeaseOptions, Operation, Request, Response, RunToCompletion};

use super::TokenPaths;
use super::fields::{ACCESSOR, INCREMENT, TOKEN, accessor, increment, token};
use crate::routing::LeaseTtls;
use crate::tokens::{ClientToken, TokenEntry, TokenKind, TtlWish};

pub(super) fn paths() -> Vec<Path<TokenPaths>> {
    vec![
        Path::new("renew-self")
            .fields([token(), increment()])
            .on(Operation::Update, answer(renew))
            .help("Renews the caller's token.", ""),
        Path::new("renew")
            .fields([token(), increment()])
            .on(Operation::Update, answer(renew))
            .help("Renews a token.", ""),
        Path::new("renew-accessor")
            .fields([accessor(), increment()])
            .on(Operation::Update, answer(renew_accessor))
            .help("Renews the token with an accessor.", ""),
    ]
}

async fn renew(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let text = call.fields.text(TOKEN).to_owned();
    if text.is_empty() {
        return Err(Error::bad_request("missing token ID"));
    }
    let found = paths.tokens.find(&ClientToken::new(&*text)).await?;
    let found = found.ok_or_else(|| Error::bad_request("token not found"))?;
    if found.entry.kind == TokenKind::Batch {
        return Err(Error::bad_request("batch tokens cannot be renewed"));
    }
    extend(&paths, &call, found.salted, text).await.map(Some)
}

async fn renew_accessor(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let salted = paths.by_accessor(call.fields.text(ACCESSOR)).await?;
    let salted = salted.ok_or_else(|| Error::bad_request("invalid accessor"))?;
    extend(&paths, &call, salted, String::new()).await.map(Some)
}

impl TokenPaths {
    /// What a renewal asks for: the token's role, or the auth method of its
    /// login, decides again.
    async fn asked_for(
        &self,
        entry: &TokenEntry,
        increment: Duration,
    ) -> Result<(TtlWish, LeaseTtls), Error> {
        let mut wish = TtlWish {
            ttl: increment,
            ..TtlWish::default()
        };
        let Some(internal_data) = &entry.login else {
            if let Some(lifetime) = &entry.lifetime {
                wish.period = Duration::from_secs(lifetime.period);
                // Without an increment, the token gets again what it got last.
                if increment.is_zero() {
                    wish.ttl = Duration::from_secs(lifetime.ttl);
                }
            }
            if !entry.role.is_empty() {
                let role = self.tokens.role(&entry.role).await?;
                let role = role.ok_or_else(|| role_is_gone(&entry.role))?;
                wish.period = Duration::from_secs(role.period);
                wish.explicit_max_ttl = Duration::from_secs(role.explicit_max_ttl);
            }
            return Ok((wish, self.limits()?));
        };
        let (mount, inside) = self
            .router
            .route(&entry.path)
            .ok_or_else(Error::unsupported_path)?;
        let mut login = Auth::new(&*entry.display_name, entry.policies.clone(), wish_of(entry));
        login.internal_data.clone_from(internal_data);
        login.metadata.clone_from(&entry.metadata);
        let mut request = Request::new(Operation::Renew, inside);
        request.mount_point = mount.path();
        request.auth = Some(Box::new(login));
        let renewed = mount.handle(request).await?;
        let renewed = renewed.and_then(|response| response.auth);
        let renewed = renewed.ok_or_else(|| Error::bad_request("lease is not renewable"))?;
        if wish.ttl.is_zero() {
            wish.ttl = renewed.lease.ttl;
        }
        wish.max_ttl = renewed.lease.max_ttl;
        wish.period = renewed.period;
        Ok((wish, mount.settings.lease_ttls()))
    }
}

fn role_is_gone(name: &str) -> Error {
    Error::bad_request(format!(
        "original token role {name:?} could not be found, not renewing"
    ))
}

/// The lease of a token, as its auth method sees it.
fn wish_of(entry: &TokenEntry) -> LeaseOptions {
    let ttl = entry.lifetime.as_ref().map_or(0, |lifetime| lifetime.ttl);
    LeaseOptions::renewable(Duration::from_secs(ttl), Duration::ZERO).issued_at(entry.issue_time)
}

/// Renews a stored token. Storage and the queue of expiring leases change
/// together, even if the client hangs up.
async fn extend(
    paths: &Arc<TokenPaths>,
    call: &Call,
    salted: String,
    text: String,
) -> Result<Response, Error> {
    let increment = call.fields.duration(INCREMENT).unwrap_or(Duration::ZERO);
    let work = {
        let paths = Arc::clone(paths);
        async move {
            let entry = paths.tokens.renewable(&salted).await?;
            let (wish, limits) = paths.asked_for(&entry, increment).await?;
            let renewed = paths.tokens.renew(&salted, wish, limits).await?;
            let entry = &renewed.entry;
            paths
                .leases
                .watch_token(entry, &salted, Some(renewed.before));
            let auth = super::created(entry, &text, renewed.at);
            Ok(Response::login(auth).with_warnings(renewed.warning))
        }
    };
    RunToCompletion::new(Arc::clone(&paths.tasks) as _, work).await
}
