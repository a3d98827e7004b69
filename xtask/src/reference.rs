//! `cargo xtask reference`: the pages of `docs/reference/` that are made and not
//! written. The paths come from a test that asks a running engine; the index of
//! errors is read from the engine's sources here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::workspace::{Workspace, cargo};

/// Where the index is.
const INDEX: &str = "docs/reference/errors.md";
/// Whose errors it has: what the engine itself refuses or reports.
const SOURCES: &str = "crates/engine/src/";
/// What makes the test of the pages write them.
const WRITE: &str = "LOCKKEEPER_WRITE_REFERENCE";
/// Constructors of errors, and the status that hosts answer with.
const CONSTRUCTORS: [(&str, &str); 6] = [
    ("bad_request", "400"),
    ("permission_denied", "403"),
    ("not_found", "404"),
    ("unrecoverable", "400"),
    ("upstream", "503"),
    ("internal", "500"),
];

const HEAD: &str = "\
# Errors and what to do

<!-- Made by `cargo xtask reference` from the engine's sources. Change those, not this page. -->

Every error names its object and, behind a colon, what to do. `…` stands for names and numbers. An \
error of a host (OpenBao, Vault or the server) is in the documentation of the host; a 403 \
`permission denied` there means that the token's policy does not allow the request.

## What Confluent Cloud answers

The engine repeats what Confluent says, with the request and its status in parentheses, and adds a \
remedy. What is likely to pass is tried again first.

| begins with | means | do |
|---|---|---|
";

/// Beginnings of `confluent-cloud`'s errors. A test compares them with its
/// source.
const UPSTREAM: [(&str, &str, &str); 9] = [
    (
        "Confluent Cloud does not accept the account's key",
        "the id or the secret in `config` is wrong, the key was deleted, or it is a key of a cluster",
        "write the id and secret of a Cloud API key to `config`; a key that was made seconds ago may \
         need half a minute until Confluent accepts it",
    ),
    (
        "Confluent Cloud does not allow it",
        "the account lacks a role for this owner or resource, or one of the two does not exist",
        "read `config/check`, and check `owner` and `resource` of the role",
    ),
    (
        "Confluent Cloud does not know it",
        "the owner or the resource does not exist",
        "check the ids in the role",
    ),
    (
        "a quota of Confluent Cloud is used up",
        "the owner, the cluster or the organization has as many keys as it may have",
        "revoke leases that nobody needs, share one key (`multi_use_key`), shorten `ttl`, or ask \
         Confluent to raise the quota",
    ),
    (
        "Confluent Cloud limits the rate of requests",
        "too many requests for the organization",
        "try again when the error says; shorter bursts and shared keys need fewer requests",
    ),
    (
        "Confluent Cloud failed",
        "a fault on the side of Confluent",
        "try again, and look at Confluent's status page",
    ),
    (
        "Confluent Cloud cannot be reached",
        "name resolution, network or proxy",
        "check `url` in `config`, the network, and the proxy variables of the host's process",
    ),
    (
        "Confluent Cloud did not answer in time",
        "a slow network, or Confluent",
        "try again; what was asked for may have happened, and is found and cleaned up",
    ),
    (
        "Confluent Cloud gave an answer that is not understood",
        "something between the host and Confluent answers in its place, such as a proxy",
        "check `url` in `config` and the proxy",
    ),
];

/// Writes all pages; the exit code is that of the test that writes the paths.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let page = index(&workspace.root)?;
    let file = workspace.root.join(INDEX);
    fs::write(&file, page).with_context(|| format!("cannot write `{}`", file.display()))?;
    let status = cargo()
        .args([
            "xtask",
            "test",
            "--",
            "-p",
            "acceptance",
            "--test",
            "it",
            "reference::",
        ])
        .env(WRITE, "1")
        .status()
        .context("cannot start cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The index of errors, from the sources below `root`.
fn index(root: &Path) -> Result<String> {
    let mut errors = BTreeMap::new();
    collect_files(&root.join(SOURCES), &mut errors)?;
    let mut page = String::from(HEAD);
    for (begins, means, remedy) in UPSTREAM {
        writeln!(page, "| {begins} | {means} | {remedy} |")?;
    }
    page.push_str("\n## What the engine answers\n\n| status | error | do |\n|---|---|---|\n");
    for (text, status) in &errors {
        let split = text.rsplit_once(": ");
        let (what, remedy) = split
            .filter(|(_, remedy)| *remedy != "…")
            .unwrap_or_else(|| (text, without_remedy(status)));
        let cell = |text: &str| text.replace('|', r"\|");
        writeln!(page, "| {status} | {} | {} |", cell(what), cell(remedy))?;
    }
    Ok(page)
}

/// What to do about an error whose text does not say it.
fn without_remedy(status: &str) -> &'static str {
    match status {
        "500" => "look at the host's log; if it names no fault of the storage, report it",
        _ => "correct what the error names",
    }
}

