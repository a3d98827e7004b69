//! The pages of rules and of promises: every rule of `lifecycle.md` and every promise
//! of the server has a row, every row names tests or says why there are none, and every
//! named test exists. A source that cites a rule cites one that is there.

use std::collections::BTreeSet;

use super::{File, Finding};

/// Where the page is.
pub(super) const PAGE: &str = "docs/contributing/rules.md";

/// Where the promises of the server are, and how many there are.
pub(super) const PROMISES: &str = "docs/contributing/promises.md";
const PROMISE_COUNT: u32 = 15;

/// Where the rules are.
pub(super) const LIFECYCLE: &str = "docs/contributing/lifecycle.md";

/// How a source cites it. The numbers follow.
const CITATION: &str = "`lifecycle.md`,";

/// The prefix of a row without tests.
const NOT_YET: &str = "not yet: ";

/// Checks the page against the rules and the names of functions in the sources, and
/// the citations in the sources against the rules.
pub(super) fn check(page: Option<&File>, lifecycle: Option<&File>, files: &[File]) -> Vec<Finding> {
    let (Some(page), Some(lifecycle)) = (page, lifecycle) else {
        let missing = if page.is_none() { PAGE } else { LIFECYCLE };
        let problem = "the page of rules is missing";
        return vec![Finding::new(missing, problem, "write it again")];
    };
    let rules = numbers(&lifecycle.text);
    let mut findings = check_rows(page, &rules, files);
    for file in files.iter().filter(|file| file.is_rust()) {
        for (line, number) in cited(&file.text) {
            if !rules.contains(&number) {
                let problem = format!("rule {number} is cited, and {LIFECYCLE} has none");
                findings.push(Finding::new(
                    file.at(line),
                    problem,
                    "cite the rule by its number there",
                ));
            }
        }
    }
    findings
}

/// Checks the page of promises against the names of functions in the sources.
pub(super) fn check_promises(page: Option<&File>, files: &[File]) -> Vec<Finding> {
    let Some(page) = page else {
        let problem = "the page of promises is missing";
        return vec![Finding::new(PROMISES, problem, "write it again")];
    };
    let mut findings = Vec::new();
    let names = (1..=PROMISE_COUNT).map(|number| format!("P{number}"));
    check_tests(page, names, files, &mut findings);
    findings
}

fn check_rows(page: &File, rules: &BTreeSet<u32>, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in page.text.lines().enumerate() {
        let Some(row) = Row::read(line) else { continue };
        if row.name.parse().is_ok_and(|rule| !rules.contains(&rule)) {
            let problem = format!("{LIFECYCLE} has no rule {}", row.name);
            let remedy = "write the rule, or remove the row";
            findings.push(Finding::new(page.at(number + 1), problem, remedy));
        }
    }
    let rules = rules.iter().map(u32::to_string);
    let defects = (1..=38).map(|defect| format!("D{defect:02}"));
    check_tests(page, rules.chain(defects), files, &mut findings);
    findings
}

/// Checks that each name has a row, and that each row names tests that exist.
fn check_tests(
    page: &File,
    names: impl Iterator<Item = String>,
    files: &[File],
    findings: &mut Vec<Finding>,
) {
    let tests = tests(files);
    let mut seen = BTreeSet::new();
    for (number, line) in page.text.lines().enumerate() {
        let Some(row) = Row::read(line) else { continue };
        seen.insert(row.name);
        for (problem, remedy) in row.problems(&tests) {
            findings.push(Finding::new(page.at(number + 1), problem, remedy));
        }
    }
    for missing in names.filter(|name| !seen.contains(name.as_str())) {
        let problem = format!("`{missing}` has no row");
        findings.push(Finding::new(
            page.path.display(),
            problem,
            "add one with its tests",
        ));
    }
}

/// The numbers of the rules: `7. The marker …`.
fn numbers(lifecycle: &str) -> BTreeSet<u32> {
    let numbers = lifecycle
        .lines()
        .filter_map(|line| line.split_once(". ")?.0.parse().ok());
    numbers.collect()
}

