//! The data of `read` and `write`, in the syntax of Vault's command line:
//! `key=value`, `key=@file`, `key=-`, and `@file` or `-` alone for a JSON object
//! (`internalshared/kv-builder` in Vault). A repeated key makes a list.

use std::io::Read;

use serde_json::Value;
use vault_client::Object;

use crate::failure::Failure;

/// Parses data; `input` is standard input, which can be read once.
///
/// # Errors
/// Names the argument, never its value: it may be a secret.
pub(crate) fn read(arguments: &[String], input: &mut dyn Read) -> Result<Object, Failure> {
    let mut data = Object::new();
    let mut input = Some(input);
    for argument in arguments {
        match argument.as_str() {
            "-" => merge(&mut data, "standard input", &from_input(&mut input)?)?,
            whole if whole.starts_with('@') => {
                let file = &whole[1..];
                merge(&mut data, file, &from_file(file)?)?;
            }
            pair => {
                let (key, value) = pair.split_once('=').ok_or_else(|| not_a_pair(pair))?;
                let value = match value {
                    "-" => from_input(&mut input)?,
                    file if file.starts_with('@') => from_file(&file[1..])?,
                    escaped if escaped.starts_with("\\@") => escaped[1..].to_owned(),
                    value => value.to_owned(),
                };
                add(&mut data, key, value.into());
            }
        }
    }
    Ok(data)
}

/// Parses the values of a flag that takes `KEY=VALUE`; a later value for a key
/// takes the place of an earlier one.
///
/// # Errors
/// Names the flag.
pub(crate) fn pairs(flag: &str, given: &[String]) -> Result<Object, Failure> {
    let pair = |text: &String| {
        let (key, value) = text.split_once('=')?;
        Some((key.to_owned(), value.into()))
    };
    let pairs: Option<Object> = given.iter().map(pair).collect();
    pairs.ok_or_else(|| Failure::local(format!("{flag}: write KEY=VALUE")))
}

fn not_a_pair(argument: &str) -> Failure {
    // Without a key, any part of it may be secret.
    let length = argument.chars().count();
    Failure::local(format!(
        "Failed to parse K=V data: an argument of {length} characters has no `=`: write \
         `key=value`, `@file` or `-`"
    ))
}

fn merge(data: &mut Object, from: &str, json: &str) -> Result<(), Failure> {
    let parsed: Result<Value, _> = serde_json::from_str(json);
    match parsed {
        Ok(Value::Object(members)) => {
            for (key, value) in members {
                add(data, &key, value);
            }
            Ok(())
        }
        Ok(_) => Err(Failure::local(format!(
            "Failed to parse K=V data: `{from}` is not a JSON object"
        ))),
        Err(error) => Err(Failure::local(format!(
            "Failed to parse K=V data: `{from}` is not JSON (line {} column {})",
            error.line(),
            error.column()
        ))),
    }
}

fn add(data: &mut Object, key: &str, value: Value) {
    match data.get_mut(key) {
        None => {
            data.insert(key.to_owned(), value);
        }
        Some(Value::Array(values)) => values.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn from_file(path: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::local(format!("cannot read `{path}`: {error}")))
}

fn from_input(input: &mut Option<&mut dyn Read>) -> Result<String, Failure> {
    let input = input
        .take()
        .ok_or_else(|| Failure::local("standard input can be read for one value only"))?;
    let mut text = String::new();
    input
        .read_to_string(&mut text)
        .map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(arguments: &[&str], input: &str) -> Result<Value, String> {
        let owned: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        read(&owned, &mut input.as_bytes())
            .map(Value::from)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn pairs_become_members_and_repeated_keys_a_list() {
        assert_eq!(
            parse(&["a=1", "b=x=y", "c=", "a=2"], ""),
            Ok(json!({"a": ["1", "2"], "b": "x=y", "c": ""}))
        );
        assert_eq!(parse(&["a=\\@home"], ""), Ok(json!({"a": "@home"})));
    }

    #[test]
    fn standard_input_is_a_value_or_an_object_and_can_be_read_once() {
        assert_eq!(parse(&["a=-"], "text\n"), Ok(json!({"a": "text\n"})));
        assert_eq!(
            parse(&["-", "b=2"], "{\"a\": 1}"),
            Ok(json!({"a": 1, "b": "2"}))
        );
        assert!(
            parse(&["a=-", "b=-"], "x")
                .unwrap_err()
                .contains("one value")
        );
    }

    #[test]
    fn mistakes_name_the_place_and_not_the_value() {
        for (arguments, input) in [
            (&["canary"][..], ""),
            (&["-"], "{canary"),
            (&["-"], "[\"canary\"]"),
        ] {
            let error = parse(arguments, input).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
        assert!(
            parse(&["a=@/no/such/file"], "")
                .unwrap_err()
                .contains("/no/such/file")
        );
    }
}
