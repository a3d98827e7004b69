//! Values of the configuration file, and what to say of those that are not
//! allowed.

use std::time::Duration;

use hcl1::{Body, Error, Item, Key, LiteralKind, Value};

use crate::commands::logging::LogFormat;

/// The key of an item.
pub(super) fn first(item: &Item) -> Result<&Key, Error> {
    let key = item.keys.first();
    key.ok_or_else(|| Error::new(item.value.position(), "there is no key"))
}

/// `key "label" { ... }`, and the forms that JSON has for it: an object by label,
/// or a list of such objects.
pub(super) fn blocks(item: &Item) -> Result<Vec<(&Key, &Body)>, Error> {
    let key = first(item)?;
    if let [_, label] = item.keys.as_slice() {
        return Ok(vec![(label, body(&item.value, key)?)]);
    }
    if let Value::List(list) = &item.value {
        let mut blocks = Vec::new();
        for value in &list.values {
            for item in &body(value, key)?.items {
                blocks.push((first(item)?, body(&item.value, key)?));
            }
        }
        return Ok(blocks);
    }
    let by_label = &body(&item.value, key)?.items;
    by_label
        .iter()
        .map(|item| Ok((first(item)?, body(&item.value, key)?)))
        .collect()
}

pub(super) fn body<'a>(value: &'a Value, key: &Key) -> Result<&'a Body, Error> {
    match value {
        Value::Object(object) => Ok(&object.body),
        other => Err(Error::new(
            other.position(),
            format!(
                "`{0}` is {1}: write it as a block, such as `{0} \"...\" {{ ... }}`",
                key.name,
                other.describe()
            ),
        )),
    }
}

pub(super) fn member<'a>(
    body: &'a Body,
    name: &str,
) -> Result<Option<(&'a Value, &'a Key)>, Error> {
    for item in &body.items {
        let key = first(item)?;
        if *key.name == *name {
            return Ok(Some((&item.value, key)));
        }
    }
    Ok(None)
}

pub(super) fn wrong(key: &Key, given: &str, allowed: &str) -> Error {
    Error::new(
        key.position,
        format!("`{}` is `{given}`: give {allowed}", key.name),
    )
}

pub(super) fn text<'a>(value: &'a Value, key: &Key) -> Result<&'a str, Error> {
    match value {
        Value::Literal(literal) => literal.text(),
        _ => None,
    }
    .ok_or_else(|| {
        let problem = format!("`{}` is {}: give a string", key.name, value.describe());
        Error::new(value.position(), problem)
    })
}

/// `true`, `false`, or what Vault takes for them in a string or a number.
pub(super) fn boolean(item: &Item, key: &Key) -> Result<bool, Error> {
    if let Value::Literal(literal) = &item.value {
        if let LiteralKind::Bool(value) = literal.kind {
            return Ok(value);
        }
        match literal.text() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => return Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => return Ok(false),
            _ => {}
        }
    }
    let problem = format!("`{}` must be `true` or `false`", key.name);
    Err(Error::new(item.value.position(), problem))
}

pub(super) fn size(item: &Item, key: &Key) -> Result<usize, Error> {
    let number = match &item.value {
        Value::Literal(literal) => literal.integer(),
        _ => None,
    };
    let size = number.and_then(|size| usize::try_from(size).ok());
    size.filter(|size| *size > 0).ok_or_else(|| {
        let what = match &*key.name {
            "max_request_json_strings" | "max_connections" => "number",
            _ => "number of bytes",
        };
        let problem = format!("`{}` must be a {what} above zero", key.name);
        Error::new(item.value.position(), problem)
    })
}

/// A number that is not negative, also in a string, as in Vault.
pub(super) fn number(item: &Item, key: &Key) -> Result<u64, Error> {
    let given = text(&item.value, key)?;
    given.trim().parse().map_err(|_| {
        let problem = format!("`{}` must be a number that is not negative", key.name);
        Error::new(item.value.position(), problem)
    })
}

pub(super) fn duration(item: &Item, key: &Key) -> Result<Duration, Error> {
    let given = text(&item.value, key)?;
    logical::duration::parse(given).map_err(|error| {
        let problem = format!("`{}`: {error}", key.name);
        Error::new(item.value.position(), problem)
    })
}

pub(super) fn positive(item: &Item, key: &Key) -> Result<Duration, Error> {
    let duration = duration(item, key)?;
    if duration.is_zero() {
        return Err(wrong(key, "0", "a duration above zero, such as `90s`"));
    }
    Ok(duration)
}

pub(super) fn url(item: &Item, key: &Key) -> Result<String, Error> {
    let given = text(&item.value, key)?;
    let is_url = ["http://", "https://"].iter().any(|scheme| {
        given
            .strip_prefix(scheme)
            .is_some_and(|rest| !rest.is_empty())
    });
    if is_url {
        Ok(given.to_owned())
    } else {
        Err(wrong(
            key,
            given,
            "an address such as `https://vault.example:8200`",
        ))
    }
}

pub(super) fn log_level(item: &Item, key: &Key) -> Result<&'static str, Error> {
    let given = text(&item.value, key)?;
    Ok(match given.to_ascii_lowercase().as_str() {
        "trace" => "trace",
        "debug" => "debug",
        "info" | "notice" => "info",
        "warn" | "warning" => "warn",
        "err" | "error" => "error",
        _ => {
            return Err(wrong(
                key,
                given,
                "`trace`, `debug`, `info`, `warn` or `error`",
            ));
        }
    })
}

pub(super) fn log_format(item: &Item, key: &Key) -> Result<LogFormat, Error> {
    match text(&item.value, key)? {
        "standard" => Ok(LogFormat::Standard),
        "json" => Ok(LogFormat::Json),
        other => Err(wrong(key, other, "`standard` or `json`")),
    }
}
