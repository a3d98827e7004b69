//! What a secret id is restricted to, and the metadata by which a rotation knows
//! its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The metadata by which a rotation finds the secret ids that it made, and the
/// tokens that were got with them.
pub(crate) const MARK: &str = "lockkeeper_rotation";
/// The metadata that tells apart the secret ids of one rotation.
pub(crate) const ATTEMPT: &str = "lockkeeper_attempt";
/// How the use of a secret id is restricted, beside what its role says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Restrictions {
    /// Networks that logins may come from.
    pub cidr_list: Vec<String>,
    /// Networks that its tokens may be used from.
    pub token_bound_cidrs: Vec<String>,
    /// Its time to live in seconds.
    pub ttl: Option<u64>,
    /// How often it can be used.
    pub uses: Option<u64>,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
}

impl Restrictions {
    /// These, with those of the old secret id where nothing is given. How often
    /// the old one could be used is not on record anywhere, so the role's number
    /// counts.
    pub(crate) fn or_those_of(&self, old: &Self) -> Self {
        let or = |given: &Vec<String>, old: &Vec<String>| {
            let chosen = if given.is_empty() { old } else { given };
            chosen.clone()
        };
        let mut metadata = old.metadata.clone();
        metadata.extend(self.metadata.clone());
        metadata.remove(MARK);
        metadata.remove(ATTEMPT);
        Self {
            cidr_list: or(&self.cidr_list, &old.cidr_list),
            token_bound_cidrs: or(&self.token_bound_cidrs, &old.token_bound_cidrs),
            ttl: self.ttl.or(old.ttl),
            uses: self.uses,
            metadata,
        }
    }

    /// What two secret ids must share for one to stand for the other.
    pub(crate) fn without_marks(&self) -> Self {
        Self::default().or_those_of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_restricted_like_the_old_one_where_nothing_else_is_said() {
        let mut old = Restrictions {
            cidr_list: vec!["10.0.0.0/8".to_owned()],
            ttl: Some(600),
            ..Restrictions::default()
        };
        old.metadata.insert("team".to_owned(), "orders".to_owned());
        old.metadata
            .insert(MARK.to_owned(), "an earlier one".to_owned());
        let given = Restrictions {
            ttl: Some(60),
            uses: Some(5),
            ..Restrictions::default()
        };
        let chosen = given.or_those_of(&old);
        assert_eq!(chosen.cidr_list, ["10.0.0.0/8"]);
        assert_eq!((chosen.ttl, chosen.uses), (Some(60), Some(5)));
        assert_eq!(chosen.metadata.len(), 1);
        assert_eq!(chosen.metadata["team"], "orders");
    }
}
