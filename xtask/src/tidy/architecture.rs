//! ARCHITECTURE.md has a row for every crate, and none for a crate that was removed.

use super::{File, Finding};

/// Compares the folders of `crates/` with the table of the page.
pub(super) fn check(crates: &[String], page: Option<&File>) -> Vec<Finding> {
    let Some(page) = page else {
        return vec![Finding::new(
            "ARCHITECTURE.md",
            "the page is missing",
            "write it, with a table of the crates",
        )];
    };
    let rows: Vec<(usize, &str)> = rows(&page.text).collect();
    let missing = crates
        .iter()
        .filter(|name| !rows.iter().any(|(_, row)| row == name))
        .map(|name| {
            Finding::new(
                "ARCHITECTURE.md",
                format!("the table has no row for `{name}`"),
                "add a row: what the crate is and what it may use",
            )
        });
    let stale = rows
        .iter()
        .filter(|(_, row)| !crates.iter().any(|name| name == row))
        .map(|(line, row)| {
            Finding::new(
                page.at(*line),
                format!("there is no crate `{row}`"),
                "remove the row",
            )
        });
    missing.chain(stale).collect()
}

/// The rows that begin with a name in back quotes: line and name.
fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some((index + 1, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(crates: &[&str], page: Option<&str>) -> Vec<String> {
        let crates: Vec<String> = crates.iter().map(ToString::to_string).collect();
        let page = page.map(|text| File::new("ARCHITECTURE.md", text));
        let findings = check(&crates, page.as_ref());
        findings
            .into_iter()
            .map(|finding| finding.problem)
            .collect()
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(
            problems(&["engine", "logical"], Some("| `logical` | words |\n")),
            ["the table has no row for `engine`"]
        );
    }

    #[test]
    fn a_row_without_a_crate_is_found() {
        assert_eq!(
            problems(&[], Some("| crate | what |\n| `gone` | was here |\n")),
            ["there is no crate `gone`"]
        );
    }

    #[test]
    fn a_missing_page_is_found() {
        assert_eq!(problems(&[], None), ["the page is missing"]);
    }
}
