//! From paths to trees.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::expression::{self, Expression};
use super::node::{Node, Parsed};
use crate::configuration::place::{Place, Problem};

/// The largest file that is read. A policy of a megabyte is far below.
const LIMIT: usize = 64 * 1024 * 1024;

/// One file, parsed.
pub struct Source {
    pub(crate) root: Node,
    pub(super) expressions: Vec<Expression>,
    /// What paths in `${file "…"}` are relative to.
    pub(super) folder: PathBuf,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// Reads files, and of folders the files that end in `.yaml`, `.yml` or `.json`,
/// by name. `-` is what `standard_input` returns.
///
/// # Errors
/// What cannot be read or is neither YAML nor JSON, with file and line.
pub fn read(
    paths: &[PathBuf],
    standard_input: impl Fn() -> std::io::Result<String>,
) -> Result<Vec<Source>, Vec<Problem>> {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        let read = if path.as_os_str() == "-" {
            let text = standard_input();
            text.map_err(|error| Problem::general(format!("cannot read standard input: {error}")))
                .and_then(|text| parse(&"-".into(), &text, Path::new(".")))
                .map(|source| vec![source])
        } else {
            files_of(path).and_then(|files| files.iter().map(|file| read_file(file)).collect())
        };
        match read {
            Ok(read) => sources.extend(read),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(sources)
    } else {
        Err(problems)
    }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let failed = |error| Problem::general(format!("cannot read `{}`: {error}", path.display()));
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let is_ours = file
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if is_ours && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        let text = "has no file that ends in `.yaml`, `.yml` or `.json`";
        return Err(Problem::general(format!("`{}` {text}", path.display())));
    }
    files.sort();
    Ok(files)
}

fn read_file(path: &Path) -> Result<Source, Problem> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Problem::general(format!("cannot read `{}`: {error}", path.display())))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    parse(&path.to_string_lossy().into(), &text, folder)
}

pub(super) fn parse(file: &Arc<str>, text: &str, folder: &Path) -> Result<Source, Problem> {
    if text.len() > LIMIT {
        let text = format!("the file is larger than {} MiB", LIMIT / 1024 / 1024);
        return Err(Place::new(file, 1).problem(text));
    }
    let mut expressions = Vec::new();
    let marked = expression::mark(file, text, &mut expressions)?;
    let mut options = serde_saphyr::Options::default();
    // Neither YAML's octal numbers nor `yes` and `no`: they are texts.
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options.with_snippet = false;
    let parsed: Parsed =
        serde_saphyr::from_str_with_options(&marked, options).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            Place::new(file, line).problem(reason(&error.to_string()))
        })?;
    Ok(Source {
        root: parsed.in_file(file),
        expressions,
        folder: folder.to_owned(),
    })
}

/// The parser's reason on one line, without the place that is told before it.
fn reason(text: &str) -> String {
    let first = text.lines().next().unwrap_or(text);
    let first = first.strip_prefix("error: ").unwrap_or(first);
    format!("no YAML: {first}")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::node::Content;
    use super::*;

    fn check(text: &str) -> Result<Node, String> {
        let parsed = parse(&"f.yaml".into(), text, Path::new("."));
        parsed
            .map(|source| source.root)
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn every_value_knows_its_line() {
        let root = check("a: 1\nb:\n  - x\n  - y: 2\n").unwrap();
        let members = root.members("it").unwrap();
        assert_eq!(members[0].1.place.to_string(), "f.yaml:1");
        let items = members[1].1.items("it").unwrap();
        assert_eq!(items[0].place.to_string(), "f.yaml:3");
        let inner = &items[1].members("it").unwrap()[0].1;
        assert_eq!(inner.place.to_string(), "f.yaml:4");
    }

    #[test]
    fn json_is_read_as_it_is() {
        let root = check("{\"a\": [true, null, -1, \"007\"], \"b\": {\"c\": 1.5}}").unwrap();
        let expected = serde_json::json!({"a": [true, null, -1, "007"], "b": {"c": 1.5}});
        assert_eq!(root.json(), expected);
    }

    #[test]
    fn words_and_numbers_of_old_yaml_are_text() {
        let root = check("[yes, no, on, 010, 1_000, 1h]").unwrap();
        for item in root.items("it").unwrap() {
            assert!(matches!(item.content, Content::Text(_)), "{item:?}");
        }
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        for (text, line) in [("a:\n\tb: 2\n", 2), ("a: [1\n", 1), ("a: 1\na: 2\n", 2)] {
            let error = check(text).unwrap_err();
            let place = |line: u64| format!("f.yaml:{line}: no YAML: ");
            let expected = [line, line + 1].map(place);
            assert!(
                expected.iter().any(|place| error.starts_with(place)),
                "{error}"
            );
        }
    }

    #[test]
    fn anchors_are_followed_and_a_bomb_of_them_is_refused() {
        let root = check("a: &x {b: 1}\nc: *x\n").unwrap();
        assert_eq!(
            root.json(),
            serde_json::json!({"a": {"b": 1}, "c": {"b": 1}})
        );
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..12 {
            let before = format!("*a{}", n - 1);
            let items = [before.as_str(); 10].join(",");
            let _ = writeln!(bomb, "a{n}: &a{n} [{items}]");
        }
        check(&bomb).unwrap_err();
    }
}
