//! A Rust source file as the paths that it names, the names that it imports and
//! the modules that it declares.
//!
//! This reads tokens, not types: comments and strings are not seen, trees of
//! `use` are flattened, and what is behind `#[cfg(test)]` is left out.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What declares an item whose name follows.
const ITEMS: &[&str] = &[
    "struct", "enum", "union", "trait", "type", "fn", "const", "static", "mod",
];

/// One path such as `std::env::var`, or one name followed by `!`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

impl Mention {
    /// Whether `wanted` is part of this path, segment by segment.
    pub(crate) fn names(&self, wanted: &[&str]) -> bool {
        self.segments
            .windows(wanted.len())
            .any(|window| window == wanted)
    }
}

/// One name that a `use` brings into scope; `*` for all names of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) name: String,
    /// Without a final `self` or `*`.
    pub(crate) segments: Vec<String>,
    /// Whether it is re-exported, however far.
    pub(crate) is_public: bool,
}

/// What a file, or a module inside one, says outside tests.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Every path, those of imports included, without those of inner modules.
    pub(crate) mentions: Vec<Mention>,
    pub(crate) imports: Vec<Import>,
    /// Modules in files of their own: `mod name;`.
    pub(crate) files: Vec<String>,
    /// Modules with their bodies: `mod name { … }`.
    pub(crate) inner: Vec<(String, Module)>,
    /// Names of items outside any braces.
    pub(crate) items: BTreeSet<String>,
}

/// Reads a file.
pub(crate) fn read(source: &str) -> Result<Module> {
    let stream = TokenStream::from_str(source).map_err(|error| {
        let line = error.span().start().line;
        anyhow!("line {line} is not Rust: {error}")
    })?;
    let mut module = Module::default();
    collect(stream, 0, &mut module);
    Ok(module)
}

/// Every path of a file outside tests.
pub(crate) fn mentions(source: &str) -> Result<Vec<Mention>> {
    fn flatten(module: Module, found: &mut Vec<Mention>) {
        found.extend(module.mentions);
        for (_, inner) in module.inner {
            flatten(inner, found);
        }
    }
    let mut found = Vec::new();
    flatten(read(source)?, &mut found);
    Ok(found)
}

fn collect(stream: TokenStream, depth: usize, module: &mut Module) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Punct(hash) if hash.as_char() == '#' && is_test_only(tokens.get(at + 1)) => {
                at = after_item(&tokens, at + 2);
            }
            TokenTree::Ident(name) if name == "use" && !is_capture_list(tokens.get(at + 1)) => {
                let known = module.imports.len();
                let is_public = is_public(&tokens[..at]);
                at = use_tree(&tokens, at + 1, &[], module);
                for import in &mut module.imports[known..] {
                    import.is_public = is_public;
                }
            }
            TokenTree::Ident(name) if name == "mod" && depth == 0 => {
                at = declared_module(&tokens, at, module);
            }
            TokenTree::Ident(keyword) => {
                if let (0, true, Some(TokenTree::Ident(name))) = (
                    depth,
                    ITEMS.iter().any(|item| keyword == item),
                    tokens.get(at + 1),
                ) {
                    module.items.insert(name.to_string());
                }
                let (mention, next) = path(&tokens, at);
                module.mentions.extend(mention);
                at = next;
            }
            TokenTree::Group(group) => {
                collect(group.stream(), depth + 1, module);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Reads `mod name;` or `mod name { … }` from `at`.
fn declared_module(tokens: &[TokenTree], at: usize, module: &mut Module) -> usize {
    let Some(TokenTree::Ident(name)) = tokens.get(at + 1) else {
        return at + 1;
    };
    let name = name.to_string();
    module.items.insert(name.clone());
    match tokens.get(at + 2) {
        Some(TokenTree::Group(body)) => {
            let mut inner = Module::default();
            collect(body.stream(), 0, &mut inner);
            module.inner.push((name, inner));
        }
        _ => module.files.push(name),
    }
    at + 3
}

/// Whether an attribute's bracket is `[cfg(test)]` or `[cfg(all(test, …))]`.
fn is_test_only(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = attribute else {
        return false;
    };
    let text: String = group.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Whether `pub` or `pub(…)` is the end of these tokens.
fn is_public(before: &[TokenTree]) -> bool {
    let is_pub = |token: &TokenTree| matches!(token, TokenTree::Ident(name) if name == "pub");
    match before {
        [.., visibility, TokenTree::Group(_)] if is_pub(visibility) => true,
        [.., last] => is_pub(last),
        [] => false,
    }
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

/// Reads one tree of a `use` from `at`, and returns the position behind it.
fn use_tree(tokens: &[TokenTree], mut at: usize, prefix: &[String], module: &mut Module) -> usize {
    let mut segments = prefix.to_vec();
    let mut alias = None;
    let mut is_glob = false;
    let mut line = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(name) if name == "as" => {
                alias = tokens.get(at + 1).map(ToString::to_string);
                at += 1;
            }
            TokenTree::Ident(name) => {
                line = name.span().start().line;
                segments.push(name.to_string());
            }
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut position = 0;
                while position < inner.len() {
                    position = use_tree(&inner, position, &segments, module);
                }
                segments.truncate(prefix.len());
            }
            TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => {
                at += 1;
                break;
            }
            TokenTree::Punct(punct) => is_glob |= punct.as_char() == '*',
            TokenTree::Literal(_) => {}
        }
        at += 1;
    }
    if segments.len() > prefix.len() || is_glob {
        module.imports.extend(import(&segments, alias, is_glob));
        module.mentions.push(Mention { line, segments });
    }
    at
}

fn import(path: &[String], alias: Option<String>, is_glob: bool) -> Option<Import> {
    let mut segments = path.to_vec();
    if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
        segments.pop();
    }
    let name = if is_glob {
        "*".to_owned()
    } else {
        alias.or_else(|| segments.last().cloned())?
    };
    Some(Import {
        name,
        segments,
        is_public: false,
    })
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
    fn an_import_keeps_the_name_that_it_brings_into_scope() {
        let module = read("use a::{self, b::C as D, e::*, f::G};").unwrap();
        let imports: Vec<String> = module
            .imports
            .iter()
            .map(|import| format!("{} = {}", import.name, import.segments.join("::")))
            .collect();
        assert_eq!(imports, ["a = a", "D = a::b::C", "* = a::e", "G = a::f::G"]);
        for (source, is_public) in [
            ("use a::B;", false),
            ("pub use a::B;", true),
            ("pub(super) use a::B;", true),
        ] {
            assert_eq!(read(source).unwrap().imports[0].is_public, is_public);
        }
    }

    #[test]
    fn modules_and_items_are_those_outside_braces_and_tests() {
        let module = read(
            "mod a;\npub mod b { fn inside() { x::y(); } }\n#[cfg(test)]\nmod tests;\n\
             pub(crate) struct S { t: T }\nimpl S { const C: u8 = 1; }\nfn f() { fn g() {} }",
        )
        .unwrap();
        assert_eq!(module.files, ["a"]);
        assert_eq!(module.inner[0].0, "b");
        assert!(module.inner[0].1.items.contains("inside"));
        assert!(
            !module
                .mentions
                .iter()
                .any(|mention| mention.names(&["x", "y"]))
        );
        let items: Vec<&str> = module.items.iter().map(String::as_str).collect();
        assert_eq!(items, ["S", "a", "b", "f"]);
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
