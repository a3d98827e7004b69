//! What differs from run to run, replaced so that a page stays the same.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Kinds of values that differ, and what the first, the second and so on of
/// each is called.
const KINDS: [(&str, &[&str]); 10] = [
    (
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        &["0f0f0f0f-1111-2222-3333-444444444444"],
    ),
    (r"\bcflt[A-Za-z0-9+/]{60}", &["cflt…"]),
    (
        r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
        &["2026-11-26T10:00:00Z"],
    ),
    (
        r"\b[A-Za-z0-9]{24}\b",
        &[
            "VLGJlWWu5NGfn1KIhPYddwwF",
            "rrPHjaHvQASdV0Jy1x7W80HI",
            "QQoaVbr8V45CDLIHx0i0U1Ow",
        ],
    ),
    (r"\b[A-Z2-7]{26}\b", &["MARKERMARKERMARKERMARKER22"]),
    (r"\b[A-Z2-7]{13}\b", &["STORAGEID2345"]),
    (
        r"\b[A-Z2-7]{16}\b",
        &[
            "K7Q2M4ZB6RXN3TWD",
            "EDS4PQWPRM75URX6",
            "X5LKJSXNHNWAIFK5",
            "ZSPQ5U54NDG6X27K",
            "H3TN6WQ4PXVB2LKD",
            "QWL6JZ2T7VAD3XNE",
        ],
    ),
    // How long something takes still.
    (r"\babout \d+ s more", &["about 110 s more"]),
    // The accessor of a token, as the engine keeps it.
    (r"\b[0-9a-f]{16}\b", &["0123456789abcdef"]),
    (r"\bsa-[a-z0-9]{6}\b", &["sa-abc123", "sa-def456"]),
];

static DIFFERENT: LazyLock<Regex> = LazyLock::new(|| {
    let kinds = KINDS.map(|(pattern, _)| format!("({pattern})"));
    Regex::new(&kinds.join("|")).unwrap()
});

/// What values are called on the pages.
#[derive(Default)]
pub(super) struct Stable {
    /// `{NAME}` in a sample, and the value of this run.
    named: Vec<(String, String)>,
    shown: BTreeMap<String, String>,
    /// How many of a kind were seen.
    seen: [usize; KINDS.len()],
}

impl Stable {
    /// Names a value, and says how pages show it.
    pub(super) fn name(&mut self, name: &str, real: &str, shown: &str) {
        self.named.push((format!("{{{name}}}"), real.to_owned()));
        self.shown.insert(real.to_owned(), shown.to_owned());
    }

    /// A sample's text with the values of this run.
    pub(super) fn real(&self, text: &str) -> String {
        let named = self.named.iter().rev();
        named.fold(text.to_owned(), |text, (name, real)| {
            text.replace(name, real)
        })
    }

    /// A text of this run as pages show it.
    pub(super) fn shown(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        // The longest first: one may be a part of another.
        let mut known: Vec<(&String, &String)> = self.shown.iter().collect();
        known.sort_by_key(|(real, _)| std::cmp::Reverse(real.len()));
        for (real, shown) in known {
            text = text.replace(real.as_str(), shown);
        }
        let names: Vec<&str> = KINDS
            .iter()
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        let (all, seen) = (&mut self.shown, &mut self.seen);
        let replaced = DIFFERENT.replace_all(&text, |found: &Captures<'_>| {
            let real = &found[0];
            if names.contains(&real) {
                return real.to_owned();
            }
            let kind = (0..KINDS.len())
                .find(|kind| found.get(kind + 1).is_some())
                .unwrap();
            let (_, names) = KINDS[kind];
            let known = all.entry(real.to_owned()).or_insert_with(|| {
                let name = names[seen[kind].min(names.len() - 1)];
                seen[kind] += 1;
                name.to_owned()
            });
            known.clone()
        });
        replaced.into_owned()
    }
}
