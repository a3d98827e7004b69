//! Names of policies in requests: cleaned, compared, inherited.

use crate::policies::{DEFAULT, ROOT};

/// Names in the form in which they are kept: lower case, each once, sorted.
/// `root` is alone, since it allows everything.
pub(crate) fn clean(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let names = names.into_iter();
    let mut names: Vec<String> = names
        .map(|name| name.as_ref().trim().to_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.iter().any(|name| name == ROOT) {
        return vec![ROOT.to_owned()];
    }
    names
}

/// The same with `default`, unless it is `root`.
pub(crate) fn with_default(mut names: Vec<String>) -> Vec<String> {
    let needs_none = |name: &String| name == ROOT || name == DEFAULT;
    if !names.iter().any(needs_none) {
        names.push(DEFAULT.to_owned());
        names.sort_unstable();
    }
    names
}

/// Whether every name is among the allowed ones.
pub(crate) fn is_subset(names: &[String], allowed: &[String]) -> bool {
    names.iter().all(|name| allowed.contains(name))
}

/// Whether a name matches a pattern, in which `*` stands for any text.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(found) = left.find(part) else {
            return false;
        };
        left = &left[found + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_folded_sorted_and_root_is_alone() {
        assert_eq!(clean(["B", " a ", "", "b"]), ["a", "b"]);
        assert_eq!(clean(["a", "Root"]), ["root"]);
        assert_eq!(with_default(clean(["zoo"])), ["default", "zoo"]);
        assert_eq!(with_default(clean(["root"])), ["root"]);
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, expected) in [
            ("te*", "test", true),
            ("te*", "tes", true),
            ("te*t", "test", true),
            ("te*t", "tes", false),
            ("*a*b*", "xaxxbx", true),
            ("*a*b", "xbxa", false),
            ("test", "test", true),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_as_a_regular_expression_does(
            pattern in "[ab*]{0,6}",
            name in "[ab]{0,6}",
        ) {
            let mut memo = vec![false; name.len() + 1];
            memo[0] = true;
            for letter in pattern.chars() {
                let mut next = vec![false; name.len() + 1];
                for (at, reached) in memo.iter().enumerate().filter(|(_, reached)| **reached) {
                    let _ = reached;
                    if letter == '*' {
                        next[at..].fill(true);
                    } else if name[at..].starts_with(letter) {
                        next[at + 1] = true;
                    }
                }
                memo = next;
            }
            prop_assert_eq!(matches(&pattern, &name), memo[name.len()]);
        }
    }
}
