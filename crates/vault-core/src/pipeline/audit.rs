//! Logs the request before it is carried out, and the response before it leaves.

use std::sync::Arc;
use std::time::Duration;

use logical::{Auth, CreatedToken, LeaseOptions, Object, Operation, RunToCompletion, TokenType};
use serde_json::Value;

use super::Context;
use super::wrap::Made;
use crate::active::Active;
use crate::answer::Answer;
use crate::audit::{AuthEntry, MountEntry, RequestEntry, ResponseEntry, Trail, WrapEntry};
use crate::errors::{self, Refusal};
use crate::tokens::ClientToken;

/// A request that was logged, with what its response's line needs of it.
pub(super) struct Logged {
    trail: Trail,
    mount: Option<LoggedMount>,
    is_list: bool,
    /// Whether an answer with a token is that of a login.
    is_login: bool,
}

/// The mount of a request.
struct LoggedMount {
    path: String,
    kind: String,
    accessor: String,
    version: String,
    is_auth: bool,
    /// Members of the response's data that are shown.
    shown: Vec<String>,
}

impl LoggedMount {
    fn entry(&self) -> MountEntry<'_> {
        MountEntry {
            path: &self.path,
            kind: &self.kind,
            accessor: &self.accessor,
            version: &self.version,
            is_auth: self.is_auth,
        }
    }
}

/// Logs a request that was admitted or refused. Returns `None` without devices.
pub(super) async fn request(
    active: &Active,
    context: &Context,
    refused: Option<&Refusal>,
) -> Result<Option<Logged>, Refusal> {
    if !active.audit.is_enabled() {
        return Ok(None);
    }
    let mut shown = Vec::new();
    let mount = context.mount.as_ref().map(|mount| {
        mount.settings.read(|entry| {
            shown.clone_from(&entry.tuning.audit_non_hmac_request_keys);
            LoggedMount {
                path: entry.path.clone(),
                kind: entry.kind.clone(),
                accessor: entry.accessor.clone(),
                version: mount.version.clone(),
                is_auth: entry.is_auth(),
                shown: entry.tuning.audit_non_hmac_response_keys.clone(),
            }
        })
    });
    let token = context.token.as_ref().map_or("", ClientToken::expose);
    let request = &context.request;
    let entry = RequestEntry {
        id: &request.id,
        operation: request.operation,
        mount: mount.as_ref().map(LoggedMount::entry),
        client_token: token,
        client_token_accessor: &request.client_token_accessor,
        path: &context.path,
        data: &request.data,
        shown,
        connection: request.connection.as_ref(),
        wrap_ttl: request.wrap_ttl,
    };
    let error = refused.map(errors::audited).unwrap_or_default();
    let caller = caller(context, token);
    let logged = active.audit.request(&caller, &entry, &error).await;
    let trail = logged.map_err(|_| Refusal::NotAudited { undone: None })?;
    let is_builtin = || {
        context
            .mount
            .as_ref()
            .is_some_and(|mount| mount.is_builtin())
    };
    Ok(trail.map(|trail| Logged {
        trail,
        is_list: matches!(request.operation, Operation::List | Operation::Scan),
        is_login: mount.as_ref().is_some_and(|mount| mount.is_auth) && !is_builtin(),
        mount,
    }))
}

/// The caller's token. One that nobody knows is no caller.
fn caller<'a>(context: &'a Context, token: &'a str) -> AuthEntry<'a> {
    let policy_results = context.policy_results.as_ref();
    let Some(caller) = &context.caller else {
        return AuthEntry {
            policy_results,
            ..AuthEntry::default()
        };
    };
    let entry = &caller.entry;
    let ttl = entry.lifetime.as_ref().map_or(0, |lifetime| lifetime.ttl);
    AuthEntry {
        client_token: token,
        accessor: &entry.accessor,
        display_name: &entry.display_name,
        policies: &entry.policies,
        policy_results,
        metadata: Some(&entry.metadata),
        num_uses: 0,
        remaining_uses: entry.uses.number(),
        entity_id: &entry.entity_id,
        token_type: entry.kind.word(),
        ttl: Duration::from_secs(ttl),
        issue_time: Some(entry.issue_time),
    }
}

/// Logs the answer to a request. If that fails, or the client hangs up
/// meanwhile, what the request made is revoked: nobody will be told of it.
pub(super) async fn response(
    active: &Arc<Active>,
    logged: Logged,
    answer: &Answer,
    made: Made,
    error: &str,
) -> Result<(), Refusal> {
    let written = written(active, &logged, answer, error);
    let work = {
        let active = Arc::clone(active);
        async move {
            if written.await.is_err() {
                let undone = made.revoke(&active).await;
                return Err(Refusal::NotAudited { undone });
            }
            Ok(made)
        }
    };
    let abandoned = {
        let active = Arc::clone(active);
        |logged: Result<Made, Refusal>| async move {
            if let Ok(made) = logged {
                made.revoke(&active).await;
            }
        }
    };
    RunToCompletion::new(Arc::clone(&active.tasks) as _, work)
        .or_abandoned(abandoned)
        .await
        .map(drop)
}

