//! Rules that hold for every text.

use proptest::prelude::*;

/// Pieces of which texts are made that get far into the parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "path ", "\"a/*\" ", "{", "}", "[", "]", ",", "=", ":", "\n", " ", "# c\n", "/* c */",
            "<<E\nx\nE\n", "true", "null", "1.5e3", "0x1f", "\"${a}\"", "\"\\u0041\"", "key",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("true".to_owned()),
        "[a-z${} ]{0,6}".prop_map(|text| {
            // `${` begins a part that must end before the string does.
            let text = if text.contains("${") {
                text.replace('$', "")
            } else {
                text
            };
            format!("\"{text}\"")
        }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| format!("[{}]", values.join(", "))),
            prop::collection::vec(inner, 0..4).prop_map(|values| {
                let items = values.iter().enumerate();
                let items: Vec<_> = items.map(|(n, value)| format!("k{n} = {value}")).collect();
                format!("{{\n{}\n}}", items.join("\n"))
            }),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let comment = prop_oneof![Just(""), Just("# c\n"), Just("\n# d\n\n")];
    prop::collection::vec((comment, value()), 0..5).prop_map(|values| {
        let items = values.iter().enumerate();
        let items: Vec<_> = items
            .map(|(n, (comment, value))| {
                format!(
                    "{comment}key{n} = {value}
"
                )
            })
            .collect();
        items.concat()
    })
}

proptest! {
    #[test]
    fn no_text_panics_and_errors_are_inside_the_text(text in pieces()) {
        let lines = text.lines().count().max(1) + 1;
        for text in [text.clone(), format!("{{{text}")] {
            if let Err(error) = hcl1::parse(&text) {
                prop_assert!(error.position.offset <= text.len());
                prop_assert!((1..=lines).contains(&error.position.line));
                prop_assert!(error.position.column >= 1);
            }
            let _ = hcl1::format(&text);
        }
    }

    #[test]
    fn formatting_keeps_the_content_and_is_stable(text in text()) {
        let formatted = hcl1::format(&text).unwrap();
        let read = |text: &str| hcl1::parse(text).unwrap();
        prop_assert!(read(&formatted).says_the_same(&read(&text)), "{formatted:?}");
        prop_assert_eq!(hcl1::format(&formatted).unwrap(), formatted);
    }
}
