//! The `OpenAPI` document of an engine, from its table: what hosts add to their
//! own when a client or a user interface asks for the whole
//! (`sdk/framework/openapi.go` in both hosts). One wrong type in it breaks the
//! document of the whole server.

use std::collections::BTreeSet;

use regex_syntax::ast::{Ast, GroupKind, RepetitionKind, parse::Parser};
use serde_json::{Map, Value, json};

use super::{Definition, Display, Field, FieldKind, Path};
use crate::Operation;

/// More ways to write one path than any table has; a pattern with more is not
/// described.
const MOST_SPELLINGS: usize = 16;

/// The document of all paths. `prefix` begins the ids of operations, so that
/// they are unique in a whole server.
pub(super) fn of_engine<S>(definition: &Definition<S>, prefix: &str) -> Value {
    document(definition.help, definition.paths.iter(), prefix)
}

/// The document of one path.
pub(super) fn of_path<S>(definition: &Definition<S>, path: &Path<S>) -> Value {
    document(definition.help, [path], "")
}

fn document<'a, S: 'a>(
    help: &str,
    table: impl IntoIterator<Item = &'a Path<S>>,
    prefix: &str,
) -> Value {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for path in table {
        for spelling in spellings(&path.pattern) {
            // The first that matches answers, as in routing.
            paths
                .entry(format!("/{}", spelling.text))
                .or_insert_with(|| item(path, &spelling, prefix, &mut schemas));
        }
    }
    json!({
        "openapi": "3.0.2",
        "info": {
            "title": "Secrets engine",
            "description": help.trim(),
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// One way to write a path: `{name}` stands where its pattern captures.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Spelling {
    text: String,
    captured: BTreeSet<String>,
}

/// Every way to write a path, without the slash that lists may end in. None
/// when the pattern has parts that no document can say.
fn spellings(pattern: &str) -> BTreeSet<Spelling> {
    let parsed = Parser::new().parse(pattern);
    let all = parsed.ok().and_then(|ast| expand(&ast)).unwrap_or_default();
    let trimmed = all.into_iter().map(|mut spelling| {
        let length = spelling.text.trim_end_matches('/').len();
        spelling.text.truncate(length);
        spelling
    });
    trimmed.collect()
}

fn expand(ast: &Ast) -> Option<Vec<Spelling>> {
    let found = match ast {
        Ast::Empty(_) | Ast::Assertion(_) | Ast::Flags(_) => vec![Spelling::default()],
        Ast::Literal(literal) => vec![Spelling {
            text: literal.c.to_string(),
            ..Spelling::default()
        }],
        Ast::Group(group) => match &group.kind {
            GroupKind::CaptureName { name, .. } => vec![Spelling {
                text: format!("{{{}}}", name.name),
                captured: [name.name.clone()].into(),
            }],
            _ => expand(&group.ast)?,
        },
        Ast::Repetition(optional) if optional.op.kind == RepetitionKind::ZeroOrOne => {
            let mut found = vec![Spelling::default()];
            found.extend(expand(&optional.ast)?);
            found
        }
        Ast::Alternation(choice) => {
            let choices = choice.asts.iter().map(expand);
            choices.collect::<Option<Vec<_>>>()?.concat()
        }
        Ast::Concat(parts) => {
            let mut found = vec![Spelling::default()];
            for part in &parts.asts {
                let next = expand(part)?;
                let longer = found.iter().flat_map(|begin| {
                    next.iter().map(|end| Spelling {
                        text: format!("{}{}", begin.text, end.text),
                        captured: begin.captured.union(&end.captured).cloned().collect(),
                    })
                });
                found = longer.collect();
            }
            found
        }
        _ => return None,
    };
    (found.len() <= MOST_SPELLINGS).then_some(found)
}

/// What can be done at one path.
fn item<S>(
    path: &Path<S>,
    spelling: &Spelling,
    prefix: &str,
    schemas: &mut Map<String, Value>,
) -> Value {
    let (captured, body): (Vec<&Field>, Vec<&Field>) = path
        .fields
        .iter()
        .partition(|field| spelling.captured.contains(field.name));
    let mut item = json!({"description": path.synopsis});
    if !captured.is_empty() {
        let parameters = captured.into_iter().map(|field| {
            json!({
                "name": field.name,
                "in": "path",
                "description": field.description,
                "required": true,
                "schema": schema(field),
            })
        });
        item["parameters"] = parameters.collect();
    }
    for (method, verb) in methods(path) {
        let id = id(prefix, verb, &spelling.text);
        let mut operation = json!({
            "summary": path.synopsis,
            "operationId": id,
            "tags": ["secrets"],
            "responses": responses(verb),
        });
        if verb == "list" {
            operation["parameters"] = json!([{
                "name": "list",
                "in": "query",
                "description": "Must be `true`.",
                "required": true,
                "schema": {"type": "string", "enum": ["true"]},
            }]);
        }
        if verb == "write" && !body.is_empty() {
            let name = format!("{}Request", title(&id));
            let properties: Map<String, Value> = body
                .iter()
                .map(|field| {
                    let mut schema = schema(field);
                    schema["description"] = field.description.into();
                    (field.name.to_owned(), schema)
                })
                .collect();
            let reference = format!("#/components/schemas/{name}");
            schemas.insert(name, json!({"type": "object", "properties": properties}));
            operation["requestBody"] = json!({
                "required": true,
                "content": {"application/json": {"schema": {"$ref": reference}}},
            });
        }
        item[method] = operation;
    }
    if path.operations.contains_key(&Operation::Create) && path.existence.is_some() {
        item["x-vault-createSupported"] = true.into();
    }
    item
}

/// HTTP methods and verbs. Creating and updating are one request; a list is
/// one of its own only where nothing is read.
fn methods<S>(path: &Path<S>) -> Vec<(&'static str, &'static str)> {
    let answers = |operation| path.operations.contains_key(&operation);
    let mut methods = Vec::new();
    if answers(Operation::Read) {
        methods.push(("get", "read"));
    } else if answers(Operation::List) {
        methods.push(("get", "list"));
    }
    if answers(Operation::Create) || answers(Operation::Update) {
        methods.push(("post", "write"));
    }
    if answers(Operation::Delete) {
        methods.push(("delete", "delete"));
    }
    methods
}

fn responses(verb: &str) -> Value {
    match verb {
        "delete" => json!({"204": {"description": "empty body"}}),
        _ => json!({"200": {"description": "OK"}}),
    }
}

/// The id of an operation: lower case, words with hyphens.
fn id(prefix: &str, verb: &str, path: &str) -> String {
    let words = [prefix, verb, path].join("-").to_ascii_lowercase();
    let words = words.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn title(id: &str) -> String {
    let words = id.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

/// The type of a field, and what else its declaration says of its values.
fn schema(field: &Field) -> Value {
    let mut schema = type_of(field.kind);
    if let Some(default) = &field.default {
        schema["default"] = default.clone();
    }
    if !field.allowed.is_empty() {
        schema["enum"] = field.allowed.clone().into();
    }
    if let Some(attributes) = field.display.as_ref().and_then(Display::attributes) {
        schema["x-vault-displayAttrs"] = attributes;
    }
    schema
}

/// Go: `convertType` in `sdk/framework/openapi.go`.
fn type_of(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Text | FieldKind::Header => json!({"type": "string"}),
        FieldKind::LowerCase => json!({"type": "string", "format": "lowercase"}),
        FieldKind::Name => json!({"type": "string", "pattern": r"\w([\w-.]*\w)?"}),
        FieldKind::Integer => json!({"type": "integer"}),
        FieldKind::Integer64 => json!({"type": "integer", "format": "int64"}),
        FieldKind::Float => json!({"type": "number", "format": "float"}),
        FieldKind::Flag => json!({"type": "boolean"}),
        FieldKind::DurationSeconds | FieldKind::SignedDurationSeconds => {
            json!({"type": "integer", "format": "seconds"})
        }
        FieldKind::Time => json!({"type": "string", "format": "date-time"}),
        FieldKind::List => json!({"type": "array", "items": {"type": "object"}}),
        FieldKind::TextList | FieldKind::CommaList => {
            json!({"type": "array", "items": {"type": "string"}})
        }
        FieldKind::CommaIntegers => json!({"type": "array", "items": {"type": "integer"}}),
        FieldKind::Map => json!({"type": "object", "format": "map"}),
        FieldKind::KeyValue => json!({"type": "object", "format": "kvpairs"}),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::framework::{Call, Hooks, answer, generic_name, probe};
    use crate::{Error, Response, SpecialPaths};

    struct Engine;

    impl Hooks for Engine {}

    async fn nothing(_: Arc<Engine>, _: Call) -> Result<Option<Response>, Error> {
        Ok(None)
    }

    fn check(pattern: &str, expected: &[&str]) {
        let found = spellings(pattern);
        let texts: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
        assert_eq!(texts, expected, "{pattern}");
    }

    #[test]
    fn a_pattern_is_every_way_to_write_it() {
        check("config", &["config"]);
        check("^roles?/?$", &["role", "roles"]);
        let name = generic_name("name");
        check(&format!("roles?/{name}"), &["role/{name}", "roles/{name}"]);
        check(
            &format!("(entry|loan)/{name}"),
            &["entry/{name}", "loan/{name}"],
        );
        check(
            &format!("(?:v1/)?{name}/(?P<rest>.*)"),
            &["v1/{name}/{rest}", "{name}/{rest}"],
        );
    }

    #[test]
    fn a_pattern_that_no_document_can_say_is_left_out() {
        check("a+", &[]);
        check("[ab]c", &[]);
        check("a?b?c?d?e?", &[]);
        check("(", &[]);
    }

    fn definition() -> Definition<Engine> {
        let thing = Path::new(format!("things?/{}", generic_name("name")))
            .fields([
                Field::new("name", FieldKind::LowerCase, "Its name."),
                Field::new("ttl", FieldKind::DurationSeconds, "Its life."),
            ])
            .on(Operation::Read, answer(nothing))
            .on_write(answer(nothing))
            .on(Operation::Delete, answer(nothing))
            .existence(probe(|_, _| async { Ok(true) }))
            .help("A thing.", "");
        let things = Path::new("things?/?")
            .on(Operation::List, answer(nothing))
            .help("All things.", "");
        Definition {
            help: "Things.",
            paths: vec![thing, things],
            secrets: Vec::new(),
            special_paths: SpecialPaths::default(),
        }
    }

    #[test]
    fn what_a_path_captures_is_in_the_path_and_the_rest_in_the_body() {
        let document = of_engine(&definition(), "Engine_A");
        let thing = &document["paths"]["/thing/{name}"];
        assert_eq!(thing["parameters"][0]["name"], "name");
        assert_eq!(thing["parameters"][0]["in"], "path");
        assert_eq!(thing["x-vault-createSupported"], true);
        assert_eq!(
            thing["delete"]["responses"]["204"]["description"],
            "empty body"
        );
        let post = &thing["post"];
        assert_eq!(post["operationId"], "engine-a-write-thing-name");
        let body = &post["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(body, "#/components/schemas/EngineAWriteThingNameRequest");
        let schema = &document["components"]["schemas"]["EngineAWriteThingNameRequest"];
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["ttl"]);
        assert_eq!(properties["ttl"]["format"], "seconds");
    }

    #[test]
    fn a_list_needs_its_word() {
        let document = of_engine(&definition(), "");
        for path in ["/thing", "/things"] {
            let list = &document["paths"][path]["get"]["parameters"][0];
            assert_eq!(
                (&list["name"], &list["in"]),
                (&json!("list"), &json!("query"))
            );
        }
    }

    #[test]
    fn one_path_has_a_document_of_its_own() {
        let definition = definition();
        let document = of_path(&definition, &definition.paths[1]);
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/thing", "/things"]);
    }
}
