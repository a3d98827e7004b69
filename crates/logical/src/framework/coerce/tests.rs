//! Every kind of field with JSON of every shape, compared with what Go makes of
//! it by its sources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::coerce;
use crate::framework::{Field, FieldKind, FieldValue};
use crate::{Error, ErrorClass};

fn read(kind: FieldKind, value: &Value) -> Result<Option<FieldValue>, Error> {
    coerce(&Field::new("field", kind, ""), value)
}

/// A value as JSON; `refused` and `absent` stand for what is none.
fn outcome(kind: FieldKind, input: &str) -> String {
    let value: Value = serde_json::from_str(input).unwrap();
    match read(kind, &value) {
        Err(_) => "refused".into(),
        Ok(None) => "absent".into(),
        Ok(Some(value)) => value.to_json().to_string(),
    }
}

fn check(kind: FieldKind, rows: &[(&str, &str)]) {
    for (input, expected) in rows {
        assert_eq!(outcome(kind, input), *expected, "{kind:?} from {input}");
    }
}

/// One input of every shape, and what becomes of each, kind by kind.
#[rustfmt::skip]
const SHAPES: [&str; 12] =
    ["null", "true", "7", "-3", "2.9", "1e+999", "''", "' a '", "'1_0'", "[]", "['1']", "{'a':'b'}"];

#[rustfmt::skip]
const BECOME: [(FieldKind, [&str; 12]); 17] = [
    (FieldKind::Text,
        ["''", "'1'", "'7'", "'-3'", "'2.9'", "'1e+999'", "''", "' a '", "'1_0'", "-", "-", "-"]),
    (FieldKind::LowerCase,
        ["''", "'1'", "'7'", "'-3'", "'2.9'", "'1e+999'", "''", "' a '", "'1_0'", "-", "-", "-"]),
    (FieldKind::Name,
        ["-", "'1'", "'7'", "-", "'2.9'", "-", "-", "-", "'1_0'", "-", "-", "-"]),
    (FieldKind::Integer,
        ["0", "1", "7", "-3", "-", "-", "0", "-", "10", "-", "-", "-"]),
    (FieldKind::Integer64,
        ["0", "1", "7", "-3", "-", "-", "0", "-", "10", "-", "-", "-"]),
    (FieldKind::Float,
        ["0.0", "1.0", "7.0", "-3.0", "2.9", "-", "0.0", "-", "10.0", "-", "-", "-"]),
    (FieldKind::Flag,
        ["false", "true", "-", "-", "-", "-", "false", "-", "-", "-", "-", "-"]),
    (FieldKind::DurationSeconds,
        ["absent", "-", "7", "-", "-", "-", "0", "-", "-", "-", "-", "-"]),
    (FieldKind::SignedDurationSeconds,
        ["absent", "-", "7", "-3", "-", "-", "0", "-", "-", "-", "-", "-"]),
    (FieldKind::Time,
        ["absent", "-", "'1970-01-01T00:00:07Z'", "'1969-12-31T23:59:57Z'", "-", "-", "-", "-",
         "-", "-", "-", "-"]),
    (FieldKind::List,
        ["[]", "[true]", "[7]", "[-3]", "[2.9]", "[1e+999]", "['']", "[' a ']", "['1_0']", "[]",
         "['1']", "[{'a':'b'}]"]),
    (FieldKind::TextList,
        ["[]", "['1']", "['7']", "['-3']", "['2.9']", "['1e+999']", "[]", "['a']", "['1_0']", "[]",
         "['1']", "-"]),
    (FieldKind::CommaList,
        ["[]", "['1']", "['7']", "['-3']", "['2.9']", "['1e+999']", "[]", "['a']", "['1_0']", "[]",
         "['1']", "-"]),
    (FieldKind::CommaIntegers,
        ["[]", "[1]", "[7]", "[-3]", "-", "-", "[]", "-", "[10]", "[]", "[1]", "-"]),
    (FieldKind::Map,
        ["{}", "-", "-", "-", "-", "-", "-", "-", "-", "{}", "-", "{'a':'b'}"]),
    (FieldKind::KeyValue,
        ["{}", "-", "-", "-", "-", "-", "-", "-", "-", "{}", "-", "{'a':'b'}"]),
    (FieldKind::Header,
        ["{}", "-", "-", "-", "-", "-", "-", "-", "-", "{}", "-", "{'A':['b']}"]),
];

