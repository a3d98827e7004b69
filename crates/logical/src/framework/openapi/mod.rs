//! The `OpenAPI` document of an engine, generated from its table. Hosts merge
//! it into their own document (`sdk/framework/openapi.go` in both hosts); a
//! single wrong type breaks the document of the whole server.

mod schema;
mod spelling;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use self::schema::{clean, object, schema};
use self::spelling::{Spelling, spellings};
use super::{Definition, Describe, Display, Field, Path};
use crate::{Operation, SpecialPaths};

/// The document of all paths. `prefix` makes operation ids unique in the whole
/// server.
pub(super) fn of_engine<S>(definition: &Definition<S>, prefix: &str) -> Value {
    document(definition, definition.paths.iter(), prefix)
}

/// The document of one path.
pub(super) fn of_path<S>(definition: &Definition<S>, path: &Path<S>, prefix: &str) -> Value {
    document(definition, [path], prefix)
}

fn document<'a, S: 'a>(
    definition: &Definition<S>,
    table: impl IntoIterator<Item = &'a Path<S>>,
    prefix: &str,
) -> Value {
    let mut paths = Map::new();
    for path in table {
        let spellings = spellings(&path.pattern);
        // The path is still listed, as in Go.
        let unsaid = || vec![(path.pattern.clone(), json!({"description": path.synopsis}))];
        let items = spellings.map_or_else(unsaid, |spellings| {
            let items = spellings.iter().enumerate().map(|(index, spelling)| {
                let item = Item {
                    path,
                    spelling,
                    index,
                    prefix,
                };
                (spelling.text.clone(), item.build(&definition.special_paths))
            });
            items.collect()
        });
        for (text, item) in items {
            // The first match wins, as in routing.
            paths.entry(format!("/{text}")).or_insert(item);
        }
    }
    json!({
        "openapi": "3.0.2",
        "info": {
            "title": "Secrets engine",
            "description": definition.help.trim(),
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "paths": paths,
        "components": {"schemas": {}},
    })
}

/// One spelling of a path. Schemas are inlined: hosts lose each `$ref` of a
/// plugin's document when they decode it (`mapstructure` knows the field as
/// `Ref`), and would show an empty schema.
struct Item<'a, S> {
    path: &'a Path<S>,
    spelling: &'a Spelling,
    index: usize,
    prefix: &'a str,
}

