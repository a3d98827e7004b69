//! A Rust source file as the paths that it names, each with its line.
//!
//! This is a reading by tokens, not by types: comments and strings are not
//! seen, trees of `use` are unfolded, and what stands behind `#[cfg(test)]` is
//! left out. A name that is brought in under another name is not followed.

use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One path such as `std::env::var`, or one name followed by `!`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

impl Mention {
    /// Whether `wanted` stands in this path, segment by segment.
    pub(crate) fn names(&self, wanted: &[&str]) -> bool {
        self.segments
            .windows(wanted.len())
            .any(|window| window == wanted)
    }
}

/// Every path outside tests, in order.
pub(crate) fn mentions(source: &str) -> Result<Vec<Mention>> {
    let stream = TokenStream::from_str(source).map_err(|error| {
        let line = error.span().start().line;
        anyhow!("line {line} is not Rust: {error}")
    })?;
    let mut found = Vec::new();
    collect(stream, &mut found);
    Ok(found)
}

fn collect(stream: TokenStream, found: &mut Vec<Mention>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Punct(hash) if hash.as_char() == '#' && is_test_only(tokens.get(at + 1)) => {
                at = after_item(&tokens, at + 2);
            }
            TokenTree::Ident(name) if name == "use" && !is_capture_list(tokens.get(at + 1)) => {
                at = use_tree(&tokens, at + 1, &[], found);
            }
            TokenTree::Ident(_) => {
                let (mention, next) = path(&tokens, at);
                found.extend(mention);
                at = next;
            }
            TokenTree::Group(group) => {
                collect(group.stream(), found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Whether an attribute's bracket is `[cfg(test)]` or `[cfg(all(test, …))]`.
fn is_test_only(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = attribute else {
        return false;
    };
    let text: String = group.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Whether a `use` is that of `impl Trait + use<'a>`.
fn is_capture_list(next: Option<&TokenTree>) -> bool {
    matches!(next, Some(TokenTree::Punct(angle)) if angle.as_char() == '<')
}

/// The position behind the item that starts at `at`: its braces or semicolon.
fn after_item(tokens: &[TokenTree], at: usize) -> usize {
    let end = tokens[at..].iter().position(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    });
    end.map_or(tokens.len(), |length| at + length + 1)
}

/// Reads `a::b::c` from `at`; a macro's name keeps its `!`.
fn path(tokens: &[TokenTree], at: usize) -> (Option<Mention>, usize) {
    let Some(TokenTree::Ident(first)) = tokens.get(at) else {
        return (None, at + 1);
    };
    let line = first.span().start().line;
    let mut segments = vec![first.to_string()];
    let mut next = at + 1;
    while is_path_separator(tokens, next) {
        let Some(TokenTree::Ident(segment)) = tokens.get(next + 2) else {
            break;
        };
        segments.push(segment.to_string());
        next += 3;
    }
    let bang = matches!(tokens.get(next), Some(TokenTree::Punct(p)) if p.as_char() == '!');
    if let (true, Some(last)) = (bang, segments.last_mut()) {
        last.push('!');
    }
    (Some(Mention { line, segments }), next)
}

/// Reads one tree of a `use` from `at`, and what follows it up to its end.
fn use_tree(
    tokens: &[TokenTree],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<Mention>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(name) if name == "as" => at += 1,
            TokenTree::Ident(name) => {
                line = name.span().start().line;
                segments.push(name.to_string());
            }
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut position = 0;
                while position < inner.len() {
                    position = use_tree(&inner, position, &segments, found);
                }
                segments.truncate(prefix.len());
            }
            TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => {
                at += 1;
                break;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
    if segments.len() > prefix.len() {
        found.push(Mention { line, segments });
    }
    at
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    colon(tokens.get(at)) && colon(tokens.get(at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        let mentions = mentions(source).unwrap();
        mentions
            .into_iter()
            .map(|mention| format!("{}:{}", mention.line, mention.segments.join("::")))
            .collect()
    }

    #[test]
    fn a_path_is_found_with_its_line() {
        assert_eq!(
            named("fn f() {\n  g(std::time::Instant::now());\n}"),
            ["1:fn", "1:f", "2:g", "2:std::time::Instant::now"]
        );
    }

    #[test]
    fn a_tree_of_use_is_unfolded() {
        assert_eq!(
            named("use std::{fs, time::{self, Instant as I}, env::*};"),
            [
                "1:std::fs",
                "1:std::time::self",
                "1:std::time::Instant",
                "1:std::env"
            ]
        );
    }

    #[test]
    fn comments_strings_and_tests_are_not_seen() {
        let source = "// std::env\nconst A: &str = \"std::fs\";\n\
                      #[cfg(test)]\nmod tests { use std::env; }\n\
                      #[cfg(test)]\nuse std::fs;\nfn after() {}";
        assert!(!named(source).iter().any(|name| name.contains("std")));
        assert!(named(source).contains(&"7:after".to_owned()));
    }

    #[test]
    fn a_capture_list_is_no_import() {
        assert!(
            named("fn f() -> impl A + use<'_> { std::env::var(x) }")
                .contains(&"1:std::env::var".to_owned())
        );
    }

    #[test]
    fn a_macro_keeps_its_mark() {
        assert!(named("fn f() { todo!() }").contains(&"1:todo!".to_owned()));
    }
}
