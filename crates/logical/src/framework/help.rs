//! The texts of `path-help`: the same sections as Vault's, from the table.

use std::fmt::Write as _;

use super::Path;

/// Help of the whole engine.
pub(super) fn root<S>(description: &str, paths: &[Path<S>]) -> String {
    let mut rows: Vec<(String, &str)> = paths
        .iter()
        .map(|path| (anchored(&path.pattern), path.synopsis))
        .collect();
    rows.sort();
    let mut text = format!(
        "## DESCRIPTION\n\n{}\n\n## PATHS\n\nThe paths of this engine, as regular expressions. For the \
         help of one path, ask for the help of a request that matches it.\n",
        description.trim()
    );
    for (pattern, synopsis) in rows {
        let _ = write!(text, "\n    {pattern}\n        {synopsis}\n");
    }
    text
}

/// Help of one path for a request to it.
pub(super) fn path<S>(request: &str, path: &Path<S>) -> String {
    let mut text = format!(
        "Request:        {request}\nMatching Route: {}\n\n{}\n",
        anchored(&path.pattern),
        path.synopsis
    );
    if !path.fields.is_empty() {
        let mut fields: Vec<_> = path.fields.iter().collect();
        fields.sort_by_key(|field| field.name);
        text.push_str("\n## PARAMETERS\n");
        for field in fields {
            let _ = write!(
                text,
                "\n    {} ({})\n        {}{}\n",
                field.name,
                field.kind.label(),
                if field.deprecated {
                    "(DEPRECATED) "
                } else {
                    ""
                },
                field.description
            );
        }
    }
    if !path.description.is_empty() {
        let _ = write!(text, "\n## DESCRIPTION\n\n{}\n", path.description.trim());
    }
    text
}

pub(super) fn anchored(pattern: &str) -> String {
    let head = if pattern.starts_with('^') { "" } else { "^" };
    let tail = if pattern.ends_with('$') { "" } else { "$" };
    format!("{head}{pattern}{tail}")
}
