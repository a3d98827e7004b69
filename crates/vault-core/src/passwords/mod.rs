//! Password policies: how passwords are made that engines and clients ask for.
//! Pure.
//!
//! The language is Vault's (`sdk/random` in Vault): a length, and rules that
//! each give characters and how many of them a password has at least.

mod parse;

use logical::{Entropy, Error};
use zeroize::Zeroizing;

pub(crate) use self::parse::parse;
use crate::random;

/// How passwords are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordPolicy {
    length: usize,
    rules: Vec<CharsetRule>,
}

/// Characters that a password may have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CharsetRule {
    /// Each once.
    charset: Vec<char>,
    /// How many of them a password has at least.
    min_chars: usize,
}

impl PasswordPolicy {
    /// A password: from each rule as many characters as it needs, the rest from
    /// all, in random order.
    pub(crate) fn generate(&self, entropy: &dyn Entropy) -> Zeroizing<String> {
        let mut letters = Zeroizing::new(Vec::with_capacity(self.length));
        for rule in &self.rules {
            for _ in 0..rule.min_chars {
                letters.extend(choose(&rule.charset, entropy));
            }
        }
        let all = self.all_characters();
        while letters.len() < self.length {
            letters.extend(choose(&all, entropy));
        }
        for last in (1..letters.len()).rev() {
            let other = random::below(entropy, last + 1);
            letters.swap(last, other);
        }
        Zeroizing::new(letters.iter().collect())
    }

    /// The characters of all rules, each once.
    fn all_characters(&self) -> Vec<char> {
        let rules = self.rules.iter();
        unique(rules.flat_map(|rule| rule.charset.iter().copied()))
    }
}

fn choose(from: &[char], entropy: &dyn Entropy) -> Option<char> {
    from.get(random::below(entropy, from.len())).copied()
}

fn unique(letters: impl IntoIterator<Item = char>) -> Vec<char> {
    let mut letters: Vec<char> = letters.into_iter().collect();
    letters.sort_unstable();
    letters.dedup();
    letters
}

/// The error for a policy that is not one.
fn invalid(problem: impl std::fmt::Display) -> Error {
    Error::bad_request(format!("invalid password policy: {problem}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use virtual_world::SeededEntropy;

    use super::*;

    fn made(policy: &str) -> String {
        let policy = parse(policy).unwrap();
        policy.generate(&SeededEntropy::new(1)).to_string()
    }

    #[test]
    fn a_password_has_its_length_and_what_each_rule_needs() {
        let password = made(
            r#"
                length = 20
                rule "charset" { charset = "abc" }
                rule "charset" { charset = "123" min-chars = 7 }
                rule "charset" { charset = "-" min-chars = 1 }
            "#,
        );
        let count = |letters: &str| {
            password
                .chars()
                .filter(|&one| letters.contains(one))
                .count()
        };
        assert_eq!((password.chars().count(), count("abc123-")), (20, 20));
        assert!(count("123") >= 7 && count("-") >= 1, "{password}");
        assert!(!password.starts_with("123"), "they are mixed: {password}");
    }

    #[test]
    fn every_character_is_equally_likely_in_every_place() {
        let policy = parse("length = 4\nrule \"charset\" { charset = \"aabc\" }").unwrap();
        let entropy = SeededEntropy::new(1);
        let mut counts = std::collections::HashMap::new();
        for _ in 0..30_000 {
            for place in policy.generate(&entropy).chars().enumerate() {
                *counts.entry(place).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.len(), 12);
        for (place, count) in counts {
            assert!((9_000..11_000).contains(&count), "{place:?}: {count}");
        }
    }

    proptest! {
        #[test]
        fn no_policy_makes_a_password_that_breaks_it(
            length in 4_usize..=100,
            needed in proptest::collection::vec(0_usize..30, 1..4),
        ) {
            let charsets = ["abcdef", "0123456789", "äöü-"];
            let rules: Vec<String> = needed.iter().zip(charsets).map(|(least, charset)| {
                format!("rule \"charset\" {{ charset = {charset:?} min-chars = {least} }}")
            }).collect();
            let rules = rules.join("\n");
            let parsed = parse(&format!("length = {length}\n{rules}"));
            let is_possible = needed.iter().take(3).sum::<usize>() <= length;
            prop_assert_eq!(parsed.is_ok(), is_possible);
            if let Ok(policy) = parsed {
                let password = policy.generate(&SeededEntropy::new(1));
                prop_assert_eq!(password.chars().count(), length);
                for (least, charset) in needed.iter().zip(charsets) {
                    let had = password.chars().filter(|one| charset.contains(*one)).count();
                    prop_assert!(had >= *least);
                }
            }
        }
    }
}
