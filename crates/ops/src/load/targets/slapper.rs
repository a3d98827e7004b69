//! Slapper's format of targets, to the byte (`readTargets` in its `slapper.go`):
//!
//! ```text
//! METHOD URL
//! $ BODY
//! ```
//!
//! Lines are trimmed. The line after a target is its body if it begins with `$ `,
//! an empty body if it is `{}`, and otherwise read for itself. What makes Slapper
//! panic or send nonsense is an error here.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::Method;
use zeroize::Zeroizing;

use super::address::{self, Parts};
use super::{Invalid, Target};
use crate::load::headers::Headers;

/// What is wrong with an empty file.
pub(super) const NO_TARGET: &str = "there is no target: write `GET URL` on a line";

/// How bodies are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// As they are sent.
    Plain,
    /// In base64.
    Base64,
}

/// The targets of a file, at least one.
///
/// # Errors
/// The first mistake, with its line.
pub(super) fn parse(file: &str, text: &str, bodies: Bodies) -> Result<Vec<Target>, Invalid> {
    let invalid = |line: usize, problem: String| Invalid {
        file: file.to_owned(),
        line: line + 1,
        problem,
    };
    let mut targets = Vec::new();
    let mut lines = text.lines().map(str::trim).enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (method, parts) = head(line).map_err(|problem| invalid(number, problem))?;
        let body = match lines.peek() {
            Some(&(number, line)) if line.starts_with("$ ") || line == "{}" => {
                lines.next();
                let text = line.strip_prefix("$ ").unwrap_or_default();
                body(text, bodies).map_err(|problem| invalid(number, problem))?
            }
            _ => Bytes::new(),
        };
        targets.push(Target {
            method,
            origin: parts.origin,
            path: parts.path,
            authorization: parts.authorization,
            body,
            name: None,
            weight: NonZeroU32::MIN,
            expected: Vec::new(),
            headers: Headers::default(),
            captures: Vec::new(),
            dynamic: None,
        });
    }
    if targets.is_empty() {
        return Err(invalid(0, NO_TARGET.to_owned()));
    }
    Ok(targets)
}

/// `METHOD URL`.
fn head(line: &str) -> Result<(Method, Parts), String> {
    let (method, url) = split(line)?;
    Ok((method, address::parse(url)?))
}

/// The method, and the text of the URL.
pub(super) fn split(line: &str) -> Result<(Method, &str), String> {
    if line == "$" || line == "{}" || line.starts_with("$ ") {
        return Err("a body without a target: it stands on the line after `METHOD URL`".to_owned());
    }
    let (method, url) = line.split_once(' ').ok_or_else(|| {
        "there is no URL: a target is written `METHOD URL`, with a space between".to_owned()
    })?;
    let method = method.trim();
    let parsed = Method::from_bytes(method.as_bytes())
        .map_err(|_| "a target is written `METHOD URL`: the method is not one".to_owned())?;
    Ok((parsed, url.trim()))
}

/// The bytes of a body that is written as `text`.
pub(super) fn body(text: &str, bodies: Bodies) -> Result<Bytes, String> {
    let bytes = match bodies {
        Bodies::Plain => text.as_bytes().to_vec(),
        Bodies::Base64 => BASE64_STANDARD
            .decode(text)
            // The decoder's message would quote a byte of the body.
            .map_err(|_| "the body is not base64, as `-base64body` expects".to_owned())?,
    };
    Ok(Bytes::from_owner(Zeroizing::new(bytes)))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// Method, path and body of each target.
    fn check(text: &str, expected: &[(&str, &str, &str)]) {
        let targets = parse("t.txt", text, Bodies::Plain).unwrap();
        let found: Vec<_> = targets
            .iter()
            .map(|target| {
                let body = String::from_utf8_lossy(&target.body).into_owned();
                (target.method.as_str(), target.path.path(), body)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(method, path, body)| (*method, *path, (*body).to_owned()))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn a_target_has_the_body_of_its_next_line() {
        check("GET http://a/1", &[("GET", "/1", "")]);
        check(
            "GET http://a/1\nPUT http://a/2",
            &[("GET", "/1", ""), ("PUT", "/2", "")],
        );
        check(
            "PUT http://a/1\n$ {\"a\": 1}\nGET http://a/2\n",
            &[("PUT", "/1", "{\"a\": 1}"), ("GET", "/2", "")],
        );
        check(
            "PUT http://a/1\n{}\n\n\nGET http://a/2",
            &[("PUT", "/1", ""), ("GET", "/2", "")],
        );
        check(
            "  get   http://a/1  \r\n\t$ x  y \r\n",
            &[("get", "/1", "x  y")],
        );
    }

    #[test]
    fn what_stands_in_braces_is_sent_as_it_is() {
        let text = "PUT http://a/1\n$ {{identity.entity.id}}";
        check(text, &[("PUT", "/1", "{{identity.entity.id}}")]);
    }

    #[test]
    fn a_body_may_be_base64() {
        let read = |body| parse("t.txt", &format!("PUT http://a/\n$ {body}"), Bodies::Base64);
        assert_eq!(&read("Zm9v").unwrap()[0].body[..], b"foo");
        let error = read("canary!").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn a_line_has_no_limit() {
        let long = "x".repeat(1 << 20);
        let targets = parse("t", &format!("PUT http://a/\n$ {long}"), Bodies::Plain).unwrap();
        assert_eq!(targets[0].body.len(), 1 << 20);
    }

    #[test]
    fn mistakes_are_told_with_file_and_line() {
        for (text, line, part) in [
            ("", 1, "no target"),
            ("\n \n", 1, "no target"),
            ("GET http://a/\nGET", 2, "no URL"),
            ("GET\thttp://a/", 1, "no URL"),
            ("$ {}", 1, "a body without a target"),
            (
                "PUT http://a/\n\n$ {\"a\": \"canary\"}",
                3,
                "a body without a target",
            ),
            ("PUT http://a/\n$ x\n$ canary", 3, "a body without a target"),
            ("PUT http://a/\n$", 2, "a body without a target"),
            ("G(T http://a/", 1, "the method"),
            ("GET /v1/a", 1, "a URL such as"),
        ] {
            let error = parse("t.txt", text, Bodies::Plain).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("t.txt:{line}: ")),
                "{text:?}: {error}"
            );
            assert!(error.contains(part), "{text:?}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[ -~\n\t${}é]{0,200}") {
            let _ = parse("t", &text, Bodies::Plain);
            let _ = parse("t", &text, Bodies::Base64);
        }

        #[test]
        fn written_targets_are_read_back(
            bodies in proptest::collection::vec(proptest::option::of("[!-~]([ -~]{0,20}[!-~])?"), 1..20),
            blank in any::<bool>(),
        ) {
            let mut text = String::new();
            for (index, body) in bodies.iter().enumerate() {
                let _ = writeln!(text, "POST http://a/{index}");
                if let Some(body) = body {
                    let _ = writeln!(text, "$ {body}");
                }
                if blank {
                    text.push('\n');
                }
            }
            let targets = parse("t", &text, Bodies::Plain).unwrap();
            prop_assert_eq!(targets.len(), bodies.len());
            for (index, (target, body)) in targets.iter().zip(&bodies).enumerate() {
                prop_assert_eq!(target.path.path(), format!("/{index}"));
                prop_assert_eq!(&target.body[..], body.as_deref().unwrap_or_default().as_bytes());
            }
        }
    }
}
