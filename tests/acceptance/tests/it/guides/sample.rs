//! What a page shows against what a command printed. Ids, secrets and times
//! differ by nature: the first time that the page shows one, it stands for what
//! was printed in its place; from then on it must be that, also in commands.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What differs by nature. The first of the alternatives that matches counts.
const KINDS: [(&str, &str); 9] = [
    ("a token", r"\bhvs\.[A-Za-z0-9]{24}"),
    ("a secret", r"\bcflt[A-Za-z0-9+/]{60}"),
    ("a SHA-256", r"\b[0-9a-f]{64}\b"),
    (
        "a UUID",
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    ),
    ("a time", r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"),
    ("the end of a lease id", r"\b[A-Za-z0-9]{24}\b"),
    (
        "a marker or storage id",
        r"\b(?:[A-Z2-7]{26}|[A-Z2-7]{13})\b",
    ),
    ("a key id", r"\b[A-Z2-7]{16}\b"),
    (
        "an id at Confluent",
        r"\b(?:sa|u|env|lkc|lsrc|lksqlc)-[a-z0-9]{6}\b",
    ),
];
/// In a page: anything, and in a line of its own any lines.
const ANYTHING: &str = "…";

static BY_NATURE: LazyLock<Regex> = LazyLock::new(|| {
    let kinds = KINDS.map(|(_, pattern)| format!("({pattern})"));
    Regex::new(&kinds.join("|")).unwrap()
});

/// What the values of a page stand for.
#[derive(Debug, Default)]
pub(super) struct Meanings(BTreeMap<String, String>);

impl Meanings {
    /// Says what a value of the page stands for.
    pub(super) fn set(&mut self, shown: &str, real: &str) {
        self.0.insert(shown.to_owned(), real.to_owned());
    }

    /// What a value of the page stands for.
    pub(super) fn get(&self, shown: &str) -> &str {
        let found = self.0.get(shown);
        found.unwrap_or_else(|| panic!("the page never showed {shown}"))
    }

    /// A command with real values. What nothing printed before stays.
    pub(super) fn real(&self, command: &str) -> String {
        let real = BY_NATURE.replace_all(command, |found: &Captures<'_>| {
            let shown = &found[0];
            self.0.get(shown).map_or(shown, String::as_str).to_owned()
        });
        real.into_owned()
    }

    /// Whether `printed` is what the page shows; learns what its values mean.
    pub(super) fn accept(&mut self, shown: &[String], printed: &str) -> bool {
        let mut names = Vec::new();
        let mut pattern = String::from(r"(?s)\A");
        let lines = shown.iter().map(|line| line.trim_end());
        let lines: Vec<&str> = lines.skip_while(|line| line.is_empty()).collect();
        let end = lines.iter().rposition(|line| !line.is_empty());
        for line in &lines[..end.map_or(0, |end| end + 1)] {
            if line.trim() == ANYTHING {
                pattern.push_str(r"(?:[^\n]*\n)*?");
            } else {
                self.line(line, &mut pattern, &mut names);
                pattern.push_str(r"\n");
            }
        }
        pattern.push_str(r"\z");
        let printed = without_padding(printed);
        let Some(found) = Regex::new(&pattern).unwrap().captures(&printed) else {
            return false;
        };
        for (index, name) in names.iter().enumerate() {
            let real = found[index + 1].to_owned();
            // A value that the page shows twice in one answer is one value.
            if self.0.get(name).is_some_and(|known| *known != real) {
                return false;
            }
            self.0.insert(name.clone(), real);
        }
        true
    }

    /// Adds a line's pattern, and the names of what it captures.
    fn line(&self, line: &str, pattern: &mut String, names: &mut Vec<String>) {
        let line = without_padding(line);
        let line = line.trim_end_matches('\n');
        let mut rest = 0;
        for found in BY_NATURE.captures_iter(line) {
            let whole = found.get(0).unwrap();
            literal(&line[rest..whole.start()], pattern);
            rest = whole.end();
            if let Some(real) = self.0.get(whole.as_str()) {
                pattern.push_str(&regex::escape(real));
                continue;
            }
            let kind = (0..KINDS.len()).find(|kind| found.get(kind + 1).is_some());
            let (_, of_kind) = KINDS[kind.unwrap()];
            pattern.extend(["(", of_kind, ")"]);
            names.push(whole.as_str().to_owned());
        }
        literal(&line[rest..], pattern);
    }
}

fn literal(text: &str, pattern: &mut String) {
    let parts: Vec<String> = text.split(ANYTHING).map(regex::escape).collect();
    pattern.push_str(&parts.join(r"[^\n]*"));
}

/// Columns are as wide as their widest value, which differs: one space stands
/// for several, and one dash for the line under a heading.
fn without_padding(text: &str) -> String {
    static PADDING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r" {2,}|-{3,}").unwrap());
    let lines = text.lines().map(|line| {
        let line = PADDING.replace_all(line.trim_end(), |found: &Captures<'_>| {
            found[0][..1].to_owned()
        });
        line.into_owned() + "\n"
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_value_means_what_was_printed_in_its_place_from_then_on() {
        let mut meanings = Meanings::default();
        assert!(meanings.accept(
            &lines("key_id    5C5HAKKCXVTUCIM3"),
            "key_id  EDS4PQWPRM75URX6\n"
        ));
        assert_eq!(
            meanings.real("delete keys/5C5HAKKCXVTUCIM3"),
            "delete keys/EDS4PQWPRM75URX6"
        );
        assert!(meanings.accept(&lines("5C5HAKKCXVTUCIM3"), "EDS4PQWPRM75URX6\n"));
        assert!(!meanings.accept(&lines("5C5HAKKCXVTUCIM3"), "X5LKJSXNHNWAIFK5\n"));
    }

    #[test]
    fn what_does_not_differ_by_nature_must_be_equal() {
        let mut meanings = Meanings::default();
        assert!(!meanings.accept(&lines("version v0.1.0"), "version v0.0.9\n"));
        assert!(!meanings.accept(&lines("one"), "one\ntwo\n"));
        assert!(!meanings.accept(&lines("one\ntwo"), "one\n"));
        assert!(!meanings.accept(&[], "something\n"));
        assert!(meanings.accept(&[], ""));
    }

    #[test]
    fn dots_stand_for_anything() {
        let mut meanings = Meanings::default();
        assert!(meanings.accept(&lines("one\n…\nfour"), "one\ntwo\nthree\nfour\n"));
        assert!(meanings.accept(&lines("one\n…"), "one\n"));
        assert!(meanings.accept(&lines("a … d"), "a b c d\n"));
        assert!(!meanings.accept(&lines("a … d\n…"), "a b\nc d\n"));
    }
}
