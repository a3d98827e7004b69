//! From a table of paths to a [`Backend`]: routing, coercion, warnings, leases
//! and help, in the order of Go's `framework.Backend.HandleRequest`.

use std::sync::Arc;

use async_trait::async_trait;
use regex::Regex;
use serde_json::Value;

use super::fields::Values;
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
    routes: Vec<Route>,
}

/// What is made of a path's row once, beside the row.
struct Route {
    pattern: Regex,
    defaults: Arc<Values>,
}

impl Route {
    fn compile<S>(path: &Path<S>) -> Result<Self, Error> {
        let pattern = Regex::new(&help::anchored(&path.pattern)).map_err(|error| {
            Error::internal(format!("path pattern `{}`: {error}", path.pattern))
        })?;
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

/// The row and the values that a request's path chose.
struct Found<'a, S> {
    path: &'a Path<S>,
    captured: Object,
    defaults: &'a Arc<Values>,
}

impl<S> Found<'_, S> {
    /// The path's fields from the body, overlaid by what the path captured.
    fn fields(&self, body: &Object) -> Result<Fields, Error> {
        let mut fields = Fields::new(Arc::clone(self.defaults));
        for field in &self.path.fields {
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
}

impl<S: Hooks> Framework<S> {
    /// Compiles the table.
    ///
    /// # Errors
    /// An internal error that names a pattern which is no regular expression,
    /// or a default that its own field cannot hold.
    pub fn new(state: Arc<S>, definition: Definition<S>) -> Result<Self, Error> {
        let routes = definition.paths.iter().map(Route::compile);
        let routes = routes.collect::<Result<_, _>>()?;
        Ok(Self {
            state,
            definition,
            routes,
        })
    }

    /// The first path that matches, with what its pattern captured. A group
    /// that took no part is there and empty, as in Go.
    fn route(&self, request: &str) -> Option<Found<'_, S>> {
        let mut matching = self.routes.iter().zip(&self.definition.paths);
        matching.find_map(|(Route { pattern, defaults }, path)| {
            let captures = pattern.captures(request)?;
            let captured = pattern.capture_names().flatten().map(|name| {
                let value = captures.name(name).map_or("", |found| found.as_str());
                (name.to_owned(), Value::from(value))
            });
            Some(Found {
                path,
                captured: captured.collect(),
                defaults,
            })
        })
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
            let Found { path, .. } = self
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
        let found = self
            .route(&request.path)
            .ok_or_else(Error::unsupported_path)?;
        let handler = found
            .path
            .operations
            .get(&request.operation)
            .ok_or_else(Error::unsupported_operation)?;
        let warnings = input_warnings(found.path, &request.data, &found.captured);
        let fields = found.fields(&request.data)?;
        let response = self.call(handler, Call { request, fields }).await?;
        Ok(response.map(|mut response| {
            response.warnings.extend(warnings);
            response
        }))
    }

    async fn exists(&self, request: Request) -> Result<Existence, Error> {
        let found = self
            .route(&request.path)
            .ok_or_else(Error::unsupported_path)?;
        let Some(check) = &found.path.existence else {
            return Ok(Existence::Unchecked);
        };
        let fields = found.fields(&request.data)?;
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

    fn one_path(field: Field, handler: Handler<Engine>) -> Result<Framework<Engine>, Error> {
        let path = Path::new("thing").fields([field]);
        let definition = Definition {
            help: "",
            paths: vec![path.on(Operation::Read, handler)],
            secrets: Vec::new(),
            special_paths: SpecialPaths::default(),
        };
        Framework::new(Arc::new(Engine), definition)
    }

    #[tokio::test]
    async fn a_default_shows_only_to_who_asks_for_defaults() {
        let ttl = Field::new("ttl", FieldKind::DurationSeconds, "").default_value("1h");
        let read = answer(|_, call: Call| async move {
            assert_eq!(call.fields.duration("ttl"), None);
            assert!(!call.fields.given("ttl"));
            let filled = call.fields.with_defaults();
            assert_eq!(filled.duration("ttl"), Some(Duration::from_hours(1)));
            Ok(None)
        });
        let framework = one_path(ttl.clone(), read).unwrap();
        let request = Request::new(Operation::Read, "thing");
        assert_eq!(framework.handle(request.clone()).await, Ok(None));

        let read = answer(|_, call: Call| async move {
            let filled = call.fields.with_defaults();
            assert_eq!(filled.duration("ttl"), Some(Duration::from_secs(5)));
            Ok(None)
        });
        let framework = one_path(ttl, read).unwrap();
        let given = request.with_data(object(json!({"ttl": 5})));
        assert_eq!(framework.handle(given).await, Ok(None));
    }

    #[test]
    fn a_default_that_its_field_cannot_hold_is_found_at_once() {
        let ttl = Field::new("ttl", FieldKind::DurationSeconds, "").default_value("soon");
        let error = one_path(ttl, answer(echo)).err().unwrap();
        assert_eq!(error.class(), ErrorClass::Internal);
        assert!(error.message().contains("`thing`"), "{error}");
        assert!(error.message().contains("\"ttl\""), "{error}");
    }

    #[tokio::test]
    async fn help_marks_a_field_that_should_not_be_used_any_more() {
        let old = Field::new("old", FieldKind::Float, "Was used once.").deprecated();
        let framework = one_path(old, answer(echo)).unwrap();
        let help = framework
            .handle(Request::new(Operation::Help, "thing"))
            .await
            .unwrap()
            .unwrap();
        let text = help.get("help").unwrap().as_str().unwrap();
        assert!(
            text.contains("old (float)\n        (DEPRECATED) Was used once."),
            "{text}"
        );
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
