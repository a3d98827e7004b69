//! The layout, checked against what OpenBao 2.7.2 printed for the same texts.

fn check(text: &str, expected: &str) {
    assert_eq!(hcl1::format(text).unwrap(), expected, "{text:?}");
}

#[test]
fn items_of_a_block_are_aligned_and_indented() {
    check(
        "path \"a\" {\n# in\n\ncapabilities=[\"read\",\"list\"]\nmin_wrapping_ttl=\"1s\" # short\n\n\nrequired_parameters=[\n\"x\", # first\n\"yyy\"]\n}",
        "path \"a\" {\n  # in\n\n  capabilities     = [\"read\", \"list\"]\n  min_wrapping_ttl = \"1s\"             # short\n\n  required_parameters = [\n    \"x\",   # first\n    \"yyy\",\n  ]\n}\n",
    );
}

#[test]
fn blocks_are_parted_by_a_blank_line_unless_they_are_empty() {
    check("a {}\nb {}", "a {}\nb {}\n");
    check("a {}\n\n\nb {}", "a {}\n\nb {}\n");
    check("a { x = 1 }\nb {}", "a {\n  x = 1\n}\n\nb {}\n");
    check("", "\n");
}

#[test]
fn texts_of_several_lines_keep_their_lines() {
    check(
        "a {\n b = <<E\n  x\n\n y\nE\n c = [<<E\nz\nE\n, 1]\n}",
        "a {\n  b = <<E\n  x\n\n y\nE\n\n  c = [\n    <<E\nz\nE\n    ,\n    1,\n  ]\n}\n",
    );
}

#[test]
fn a_comment_of_several_lines_keeps_its_lines() {
    check(
        "a {\n# one\n# two\n\nx = 1 }",
        "a {\n  # one\n  # two\n\n  x = 1\n}\n",
    );
    check(
        "a { x = 1\n\n# one\n# two\n}",
        "a {\n  x = 1\n\n  # one\n  # two\n}\n",
    );
}

#[test]
fn comments_stay_where_they_are() {
    check(
        "# top\n\na = 1 # behind\n# above\nb = 2\n# end",
        "# top\n\na = 1 # behind\n\n# above\nb = 2\n\n# end\n\n",
    );
}

#[test]
fn json_and_repeated_keys_are_not_formatted() {
    let error = |text: &str| hcl1::format(text).unwrap_err().to_string();
    assert_eq!(error("{}"), "line 1, column 1: expected a key, found `{`");
    assert_eq!(
        error("a { x = 1\nx = 2 }"),
        "line 2, column 1: `x` is set twice: remove one of the two"
    );
}

#[test]
fn a_text_with_odd_line_ends_says_the_same_when_it_was_formatted() {
    let text = "a = \"${c;\r\r\n}\"\n";
    let formatted = hcl1::format(text).unwrap();
    let (read, before) = (hcl1::parse(&formatted).unwrap(), hcl1::parse(text).unwrap());
    assert!(read.says_the_same(&before), "{formatted:?}");
}
