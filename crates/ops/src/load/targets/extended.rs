//! Targets beyond Slapper's format, in files whose first line is `@targets 2`:
//! comments, settings for the target that follows, and values in texts.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use bytes::Bytes;

use super::slapper::{self, Bodies};
use super::template::{Template, is_name};
use super::{Capture, Dynamic, Invalid, Target, address};
use crate::load::headers::Headers;

/// The first line of such a file.
pub(super) const MARK: &str = "@targets 2";

/// What the lines before a target say of it.
#[derive(Default)]
struct Settings {
    name: Option<String>,
    weight: Option<NonZeroU32>,
    expected: Vec<u16>,
    headers: Vec<String>,
    captures: Vec<Capture>,
}

/// The targets of a file whose first line is the mark.
pub(super) fn parse(
    file: &str,
    text: &str,
    bodies: Bodies,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Target>, Invalid> {
    let invalid = |line: usize, problem: String| Invalid {
        file: file.to_owned(),
        line: line + 1,
        problem,
    };
    let mut targets: Vec<Target> = Vec::new();
    let mut places = Vec::new();
    let mut settings = Settings::default();
    let mut pending = None;
    let mut lines = text.lines().map(str::trim).enumerate().skip(1).peekable();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(setting) = line.strip_prefix('@') {
            settings
                .add(setting)
                .map_err(|problem| invalid(number, problem))?;
            pending = Some(number);
            continue;
        }
        let body = match lines.peek() {
            Some(&(_, body)) if body.starts_with("$ ") || body == "{}" => {
                lines.next();
                body.strip_prefix("$ ")
            }
            _ => None,
        };
        let settings = std::mem::take(&mut settings);
        let target = target(line, body, bodies, settings, variable)
            .map_err(|problem| invalid(number, problem))?;
        targets.push(target);
        places.push(number);
        pending = None;
    }
    if let Some(number) = pending {
        let problem = "a setting without a target: it stands before `METHOD URL`".to_owned();
        return Err(invalid(number, problem));
    }
    if targets.is_empty() {
        return Err(invalid(0, slapper::NO_TARGET.to_owned()));
    }
    let captured: BTreeSet<&str> = targets
        .iter()
        .flat_map(|target| &target.captures)
        .map(|capture| capture.name.as_str())
        .collect();
    for (target, number) in targets.iter().zip(&places) {
        let needed = target.dynamic.iter().flat_map(Dynamic::names);
        if let Some(name) = needed.into_iter().find(|name| !captured.contains(name)) {
            let problem = format!("`{{{{{name}}}}}` is captured by no target");
            return Err(invalid(*number, problem));
        }
    }
    Ok(targets)
}

fn target(
    line: &str,
    body: Option<&str>,
    bodies: Bodies,
    settings: Settings,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Target, String> {
    let (method, url) = slapper::split(line)?;
    let url = Template::parse(url, variable)?;
    let body = Template::parse(body.unwrap_or_default(), variable)?;
    let mut headers = Headers::default();
    let mut templates = Vec::new();
    for header in &settings.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| "a header is written `Key: value`: there is no colon".to_owned())?;
        let value = Template::parse(value, variable)?;
        if value.is_constant() {
            let value = value.fill(0, &super::Values::new()).unwrap_or_default();
            headers.add(&format!("{name}:{}", *value))?;
        } else {
            // The name is checked with a value that every header may have.
            Headers::default().add(&format!("{name}: x"))?;
            templates.push((name.trim().to_owned(), value));
        }
    }
    // Whatever the values are, they stand in the path only.
    let example = example(&url);
    let parts = address::parse(&example)?;
    let is_constant = url.is_constant() && body.is_constant() && templates.is_empty();
    if bodies == Bodies::Base64 && !body.is_constant() {
        return Err("a body in base64 cannot have values in it".to_owned());
    }
    let constant_body = match body.fill(0, &super::Values::new()) {
        Some(text) if body.is_constant() && !text.is_empty() => slapper::body(&text, bodies)?,
        _ => Bytes::new(),
    };
    Ok(Target {
        method,
        origin: parts.origin,
        path: parts.path,
        authorization: parts.authorization,
        body: constant_body,
        name: settings.name,
        weight: settings.weight.unwrap_or(NonZeroU32::MIN),
        expected: settings.expected,
        headers,
        captures: settings.captures,
        dynamic: (!is_constant).then(|| Dynamic {
            url: (!url.is_constant()).then_some(url),
            headers: templates,
            body: (!body.is_constant()).then_some(body),
        }),
    })
}

/// A URL with `x` in place of every value.
fn example(url: &Template) -> String {
    let values = url
        .names()
        .map(|name| (name.to_owned(), "x".to_owned().into()))
        .collect();
    url.fill(0, &values)
        .map_or_else(String::new, |text| text.to_string())
}