fn collect_files(folder: &Path, errors: &mut BTreeMap<String, &str>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("no `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect_files(&path, errors)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && !of_tests(&path) {
            let text = fs::read_to_string(&path)?;
            let stream = TokenStream::from_str(&text)
                .map_err(|error| anyhow!("`{}` is not Rust: {error}", path.display()))?;
            collect(stream, errors);
        }
    }
    Ok(())
}

/// Whether a file is a module of tests by its name.
fn of_tests(path: &Path) -> bool {
    let name = path.file_stem().and_then(|name| name.to_str());
    name.is_some_and(|name| name == "tests" || name.ends_with("_tests"))
}

/// Every text that a constructor of an error gets, with its status, but for
/// what stands behind `#[cfg(test)]`.
fn collect(stream: TokenStream, errors: &mut BTreeMap<String, &str>) {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut of_tests = false;
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let text: String = group.stream().to_string().split_whitespace().collect();
        if text == "cfg(test)" {
            of_tests = true;
            continue;
        }
        if of_tests && group.delimiter() == Delimiter::Brace {
            of_tests = false;
            continue;
        }
        if let Some(status) = constructor(&tokens[..at])
            && let Some(text) = first_text(group.stream())
            && text.contains(' ')
        {
            errors.insert(text, status);
        }
        collect(group.stream(), errors);
    }
}

/// The status of the constructor whose arguments come next, if one is named.
fn constructor(before: &[TokenTree]) -> Option<&'static str> {
    let [.., owner, colon, _, name] = before else {
        return None;
    };
    let of_error = owner.to_string() == "Error" && colon.to_string() == ":";
    let name = name.to_string();
    let found = CONSTRUCTORS
        .iter()
        .find(|(constructor, _)| *constructor == name);
    found.filter(|_| of_error).map(|(_, status)| *status)
}

/// The text that stands first in the arguments, by itself or in `format!`.
fn first_text(arguments: TokenStream) -> Option<String> {
    let mut tokens = arguments.into_iter();
    match tokens.next()? {
        TokenTree::Literal(literal) => text_of(&literal.to_string()),
        TokenTree::Ident(name) if name == "format" => match tokens.nth(1)? {
            TokenTree::Group(group) => first_text(group.stream()),
            _ => None,
        },
        _ => None,
    }
}

/// A string literal as a user would read it, with `…` for what is filled in.
fn text_of(literal: &str) -> Option<String> {
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut letters = inside.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next()? {
                '\n' => while letters.next_if(|next| next.is_whitespace()).is_some() {},
                other => text.push(other),
            },
            '{' if letters.next_if_eq(&'{').is_some() => text.push('{'),
            '}' if letters.next_if_eq(&'}').is_some() => text.push('}'),
            '{' => {
                letters.by_ref().find(|letter| *letter == '}')?;
                text.push('…');
            }
            other => text.push(other),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn errors(source: &str) -> BTreeMap<String, &str> {
        let mut errors = BTreeMap::new();
        collect(TokenStream::from_str(source).unwrap(), &mut errors);
        errors
    }

    #[test]
    fn the_index_of_errors_is_as_the_sources_are() {
        let committed = fs::read_to_string(root().join(INDEX)).unwrap_or_default();
        assert_eq!(
            index(&root()).unwrap(),
            committed,
            "run `cargo xtask reference`"
        );
    }

    #[test]
    fn every_answer_of_confluent_in_the_index_is_in_the_clients_source() {
        let file = root().join("crates/confluent-cloud/src/error.rs");
        let source = fs::read_to_string(file).unwrap();
        for (begins, _, _) in UPSTREAM {
            assert!(source.contains(&format!("{begins:?}")), "{begins}");
        }
    }

    #[test]
    fn the_page_of_the_storage_names_every_place_of_the_engine() {
        let page = fs::read_to_string(root().join("docs/contributing/storage.md")).unwrap();
        let mut places = std::collections::BTreeSet::new();
        places_in(&root().join(SOURCES), &mut places);
        assert!(places.len() > 10, "{places:?}");
        for place in places {
            assert!(
                page.contains(&format!("`{place}")),
                "`{place}` is not on the page"
            );
        }
    }

    /// Every text that begins an entry of the engine's storage.
    fn places_in(folder: &Path, places: &mut std::collections::BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                places_in(&path, places);
            } else if !of_tests(&path) {
                let text = fs::read_to_string(&path).unwrap();
                let found = text
                    .split('"')
                    .filter(|text| text.starts_with("lockkeeper/"));
                places.extend(found.filter(|text| !text.contains(' ')).map(str::to_owned));
            }
        }
    }

    #[test]
    fn an_error_is_found_with_its_status_and_what_is_filled_in() {
        let found = errors(
            r#"fn f() { Err(Error::bad_request(format!("role `{name}` is {} \
               long: shorten it", n))) }
               fn g() { Error::upstream("it failed: try again") }"#,
        );
        let expected = [
            ("it failed: try again".to_owned(), "503"),
            ("role `…` is … long: shorten it".to_owned(), "400"),
        ];
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn errors_of_tests_are_none_of_the_products() {
        let found = errors(r#"#[cfg(test)] mod tests { fn f() { Error::internal("a b") } }"#);
        assert_eq!(found, BTreeMap::new());
    }
}
