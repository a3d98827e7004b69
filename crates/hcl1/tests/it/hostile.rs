//! Texts that try to exhaust the stack or the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// Far above what linear work takes, far below what quadratic work takes.
const LIMIT: Duration = Duration::from_secs(10);
const REPEATS: usize = 50_000;

#[test]
fn nesting_has_a_limit() {
    for (open, close) in [("a {", "}"), ("a = [", "]"), ("a = {", "}")] {
        let nested = |depth: usize| open.repeat(depth) + &close.repeat(depth);
        assert!(hcl1::parse(&nested(1_000_000)).is_err());
        if open != "a = [" {
            assert!(hcl1::parse(&nested(hcl1::MAX_DEPTH)).is_ok());
            assert!(hcl1::parse(&nested(hcl1::MAX_DEPTH + 1)).is_err());
        }
    }
    let lists = |depth: usize| format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(hcl1::parse(&lists(hcl1::MAX_DEPTH)).is_ok());
    assert!(hcl1::parse(&lists(1_000_000)).is_err());
    assert!(hcl1::parse(&("{\"a\":".repeat(1_000_000))).is_err());
    assert!(hcl1::parse(&format!("{{\"a\":{}", "[".repeat(1_000_000))).is_err());
}

#[test]
fn a_deep_text_is_formatted_without_printing_it_twice_at_each_level() {
    let depth = hcl1::MAX_DEPTH - 1;
    let text = "a {\nb = 1\nc {\n".repeat(depth / 2) + &"}\n}\n".repeat(depth / 2);
    assert!(hcl1::format(&text).is_ok());
}

#[test]
fn long_texts_take_time_in_proportion() {
    for part in [
        "a {}\n",
        "# c\n",
        "/* c */ ",
        "a = \"${\" \n",
        "a = <<E\nx\n",
        "a = 1 # c\n",
        "\"a\" ",
        "[",
        "{\"a\":1}",
        "a = \"\\x\"",
        "a b {\n# c\n\n# d\n}\n",
    ] {
        let text = part.repeat(REPEATS);
        let start = Instant::now();
        let _ = hcl1::parse(&text);
        let _ = hcl1::parse(&format!("{{\"x\": [{text}]}}"));
        let _ = hcl1::format(&text);
        assert!(start.elapsed() < LIMIT, "{part:?}: {:?}", start.elapsed());
    }
}

#[test]
fn flattening_json_keeps_its_size_in_bounds() {
    let depth = hcl1::MAX_KEYS - 1;
    let leaves = (0..2_000)
        .map(|n| format!("\"l{n}\": {{}}"))
        .collect::<Vec<_>>();
    let text = "{\"k\":".repeat(depth) + "{" + &leaves.join(",") + "}" + &"}".repeat(depth);
    let start = Instant::now();
    let document = hcl1::parse(&text).unwrap();
    assert_eq!(document.body.items.len(), 2_000);
    assert!(start.elapsed() < LIMIT);
    let more = format!("{{\"k\":{text}}}");
    let error = hcl1::parse(&more).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 1, column 82: an item has a key and at most 15 labels"
    );
}

#[test]
fn an_item_has_so_many_labels_and_no_more() {
    for end in [" {}", ": {}}"] {
        let text = |keys: usize| {
            let keys = "\"k\" ".repeat(keys);
            let open = if end == " {}" { "" } else { "{" };
            format!("{open}{keys}{end}")
        };
        assert!(hcl1::parse(&text(hcl1::MAX_KEYS)).is_ok());
        assert!(hcl1::parse(&text(hcl1::MAX_KEYS + 1)).is_err());
    }
}

#[test]
fn a_long_key_is_held_and_looked_at_once_for_all_blocks_below_it() {
    let leaves = (0..20_000)
        .map(|n| format!("\"l{n}\": {{}}"))
        .collect::<Vec<_>>();
    let key = "k".repeat(400_000);
    let text = format!("{{\"{key}\": {{{}}}}}", leaves.join(","));
    let start = Instant::now();
    let document = hcl1::parse(&text).unwrap();
    assert!(document.body.repeated_key().is_none());
    let items = &document.body.items;
    let first = |item: &hcl1::Item| Arc::clone(&item.keys[0].name);
    assert!(Arc::ptr_eq(&first(&items[0]), &first(&items[19_999])));
    assert!(start.elapsed() < LIMIT);
}
