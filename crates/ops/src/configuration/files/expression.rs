//! `${…}`: found in the text of a file before YAML is parsed, as bank-vaults does,
//! so that `password: "${env "DB_PASSWORD"}"` is what it looks like.
//!
//! Each expression is replaced by a mark that means nothing to YAML; the mark is
//! replaced by the value when the tree is expanded.

use std::sync::Arc;

use crate::configuration::place::{Place, Problem};

/// Around the number of an expression. Both are characters for private use, which
/// no file of configuration needs.
const BEGIN: char = '\u{E000}';
const END: char = '\u{E001}';

/// What stands between `${` and `}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// `${env "NAME"}`.
    Environment(String),
    /// `${file "PATH"}`.
    File(String),
    /// `${NAME}`: `each`, or one of the file's `vars`.
    Name(String),
}

/// The text with marks, and the expressions by their number.
pub(super) fn mark(
    file: &Arc<str>,
    text: &str,
    expressions: &mut Vec<Expression>,
) -> Result<String, Problem> {
    let mut marked = String::with_capacity(text.len());
    let mut line = 1;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let place = Place::new(file, line);
        if let Some(after) = rest.strip_prefix("$${") {
            marked.push_str("${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${") {
            let (expression, after) = parse(after).map_err(|text| place.problem(text))?;
            marked.push(BEGIN);
            marked.push_str(&expressions.len().to_string());
            marked.push(END);
            expressions.push(expression);
            rest = after;
        } else if matches!(next, BEGIN | END) {
            return Err(
                place.problem("a character for private use (U+E000 or U+E001) is not allowed")
            );
        } else {
            line += u64::from(next == '\n');
            marked.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    Ok(marked)
}

/// A piece of text with marks.
pub(super) enum Piece<'a> {
    Text(&'a str),
    Expression(usize),
}

/// The pieces of a text with marks.
pub(super) fn pieces(marked: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = marked;
    while let Some((text, after)) = rest.split_once(BEGIN) {
        pieces.push(Piece::Text(text));
        let (number, after) = after.split_once(END).unwrap_or((after, ""));
        if let Ok(number) = number.parse() {
            pieces.push(Piece::Expression(number));
        }
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

/// The expression at the beginning of the text, and what follows its `}`.
fn parse(text: &str) -> Result<(Expression, &str), String> {
    let inner = text.trim_start();
    let end = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .ok_or("`${` has no `}`")?;
    let (word, after) = inner.split_at(end);
    let after = after.trim_start();
    let word = word.strip_prefix("vars.").unwrap_or(word);
    if let Some(after) = after.strip_prefix('}') {
        if word.is_empty() {
            return Err("`${}` is empty: write `${each}`, `${NAME}` of `vars`, `${env \"NAME\"}` or `${file \"PATH\"}`".to_owned());
        }
        return Ok((Expression::Name(word.to_owned()), after));
    }
    let function = match word {
        "env" => Expression::Environment,
        "file" => Expression::File,
        "" => {
            return Err(
                "`${` must be followed by a name; write `$${` for the two characters".to_owned(),
            );
        }
        other => {
            return Err(format!(
                "`${{{other} …}}` is not supported: `env \"NAME\"` and `file \"PATH\"` are; \
                 write `$${{` for the two characters"
            ));
        }
    };
    let quote = after
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '`' | '\''))
        .ok_or_else(|| format!("`${{{word} …}}` needs its argument in quotes"))?;
    let (argument, after) = after[1..]
        .split_once(quote)
        .ok_or_else(|| format!("the argument of `${{{word} …}}` has no closing quote"))?;
    let after = after
        .trim_start()
        .strip_prefix('}')
        .ok_or_else(|| format!("`${{{word} …}}` takes one argument and ends with `}}`"))?;
    if argument.is_empty() || argument.contains('\n') {
        return Err(format!(
            "the argument of `${{{word} …}}` must be one line of text"
        ));
    }
    Ok((function(argument.to_owned()), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(String, Vec<Expression>), String> {
        let mut expressions = Vec::new();
        let marked = mark(&"f".into(), text, &mut expressions);
        marked
            .map(|text| (text, expressions))
            .map_err(|problem| problem.to_string())
    }

    #[test]
    fn expressions_are_found_within_quotes_of_the_same_kind() {
        let (text, found) =
            check("a: \"${env \"X\"}\"\nb: ${ file `p` }\nc: ${each}-${vars.y}").unwrap();
        assert_eq!(
            text,
            "a: \"\u{E000}0\u{E001}\"\nb: \u{E000}1\u{E001}\nc: \u{E000}2\u{E001}-\u{E000}3\u{E001}"
        );
        let expected = [
            Expression::Environment("X".into()),
            Expression::File("p".into()),
            Expression::Name("each".into()),
            Expression::Name("y".into()),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_belongs_to_the_server_passes() {
        for text in ["{{identity.entity.id}}", "$5", "a $ {b}"] {
            assert_eq!(check(text).unwrap().0, text);
        }
        assert_eq!(check("$${each}").unwrap().0, "${each}");
    }

    #[test]
    fn a_wrong_expression_is_refused_with_its_line() {
        for (text, expected) in [
            ("a\n${upper \"x\"}", "f:2: `${upper …}` is not supported"),
            ("${env X}", "f:1: `${env …}` needs its argument in quotes"),
            (
                "${env \"X}",
                "f:1: the argument of `${env …}` has no closing quote",
            ),
            ("${each", "f:1: `${` has no `}`"),
            ("${}", "f:1: `${}` is empty"),
            ("\u{E000}", "f:1: a character for private use"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
