//! Named values, in the order in which they are shown.

use std::fmt;

use crate::SecretText;

/// The fields of a credential: an ordered map from names to values.
///
/// `Debug` shows the names but no value.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields(Vec<(&'static str, SecretText)>);

impl Fields {
    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find_map(|(own, value)| (own == name).then_some(value))
    }

    /// All fields, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.expose()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the fields of others, but none that is there already: two profiles
    /// that share a name mean the same by it, and the first is kept.
    pub(crate) fn merge(&mut self, others: Self) {
        if self.is_empty() {
            *self = others;
            return;
        }
        for (name, value) in others.0 {
            if self.get(name).is_none() {
                self.add(name, value);
            }
        }
    }

    /// Adds a field.
    pub(crate) fn add(&mut self, name: &'static str, value: SecretText) {
        self.0.push((name, value));
    }

    /// Adds a field with a value that is no secret.
    pub(crate) fn add_public(&mut self, name: &'static str, value: &str) {
        self.add(name, SecretText::new(value));
    }

    /// Adds a field if its value is known.
    pub(crate) fn add_known(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.add_public(name, value);
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(name, _)| (name, "…"));
        f.debug_map().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_only() {
        let mut fields = Fields::default();
        fields.add_public("secret", "canary");
        assert_eq!(format!("{fields:?}"), r#"{"secret": "…"}"#);
    }

    #[test]
    fn of_two_values_the_first_is_kept() {
        let (mut fields, mut others) = (Fields::default(), Fields::default());
        fields.add_public("a", "1");
        others.add_public("b", "2");
        others.add_public("a", "3");
        fields.merge(others);
        let pairs: Vec<_> = fields.iter().collect();
        assert_eq!(pairs, [("a", "1"), ("b", "2")]);
    }
}
