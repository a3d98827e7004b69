//! The pages of rules and of promises: every rule and every promise has a row, every
//! row names tests or says why there are none, and every named test exists.

use std::collections::BTreeSet;

use super::{File, Finding};

/// Where the rules of a credential's life are.
pub(super) const RULES: Page = Page {
    path: "docs/contributing/rules.md",
    names: rules,
};
/// Where the promises of the server are.
pub(super) const PROMISES: Page = Page {
    path: "docs/contributing/promises.md",
    names: promises,
};

/// A page with a table of names and tests.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) path: &'static str,
    /// The names that have a row.
    names: fn() -> Vec<String>,
}

/// The rules of the engine, and the defects that it must not have.
fn rules() -> Vec<String> {
    let rules = (1..=31).map(|rule| rule.to_string());
    let defects = (1..=38).map(|defect| format!("D{defect:02}"));
    rules.chain(defects).collect()
}

fn promises() -> Vec<String> {
    (1..=15).map(|promise| format!("P{promise}")).collect()
}

/// The prefix of a row without tests.
const NOT_YET: &str = "not yet: ";

/// Checks a page against the names of functions in the sources.
pub(super) fn check(page: Page, file: Option<&File>, files: &[File]) -> Vec<Finding> {
    let Page { path, names } = page;
    let Some(page) = file else {
        let problem = "the page is missing";
        return vec![Finding::new(path, problem, "write it again")];
    };
    let tests = tests(files);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, line) in page.text.lines().enumerate() {
        let Some(row) = Row::read(line) else { continue };
        seen.insert(row.name);
        findings.extend(
            row.problems(&tests)
                .map(|(problem, remedy)| Finding::new(page.at(number + 1), problem, remedy)),
        );
    }
    for missing in names().iter().filter(|name| !seen.contains(name.as_str())) {
        let problem = format!("`{missing}` has no row");
        findings.push(Finding::new(path, problem, "add one with its tests"));
    }
    findings
}

/// A rule, a defect or a promise, with what is said of its tests.
struct Row<'a> {
    name: &'a str,
    tests: &'a str,
}

impl<'a> Row<'a> {
    /// The row of a line of a table, unless it is a heading.
    fn read(line: &'a str) -> Option<Self> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, _, tests, _] = cells[..] else {
            return None;
        };
        let digits = name.strip_prefix(['D', 'P']).unwrap_or(name);
        let is_name = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_name.then_some(Self { name, tests })
    }

    fn problems(
        &self,
        known: &BTreeSet<&str>,
    ) -> impl Iterator<Item = (String, &'static str)> + use<'a> {
        let reason = self.tests.strip_prefix(NOT_YET);
        if reason.is_some_and(|reason| !reason.is_empty()) {
            return Vec::new().into_iter();
        }
        let named: Vec<&str> = self.tests.split('`').skip(1).step_by(2).collect();
        let mut problems = Vec::new();
        if named.is_empty() {
            let problem = format!("`{}` names no test", self.name);
            problems.push((problem, "name one, or say `not yet: ` and why"));
        }
        for test in named.into_iter().filter(|test| !known.contains(test)) {
            let problem = format!("test `{test}` of `{}` does not exist", self.name);
            problems.push((problem, "name the test as it is called now"));
        }
        problems.into_iter()
    }
}

/// The names of all functions that stand after an attribute of a test.
fn tests(files: &[File]) -> BTreeSet<&str> {
    let mut tests = BTreeSet::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let mut follows = false;
        for line in file.text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                follows = true;
                continue;
            }
            let name = line
                .trim_start_matches("async ")
                .strip_prefix("fn ")
                .and_then(|rest| rest.split('(').next());
            if let (true, Some(name)) = (follows, name) {
                tests.insert(name);
                follows = false;
            }
        }
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "#[test]\nfn it_holds() {}\n#[tokio::test(start_paused = true)]\nasync fn \
                          it_waits() {}\nfn no_test() {}\n";

    fn findings(extra: &str) -> Vec<String> {
        let rules = (1..=31).map(|rule| format!("| {rule} | words | `it_holds`, `it_waits` |"));
        let defects = (1..=38).map(|defect| format!("| D{defect:02} | words | `it_holds` |"));
        let mut lines: Vec<String> = rules.chain(defects).collect();
        lines.push(extra.to_owned());
        let page = File::new(RULES.path, &lines.join("\n"));
        let sources = [File::new("crates/x/src/lib.rs", SOURCE)];
        let found = check(RULES, Some(&page), &sources);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_page_whose_tests_exist_is_fine() {
        assert_eq!(findings("| rule | what | tests |"), Vec::<String>::new());
        assert_eq!(
            findings("| 3 | w | not yet: not built |"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        assert!(findings("| 3 | words | `it_flies` |")[0].contains("it_flies"));
        assert!(findings("| 3 | words | `no_test` |")[0].contains("no_test"));
    }

    #[test]
    fn a_row_without_tests_is_found() {
        assert!(findings("| 3 | words | |")[0].contains("names no test"));
        assert!(findings("| 3 | words | not yet: |")[0].contains("names no test"));
    }

    #[test]
    fn a_rule_without_a_row_is_found() {
        let page = File::new(RULES.path, "| 1 | words | `it_holds` |");
        let sources = [File::new("crates/x/src/lib.rs", SOURCE)];
        let found = check(RULES, Some(&page), &sources);
        assert_eq!(found.len(), 30 + 38);
        assert_eq!(check(RULES, None, &sources).len(), 1);
        let page = File::new(PROMISES.path, "| P3 | words | `it_holds` |");
        assert_eq!(check(PROMISES, Some(&page), &sources).len(), 14);
    }
}
