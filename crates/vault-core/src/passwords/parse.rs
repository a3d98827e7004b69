//! Reads the text of a password policy, in HCL or JSON.

use hcl1::{Body, Item, Value};
use logical::Error;

use super::{CharsetRule, PasswordPolicy, invalid, unique};

/// The lengths of passwords, as in Vault.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=100;
/// How many different characters a rule has at most.
const LARGEST_CHARSET: usize = 256;

/// Parses the text of a password policy.
///
/// # Errors
/// A bad request that names what is wrong.
pub(crate) fn parse(text: &str) -> Result<PasswordPolicy, Error> {
    let document =
        hcl1::parse(text).map_err(|error| invalid(format!("unable to decode: {error}")))?;
    let mut length = 0;
    let mut rules = Vec::new();
    for item in &document.body.items {
        let Some(key) = item.keys.first() else {
            continue;
        };
        match &*key.name {
            "length" => length = number(item)?,
            "rule" => collect(item, &mut rules)?,
            other => {
                return Err(invalid(format!(
                    "{}: invalid key {other:?}: a policy has `length` and `rule`",
                    key.position
                )));
            }
        }
    }
    if !LENGTHS.contains(&length) {
        return Err(Error::bad_request(
            "passwords must be between 4 and 100 characters",
        ));
    }
    if rules.is_empty() {
        return Err(invalid("no charset specified"));
    }
    let needed = rules
        .iter()
        .fold(0, |sum: usize, rule| sum.saturating_add(rule.min_chars));
    if needed > length {
        return Err(invalid(format!(
            "specified rules require at least {needed} characters but {length} is specified"
        )));
    }
    Ok(PasswordPolicy { length, rules })
}

/// `rule "charset" {…}`, or what JSON has below `rule`: an object by kind, or a
/// list of such objects.
fn collect(item: &Item, rules: &mut Vec<CharsetRule>) -> Result<(), Error> {
    match (item.keys.get(1), &item.value) {
        (Some(kind), value) => rule_of_kind(&kind.name, value, rules),
        (None, Value::List(list)) => list.values.iter().try_for_each(|value| match value {
            Value::Object(object) => by_kind(&object.body, rules),
            other => Err(expected("the object of a rule", other)),
        }),
        (None, Value::Object(object)) => by_kind(&object.body, rules),
        (None, other) => Err(expected("`rule \"charset\" { … }`", other)),
    }
}

fn by_kind(body: &Body, rules: &mut Vec<CharsetRule>) -> Result<(), Error> {
    body.items
        .iter()
        .try_for_each(|item| match item.keys.first() {
            Some(kind) => rule_of_kind(&kind.name, &item.value, rules),
            None => Ok(()),
        })
}

fn rule_of_kind(kind: &str, value: &Value, rules: &mut Vec<CharsetRule>) -> Result<(), Error> {
    if kind != "charset" {
        return Err(invalid(format!(
            "unable to parse rules: unable to parse rule {kind}: unrecognized rule type {kind}"
        )));
    }
    match value {
        Value::Object(object) => rules.push(rule(&object.body)?),
        Value::List(list) => {
            for value in &list.values {
                rule_of_kind(kind, value, rules)?;
            }
        }
        other @ Value::Literal(_) => return Err(expected("the object of a rule", other)),
    }
    Ok(())
}

fn rule(body: &Body) -> Result<CharsetRule, Error> {
    let mut charset = Vec::new();
    let mut min_chars = 0;
    for item in &body.items {
        let Some(key) = item.keys.first() else {
            continue;
        };
        match &*key.name {
            "charset" => charset = characters(item)?,
            "min-chars" => min_chars = number(item)?,
            other => {
                return Err(invalid(format!(
                    "{}: invalid key {other:?}: a rule has `charset` and `min-chars`",
                    key.position
                )));
            }
        }
    }
    if charset.is_empty() {
        return Err(invalid("no charset specified"));
    }
    Ok(CharsetRule { charset, min_chars })
}

fn characters(item: &Item) -> Result<Vec<char>, Error> {
    let text = match &item.value {
        Value::Literal(literal) => literal.text(),
        _ => None,
    };
    let text = text.ok_or_else(|| expected("a string", &item.value))?;
    if text.chars().any(char::is_control) {
        return Err(invalid("`charset` has a character that cannot be printed"));
    }
    let charset = unique(text.chars());
    if charset.len() > LARGEST_CHARSET {
        return Err(invalid(format!(
            "`charset` has more than {LARGEST_CHARSET} different characters"
        )));
    }
    Ok(charset)
}

fn number(item: &Item) -> Result<usize, Error> {
    let number = match &item.value {
        Value::Literal(literal) => literal.integer(),
        _ => None,
    };
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or_else(|| expected("a number that is not negative", &item.value))
}

fn expected(what: &str, found: &Value) -> Error {
    invalid(format!(
        "{}: expected {what}, not {}",
        found.position(),
        found.describe()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hcl_and_json_say_the_same() {
        let hcl = "length = 20\nrule \"charset\" { charset = \"ab\" min-chars = 1 }\n\
                   rule \"charset\" { charset = \"cd\" }";
        for json in [
            r#"{"length": 20, "rule": [{"charset": {"charset": "ab", "min-chars": 1}},
                {"charset": {"charset": "cd"}}]}"#,
            r#"{"length": 20, "rule": {"charset": [{"charset": "ab", "min-chars": 1},
                {"charset": "cd"}]}}"#,
        ] {
            assert_eq!(parse(hcl).unwrap(), parse(json).unwrap());
        }
    }

    /// The texts were seen at OpenBao 2.7.2, apart from those with a place.
    #[test]
    fn what_is_wrong_is_named() {
        let charset = "rule \"charset\" { charset = \"abcde\" }";
        for (text, expected) in [
            (
                "x".to_owned(),
                "invalid password policy: unable to decode: ",
            ),
            (
                format!("length = 3\n{charset}"),
                "passwords must be between 4 and 100 characters",
            ),
            (
                format!("length = 101\n{charset}"),
                "passwords must be between 4 and 100 characters",
            ),
            (
                charset.to_owned(),
                "passwords must be between 4 and 100 characters",
            ),
            (
                "length = 10".to_owned(),
                "invalid password policy: no charset specified",
            ),
            (
                "length = 10\nrule \"charset\" { charset = \"\" }".to_owned(),
                "invalid password policy: no charset specified",
            ),
            (
                "length = 4\nrule \"charset\" { charset = \"ab\" min-chars = 5 }".to_owned(),
                "invalid password policy: specified rules require at least 5 characters but 4 is \
                 specified",
            ),
            (
                "length = 10\nrule \"chars\" { charset = \"ab\" }".to_owned(),
                "invalid password policy: unable to parse rules: unable to parse rule chars: \
                 unrecognized rule type chars",
            ),
            (
                format!("length = -1\n{charset}"),
                "invalid password policy: line 1, column",
            ),
            (
                format!("length = 10\nfoo = 1\n{charset}"),
                "invalid password policy: line 2, column",
            ),
            (
                "length = 10\nrule \"charset\" { charset = \"a\" foo = 1 }".to_owned(),
                "invalid password policy: line 2, column",
            ),
            (
                "length = 10\nrule \"charset\" { charset = \"a\\n\" }".to_owned(),
                "invalid password policy: `charset` has a character that cannot be printed",
            ),
        ] {
            let said = parse(&text).unwrap_err().message().to_owned();
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-z{}\\[\\]\"=0-9-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
