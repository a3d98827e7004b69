//! The document, rule by rule of `sdk/framework/openapi.go`. How patterns are
//! spelled is tested beside the code of that.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::schema::type_of;
use super::*;
use crate::framework::{Call, FieldKind, Hooks, answer, generic_name, probe};
use crate::{Error, Response};

struct Engine;

impl Hooks for Engine {}

async fn nothing(_: Arc<Engine>, _: Call) -> Result<Option<Response>, Error> {
    Ok(None)
}

fn definition(paths: Vec<Path<Engine>>) -> Definition<Engine> {
    Definition::new("Things.")
        .paths(paths)
        .special_paths(SpecialPaths {
            root: vec!["things".into()],
            unauthenticated: vec!["thing/+".into()],
            ..SpecialPaths::default()
        })
}

fn things() -> Definition<Engine> {
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
    let list = Path::new("things?/?")
        .on(Operation::List, answer(nothing))
        .help("All things.", "");
    definition(vec![thing, list])
}

/// The document of an engine with one path.
fn one(path: Path<Engine>) -> Value {
    of_engine(&definition(vec![path]), "engine")
}

fn write(fields: impl IntoIterator<Item = Field>) -> Path<Engine> {
    Path::new("thing")
        .fields(fields)
        .on(Operation::Update, answer(nothing))
}

#[test]
fn what_a_path_captures_is_in_the_path_and_the_rest_in_the_body() {
    let document = of_engine(&things(), "Engine_A");
    let thing = &document["paths"]["/thing/{name}"];
    assert_eq!(thing["parameters"][0]["name"], "name");
    assert_eq!(thing["parameters"][0]["in"], "path");
    assert_eq!(thing["parameters"][0]["required"], true);
    assert_eq!(thing["x-vault-createSupported"], true);
    assert_eq!(
        thing["delete"]["responses"]["204"]["description"],
        "empty body"
    );
    let post = &thing["post"];
    assert_eq!(post["operationId"], "engine_a-write-thing-name");
    let schema = &post["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["type"], "object");
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.keys().collect::<Vec<_>>(), ["ttl"]);
    assert_eq!(properties["ttl"]["format"], "seconds");
    assert_eq!(schema.get("required"), None);
}

#[test]
fn a_list_needs_its_word_unless_the_path_can_be_read() {
    let document = of_engine(&things(), "");
    for path in ["/thing", "/things"] {
        let list = &document["paths"][path]["get"]["parameters"][0];
        assert_eq!(list["name"], "list");
        assert_eq!(list["in"], "query");
        assert_eq!(list["required"], true);
        assert_eq!(list["schema"]["enum"], json!(["true"]));
    }
    let both = Path::new("thing/?")
        .on(Operation::Read, answer(nothing))
        .on(Operation::List, answer(nothing));
    let get = &one(both)["paths"]["/thing"]["get"];
    assert_eq!(get["operationId"], "engine-read-thing");
    assert_eq!(get["parameters"][0]["name"], "list");
    assert_eq!(get["parameters"][0].get("required"), None);
    let scan = Path::new("thing/?").on(Operation::Scan, answer(nothing));
    let get = &one(scan)["paths"]["/thing"]["get"];
    assert_eq!(get["parameters"][0]["name"], "scan");
}

#[test]
fn one_path_has_a_document_of_its_own() {
    let definition = things();
    let document = of_path(&definition, &definition.paths[1], "mine");
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.keys().collect::<Vec<_>>(), ["/thing", "/things"]);
    assert_eq!(paths["/things"]["get"]["operationId"], "mine-list-things");
}