impl<S> Item<'_, S> {
    fn build(&self, special: &SpecialPaths) -> Value {
        let text = &self.spelling.text;
        let mut item = json!({"description": clean(self.path.synopsis)});
        for (key, patterns) in [
            ("x-vault-sudo", &special.root),
            ("x-vault-unauthenticated", &special.unauthenticated),
        ] {
            if matches_special(text, patterns) {
                item[key] = true.into();
            }
        }
        if self.answers(Operation::Create) && self.path.existence.is_some() {
            item["x-vault-createSupported"] = true.into();
        }
        if let Some(attributes) = self.path.display.as_ref().and_then(Display::attributes) {
            item["x-vault-displayAttrs"] = attributes;
        }
        let mut outside: Vec<&Field> = self.path.fields.iter().collect();
        outside.retain(|field| self.captured(field) || field.query);
        if !outside.is_empty() {
            outside.sort_by_key(|field| field.name.to_ascii_lowercase());
            let parameters = outside.into_iter().map(|field| self.parameter(field));
            item["parameters"] = parameters.collect();
        }
        for (method, operation) in self.methods() {
            item[method] = self.operation(operation);
        }
        item
    }

    /// HTTP methods and their operations. Create and update are one method; a
    /// list is a method of its own only for paths without reads.
    fn methods(&self) -> Vec<(&'static str, Operation)> {
        let first = |choices: &[Operation]| {
            let mut choices = choices.iter().copied();
            choices.find(|operation| self.published(*operation))
        };
        let methods = [
            (
                "get",
                first(&[Operation::Read, Operation::List, Operation::Scan]),
            ),
            ("post", first(&[Operation::Update, Operation::Create])),
            ("patch", first(&[Operation::Patch])),
            ("delete", first(&[Operation::Delete])),
        ];
        let answered = methods.into_iter();
        answered
            .filter_map(|(method, operation)| Some((method, operation?)))
            .collect()
    }

    fn operation(&self, operation: Operation) -> Value {
        let about = self.about(operation);
        let id = self.id(operation);
        let summary = match about.summary {
            "" => self.path.synopsis,
            summary => summary,
        };
        let mut entry = json!({
            "summary": clean(summary),
            "operationId": id,
            "tags": ["secrets"],
        });
        if !about.description.is_empty() {
            entry["description"] = about.description.trim().into();
        }
        if about.deprecated {
            entry["deprecated"] = true.into();
        }
        if let Some(word) = self.word(operation) {
            entry["parameters"] = json!([word]);
        }
        if matches!(
            operation,
            Operation::Create | Operation::Update | Operation::Patch
        ) {
            let body = self.body(&about);
            if let Some(body) = body {
                entry["requestBody"] = json!({"required": true, "content": content(&body)});
            }
        }
        entry["responses"] = responses(operation, &about);
        entry
    }

    /// The query parameter that turns a read into a list. It is required for
    /// paths without reads.
    fn word(&self, operation: Operation) -> Option<Value> {
        let optional = |name: &str, description: &str| {
            json!({
                "name": name,
                "in": "query",
                "description": description,
                "schema": {"type": "string"},
            })
        };
        let needed = |name: &str| {
            json!({
                "name": name,
                "in": "query",
                "description": "Must be `true`.",
                "required": true,
                "schema": {"type": "string", "enum": ["true"]},
            })
        };
        match operation {
            Operation::List => Some(needed("list")),
            Operation::Scan => Some(needed("scan")),
            Operation::Read if self.published(Operation::List) => {
                Some(optional("list", "Lists if `true`."))
            }
            Operation::Read if self.published(Operation::Scan) => {
                Some(optional("scan", "Lists all levels if `true`."))
            }
            _ => None,
        }
    }

    /// The fields that are neither in the path nor in the query.
    fn body(&self, about: &Describe) -> Option<Value> {
        let fields = self.path.fields.iter();
        let inside = fields.filter(|field| !self.captured(field) && !field.query);
        let mut body = object(inside);
        if let Some(example) = &about.example {
            body["example"] = example.clone().into();
        }
        let empty = body["properties"].as_object().is_none_or(Map::is_empty);
        (!empty || about.example.is_some()).then_some(body)
    }

    fn parameter(&self, field: &Field) -> Value {
        let captured = self.captured(field);
        let mut parameter = json!({
            "name": field.name,
            "in": if captured { "path" } else { "query" },
            "description": clean(field.description),
            "schema": schema(field),
        });
        if captured {
            parameter["required"] = true.into();
        }
        if field.deprecated {
            parameter["deprecated"] = true.into();
        }
        parameter
    }

    /// The id of an operation: lower-case words with hyphens. Hints of the
    /// operation take precedence over those of the path
    /// (`constructOperationID`).
    fn id(&self, operation: Operation) -> String {
        let about = self.about(operation);
        let hints = [about.display.as_ref(), self.path.display.as_ref()];
        let hint = |choose: fn(&Display) -> &'static str| {
            let mut hints = hints.iter().flatten().map(|display| choose(display));
            hints.find(|hint| !hint.is_empty()).unwrap_or_default()
        };
        let prefix = hint(|display| display.operation_prefix);
        let verb = hint(|display| display.operation_verb);
        let suffixes = hint(|display| display.operation_suffix);
        let suffix = suffixes.split('|').nth(self.index);

        let own_words = verb.is_empty() || suffix.is_none();
        let path = match suffix {
            Some(suffix) if !suffix.is_empty() || !own_words => suffix.to_owned(),
            _ => words(&self.spelling.text),
        };
        let prefix = match (prefix, verb) {
            ("", "") => self.prefix,
            _ => prefix,
        };
        let verb = match (verb, operation) {
            ("", Operation::Update) => "write",
            ("", other) => other.as_str(),
            _ => verb,
        };
        let parts = [prefix, verb, &path];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("-").to_ascii_lowercase()
    }

    /// The description of an operation; create shares that of update.
    fn about(&self, operation: Operation) -> Describe {
        let described = &self.path.described;
        described.get(&operation).cloned().unwrap_or_default()
    }

    fn captured(&self, field: &Field) -> bool {
        self.spelling.captured.contains(field.name)
    }

    fn answers(&self, operation: Operation) -> bool {
        self.path.operations.contains_key(&operation)
    }

    fn published(&self, operation: Operation) -> bool {
        self.answers(operation) && !self.about(operation).unpublished
    }
}

fn responses(operation: Operation, about: &Describe) -> Value {
    if about.answers.is_empty() {
        return match operation {
            Operation::Delete => json!({"204": {"description": "empty body"}}),
            _ => json!({"200": {"description": "OK"}}),
        };
    }
    let responses = about.answers.iter().map(|(status, answer)| {
        let mut response = json!({"description": answer.description});
        if !answer.fields.is_empty() {
            response["content"] = content(&object(answer.fields.iter()));
        }
        (status.to_string(), response)
    });
    Value::Object(responses.collect())
}

fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

/// Whether a path matches one of a host's special paths: exactly, by prefix for
/// a trailing `*`, or by segment for a `+` (`specialPathMatch`).
fn matches_special(path: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| {
        let begins = pattern.strip_suffix('*');
        begins.is_some_and(|begin| path.starts_with(begin))
            || pattern == path
            || (pattern.contains('+') && matches_by_parts(path, pattern))
    })
}

fn matches_by_parts(path: &str, pattern: &str) -> bool {
    let (mut parts, mut patterns) = (path.split('/'), pattern.split('/'));
    loop {
        match (parts.next(), patterns.next()) {
            (None, None) | (Some(_), Some("*")) => return true,
            (Some(_), Some("+")) => {}
            (Some(part), Some(pattern)) => match pattern.strip_suffix('*') {
                Some(begin) if part.starts_with(begin) => return true,
                _ if part == pattern => {}
                _ => return false,
            },
            _ => return false,
        }
    }
}

/// The words of a path, with hyphens.
fn words(path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}
