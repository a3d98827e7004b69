//! Turns a table of paths into a [`Backend`]: routing, coercion, warnings,
//! leases and help, in the order of Go's `framework.Backend.HandleRequest`.

#[cfg(test)]
mod tests;
mod unknown;

use std::sync::Arc;

use async_trait::async_trait;
use regex::Regex;
use serde_json::Value;

use super::fields::Values;
use super::path::Answer;
use super::{Call, Definition, Fields, Path, coerce, help, openapi};
use crate::lease::SECRET_TYPE;
use crate::{
    Backend, Error, Existence, LoginSubject, Object, Operation, Request, Response, SpecialPaths,
};

/// The parameter of a help request by which a host collects the documents of
/// all mounts.
const PREFIX: &str = "requestResponsePrefix";

/// What Vault's command line calls the operations of a path.
const VERBS: [(Operation, &str); 6] = [
    (Operation::Read, "read"),
    (Operation::List, "list"),
    (Operation::Create, "write"),
    (Operation::Update, "write"),
    (Operation::Patch, "patch"),
    (Operation::Delete, "delete"),
];

/// Calls of an engine outside requests. All have a default.
#[async_trait]
pub trait Hooks: Send + Sync + 'static {
    /// See [`Backend::initialize`].
    async fn initialize(self: Arc<Self>) -> Result<(), Error> {
        Ok(())
    }

    /// See [`Backend::invalidate`].
    async fn invalidate(self: Arc<Self>, key: &str) {
        let _ = key;
    }

    /// See [`Backend::periodic`].
    async fn periodic(self: Arc<Self>) -> Result<(), Error> {
        Err(Error::unsupported_operation())
    }

    /// Renews a login of this auth method: [`Request::auth`] is what the method
    /// proposed then, and the answer proposes a lease.
    ///
    /// # Errors
    /// An unsupported operation for everything but an auth method.
    async fn renew_login(self: Arc<Self>, request: Request) -> Result<Option<Response>, Error> {
        let _ = request;
        Err(Error::unsupported_operation())
    }

    /// See [`Backend::tells_logins`].
    fn tells_logins(&self) -> bool {
        false
    }

    /// See [`Backend::login_subject`].
    async fn login_subject(
        self: Arc<Self>,
        request: Request,
    ) -> Result<Option<LoginSubject>, Error> {
        let _ = request;
        Ok(None)
    }

    /// See [`Backend::cleanup`].
    async fn cleanup(self: Arc<Self>) {}
}

/// A [`Backend`] made of a table and the engine's state.
pub struct Framework<S> {
    state: Arc<S>,
    definition: Definition<S>,
    routes: Vec<Route>,
}

/// The compiled form of a path.
struct Route {
    pattern: Regex,
    defaults: Arc<Values>,
}

impl Route {
    fn compile<S>(path: &Path<S>) -> Result<Self, Error> {
        let pattern = Regex::new(&help::anchored(&path.pattern)).map_err(|error| {
            Error::internal(format!("path pattern `{}`: {error}", path.pattern))
        })?;
        let declared = |name: &&str| path.fields.iter().any(|field| field.name == *name);
        if let Some(name) = pattern
            .capture_names()
            .flatten()
            .find(|name| !declared(name))
        {
            return Err(Error::internal(format!(
                "path pattern `{}` captures `{name}`, which is none of its fields: declare it",
                path.pattern
            )));
        }
        let mut defaults = Values::new();
        for field in &path.fields {
            let Some(default) = &field.default else {
                continue;
            };
            let value = coerce::coerce(field, default).map_err(|error| {
                Error::internal(format!("default on path `{}`: {error}", path.pattern))
            })?;
            defaults.extend(value.map(|value| (field.name, value)));
        }
        Ok(Self {
            pattern,
            defaults: Arc::new(defaults),
        })
    }
}

/// The path that matched a request, with captured values.
struct Found<'a, S> {
    path: &'a Path<S>,
    captured: Object,
    defaults: &'a Arc<Values>,
}

