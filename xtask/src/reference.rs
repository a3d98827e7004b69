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
/// The engine's sources.
const ENGINE: &str = "crates/engine/src/";
/// Whose errors it has: what the engine itself refuses or reports, and what reads
/// requests for it.
const SOURCES: [&str; 4] = [
    ENGINE,
    "crates/logical/src/framework/coerce/",
    "crates/rotation-schedule/src/",
    "crates/credential-formats/src/refusal.rs",
];
/// Errors that are put together of several texts, so that no constructor has them
/// whole. A test compares their beginnings with the source.
const COMPOSED: [(&str, &str); 2] = [
    ("unknown field `…`: did you mean `…`?", "400"),
    ("unknown field `…`: the fields are …", "400"),
];
/// What makes the test of the pages write them.
const WRITE: &str = "LOCKKEEPER_WRITE_REFERENCE";
/// Constructors of errors, and the status that hosts answer with.
const CONSTRUCTORS: [(&str, &str); 7] = [
    ("bad_request", "400"),
    ("rate_limited", "503"),
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
const UPSTREAM: [(&str, &str, &str); 15] = [
    (
        "Lockkeeper keeps the pace of",
        "more requests wait for the organization or service account than Confluent takes in time, so \
         that this one was not sent",
        "try again when the error says; shared keys and spares need fewer requests at once",
    ),
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
        "Confluent Cloud refuses it",
        "the request conflicts with what is there, or is wrong in another way; the error repeats \
         Confluent's reason",
        "change what the reason names in the role or in `config`",
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
        "`url` does not answer as Confluent Cloud does",
        "a proxy or another server refuses the request in Confluent's place",
        "check `url` in `config`, and what stands between the host and Confluent",
    ),
    (
        "the certificate of Confluent Cloud's server is not trusted",
        "a proxy that inspects TLS, or a server that is not Confluent's",
        "check `url` in `config`, and write the root of the proxy's certificate to `ca_cert`",
    ),
    (
        "the server at `url` does not speak TLS",
        "the scheme or the port of `url` is wrong",
        "check `url` in `config`",
    ),
    (
        "the connection to Confluent Cloud broke before the answer",
        "the network, a proxy or Confluent closed it",
        "try again; what was asked for may have happened, and is found and cleaned up",
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
    let mut errors =
        BTreeMap::from(COMPOSED.map(|(text, status)| (text.to_owned(), status.into())));
    for source in SOURCES {
        collect_below(&root.join(source), &mut errors)?;
    }
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

fn collect_below(path: &Path, errors: &mut BTreeMap<String, String>) -> Result<()> {
    let unreadable = || format!("cannot read `{}`", path.display());
    if path.is_dir() {
        for entry in fs::read_dir(path).with_context(unreadable)? {
            collect_below(&entry?.path(), errors)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") && !of_tests(path) {
        let text = fs::read_to_string(path).with_context(unreadable)?;
        let stream = TokenStream::from_str(&text)
            .map_err(|error| anyhow!("`{}` is not Rust: {error}", path.display()))?;
        collect(stream, errors);
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
fn collect(stream: TokenStream, errors: &mut BTreeMap<String, String>) {
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
        if let Some((text, status)) = error(&tokens[..at], group.stream())
            && text.contains(' ')
        {
            errors.insert(text, status);
        }
        collect(group.stream(), errors);
    }
}

/// The text and status of the error that these arguments make, if what stands before
/// them makes one.
fn error(before: &[TokenTree], arguments: TokenStream) -> Option<(String, String)> {
    let names: Vec<String> = before
        .iter()
        .rev()
        .take(4)
        .map(ToString::to_string)
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match names[..] {
        // The attribute of `thiserror`, in the crates whose errors are of fields.
        ["error", ..] => Some((first_text(arguments)?, "400".to_owned())),
        ["new", ":", ":", "FieldError"] => {
            Some((first_text(after_comma(arguments))?, "400".to_owned()))
        }
        ["coded", ":", ":", "Error"] => {
            let status = arguments.clone().into_iter().next()?.to_string();
            Some((first_text(after_comma(arguments))?, status))
        }
        [name, ":", ":", "Error"] => {
            let mut known = CONSTRUCTORS.iter();
            let (_, status) = known.find(|(constructor, _)| *constructor == name)?;
            Some((first_text(arguments)?, (*status).to_owned()))
        }
        _ => None,
    }
}

/// What follows the first comma of some arguments.
fn after_comma(arguments: TokenStream) -> TokenStream {
    let arguments = arguments.into_iter();
    let rest = arguments.skip_while(|token| token.to_string() != ",");
    rest.skip(1).collect()
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

    fn errors(source: &str) -> BTreeMap<String, String> {
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

    /// Every text of the client's errors.
    fn texts_of_the_client() -> Vec<String> {
        let file = root().join("crates/confluent-cloud/src/error.rs");
        let source = fs::read_to_string(file).unwrap();
        let (_, display) = source.split_once("impl fmt::Display for Error {").unwrap();
        let (display, _) = display.split_once("impl std::error::Error").unwrap();
        let mut texts = Vec::new();
        let display = display.trim_end().strip_suffix('}').unwrap();
        literals(TokenStream::from_str(display).unwrap(), &mut texts);
        // The rest is put behind one of them.
        texts.retain(|text| {
            text.contains(' ')
                && text.starts_with(|first| first == '`' || char::is_alphabetic(first))
        });
        texts.retain(|text| text != "the organization");
        texts
    }

    fn literals(stream: TokenStream, texts: &mut Vec<String>) {
        for token in stream {
            match token {
                TokenTree::Group(group) => literals(group.stream(), texts),
                TokenTree::Literal(literal) => texts.extend(text_of(&literal.to_string())),
                _ => {}
            }
        }
    }

    #[test]
    fn the_index_has_every_error_of_the_client_and_no_other() {
        let texts = texts_of_the_client();
        assert!(texts.len() > 10, "{texts:?}");
        for (begins, _, _) in UPSTREAM {
            assert!(
                texts.iter().any(|text| text.starts_with(begins)),
                "{begins}"
            );
        }
        for text in texts {
            let indexed = UPSTREAM
                .iter()
                .any(|(begins, _, _)| text.starts_with(begins));
            assert!(indexed, "{text:?} is not in `UPSTREAM`");
        }
    }

    #[test]
    fn errors_that_are_put_together_begin_as_the_source_says() {
        let file = root().join("crates/logical/src/framework/serve/unknown.rs");
        let source = fs::read_to_string(file).unwrap();
        for (text, _) in COMPOSED {
            let begins = text.replacen('…', "{name}", 1);
            let begins = begins.split('…').next().unwrap();
            assert!(source.contains(begins), "{begins}");
        }
    }

    #[test]
    fn the_table_of_statuses_has_the_status_of_every_error() {
        let page = fs::read_to_string(root().join("docs/reference/README.md")).unwrap();
        let index = index(&root()).unwrap();
        let rows = index.lines().filter_map(|line| line.strip_prefix("| "));
        let statuses = rows.filter_map(|row| row.split(' ').next()?.parse::<u16>().ok());
        let statuses: std::collections::BTreeSet<u16> = statuses.collect();
        assert!(statuses.contains(&409), "{statuses:?}");
        for status in statuses {
            assert!(page.contains(&format!("\n| {status} | ")), "{status}");
        }
    }

    #[test]
    fn the_page_of_the_storage_names_every_place_of_the_engine() {
        let page = fs::read_to_string(root().join("docs/contributing/storage.md")).unwrap();
        let mut places = std::collections::BTreeSet::new();
        places_in(&root().join(ENGINE), &mut places);
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
            ("it failed: try again", "503"),
            ("role `…` is … long: shorten it", "400"),
        ];
        let expected = expected.map(|(text, status)| (text.to_owned(), status.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn errors_with_a_status_of_their_own_and_of_fields_are_found() {
        let found = errors(
            r#"fn f() { Error::coded(409, "it changed: read it") }
               fn g() { FieldError::new(FIELD, format!("`{FIELD}` is {n}: give less")) }
               #[error("`{field}` is empty")] struct Empty;"#,
        );
        let expected = [
            ("it changed: read it", "409"),
            ("`…` is …: give less", "400"),
            ("`…` is empty", "400"),
        ];
        let expected = expected.map(|(text, status)| (text.to_owned(), status.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn errors_of_tests_are_none_of_the_products() {
        let found = errors(r#"#[cfg(test)] mod tests { fn f() { Error::internal("a b") } }"#);
        assert_eq!(found, BTreeMap::new());
    }
}
