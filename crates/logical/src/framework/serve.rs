//! From a table of paths to a [`Backend`]: routing, coercion, warnings, leases
//! and help, in the order of Go's `framework.Backend.HandleRequest`.

use std::sync::Arc;

use async_trait::async_trait;
use regex::Regex;
use serde_json::Value;

use super::path::Handler;
use super::{Call, Fields, Path, SecretType, coerce, help, openapi};
use crate::lease::SECRET_TYPE;
use crate::{Backend, Error, Existence, Object, Operation, Request, Response, SpecialPaths};

/// What a host gives with its request for help when it puts the documents of
/// all mounts together.
const PREFIX: &str = "requestResponsePrefix";

/// What an engine does outside requests. Everything has a default.
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

    /// See [`Backend::cleanup`].
    async fn cleanup(self: Arc<Self>) {}
}

/// An engine as a table.
pub struct Definition<S> {
    /// What the engine is, for help.
    pub help: &'static str,
    /// The paths; the first that matches answers.
    pub paths: Vec<Path<S>>,
    /// The kinds of leased answers.
    pub secrets: Vec<SecretType<S>>,
    /// Paths that hosts treat differently.
    pub special_paths: SpecialPaths,
}

/// A [`Backend`] made of a table and the engine's state.
pub struct Framework<S> {
    state: Arc<S>,
    definition: Definition<S>,
    routes: Vec<Regex>,
}

