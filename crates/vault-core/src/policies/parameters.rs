//! Whether the parameters of a request are allowed.

use logical::Object;
use serde_json::Value;

use super::rule::Permissions;

/// Stands for every parameter.
const ANY: &str = "*";

impl Permissions {
    /// Whether a request may have these parameters.
    pub(super) fn allow_parameters(&self, data: &Object) -> bool {
        // Names of fields are case-sensitive: `X` is not the `x` that is required.
        let given = |name: &String| data.contains_key(name);
        if !self.required_parameters.iter().all(given) {
            return false;
        }
        if data.is_empty() {
            return true;
        }
        if self.denied_parameters.contains_key(ANY) {
            return false;
        }
        let is_denied = |(name, value): (&String, &Value)| {
            let values = self.denied_parameters.get(&name.to_lowercase());
            values.is_some_and(|values| is_among(value, values))
        };
        if data.iter().any(is_denied) {
            return false;
        }
        if self.allowed_parameters.is_empty() {
            return true;
        }
        let allows_any = self.allowed_parameters.contains_key(ANY);
        data.iter().all(
            |(name, value)| match self.allowed_parameters.get(&name.to_lowercase()) {
                Some(values) => is_among(value, values),
                None => allows_any,
            },
        )
    }
}

/// Whether a value is in a list. An empty list has every value.
fn is_among(value: &Value, list: &[Value]) -> bool {
    list.is_empty() || list.iter().any(|listed| is_same(value, listed))
}

/// A text of a policy may begin or end with `*`; numbers are compared as they
/// are written.
fn is_same(value: &Value, listed: &Value) -> bool {
    match (value, listed) {
        (Value::String(value), Value::String(pattern)) => matches(pattern, value),
        (Value::Number(value), Value::Number(listed)) => value.to_string() == listed.to_string(),
        (Value::Number(value), Value::String(listed)) => value.to_string() == *listed,
        (value, listed) => value == listed,
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let (before, pattern) = match pattern.strip_prefix('*') {
        Some(pattern) => (true, pattern),
        None => (false, pattern),
    };
    let (after, pattern) = match pattern.strip_suffix('*') {
        Some(pattern) => (true, pattern),
        None => (false, pattern),
    };
    match (before, after) {
        (true, true) => text.contains(pattern),
        (true, false) => text.ends_with(pattern),
        (false, true) => text.starts_with(pattern),
        (false, false) => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn allows(allowed: &Value, denied: &Value, required: &[&str], data: &Value) -> bool {
        let map = |value: &Value| {
            let members = value.as_object().unwrap().iter();
            members
                .map(|(name, values)| (name.clone(), values.as_array().unwrap().clone()))
                .collect()
        };
        let permissions = Permissions {
            allowed_parameters: map(allowed),
            denied_parameters: map(denied),
            required_parameters: required.iter().map(|&name| name.to_owned()).collect(),
            ..Permissions::default()
        };
        permissions.allow_parameters(data.as_object().unwrap())
    }

    #[test]
    fn parameters_are_allowed_denied_and_required_as_in_vault() {
        let none = json!({});
        assert!(allows(&none, &none, &[], &json!({"a": 1})));
        assert!(!allows(&none, &none, &["a"], &json!({"b": 1})));
        assert!(allows(&none, &none, &["a"], &json!({"a": 1})));
        assert!(!allows(&none, &none, &["a"], &json!({"A": 1})));
        assert!(!allows(&none, &json!({"*": []}), &[], &json!({"a": 1})));
        assert!(allows(&none, &json!({"*": []}), &[], &none));
        assert!(!allows(&none, &json!({"a": []}), &[], &json!({"A": 1})));
        assert!(allows(&none, &json!({"a": ["x"]}), &[], &json!({"a": "y"})));
        assert!(!allows(
            &none,
            &json!({"a": ["x*"]}),
            &[],
            &json!({"a": "xyz"})
        ));
        let allowed = json!({"a": ["x", 3], "b": []});
        assert!(allows(&allowed, &none, &[], &json!({"a": "x", "b": [1]})));
        assert!(allows(&allowed, &none, &[], &json!({"a": 3})));
        assert!(!allows(&allowed, &none, &[], &json!({"a": "y"})));
        assert!(!allows(&allowed, &none, &[], &json!({"c": "x"})));
        let any = json!({"*": [], "a": ["x"]});
        assert!(allows(&any, &none, &[], &json!({"c": 1, "a": "x"})));
        assert!(!allows(&any, &none, &[], &json!({"a": "y"})));
    }
}