/// Hands the line of an answer to all devices.
fn written(
    active: &Active,
    logged: &Logged,
    answer: &Answer,
    error: &str,
) -> impl Future<Output = Result<(), crate::audit::NotWritten>> + Send + use<> {
    let mount = logged.mount.as_ref();
    let mut entry = ResponseEntry {
        mount: mount.map(LoggedMount::entry),
        shown: mount.map(|mount| mount.shown.clone()).unwrap_or_default(),
        is_list: logged.is_list,
        ..ResponseEntry::default()
    };
    let other = OtherBody::of(answer);
    if let Some(other) = &other {
        entry.data = other.data.as_ref();
        entry.auth = other.auth.as_ref().map(token);
    }
    if let Some(object) = answer.bare_object() {
        entry.data = Some(object);
    }
    let envelope = answer.envelope();
    let mut login = None;
    if let Some(envelope) = envelope {
        entry.lease_id = &envelope.lease_id;
        entry.data = envelope.data.as_ref();
        entry.warnings = &envelope.warnings;
        entry.auth = envelope.auth.as_deref().map(token);
        entry.wrap = envelope.wrapped.as_ref().map(|wrapped| WrapEntry {
            ttl: wrapped.ttl,
            token: wrapped.token.expose(),
            accessor: &wrapped.accessor,
            creation_time: wrapped.creation_time,
            creation_path: &wrapped.creation_path,
            wrapped_accessor: wrapped.inner_accessor.as_deref().unwrap_or_default(),
        });
        login = envelope
            .auth
            .as_deref()
            .filter(|_| logged.is_login)
            .map(token);
    }
    active
        .audit
        .response(&logged.trail, login.as_ref(), &entry, error)
}

/// The token of an answer.
fn token(auth: &Auth) -> AuthEntry<'_> {
    AuthEntry {
        client_token: &auth.token.text,
        accessor: &auth.token.accessor,
        display_name: &auth.display_name,
        policies: &auth.policies,
        metadata: Some(&auth.metadata),
        num_uses: auth.num_uses,
        entity_id: &auth.token.entity_id,
        token_type: match auth.token_type {
            TokenType::Batch => "batch",
            TokenType::Default | TokenType::Service => "service",
        },
        ttl: auth.lease.ttl,
        ..AuthEntry::default()
    }
}

/// What is logged of a body that its response set itself, or of an error.
struct OtherBody {
    data: Option<Object>,
    auth: Option<Auth>,
}

impl OtherBody {
    fn of(answer: &Answer) -> Option<Self> {
        let data = |data: Object| Self {
            data: Some(data),
            auth: None,
        };
        if let Some(error) = answer.first_error() {
            let error = [("error".to_owned(), error.into())];
            return Some(data(Object::from_iter(error)));
        }
        let (content_type, body) = answer.raw_body()?;
        if let Ok(Value::Object(envelope)) = serde_json::from_slice(body)
            && envelope.contains_key("request_id")
        {
            return Some(Self::unwrapped(envelope));
        }
        let mut other = Object::new();
        other.insert("http_status_code".into(), answer.status().into());
        if !content_type.is_empty() {
            other.insert("http_content_type".into(), content_type.into());
        }
        if !body.is_empty() {
            let text = String::from_utf8_lossy(body).into_owned();
            other.insert("http_raw_body".into(), text.into());
        }
        Some(data(other))
    }

    /// A wrapped answer that is unwrapped. Its texts are hashed one by one, so that
    /// they can be found.
    fn unwrapped(mut envelope: Object) -> Self {
        let data = match envelope.remove("data") {
            Some(Value::Object(data)) => Some(data),
            _ => None,
        };
        let auth = match envelope.remove("auth") {
            Some(Value::Object(auth)) => Some(unwrapped_token(&auth)),
            _ => None,
        };
        Self { data, auth }
    }
}

/// The token of an answer that was wrapped.
fn unwrapped_token(shown: &Object) -> Auth {
    let text = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| shown.get(name).and_then(Value::as_u64).unwrap_or_default();
    let policies = shown.get("policies").and_then(Value::as_array);
    let policies = policies.into_iter().flatten().filter_map(Value::as_str);
    let ttl = Duration::from_secs(number("lease_duration"));
    let lease = LeaseOptions::fixed(ttl);
    let mut auth = Auth::new("", policies.map(str::to_owned), lease);
    auth.token = CreatedToken::new(text("client_token"), text("accessor"));
    auth.num_uses = u32::try_from(number("num_uses")).unwrap_or_default();
    auth.token_type = match text("token_type") {
        "batch" => TokenType::Batch,
        _ => TokenType::Service,
    };
    if let Some(Value::Object(metadata)) = shown.get("metadata") {
        let facts = metadata.iter();
        let facts =
            facts.filter_map(|(name, fact)| Some((name.clone(), fact.as_str()?.to_owned())));
        auth.metadata = facts.collect();
    }
    auth
}