impl<S> Found<'_, S> {
    /// Reads the path's fields from the body; captured values take precedence.
    ///
    /// A write to a path of any input may have members that are called like a
    /// parameter of queries: they are not read as one.
    fn fields(&self, operation: Operation, body: &Object) -> Result<Fields, Error> {
        let mut fields = Fields::new(Arc::clone(self.defaults));
        let has_no_query = self.path.arbitrary && is_write(operation);
        let read = self.path.fields.iter();
        for field in read.filter(|field| !(field.query && has_no_query)) {
            let given = self
                .captured
                .get(field.name)
                .or_else(|| body.get(field.name));
            let Some(raw) = given else {
                continue;
            };
            if let Some(value) = coerce::coerce(field, raw)? {
                fields.insert(field.name, value);
            }
        }
        Ok(fields)
    }

    /// The error for an unsupported operation: it names the supported ones as
    /// the command line does.
    fn refuse(&self, request: &Request) -> Error {
        let takes_data = self.path.arbitrary
            || self
                .path
                .fields
                .iter()
                .any(|field| !self.captured.contains_key(field.name));
        let known = VERBS
            .into_iter()
            .filter(|(operation, _)| self.path.operations.contains_key(operation));
        let mut known: Vec<&str> = known
            .map(|(_, verb)| match verb {
                "write" if !takes_data => "write -force",
                verb => verb,
            })
            .collect();
        known.dedup();
        if known.is_empty() {
            return Error::unsupported_operation();
        }
        let asked = VERBS
            .into_iter()
            .find(|(operation, _)| *operation == request.operation);
        let asked = asked.map_or(request.operation.as_str(), |(_, verb)| verb);
        Error::unsupported_operation_but(format_args!(
            "there is no `{asked}` of `{}`, but `{}`",
            request.path.trim_end_matches('/'),
            known.join("` and `")
        ))
    }
}

impl<S: Hooks> Framework<S> {
    /// Compiles the table.
    ///
    /// # Errors
    /// An internal error that names an invalid pattern, a captured name without
    /// a field, or an invalid default.
    pub fn new(state: Arc<S>, definition: Definition<S>) -> Result<Self, Error> {
        let routes = definition.paths.iter().map(Route::compile);
        let routes = routes.collect::<Result<_, _>>()?;
        Ok(Self {
            state,
            definition,
            routes,
        })
    }

    /// The first matching path, with its captures. A group that did not
    /// participate is empty, as in Go.
    fn route(&self, request: &str) -> Option<Found<'_, S>> {
        // Matching is much cheaper than capturing.
        let answers = |route: &Route| route.pattern.is_match(request);
        let found = self.routes.iter().position(answers)?;
        let Route { pattern, defaults } = &self.routes[found];
        let captures = pattern.captures(request)?;
        let captured = pattern.capture_names().flatten().map(|name| {
            let value = captures.name(name).map_or("", |found| found.as_str());
            (name.to_owned(), Value::from(value))
        });
        Some(Found {
            path: &self.definition.paths[found],
            captured: captured.collect(),
            defaults,
        })
    }

    fn lease(&self, request: Request) -> Result<Answer, Error> {
        let Some(lease) = &request.secret else {
            return Err(Error::internal("request has no secret"));
        };
        let kind = lease.internal_data.get(SECRET_TYPE).and_then(Value::as_str);
        let Some(secret) = self
            .definition
            .secrets
            .iter()
            .find(|secret| Some(secret.name) == kind)
        else {
            return Err(Error::internal("secret is unsupported by this backend"));
        };
        let handler = match request.operation {
            Operation::Renew => secret.renew.as_ref(),
            _ => Some(&secret.revoke),
        };
        let handler = handler.ok_or_else(Error::unsupported_operation)?;
        let call = Call {
            request,
            fields: Fields::default(),
        };
        Ok(handler(Arc::clone(&self.state), call))
    }

    fn root_help(&self, request: &Request) -> Response {
        let definition = &self.definition;
        let text = help::root(definition.help, &definition.paths);
        explained(text, openapi::of_engine(definition, prefix(request)))
    }

    fn path_help(&self, request: &Request, path: &Path<S>) -> Response {
        let text = help::path(&request.path, path);
        explained(
            text,
            openapi::of_path(&self.definition, path, prefix(request)),
        )
    }

    /// Finds the path of a request and reads its fields. Not an async function:
    /// what it holds must not lie in the future of every request while its handler
    /// works.
    fn begin(&self, request: Request) -> Result<Begun, Error> {
        if matches!(request.operation, Operation::Renew | Operation::Revoke) {
            return self.lease(request).map(Begun::without_warnings);
        }
        if request.operation == Operation::Help && request.path.is_empty() {
            return Ok(Begun::Answered(Box::new(self.root_help(&request))));
        }
        let found = self
            .route(&request.path)
            .ok_or_else(Error::unsupported_path)?;
        let Some(handler) = found.path.operations.get(&request.operation) else {
            return match request.operation {
                Operation::Help => Ok(Begun::Answered(Box::new(
                    self.path_help(&request, found.path),
                ))),
                _ => Err(found.refuse(&request)),
            };
        };
        if found.path.strict && is_write(request.operation) {
            unknown::refuse(found.path, &request.data)?;
        }
        let warnings = input_warnings(found.path, &request.data, &found.captured);
        let fields = match found.fields(request.operation, &request.data) {
            // Help is answered even for a request with invalid fields.
            Err(_) if request.operation == Operation::Help => Fields::default(),
            read => read?,
        };
        let answer = handler(Arc::clone(&self.state), Call { request, fields });
        Ok(Begun::Called { answer, warnings })
    }
}

