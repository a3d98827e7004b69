//! What is in the tree, and what errors say.

use hcl1::{Item, LiteralKind, Value};

fn items(text: &str) -> Vec<Item> {
    hcl1::parse(text).unwrap().body.items
}

fn names(item: &Item) -> Vec<&str> {
    item.keys.iter().map(|key| &*key.name).collect()
}

fn error(text: &str) -> String {
    hcl1::parse(text).unwrap_err().to_string()
}

#[test]
fn keys_labels_and_values_have_their_text_and_their_place() {
    let items = items("path \"a\\tb\" {}\n  x = [1, \"\\u0041\"]");
    assert_eq!(names(&items[0]), ["path", "a\tb"]);
    assert_eq!(
        (items[0].assign, items[0].keys[1].position.column),
        (None, 6)
    );
    let Value::List(list) = &items[1].value else {
        panic!("{:?}", items[1].value)
    };
    let position = list.values[1].position();
    assert_eq!((position.line, position.column), (2, 11));
    let kinds = list.values.iter().map(|value| match value {
        Value::Literal(literal) => literal.kind.clone(),
        other => panic!("{other:?}"),
    });
    let expected = [
        LiteralKind::Number("1".into()),
        LiteralKind::String("A".into()),
    ];
    assert!(kinds.eq(expected));
}

#[test]
fn texts_say_the_same_whatever_their_layout() {
    let same = |one: &str, other: &str| {
        let read = |text: &str| hcl1::parse(text).unwrap();
        read(one).says_the_same(&read(other))
    };
    let text = "a \"b\" { x = [1, {y = true}] }";
    assert!(same(text, "# c\n\"a\" b {\n x = [1, { y = true }] # d\n}"));
    assert!(same(text, r#"{"a": {"b": {"x": [1, {"y": true}]}}}"#));
    for other in [
        "",
        "a \"b\" {}",
        "a \"c\" { x = [1, {y = true}] }",
        "a \"b\" { x = [1, {y = false}] }",
        "a \"b\" { x = [1, {y = true}, 2] }",
        "a \"b\" { x = [1, 2] }",
        "a \"b\" { x = [1, {y = true}] }\nc = 1",
    ] {
        assert!(!same(text, other) && !same(other, text), "{other}");
    }
}

#[test]
fn json_has_the_shape_of_blocks() {
    let json = items(r#"{"path": {"a": {"x": [1]}, "b": {"x": true}}, "l": [{"y": 1}, {"y": 2}]}"#);
    let keys: Vec<_> = json.iter().map(names).collect();
    assert_eq!(
        keys,
        [vec!["path", "a"], vec!["path", "b"], vec!["l"], vec!["l"]]
    );
    assert!(
        json.iter()
            .all(|item| matches!(item.value, Value::Object(_)))
    );
}

#[test]
fn json_keeps_every_element_of_a_list() {
    let json = items(r#"{"x": [true, ["a"], 1]}"#);
    let Value::List(list) = &json[0].value else {
        panic!("{json:?}")
    };
    assert_eq!(list.values.len(), 3);
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    for (text, expected) in [
        (
            "a = 1\nb = }",
            "line 2, column 5: expected a value after `=`, found `}`",
        ),
        (
            "a = b",
            "line 1, column 5: expected a value after `=`, found `b`: strings are quoted",
        ),
        ("a {", "line 1, column 3: this `{` has no `}`"),
        ("a = [1", "line 1, column 5: this `[` has no `]`"),
        (
            "a = [1 2]",
            "line 1, column 8: expected `,` or `]`, found `2`",
        ),
        (
            "a \"b\" = 1",
            "line 1, column 7: a block with a label takes `{`, not `=`",
        ),
        (
            "a b",
            "line 1, column 4: expected `=` or `{` after `b`, found the end of the text",
        ),
        (
            "a = \"x",
            "line 1, column 5: this string has no closing quote",
        ),
        (
            "a = \"\\q\"",
            "line 1, column 6: an escape is one of `\\a`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t`, `\\v`, `\\\\`, `\\\"`, `\\x41`, `\\u0041`, `\\U00000041` or `\\101`",
        ),
        (
            "a = <<E\nx\n",
            "line 1, column 5: this text is not closed by a line `E`",
        ),
        ("é = 'x'", "line 1, column 5: `\\'` is not expected here"),
        ("{\"a\" 1}", "line 1, column 6: expected `:`, found `1`"),
        (
            "{\"a\": 1} x",
            "line 1, column 10: expected the end of the text, found `x`",
        ),
        (
            "{\"a\": 1 \"b\": 2}",
            "line 1, column 9: expected `,` or `}`, found a string",
        ),
    ] {
        assert_eq!(error(text), expected);
    }
}

#[test]
fn lines_are_counted_the_same_with_either_line_end() {
    assert_eq!(
        error("a = 1\r\nb = }").split(':').next(),
        Some("line 2, column 5")
    );
    assert_eq!(items("a = <<E\r\nx\r\nE\r\n"), items("a = <<E\nx\nE\n"));
}
