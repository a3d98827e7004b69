//! Compares the `path-help` of a mount with its `OpenAPI` document. Both come
//! from one table, so every path and field must be in both.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Http;

/// Asserts that every path and every field of the engine at `mount` is in its
/// `OpenAPI` document, and returns the document.
///
/// # Panics
///
/// When one is missing, or the mount has no help.
pub fn assert_openapi_is_whole(http: &Http, mount: &str) -> Value {
    let (text, document) = help(http, mount);
    let mut routes: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with('^'))
        .collect();
    assert!(!routes.is_empty(), "`{mount}` shows no paths: {text}");
    for (path, item) in object(&document["paths"]) {
        let sample = path.replace(['{', '}'], "");
        let (text, _) = help(http, &format!("{mount}{sample}"));
        let fields = fields_of_help(&text);
        assert_eq!(fields, fields_of(item), "fields of `{path}`");
        let route = text
            .lines()
            .find_map(|line| line.strip_prefix("Matching Route: "));
        routes.remove(route.expect("help of a path names its pattern"));
    }
    assert_eq!(
        routes,
        BTreeSet::new(),
        "paths that are not in the document"
    );
    document
}

fn help(http: &Http, path: &str) -> (String, Value) {
    let (status, answer) = http.request("GET", &format!("{path}?help=1"), None);
    assert_eq!(status, 200, "help of `{path}`: {answer}");
    let text = answer["help"].as_str().expect("help is a text");
    (text.to_owned(), answer["openapi"].clone())
}

/// Names before a type in parentheses, under the heading of the parameters.
fn fields_of_help(text: &str) -> BTreeSet<String> {
    let parameters = text.split("## PARAMETERS").nth(1).unwrap_or_default();
    let parameters = parameters.split("## DESCRIPTION").next();
    let lines = parameters.unwrap_or_default().lines();
    lines
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| Some(line.split_once(" (")?.0.to_owned()))
        .collect()
}

fn fields_of(item: &Value) -> BTreeSet<String> {
    let parameters = item["parameters"].as_array().into_iter().flatten();
    let named = parameters.filter_map(|parameter| parameter["name"].as_str());
    let mut fields: BTreeSet<String> = named.map(str::to_owned).collect();
    for method in ["post", "patch"] {
        let content = &item[method]["requestBody"]["content"]["application/json"];
        fields.extend(object(&content["schema"]["properties"]).map(|(name, _)| name.clone()));
    }
    fields
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