impl Settings {
    /// A line that begins with `@`.
    fn add(&mut self, line: &str) -> Result<(), String> {
        let (word, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim();
        match word {
            "name" if !value.is_empty() => self.name = Some(value.to_owned()),
            "weight" => {
                let weight = value.parse();
                self.weight = Some(weight.map_err(|_| {
                    format!("`{value}` is not a weight: write a whole number from 1 on")
                })?);
            }
            "expect" => self.expected = statuses(value)?,
            "header" => self.headers.push(value.to_owned()),
            "capture" => self.captures.push(capture(value)?),
            _ => {
                return Err(format!(
                    "`@{word}` is none of `@name`, `@weight`, `@expect`, `@header` and `@capture`, \
                     each with a value"
                ));
            }
        }
        Ok(())
    }
}

fn statuses(value: &str) -> Result<Vec<u16>, String> {
    value
        .split(',')
        .map(|status| {
            let status = status.trim();
            let number = status.parse().ok();
            number
                .filter(|number| (100..600).contains(number))
                .ok_or_else(|| format!("`{status}` is not a status: write `@expect 200,404`"))
        })
        .collect()
}

fn capture(value: &str) -> Result<Capture, String> {
    let found = value.split_once('=').map(|(name, path)| {
        let path: Vec<String> = path.trim().split('.').map(str::to_owned).collect();
        (name.trim().to_owned(), path)
    });
    match found {
        Some((name, path))
            if is_name(&name) && name != "seq" && path.iter().all(|part| !part.is_empty()) =>
        {
            Ok(Capture { name, path })
        }
        _ => Err("a capture is written `@capture token=auth.client_token`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Target>, Invalid> {
        let variable = |name: &str| (name == "TOKEN").then(|| "canary".to_owned());
        super::super::parse("t.txt", text, Bodies::Plain, &variable)
    }

    const WHOLE: &str = "@targets 2\n\
        # logs in\n\
        @name login\n\
        @weight 3\n\
        @capture token=auth.client_token\n\
        POST http://a/v1/auth/approle/login\n\
        $ {\"role_id\": \"r\"}\n\
        \n\
        @header X-Vault-Token: {{token}}\n\
        @header X-Other: {{env TOKEN}}\n\
        @expect 200, 404\n\
        GET http://a/v1/secret/data/{{seq}}\n";

    #[test]
    fn settings_are_those_of_the_target_that_follows() {
        let targets = read(WHOLE).unwrap();
        let [login, read] = &targets[..] else {
            panic!("{targets:?}")
        };
        assert_eq!((login.name().as_str(), login.weight.get()), ("login", 3));
        assert_eq!(login.captures[0].path, ["auth", "client_token"]);
        assert!(login.dynamic.is_none());
        assert_eq!(&login.body[..], b"{\"role_id\": \"r\"}");
        assert_eq!(read.expected, [200, 404]);
        assert_eq!(read.headers.map["x-other"], "canary");
        assert_eq!(read.dynamic.as_ref().unwrap().headers[0].0, "X-Vault-Token");
        assert!(!format!("{targets:?}").contains("canary"));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (text, line, part) in [
            ("@targets 3\nGET http://a/", 1, "`@targets 2`"),
            ("@targets 2\n", 1, "no target"),
            ("@targets 2\n@nome x\nGET http://a/", 2, "`@nome`"),
            ("@targets 2\n@name\nGET http://a/", 2, "`@name`"),
            (
                "@targets 2\n@weight 0\nGET http://a/",
                2,
                "`0` is not a weight",
            ),
            (
                "@targets 2\n@expect 99\nGET http://a/",
                2,
                "`99` is not a status",
            ),
            (
                "@targets 2\n@capture a\nGET http://a/",
                2,
                "a capture is written",
            ),
            (
                "@targets 2\nGET http://a/\n@name b",
                3,
                "a setting without a target",
            ),
            (
                "@targets 2\nGET http://a/{{b}}",
                2,
                "`{{b}}` is captured by no target",
            ),
            (
                "@targets 2\nGET http://a/{{env NONE}}",
                2,
                "`NONE` is not set",
            ),
            (
                "@targets 2\n@header X {{env TOKEN}}\nGET http://a/",
                3,
                "no colon",
            ),
            ("@targets 2\n$ {}", 2, "a body without a target"),
            (
                "@targets 2\n@capture seq=a\nGET http://a/",
                2,
                "a capture is written",
            ),
            (
                "@targets 2\n@capture a=b..c\nGET http://a/",
                2,
                "a capture is written",
            ),
            (
                "@targets 2\n@header X Y: {{seq}}\nGET http://a/",
                3,
                "`X Y` is not the name of a header",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("t.txt:{line}: ")),
                "{text:?}: {error}"
            );
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_body_in_base64_has_no_values_in_it() {
        let read = |body: &str| {
            let text = format!("@targets 2\nPUT http://a/\n$ {body}");
            super::super::parse("t.txt", &text, Bodies::Base64, &|_| None)
        };
        assert_eq!(&read("e30=").unwrap()[0].body[..], b"{}");
        let error = read("{{seq}}").unwrap_err().to_string();
        assert!(error.contains("cannot have values in it"), "{error}");
    }

    #[test]
    fn without_the_mark_a_file_is_slappers() {
        let error = read("# comment\nGET http://a/").unwrap_err();
        assert_eq!(error.line, 1);
        let targets = read("PUT http://a/\n$ {{token}}").unwrap();
        assert_eq!(&targets[0].body[..], b"{{token}}");
    }
}
