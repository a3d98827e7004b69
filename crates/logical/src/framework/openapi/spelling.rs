//! Expands the pattern of a path to all its spellings. It follows Go's
//! `collectPathsFromRegexpAST` in `sdk/framework/openapi.go`, including the
//! order of the results, because operation ids depend on it.

use std::collections::BTreeSet;

use regex_syntax::ast::{Ast, GroupKind, RepetitionKind, parse::Parser};

/// Maximum number of spellings; a pattern with more is not documented.
const MOST_SPELLINGS: usize = 16;

/// One spelling of a path; `{name}` stands for a captured group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spelling {
    pub(super) text: String,
    pub(super) captured: BTreeSet<String>,
    /// Length of the text up to an optional trailing slash, or zero.
    slash: usize,
}

impl Spelling {
    fn followed_by(&self, end: &Self) -> Self {
        Self {
            text: format!("{}{}", self.text, end.text),
            captured: self.captured.union(&end.captured).cloned().collect(),
            slash: match end.slash {
                0 => self.slash,
                slash => self.text.len() + slash,
            },
        }
    }
}

/// All spellings of a path, without the trailing slash of lists. `None` if the
/// pattern cannot be documented.
pub(super) fn spellings(pattern: &str) -> Option<Vec<Spelling>> {
    let all = expand(&Parser::new().parse(pattern).ok()?)?;
    let mut seen = BTreeSet::new();
    let without =
        |spelling: &Spelling| spelling.slash == 0 || spelling.slash != spelling.text.len();
    let found = all.into_iter().filter(without);
    Some(
        found
            .filter(|spelling| seen.insert(spelling.text.clone()))
            .collect(),
    )
}

fn expand(ast: &Ast) -> Option<Vec<Spelling>> {
    let found = match ast {
        Ast::Empty(_) | Ast::Assertion(_) | Ast::Flags(_) => vec![Spelling::default()],
        Ast::Literal(literal) => vec![Spelling {
            text: literal.c.to_string(),
            ..Spelling::default()
        }],
        Ast::Group(group) => match &group.kind {
            GroupKind::CaptureName { name, .. } => vec![Spelling {
                text: format!("{{{}}}", name.name),
                captured: [name.name.clone()].into(),
                slash: 0,
            }],
            _ => expand(&group.ast)?,
        },
        Ast::Repetition(optional) if optional.op.kind == RepetitionKind::ZeroOrOne => {
            let mut found = vec![Spelling::default()];
            found.extend(expand(&optional.ast)?);
            if matches!(&*optional.ast, Ast::Literal(literal) if literal.c == '/') {
                found[1].slash = 1;
            }
            found
        }
        Ast::Alternation(choice) => {
            let choices = choice.asts.iter().map(expand);
            choices.collect::<Option<Vec<_>>>()?.concat()
        }
        Ast::Concat(parts) => {
            let mut found = vec![Spelling::default()];
            for part in &parts.asts {
                let next = expand(part)?;
                let longer = next
                    .iter()
                    .flat_map(|end| found.iter().map(|begin| begin.followed_by(end)));
                found = longer.collect();
                if found.len() > MOST_SPELLINGS {
                    return None;
                }
            }
            found
        }
        _ => return None,
    };
    (found.len() <= MOST_SPELLINGS).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::generic_name;

    fn check(pattern: &str, expected: &[&str]) {
        let found = spellings(pattern).unwrap();
        let texts: Vec<&str> = found.iter().map(|found| found.text.as_str()).collect();
        assert_eq!(texts, expected, "{pattern}");
    }

    #[test]
    fn a_pattern_is_every_way_to_write_it() {
        check("config", &["config"]);
        check("^roles?/?$", &["role", "roles"]);
        check("folder/", &["folder/"]);
        let name = generic_name("name");
        check(&format!("roles?/{name}"), &["role/{name}", "roles/{name}"]);
        check(
            &format!("(entry|loan)/{name}"),
            &["entry/{name}", "loan/{name}"],
        );
        check(
            &format!("(?:v1/)?{name}/(?P<rest>.*)"),
            &["{name}/{rest}", "v1/{name}/{rest}"],
        );
        check(
            "crl(/pem|/der(/full)?)?",
            &["crl", "crl/pem", "crl/der", "crl/der/full"],
        );
    }

    #[test]
    fn ways_to_write_a_path_come_in_gos_order() {
        check("(b|a)/(d|c)", &["b/d", "a/d", "b/c", "a/c"]);
    }

    #[test]
    fn a_pattern_that_no_document_can_say_has_no_spelling() {
        for pattern in ["a+", "[ab]c", "a?b?c?d?e?", "("] {
            assert_eq!(spellings(pattern), None, "{pattern}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_makes_the_expansion_panic(pattern in "([a-c/]|\\?|\\(|\\)|\\||\\{|\\}){0,40}") {
            let _ = spellings(&pattern);
        }
    }
}