impl<S: Hooks> Framework<S> {
    /// Compiles the table.
    ///
    /// # Errors
    /// An internal error that names a pattern which is no regular expression.
    pub fn new(state: Arc<S>, definition: Definition<S>) -> Result<Self, Error> {
        let routes = definition
            .paths
            .iter()
            .map(|path| {
                Regex::new(&help::anchored(&path.pattern)).map_err(|error| {
                    Error::internal(format!("path pattern `{}`: {error}", path.pattern))
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            state,
            definition,
            routes,
        })
    }

    /// The first path that matches, with what its pattern captured.
    fn route(&self, request: &str) -> Option<(&Path<S>, Object)> {
        // Finding out who answers is much cheaper than what was captured.
        let answers = |route: &Regex| route.is_match(request);
        let found = self.routes.iter().position(answers)?;
        let (route, path) = (&self.routes[found], &self.definition.paths[found]);
        let captures = route.captures(request)?;
        let captured = route
            .capture_names()
            .flatten()
            .map(|name| {
                let value = captures.name(name).map_or("", |found| found.as_str());
                (name.to_owned(), Value::from(value))
            })
            .collect();
        Some((path, captured))
    }

    async fn lease(&self, request: Request) -> Result<Option<Response>, Error> {
        let kind = request
            .secret
            .as_ref()
            .and_then(|secret| secret.internal_data.get(SECRET_TYPE))
            .and_then(Value::as_str);
        let Some(secret) = self
            .definition
            .secrets
            .iter()
            .find(|secret| Some(secret.name) == kind)
        else {
            return Err(Error::internal("secret is unsupported by this backend"));
        };
        let handler = match request.operation {
            Operation::Renew => &secret.renew,
            _ => &secret.revoke,
        };
        let call = Call {
            request,
            fields: Fields::default(),
        };
        self.call(handler, call).await
    }

    fn help(&self, request: &Request) -> Result<Response, Error> {
        let definition = &self.definition;
        let (text, document) = if request.path.is_empty() {
            let prefix = request.data.get(PREFIX).and_then(Value::as_str);
            (
                help::root(definition.help, &definition.paths),
                openapi::of_engine(definition, prefix.unwrap_or_default()),
            )
        } else {
            let (path, _) = self
                .route(&request.path)
                .ok_or_else(Error::unsupported_path)?;
            (
                help::path(&request.path, path),
                openapi::of_path(definition, path),
            )
        };
        let mut data = Object::new();
        data.insert("help".into(), text.into());
        data.insert("see_also".into(), Value::Null);
        data.insert("openapi".into(), document);
        Ok(Response::with_data(data))
    }

    async fn call(&self, handler: &Handler<S>, call: Call) -> Result<Option<Response>, Error> {
        handler(Arc::clone(&self.state), call).await
    }
}

#[async_trait]
impl<S: Hooks> Backend for Framework<S> {
    async fn initialize(&self) -> Result<(), Error> {
        Arc::clone(&self.state).initialize().await
    }

    async fn handle(&self, request: Request) -> Result<Option<Response>, Error> {
        match request.operation {
            Operation::Renew | Operation::Revoke => return self.lease(request).await,
            Operation::Rollback => return self.periodic().await.map(|()| None),
            Operation::Help => return self.help(&request).map(Some),
            _ => {}
        }
        let (path, captured) = self
            .route(&request.path)
            .ok_or_else(Error::unsupported_path)?;
        let handler = path
            .operations
            .get(&request.operation)
            .ok_or_else(Error::unsupported_operation)?;
        let warnings = input_warnings(path, &request.data, &captured);
        let fields = read_fields(path, &request.data, &captured)?;
        let response = self.call(handler, Call { request, fields }).await?;
        Ok(response.map(|mut response| {
            response.warnings.extend(warnings);
            response
        }))
    }

    async fn exists(&self, request: Request) -> Result<Existence, Error> {
        let (path, captured) = self
            .route(&request.path)
            .ok_or_else(Error::unsupported_path)?;
        let Some(check) = &path.existence else {
            return Ok(Existence::Unchecked);
        };
        let fields = read_fields(path, &request.data, &captured)?;
        let exists = check(Arc::clone(&self.state), Call { request, fields }).await?;
        Ok(if exists {
            Existence::Present
        } else {
            Existence::Absent
        })
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

/// The path's fields from the body, overlaid by what the path captured.
fn read_fields<S>(path: &Path<S>, body: &Object, captured: &Object) -> Result<Fields, Error> {
    let mut fields = Fields::default();
    for field in &path.fields {
        let Some(raw) = captured.get(field.name).or_else(|| body.get(field.name)) else {
            continue;
        };
        if let Some(value) = coerce::coerce(field, raw)? {
            fields.insert(field.name, value);
        }
    }
    Ok(fields)
}

/// Warnings about body members that were not used. The wording is Vault's
/// (`sdk/framework/backend.go`), since operators know it.
fn input_warnings<S>(path: &Path<S>, body: &Object, captured: &Object) -> Vec<String> {
    let mut warnings = Vec::new();
    let unknown: Vec<&str> = body
        .keys()
        .map(String::as_str)
        .filter(|name| path.fields.iter().all(|field| field.name != *name))
        .collect();
    if !unknown.is_empty() {
        warnings.push(format!(
            "Endpoint ignored these unrecognized parameters: [{}]",
            unknown.join(" ")
        ));
    }
    let replaced: Vec<&str> = captured
        .keys()
        .map(String::as_str)
        .filter(|name| body.contains_key(*name))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::framework::{Field, FieldKind, answer, generic_name, probe};
    use crate::{ErrorClass, LeaseOptions, Secret};

    struct Engine;

    impl Hooks for Engine {}

    async fn echo(_: Arc<Engine>, call: Call) -> Result<Option<Response>, Error> {
        let mut data = Object::new();
        data.insert("name".into(), call.fields.text("name").into());
        data.insert("size".into(), call.fields.integer("size").into());
        Ok(Some(Response::with_data(data)))
    }

    fn framework() -> Framework<Engine> {
        let thing = Path::new(format!("thing/{}", generic_name("name")))
            .fields([
                Field::new("name", FieldKind::LowerCase, "Name of the thing."),
                Field::new("size", FieldKind::Integer, "Size of the thing."),
            ])
            .on(Operation::Read, answer(echo))
            .on_write(answer(echo))
            .existence(probe(|_, call: Call| async move {
                Ok(call.fields.text("name") == "old")
            }))
            .help("Keeps a thing.", "Things have a size.");
        let secret = SecretType::new(
            "thing",
            answer(|_, call: Call| async move {
                let secret = call.request.secret;
                Ok(Some(Response {
                    secret,
                    ..Response::default()
                }))
            }),
            answer(|_, _| async { Ok(None) }),
        );
        let definition = Definition {
            help: "An engine of things.",
            paths: vec![thing],
            secrets: vec![secret],
            special_paths: SpecialPaths::default(),
        };
        Framework::new(Arc::new(Engine), definition).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better with json!")]
    fn object(value: Value) -> Object {
        value.as_object().cloned().unwrap_or_default()
    }

    #[tokio::test]
    async fn a_captured_name_is_coerced_and_wins_over_the_body() {
        let request = Request::new(Operation::Update, "thing/Old").with_data(object(
            json!({"name": "other", "size": "0x10", "colour": 1}),
        ));
        let response = framework().handle(request).await.unwrap().unwrap();
        assert_eq!(response.get("name"), Some(&json!("old")));
        assert_eq!(response.get("size"), Some(&json!(16)));
        assert_eq!(
            response.warnings,
            [
                "Endpoint ignored these unrecognized parameters: [colour]",
                "Endpoint replaced the value of these parameters with the values captured from \
                 the endpoint's path: [name]",
            ]
        );
    }

    #[tokio::test]
    async fn an_unreadable_field_is_a_bad_request_that_names_it() {
        let request =
            Request::new(Operation::Update, "thing/old").with_data(object(json!({"size": "huge"})));
        let error = framework().handle(request).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::BadRequest);
        assert!(error.message().contains("\"size\""), "{error}");
    }

    #[tokio::test]
    async fn unknown_paths_and_operations_are_told_apart() {
        let error = framework()
            .handle(Request::new(Operation::Read, "other"))
            .await
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::UnsupportedPath);
        let error = framework()
            .handle(Request::new(Operation::Delete, "thing/old"))
            .await
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::UnsupportedOperation);
    }

    #[tokio::test]
    async fn the_existence_check_sees_the_coerced_name() {
        let found = framework()
            .exists(Request::new(Operation::Update, "thing/OLD"))
            .await;
        assert_eq!(found, Ok(Existence::Present));
        let missing = framework()
            .exists(Request::new(Operation::Update, "thing/new"))
            .await;
        assert_eq!(missing, Ok(Existence::Absent));
    }

    #[tokio::test]
    async fn a_name_with_non_ascii_letters_has_no_path() {
        let error = framework()
            .handle(Request::new(Operation::Read, "thing/größe"))
            .await
            .unwrap_err();
        assert_eq!(error.class(), ErrorClass::UnsupportedPath);
    }

    #[tokio::test]
    async fn leases_go_to_the_handler_of_their_type() {
        let lease = LeaseOptions::renewable(Duration::from_secs(1), Duration::ZERO);
        let secret = |kind: &str| Secret {
            lease: lease.clone(),
            internal_data: object(json!({"secret_type": kind})),
            lease_id: String::new(),
        };
        let renew = Request::new(Operation::Renew, "thing/old").with_secret(secret("thing"));
        let response = framework().handle(renew).await.unwrap().unwrap();
        assert_eq!(response.secret, Some(secret("thing")));
        let foreign = Request::new(Operation::Revoke, "thing/old").with_secret(secret("other"));
        let error = framework().handle(foreign).await.unwrap_err();
        assert_eq!(error.message(), "secret is unsupported by this backend");
    }

    #[tokio::test]
    async fn help_shows_the_paths_and_the_fields_of_one() {
        let root = framework()
            .handle(Request::new(Operation::Help, ""))
            .await
            .unwrap()
            .unwrap();
        let text = root.get("help").unwrap().as_str().unwrap();
        assert!(text.contains("^thing/"), "{text}");
        assert!(text.contains("Keeps a thing."), "{text}");
        let one = framework()
            .handle(Request::new(Operation::Help, "thing/a"))
            .await
            .unwrap()
            .unwrap();
        let text = one.get("help").unwrap().as_str().unwrap();
        assert!(
            text.contains("size (int)\n        Size of the thing."),
            "{text}"
        );
    }
}