#[test]
fn special_paths_are_marked() {
    let document = of_engine(&things(), "");
    let marked = |mark: &str| {
        let paths = document["paths"].as_object().unwrap().iter();
        let marked = paths.filter(|(_, item)| item[mark] == true);
        marked.map(|(path, _)| path.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(marked("x-vault-sudo"), ["/things"]);
    assert_eq!(marked("x-vault-unauthenticated"), ["/thing/{name}"]);
}

#[test]
fn special_paths_may_end_anyhow_and_have_any_part() {
    for (pattern, path, expected) in [
        ("roots", "roots", true),
        ("roots", "roots/a", false),
        ("roots*", "roots/a", true),
        ("*", "roots", true),
        ("a/+/c", "a/b/c", true),
        ("a/+/c", "a/b/d", false),
        ("a/+", "a/b/c", false),
        ("a/+/*", "a/b/c/d", true),
        ("a/+/c*", "a/b/cd", true),
        ("a/+/c*", "a/b/d", false),
        ("+/b", "a", false),
    ] {
        assert_eq!(
            matches_special(path, &[pattern.to_owned()]),
            expected,
            "{path} and {pattern}"
        );
    }
}

#[test]
fn everything_that_a_field_declares_is_shown() {
    let document = one(write([
        Field::new("mode", FieldKind::Text, "How\n   it works.")
            .required()
            .default_value("slow")
            .allowed_values(["slow", "fast"]),
        Field::new("key", FieldKind::Text, "")
            .sensitive()
            .required(),
        Field::new("old", FieldKind::Integer64, "").deprecated(),
        Field::new("until", FieldKind::Time, "").display(Display {
            name: "End",
            group: "Times",
            value: Some("tomorrow".into()),
            ..Display::default()
        }),
    ]));
    let schema = &document["paths"]["/thing"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"];
    assert_eq!(schema["required"], json!(["key", "mode"]));
    assert_eq!(
        schema["properties"],
        json!({
            "mode": {
                "type": "string",
                "description": "How it works.",
                "default": "slow",
                "enum": ["slow", "fast"],
            },
            "key": {
                "type": "string",
                "description": "",
                "x-vault-displayAttrs": {"sensitive": true},
            },
            "old": {
                "type": "integer",
                "format": "int64",
                "description": "",
                "deprecated": true,
            },
            "until": {
                "type": "string",
                "format": "date-time",
                "description": "",
                "x-vault-displayAttrs": {"name": "End", "group": "Times", "value": "tomorrow"},
            },
        })
    );
}

#[test]
fn a_field_of_the_query_is_no_part_of_the_body() {
    let document = one(write([
        Field::new("version", FieldKind::Integer, "Which one.").query(),
        Field::new("After", FieldKind::Text, "Where to go on.")
            .query()
            .deprecated(),
    ]));
    let path = &document["paths"]["/thing"];
    let names = path["parameters"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|parameter| &parameter["name"]).collect();
    assert_eq!(names, ["After", "version"]);
    assert_eq!(path["parameters"][0]["deprecated"], true);
    assert_eq!(path["parameters"][1]["in"], "query");
    assert_eq!(path["parameters"][1].get("required"), None);
    assert_eq!(path["post"].get("requestBody"), None);
}

#[test]
fn an_operation_can_say_more_than_its_path() {
    let example = json!({"size": 3}).as_object().cloned().unwrap();
    let about = Describe::new("Makes a thing.")
        .description("It may take a while.")
        .deprecated()
        .example(example)
        .answers(
            200,
            "The thing.",
            [Field::new("size", FieldKind::Integer, "Its size.")],
        )
        .answers(202, "Later.", []);
    let path = write([Field::new("size", FieldKind::Integer, "Its size.")]);
    let path = path.help("A thing.", "").describe(Operation::Update, about);
    let document = one(path);
    let post = &document["paths"]["/thing"]["post"];
    assert_eq!(post["summary"], "Makes a thing.");
    assert_eq!(post["description"], "It may take a while.");
    assert_eq!(post["deprecated"], true);
    assert_eq!(post["responses"]["202"], json!({"description": "Later."}));
    let content = &post["responses"]["200"]["content"]["application/json"];
    assert_eq!(content["schema"]["properties"]["size"]["type"], "integer");
    let body = &post["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["example"]["size"], 3);
}

#[test]
fn an_unpublished_operation_is_in_no_document() {
    let path = write([])
        .on(Operation::Read, answer(nothing))
        .describe(Operation::Read, Describe::default().unpublished());
    let path = &one(path)["paths"]["/thing"];
    assert_eq!(path.get("get"), None);
    assert!(path["post"].is_object());
}

#[test]
fn a_patch_has_the_same_body_as_a_write() {
    let fields = [Field::new("size", FieldKind::Integer, "Its size.")];
    let document = one(write(fields).on(Operation::Patch, answer(nothing)));
    let patch = &document["paths"]["/thing"]["patch"];
    assert_eq!(patch["operationId"], "engine-patch-thing");
    let schema = &document["paths"]["/thing"]["patch"]["requestBody"]["content"]["application/json"]
        ["schema"];
    assert_eq!(schema["properties"]["size"]["type"], "integer");
}

#[test]
fn ids_follow_the_hints_and_then_the_path() {
    let ids = |display: Display| {
        let path = Path::new("key/(internal|exported)")
            .on(Operation::Update, answer(nothing))
            .display(display);
        let document = one(path);
        ["internal", "exported"].map(|kind| {
            let id = &document["paths"][format!("/key/{kind}")]["post"]["operationId"];
            id.as_str().unwrap().to_owned()
        })
    };
    let hints = |operation_prefix, operation_verb, operation_suffix| Display {
        operation_prefix,
        operation_verb,
        operation_suffix,
        ..Display::default()
    };
    assert_eq!(
        ids(hints("", "", "")),
        ["engine-write-key-internal", "engine-write-key-exported",]
    );
    assert_eq!(
        ids(hints("pki", "", "internal-key|exported-key")),
        ["pki-write-internal-key", "pki-write-exported-key",]
    );
    assert_eq!(
        ids(hints("", "generate", "key")),
        ["generate-key", "generate-key-exported",]
    );
    assert_eq!(
        ids(hints("pki", "generate", "")),
        ["pki-generate", "pki-generate-key-exported",]
    );
    let path = write([]).display(hints("pki", "", "thing")).describe(
        Operation::Update,
        Describe::default().display(hints("", "sign", "")),
    );
    let document = one(path);
    let post = &document["paths"]["/thing"]["post"];
    assert_eq!(post["operationId"], "pki-sign-thing");
    assert_eq!(
        document["paths"]["/thing"].get("x-vault-displayAttrs"),
        None
    );
}

#[test]
fn a_path_that_cannot_be_spelled_is_there_without_operations() {
    let path = Path::new("all/.*").on(Operation::Read, answer(nothing));
    let document = one(path.help("Whatever is left.", ""));
    let item = json!({"description": "Whatever is left."});
    assert_eq!(document["paths"]["/all/.*"], item);
}

/// Hosts decode the document into types of their own: a field of another type
/// fails the document of the whole server.
#[test]
fn every_kind_has_the_type_that_go_gives_it() {
    let names = FieldKind::ALL.map(|kind| format!("{kind:?}"));
    let types: Vec<String> = FieldKind::ALL
        .iter()
        .map(|kind| {
            let schema = type_of(*kind);
            let part = |key: &str| schema[key].as_str().unwrap_or("").to_owned();
            let items = schema["items"]["type"].as_str().unwrap_or("");
            format!("{} {}{items}", part("type"), part("format"))
        })
        .collect();
    let rows: Vec<String> = names
        .iter()
        .zip(&types)
        .map(|(name, is)| format!("{name}: {is}"))
        .collect();
    assert_eq!(
        rows,
        [
            "Text: string ",
            "LowerCase: string lowercase",
            "Name: string ",
            "Integer: integer ",
            "Integer64: integer int64",
            "Float: number float",
            "Flag: boolean ",
            "DurationSeconds: integer seconds",
            "SignedDurationSeconds: integer seconds",
            "Time: string date-time",
            "List: array object",
            "TextList: array string",
            "CommaList: array string",
            "CommaIntegers: array integer",
            "Map: object map",
            "KeyValue: object kvpairs",
            "Header: string ",
        ]
    );
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
}