/// How far a request is before anything is awaited.
enum Begun {
    Answered(Box<Response>),
    /// A handler works on it.
    Called {
        answer: Answer,
        /// For the client, beside the handler's.
        warnings: Vec<String>,
    },
}

impl Begun {
    fn without_warnings(answer: Answer) -> Self {
        Self::Called {
            answer,
            warnings: Vec::new(),
        }
    }
}

#[async_trait]
impl<S: Hooks> Backend for Framework<S> {
    async fn initialize(&self) -> Result<(), Error> {
        Arc::clone(&self.state).initialize().await
    }

    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        match request.operation {
            Operation::Renew if request.auth.is_some() => {
                return Arc::clone(&self.state).renew_login(request).await;
            }
            Operation::Rollback => return self.periodic().await.map(|()| None),
            _ => {}
        }
        let (answer, warnings) = match self.begin(request)? {
            Begun::Answered(response) => return Ok(Some(*response)),
            Begun::Called { answer, warnings } => (answer, warnings),
        };
        let response = answer.await?;
        Ok(response.map(|mut response| {
            response.warnings.extend(warnings);
            response
        }))
    }

    async fn exists(&self, request: Request) -> Result<Existence, Error> {
        let operation = request.operation;
        if !matches!(operation, Operation::Create | Operation::Update) {
            return Err(Error::internal(format!(
                "incorrect operation type {operation} for an existence check"
            )));
        }
        let found = self
            .route(&request.path)
            .ok_or_else(Error::unsupported_path)?;
        let Some(check) = &found.path.existence else {
            return Ok(Existence::Unchecked);
        };
        let fields = found.fields(operation, &request.data)?;
        let exists = check(Arc::clone(&self.state), Call { request, fields }).await?;
        Ok(if exists {
            Existence::Present
        } else {
            Existence::Absent
        })
    }

    fn tells_logins(&self) -> bool {
        self.state.tells_logins()
    }

    async fn login_subject(&self, request: Request) -> Result<Option<LoginSubject>, Error> {
        Arc::clone(&self.state).login_subject(request).await
    }

    fn special_paths(&self) -> SpecialPaths {
        self.definition.special_paths.clone()
    }

    async fn invalidate(&self, key: &str) {
        Arc::clone(&self.state).invalidate(key).await;
    }

    async fn periodic(&self) -> Result<(), Error> {
        Arc::clone(&self.state).periodic().await
    }

    async fn cleanup(&self) {
        Arc::clone(&self.state).cleanup().await;
    }
}

/// The prefix of operation ids, if the host gives one.
fn prefix(request: &Request) -> &str {
    let prefix = request.data.get(PREFIX).and_then(Value::as_str);
    prefix.unwrap_or_default()
}

fn explained(text: String, document: Value) -> Response {
    Response::with_data(Object::from_iter([
        ("help".into(), text.into()),
        ("see_also".into(), Value::Null),
        ("openapi".into(), document),
    ]))
}

fn is_write(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create | Operation::Update | Operation::Patch
    )
}

/// Warnings about ignored body members. The wording is Vault's
/// (`sdk/framework/backend.go`), since operators know it.
fn input_warnings<S>(path: &Path<S>, body: &Object, captured: &Object) -> Vec<String> {
    let mut warnings = Vec::new();
    let unknown: Vec<&str> = unknown::names(path, body).collect();
    if !unknown.is_empty() {
        warnings.push(format!(
            "Endpoint ignored these unrecognized parameters: [{}]",
            unknown.join(" ")
        ));
    }
    let replaced: Vec<&str> = captured
        .keys()
        .map(String::as_str)
        .filter(|name| body.get(*name).is_some_and(|value| !value.is_null()))
        .collect();
    if !replaced.is_empty() {
        warnings.push(format!(
            "Endpoint replaced the value of these parameters with the values captured from the \
             endpoint's path: [{}]",
            replaced.join(" ")
        ));
    }
    warnings
}
