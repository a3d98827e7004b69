//! Text with places for values that are known only when it is sent: the number of a
//! request, and what answers were found to hold.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::CurrentToken;

/// What answers held, by name.
pub type Values = HashMap<String, Zeroizing<String>>;

/// A text with `{{seq}}` and `{{NAME}}` in it.
#[derive(Clone, Default)]
pub struct Template(Vec<Part>);

#[derive(Clone)]
enum Part {
    Text(Zeroizing<String>),
    Sequence,
    /// The number of the request modulo this one.
    Remainder(u64),
    Captured(String),
    Current(CurrentToken),
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Template {
    /// Reads a text; `{{env NAME}}` becomes the value of that variable.
    ///
    /// # Errors
    /// When a place is not closed or named, or a variable is not set.
    pub(super) fn parse(
        text: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            parts.push(Part::Text(Zeroizing::new(before.to_owned())));
            let (name, following) = after
                .split_once("}}")
                .ok_or_else(|| "`{{` is not closed by `}}`".to_owned())?;
            parts.push(place(name.trim(), variable)?);
            rest = following;
        }
        parts.push(Part::Text(Zeroizing::new(rest.to_owned())));
        Ok(Self(parts))
    }

    /// A text with one of the numbers below `count` behind it, in turn.
    pub(in crate::load) fn numbered(text: &str, count: u64) -> Self {
        let text = Part::Text(Zeroizing::new(text.to_owned()));
        Self(vec![text, Part::Remainder(count.max(1))])
    }

    /// The token of the moment in which it is filled.
    pub(super) fn current(token: CurrentToken) -> Self {
        Self(vec![Part::Current(token)])
    }

    /// The names of values that it needs.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Captured(name) => Some(name.as_str()),
            Part::Text(_) | Part::Sequence | Part::Remainder(_) | Part::Current(_) => None,
        })
    }

    /// Whether it is the same for every request.
    pub(super) fn is_constant(&self) -> bool {
        let constant = |part: &Part| matches!(part, Part::Text(_));
        self.0.iter().all(constant)
    }

    /// The text for a request; none while a value is missing.
    pub fn fill(&self, number: u64, values: &Values) -> Option<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::new());
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Sequence => text.push_str(&number.to_string()),
                Part::Remainder(count) => text.push_str(&(number % count).to_string()),
                Part::Captured(name) => text.push_str(values.get(name)?),
                Part::Current(token) => text.push_str(&token.get()?),
            }
        }
        Some(text)
    }
}

fn place(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Part, String> {
    if name == "seq" {
        return Ok(Part::Sequence);
    }
    if let Some(variable_name) = name.strip_prefix("env ") {
        let variable_name = variable_name.trim();
        return variable(variable_name)
            .map(|value| Part::Text(Zeroizing::new(value)))
            .ok_or_else(|| format!("the variable `{variable_name}` is not set"));
    }
    if !is_name(name) {
        return Err(format!(
            "`{{{{{name}}}}}` is none of `{{{{seq}}}}`, `{{{{env NAME}}}}` and the name of a capture"
        ));
    }
    Ok(Part::Captured(name.to_owned()))
}

/// Letters, digits, `-` and `_`.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Option<String> {
        let variable = |name: &str| (name == "SET").then(|| "value".to_owned());
        let template = Template::parse(text, &variable).unwrap();
        let values = Values::from([("token".to_owned(), "t".to_owned().into())]);
        template.fill(7, &values).map(|text| text.to_string())
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(
            fill("a {{seq}} {{ token }} {{env SET}} }}").unwrap(),
            "a 7 t value }}"
        );
        assert_eq!(fill("{{other}}"), None);
    }

    #[test]
    fn a_place_that_is_wrong_is_refused() {
        for text in ["{{", "{{}}", "{{a b}}", "{{env NONE}}"] {
            assert!(Template::parse(text, &|_| None).is_err(), "{text}");
        }
    }
}