#[test]
fn every_shape_of_json_becomes_what_go_makes_of_it() {
    assert_eq!(BECOME.map(|(kind, _)| kind), FieldKind::ALL);
    for (kind, outcomes) in BECOME {
        for (shape, expected) in SHAPES.into_iter().zip(outcomes) {
            let expected = match expected {
                "-" => "refused".to_owned(),
                json => json.replace('\'', "\""),
            };
            check(kind, &[(&shape.replace('\'', "\""), &expected)]);
        }
    }
}

#[test]
fn text_keeps_the_digits_of_a_number() {
    check(
        FieldKind::Text,
        &[
            ("12345678901234567890.50", r#""12345678901234567890.50""#),
            ("false", r#""0""#),
        ],
    );
    check(FieldKind::LowerCase, &[(r#""OrDers""#, r#""orders""#)]);
}

#[test]
fn a_name_has_no_dash_at_its_ends() {
    check(
        FieldKind::Name,
        &[
            (r#""a-b.c""#, r#""a-b.c""#),
            (r#""a""#, r#""a""#),
            (r#""-a""#, "refused"),
            (r#""a.""#, "refused"),
            (r#""größe""#, "refused"),
        ],
    );
}

#[test]
fn integers_follow_gos_prefixes_and_separators() {
    for kind in [FieldKind::Integer, FieldKind::Integer64] {
        check(
            kind,
            &[
                (r#""0x1F""#, "31"),
                (r#""-0x1f""#, "-31"),
                (r#""010""#, "8"),
                (r#""0o10""#, "8"),
                (r#""0b101""#, "5"),
                (r#""0_7""#, "7"),
                (r#""0x_1""#, "1"),
                (r#""+3""#, "3"),
                (r#""0""#, "0"),
                (r#""9223372036854775807""#, "9223372036854775807"),
                (r#""-9223372036854775808""#, "-9223372036854775808"),
                (r#""9223372036854775808""#, "refused"),
                ("9007199254740993", "9007199254740993"),
                ("12345678901234567890", "refused"),
                ("1e3", "1000"),
                ("-2.9", "refused"),
                (r#""1e3""#, "refused"),
                (r#""2.9""#, "refused"),
                (r#""08""#, "refused"),
                (r#""0x""#, "refused"),
                (r#""0x-1""#, "refused"),
                (r#""--3""#, "refused"),
                (r#""-""#, "refused"),
                (r#""_1""#, "refused"),
                (r#""1_""#, "refused"),
                (r#""1__0""#, "refused"),
                (r#"" 1""#, "refused"),
                (r#""ten""#, "refused"),
                (r#""١""#, "refused"),
            ],
        );
    }
}

#[test]
fn floats_are_finite() {
    check(
        FieldKind::Float,
        &[
            (r#""1_0.5e1""#, "105.0"),
            (r#""-.5""#, "-0.5"),
            (r#""NaN""#, "refused"),
            (r#""Inf""#, "refused"),
            (r#""1e999""#, "refused"),
            (r#""1_.5""#, "refused"),
            (r#""1.5 ""#, "refused"),
            (r#""half""#, "refused"),
        ],
    );
}

#[test]
fn flags_read_what_go_reads() {
    for text in ["1", "t", "T", "true", "TRUE", "True"] {
        check(FieldKind::Flag, &[(&format!("{text:?}"), "true")]);
    }
    for text in ["0", "f", "F", "false", "FALSE", "False"] {
        check(FieldKind::Flag, &[(&format!("{text:?}"), "false")]);
    }
    check(
        FieldKind::Flag,
        &[
            ("0", "false"),
            ("0.0", "refused"),
            ("2", "refused"),
            (r#""yes""#, "refused"),
            (r#""tRUE""#, "refused"),
        ],
    );
}

#[test]
fn durations_are_seconds_or_text() {
    check(
        FieldKind::DurationSeconds,
        &[
            ("3600", "3600"),
            (r#""3600""#, "3600"),
            (r#""+5""#, "5"),
            (r#""1h""#, "3600"),
            (r#""1h30m""#, "5400"),
            (r#""1.5h""#, "5400"),
            (r#""7d""#, "604800"),
            (r#""1999ms""#, "1"),
            // Less than a second before zero is zero, as Go cuts it off.
            (r#""-999ms""#, "0"),
            (r#""1.5d""#, "refused"),
            (r#""1d12h""#, "refused"),
            (r#""-1h""#, "refused"),
            (r#""1.5""#, "refused"),
            (r#"" 1h""#, "refused"),
            (r#""1H""#, "refused"),
            ("99999999999", "refused"),
            (r#""99999999999""#, "refused"),
        ],
    );
    check(
        FieldKind::SignedDurationSeconds,
        &[
            (r#""-1h30m""#, "-5400"),
            (r#""-7d""#, "-604800"),
            (r#""-1999ms""#, "-1"),
            ("-99999999999", "refused"),
        ],
    );
}

#[test]
fn times_are_rfc_3339_or_whole_seconds() {
    check(
        FieldKind::Time,
        &[
            ("1772359200", r#""2026-03-01T10:00:00Z""#),
            (r#""1772359200""#, r#""2026-03-01T10:00:00Z""#),
            (r#""2026-03-01T10:00:00Z""#, r#""2026-03-01T10:00:00Z""#),
            (
                r#""2026-03-01T12:00:00+02:00""#,
                r#""2026-03-01T10:00:00Z""#,
            ),
            (
                r#""2026-03-01T10:00:00.25Z""#,
                r#""2026-03-01T10:00:00.25Z""#,
            ),
            (
                r#""2026-03-01T10:00:00,25Z""#,
                r#""2026-03-01T10:00:00.25Z""#,
            ),
            (
                r#""2026-03-01T10:00:00.1234567891Z""#,
                r#""2026-03-01T10:00:00.123456789Z""#,
            ),
            (r#""2026-03-01T10:00:00""#, "refused"),
            (r#""2026-03-01 10:00:00Z""#, "refused"),
            (r#""2026-03-01T10:00Z""#, "refused"),
            (r#""2026-03-01t10:00:00z""#, "refused"),
            (r#""2026-03-01T10:00:60Z""#, "refused"),
            (r#""2026-03-01T10:00:00.Z""#, "refused"),
            (r#""2026-02-30T10:00:00Z""#, "refused"),
            (r#""2026-03-01T10:00:00Z[UTC]""#, "refused"),
            (r#""2026-03-01""#, "refused"),
            ("1.5", "refused"),
            ("99999999999999", "refused"),
        ],
    );
}

#[test]
fn only_comma_lists_split_at_commas() {
    check(
        FieldKind::CommaList,
        &[
            (r#""a, b""#, r#"["a","b"]"#),
            (r#""a,,b,""#, r#"["a","","b",""]"#),
            (r#"["a,b"," c"]"#, r#"["a,b","c"]"#),
            ("[1,null,true]", r#"["1","","1"]"#),
            (r#"[["a"]]"#, "refused"),
            ("{}", "[]"),
        ],
    );
    check(
        FieldKind::TextList,
        &[
            (r#""a, b""#, r#"["a, b"]"#),
            (r#"["a,b"," c"]"#, r#"["a,b","c"]"#),
            ("[{}]", "refused"),
            ("{}", "[]"),
        ],
    );
    check(
        FieldKind::CommaIntegers,
        &[
            (r#""1,0x10""#, "[1,16]"),
            (r#""1,,2""#, "[1,0,2]"),
            (r#""1, 2""#, "refused"),
            (r#"["1",2,true,null]"#, "[1,2,1,0]"),
            ("[[1]]", "refused"),
            ("{}", "[]"),
        ],
    );
    check(FieldKind::List, &[("{}", "[]"), ("[1,[2]]", "[1,[2]]")]);
}

#[test]
fn a_list_of_objects_is_all_of_them_together() {
    for kind in [FieldKind::Map, FieldKind::KeyValue] {
        check(
            kind,
            &[
                (
                    r#"[{"a":"1","b":"2"},null,[{"a":"3"}]]"#,
                    r#"{"a":"3","b":"2"}"#,
                ),
                (r#"[{"a":"1"},5]"#, "refused"),
            ],
        );
    }
    check(
        FieldKind::Map,
        &[(r#"{"a":[1,{"b":null}]}"#, r#"{"a":[1,{"b":null}]}"#)],
    );
}

#[test]
fn pairs_come_from_an_object_or_a_list_or_one_text() {
    check(
        FieldKind::KeyValue,
        &[
            (
                r#"{"version":2,"on":true,"none":null}"#,
                r#"{"none":"","on":"1","version":"2"}"#,
            ),
            (
                r#"["version=2","note=a=b"]"#,
                r#"{"note":"a=b","version":"2"}"#,
            ),
            (r#""version=2""#, r#"{"version":"2"}"#),
            (r#""version=""#, r#"{"version":""}"#),
            (r#"["=2"]"#, "refused"),
            (r#"["version"]"#, "refused"),
            (r#"{"a":{"b":"c"}}"#, "refused"),
        ],
    );
}

#[test]
fn headers_come_in_every_form_that_go_reads() {
    let expected = r#"{"Accept":["a","2"],"Content-Type":["text/json"]}"#;
    let json = r#"{"content-type":"text/json","ACCEPT":["a",2]}"#;
    let quoted = json!(json).to_string();
    let encoded = {
        use base64::Engine as _;
        json!(base64::engine::general_purpose::STANDARD.encode(json)).to_string()
    };
    let pairs = r#"["content-type:text/json","accept:a","accept:2"]"#;
    for form in [json, &quoted, &encoded, pairs] {
        check(FieldKind::Header, &[(form, expected)]);
    }
    check(
        FieldKind::Header,
        &[
            (r#"["a b:c"]"#, r#"{"a b":["c"]}"#),
            (r#"["url:http://x"]"#, r#"{"Url":["http://x"]}"#),
            (r#"{"a":null}"#, "refused"),
            (r#"{"a":[true]}"#, "refused"),
            (r#""[]""#, "refused"),
            (r#"[":b"]"#, "refused"),
            ("[5]", "refused"),
        ],
    );
}

#[test]
fn a_pair_that_cannot_be_read_is_not_repeated() {
    let error = read(FieldKind::KeyValue, &json!(["hunter2"])).unwrap_err();
    assert!(!error.message().contains("hunter2"), "{error}");
    let value = read(FieldKind::KeyValue, &json!({"a": "b"})).unwrap();
    let pairs = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    assert_eq!(value, Some(FieldValue::KeyValue(pairs)));
}

mod any_value {
    use proptest::prelude::*;

    use super::*;

    /// JSON of any shape, with numbers and texts that look like something.
    fn json() -> impl Strategy<Value = Value> {
        let number = "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,4})?";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number.prop_map(|text| serde_json::from_str(&text).unwrap()),
            ".*".prop_map(Value::from),
            "[-+]?[0-9a-fA-FxXoObB_.eE]{0,24}".prop_map(Value::from),
            "[-+]?([0-9.]{0,12}(ns|us|µs|ms|s|m|h|d)?){0,4}".prop_map(Value::from),
            "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:]{0,8}[.,]?[0-9é]{0,12}(Z|[+-][0-9:]{0,5})?"
                .prop_map(Value::from),
            "[A-Za-z=,: ]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn is_read_or_refused_with_the_fields_name_by_every_kind(value in json()) {
            for kind in FieldKind::ALL {
                if let Err(error) = read(kind, &value) {
                    prop_assert_eq!(error.class(), ErrorClass::BadRequest);
                    prop_assert!(error.message().starts_with(
                        "Field validation failed: error converting input for field \"field\": "
                    ), "{}", error);
                }
            }
        }
    }
}