/// The rules that a source cites, each with its line: `lifecycle.md`, 32 to 36, 43.
fn cited(source: &str) -> Vec<(usize, u32)> {
    let mut cited = Vec::new();
    for (at, _) in source.match_indices(CITATION) {
        let line = source[..at].matches('\n').count() + 1;
        let words = source[at + CITATION.len()..]
            .split_whitespace()
            .filter(|word| !matches!(*word, "///" | "//!" | "//"));
        for word in words {
            let number = word.trim_end_matches(|mark: char| !mark.is_ascii_digit());
            if let Ok(number) = number.parse() {
                cited.push((line, number));
            } else if !matches!(word, "and" | "to") {
                break;
            }
            if word.contains(')') {
                break;
            }
        }
    }
    cited
}

/// A rule or a defect, with what is said of its tests.
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

    const LIFE: &str = "# Rules\n1. **One** entry.\nMore of it.\n2. Two.\n3. Three.\n57. Last.\n";

    fn findings_of(rows: &str, source: &str) -> Vec<String> {
        let page = File::new(PAGE, rows);
        let life = File::new(LIFECYCLE, LIFE);
        let sources = [File::new("crates/x/src/lib.rs", source)];
        let found = check(Some(&page), Some(&life), &sources);
        found.iter().map(ToString::to_string).collect()
    }

    fn rows() -> String {
        let rules =
            [1, 2, 3, 57].map(|rule| format!("| {rule} | words | `it_holds`, `it_waits` |"));
        let defects = (1..=38).map(|defect| format!("| D{defect:02} | words | `it_holds` |"));
        let rows: Vec<String> = rules.into_iter().chain(defects).collect();
        rows.join("\n")
    }

    fn findings(extra: &str) -> Vec<String> {
        findings_of(&format!("{}\n{extra}", rows()), SOURCE)
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
        let found = findings_of("| 1 | words | `it_holds` |", SOURCE);
        assert_eq!(found.len(), 3 + 38);
        assert!(found.iter().any(|found| found.contains("`57` has no row")));
        let page = File::new(PAGE, &rows());
        assert_eq!(check(None, Some(&page), &[]).len(), 1);
        assert_eq!(check(Some(&page), None, &[]).len(), 1);
    }

    #[test]
    fn a_promise_without_a_row_is_found() {
        let sources = [File::new("crates/x/src/lib.rs", SOURCE)];
        let page = File::new(PROMISES, "| P3 | words | `it_holds` |");
        assert_eq!(check_promises(Some(&page), &sources).len(), 14);
        assert_eq!(check_promises(None, &sources).len(), 1);
    }

    #[test]
    fn a_row_without_a_rule_is_found() {
        assert!(findings("| 4 | words | `it_holds` |")[0].contains("no rule 4"));
    }

    #[test]
    fn a_citation_of_a_rule_that_is_not_there_is_found() {
        // Spelled out it would be found in this file.
        let found = |source: &str| {
            let source = source.replace("CITED", CITATION);
            findings_of(&rows(), &format!("{SOURCE}{source}\n"))
        };
        let sources = [
            "/// Stops (CITED 99).",
            "/// Stops (CITED 1 and 99).",
            "/// Stops (CITED 2 to 99).",
            "/// Stops (CITED 1, 2, 99), as 4 more.",
            "    //! Stops (CITED\n    //! 99).",
        ];
        for source in sources {
            let found = found(source);
            assert_eq!(found.len(), 1, "{source}: {found:?}");
            assert!(found[0].contains("rule 99"), "{found:?}");
        }
        for source in [
            "/// Stops (CITED 1 to 3, 57 and 2), 99 times.",
            "/// By CITED \"Whether a key works\", 99.",
        ] {
            let found = found(source);
            assert_eq!(found, Vec::<String>::new(), "{source}");
        }
    }
}
