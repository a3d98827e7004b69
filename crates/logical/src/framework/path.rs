//! One path in an engine's table.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Describe, Display, Field, Fields};
use crate::{Error, Operation, Request, Response, SystemView};

/// A routed request with the path's fields.
pub struct Call {
    /// The request as the host sent it.
    pub request: Request,
    /// The fields that the request gave.
    pub fields: Fields,
}

impl Call {
    /// Takes a text out of the fields and the request, to be wiped after use; empty
    /// if it was not given.
    pub fn take_secret(&mut self, name: &str) -> Zeroizing<String> {
        if let Some(Value::String(text)) = self.request.data.remove(name) {
            drop(Zeroizing::new(text));
        }
        self.fields.take_text(name)
    }
}

pub(super) type Answer = BoxFuture<'static, Result<Option<Response>, Error>>;
type Probe = BoxFuture<'static, Result<bool, Error>>;

/// The handler of one operation of a path.
pub type Handler<S> = Arc<dyn Fn(Arc<S>, Call) -> Answer + Send + Sync>;

/// Checks whether the target of a write exists.
pub type ExistenceCheck<S> = Arc<dyn Fn(Arc<S>, Call) -> Probe + Send + Sync>;

/// Turns an async function into a [`Handler`].
pub fn answer<S, F, R>(function: F) -> Handler<S>
where
    F: Fn(Arc<S>, Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Option<Response>, Error>> + Send + 'static,
{
    Arc::new(move |state, call| Box::pin(function(state, call)))
}

/// Turns an async function into an [`ExistenceCheck`].
pub fn probe<S, F, R>(function: F) -> ExistenceCheck<S>
where
    F: Fn(Arc<S>, Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<bool, Error>> + Send + 'static,
{
    Arc::new(move |state, call| Box::pin(function(state, call)))
}

/// A handler that runs on the active node of the primary cluster only: on other
/// nodes the answer is the read-only error, so that their host forwards the
/// request. Writes to storage do so anyway; this is for what acts on the outside
/// world first (`ForwardPerformanceStandby` and `ForwardPerformanceSecondary`
/// in `sdk/framework/path.go`).
pub fn on_active_node<S: Send + Sync + 'static>(
    system: &Arc<dyn SystemView>,
    handler: Handler<S>,
) -> Handler<S> {
    let system = Arc::clone(system);
    answer(move |state, call| {
        let (system, handler) = (Arc::clone(&system), Arc::clone(&handler));
        async move {
            let role = system.replication().await?;
            if role.is_standby() || (role.is_secondary() && !system.local_mount().await?) {
                return Err(Error::read_only());
            }
            handler(state, call).await
        }
    })
}

/// The pattern of a name inside a path, captured as the field `name`: word
/// characters of ASCII, with `-` and `.` inside
/// (`GenericNameRegex` in Vault's `sdk/framework/path.go`).
pub fn generic_name(name: &str) -> String {
    format!("(?P<{name}>[0-9A-Za-z_](?:[0-9A-Za-z_.-]*[0-9A-Za-z_])?)")
}

/// A path: its pattern, fields, operations and help.
pub struct Path<S> {
    pub(super) pattern: String,
    pub(super) fields: Vec<Field>,
    pub(super) operations: BTreeMap<Operation, Handler<S>>,
    pub(super) existence: Option<ExistenceCheck<S>>,
    pub(super) synopsis: &'static str,
    pub(super) description: &'static str,
    pub(super) arbitrary: bool,
    pub(super) strict: bool,
    pub(super) described: BTreeMap<Operation, Describe>,
    pub(super) display: Option<Display>,
}

impl<S> Path<S> {
    /// A path whose requests match the whole pattern, a regular expression
    /// with named groups for captured fields.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self {
            pattern: pattern.into(),
            fields: Vec::new(),
            operations: BTreeMap::new(),
            existence: None,
            synopsis: "",
            description: "",
            arbitrary: false,
            strict: false,
            described: BTreeMap::new(),
            display: None,
        }
    }

    /// Declares fields.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// Sets the handler of an operation.
    #[must_use]
    pub fn on(mut self, operation: Operation, handler: Handler<S>) -> Self {
        self.operations.insert(operation, handler);
        self
    }

    /// Sets the handler of both create and update.
    #[must_use]
    pub fn on_write(self, handler: Handler<S>) -> Self {
        let create = Arc::clone(&handler);
        self.on(Operation::Create, create)
            .on(Operation::Update, handler)
    }

    /// Sets the check that tells create from update.
    #[must_use]
    pub fn existence(mut self, check: ExistenceCheck<S>) -> Self {
        self.existence = Some(check);
        self
    }

    /// Sets the synopsis and the description for `path-help`.
    #[must_use]
    pub fn help(mut self, synopsis: &'static str, description: &'static str) -> Self {
        self.synopsis = synopsis;
        self.description = description;
        self
    }

    /// Accepts body members that are not fields, without a warning.
    #[must_use]
    pub fn any_input(mut self) -> Self {
        self.arbitrary = true;
        self
    }

    /// Refuses a write with body members that are not fields, and names the
    /// most similar field. For paths where a mistyped field would grant more
    /// than was intended.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Describes one operation for documents. Create and update are one
    /// operation there: [`Operation::Update`] if both are handled.
    #[must_use]
    pub fn describe(mut self, operation: Operation, about: Describe) -> Self {
        self.described.insert(operation, about);
        self
    }

    /// Hints for user interfaces, and for the ids of operations.
    #[must_use]
    pub fn display(mut self, display: Display) -> Self {
        self.display = Some(display);
        self
    }
}

/// A type of leased secret, with its renewal and revocation.
pub struct SecretType<S> {
    pub(super) name: &'static str,
    pub(super) renew: Option<Handler<S>>,
    pub(super) revoke: Handler<S>,
}

impl<S> SecretType<S> {
    /// The secret type with this `secret_type` in its internal data.
    pub fn new(name: &'static str, renew: Handler<S>, revoke: Handler<S>) -> Self {
        Self {
            name,
            renew: Some(renew),
            revoke,
        }
    }

    /// A secret type whose leases cannot be renewed: a renewal is an
    /// unsupported operation.
    pub fn not_renewable(name: &'static str, revoke: Handler<S>) -> Self {
        Self {
            name,
            renew: None,
            revoke,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::FieldValue;
    use super::*;

    #[test]
    fn a_secret_that_is_taken_is_left_nowhere_in_the_call() {
        let mut request = Request::new(Operation::Update, "x");
        request.data.insert("key".into(), json!("share"));
        request.data.insert("nonce".into(), json!("n"));
        let mut fields = Fields::default();
        fields.insert("key", FieldValue::Text("share".into()));
        fields.insert("nonce", FieldValue::Text("n".into()));
        let mut call = Call { request, fields };
        assert_eq!(call.take_secret("key").as_str(), "share");
        assert!(!call.fields.given("key") && !call.request.data.contains_key("key"));
        assert_eq!(call.fields.text("nonce"), "n");
        assert!(call.request.data.contains_key("nonce"));
        assert_eq!(call.take_secret("key").as_str(), "");
    }
}
