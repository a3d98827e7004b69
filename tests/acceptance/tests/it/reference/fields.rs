//! Paths and fields as the engine's own document (`OpenAPI`) has them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use testkit::Http;

/// What a handler refuses to do without when the object is new. The document
/// does not say it, since a change of the object may leave it out.
const REQUIRED_WHEN_NEW: [(&str, &str); 4] = [
    ("config", "ccloud_api_key_id"),
    ("config", "ccloud_api_key_secret"),
    ("role/{name}", "owner"),
    ("static-role/{name}", "owner"),
];
/// Other spellings, which every page would repeat.
const ALIASES: [&str; 3] = ["roles", "static-roles", "static-cred"];

/// The paths of the engine, with what each says of itself.
pub(super) struct Paths {
    document: Value,
    http: Http,
}

impl Paths {
    /// Asks a mount of the engine.
    pub(super) fn of(http: &Http) -> Self {
        let (status, answer) = http.request("GET", "confluent?help=1", None);
        assert_eq!(status, 200, "{answer}");
        Self {
            document: answer["openapi"].clone(),
            http: http.clone(),
        }
    }

    /// All paths, each in one spelling.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        let paths = self.document["paths"].as_object().unwrap().keys();
        paths
            .map(|path| path.trim_matches('/'))
            .filter(|path| {
                let first = path.split('/').next();
                first.is_none_or(|first| !ALIASES.contains(&first))
            })
            .collect()
    }

    /// A path's section: what it is, its operations and fields.
    pub(super) fn render(&self, path: &str) -> String {
        let item = self.item(path);
        let mut text = format!("\n## `{path}`\n\n{}\n", self.help(path));
        text.push_str("\n| operation | request |\n|---|---|\n");
        for (method, name) in [
            ("get", "read"),
            ("post", "write"),
            ("patch", "patch"),
            ("delete", "delete"),
        ] {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let lists = operation["parameters"]
                .as_array()
                .is_some_and(|parameters| {
                    parameters.iter().any(|parameter| {
                        parameter["name"] == "list" && parameter["required"] == true
                    })
                });
            let (name, verb) = if lists {
                ("list", "LIST".to_owned())
            } else {
                (name, method.to_uppercase())
            };
            let _ = writeln!(text, "| {name} | `{verb} /v1/confluent/{path}` |");
        }
        let fields = fields(item);
        if !fields.is_empty() {
            text.push_str(
                "\n| field | type | required | default | meaning |\n|---|---|---|---|---|\n",
            );
        }
        for field in fields {
            let _ = writeln!(text, "{}", field.row(path));
        }
        text
    }

    fn item(&self, path: &str) -> &Value {
        let paths = self.document["paths"].as_object().unwrap();
        let found = paths.iter().find(|(key, _)| key.trim_matches('/') == path);
        found
            .unwrap_or_else(|| panic!("no `{path}` in {:?}", paths.keys()))
            .1
    }

    /// The path's own words.
    fn help(&self, path: &str) -> String {
        let sample = path.replace(['{', '}'], "");
        let (status, answer) =
            self.http
                .request("GET", &format!("confluent/{sample}?help=1"), None);
        assert_eq!(status, 200, "{answer}");
        let help = answer["help"].as_str().unwrap();
        let (head, description) = help.split_once("## DESCRIPTION").unwrap_or((help, ""));
        let synopsis = head.split("\n\n").nth(1).unwrap_or_default();
        let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = format!("{}\n\n{}", unwrapped(synopsis), unwrapped(description));
        text.trim().to_owned()
    }
}

/// What the path takes, first what stands in the path.
fn fields(item: &Value) -> Vec<Field<'_>> {
    let parameters = item["parameters"].as_array().into_iter().flatten();
    let mut fields: Vec<_> = parameters
        .map(|parameter| Field {
            name: parameter["name"].as_str().unwrap(),
            description: parameter["description"].as_str().unwrap_or_default(),
            schema: &parameter["schema"],
            place: if parameter["in"] == "path" {
                Place::Path
            } else {
                Place::Query
            },
        })
        .collect();
    let body = &item["post"]["requestBody"]["content"]["application/json"]["schema"];
    let properties = body["properties"].as_object();
    fields.extend(
        properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| Field {
                name,
                description: schema["description"].as_str().unwrap_or_default(),
                schema,
                place: Place::Body,
            }),
    );
    fields
}

/// A field of a path.
struct Field<'a> {
    name: &'a str,
    description: &'a str,
    schema: &'a Value,
    place: Place,
}

#[derive(PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Body,
}

impl Field<'_> {
    /// The row of the field in the table of `path`.
    fn row(&self, path: &str) -> String {
        let (meaning, default) = meaning_and_default(self.description, self.schema);
        let required = match self.place {
            _ if REQUIRED_WHEN_NEW.contains(&(path, self.name)) => "when it is made",
            Place::Path => "yes, in the path",
            Place::Query => "no, in the query",
            Place::Body => "no",
        };
        let kind = match (self.schema["type"].as_str(), self.schema["format"].as_str()) {
            (_, Some("seconds")) => "duration: seconds, or `90s`, `1h30m`, `7d`",
            (_, Some("lowercase")) => "string, lower case",
            (Some(kind), _) => kind,
            (None, _) => "any",
        };
        let name = self.name;
        format!("| `{name}` | {kind} | {required} | {default} | {meaning} |")
    }
}

/// A description without its sentence on the default, and that default.
fn meaning_and_default(description: &str, schema: &Value) -> (String, String) {
    let description = description.replace('|', r"\|");
    if let Some(default) = schema.get("default") {
        return (description, format!("`{default}`"));
    }
    let default = ["Default: ", "Zero: "];
    let split = default.iter().find_map(|word| description.split_once(word));
    match split {
        Some((meaning, default)) => {
            let default = default.trim_end_matches('.');
            (meaning.trim().to_owned(), default.to_owned())
        }
        None => (description, "none".to_owned()),
    }
}
