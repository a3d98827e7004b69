//! What stands in a line in place of a secret text.

use std::fmt;

use aws_lc_rs::hmac;
use logical::{Entropy, Object};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use zeroize::Zeroizing;

use super::options::Options;

const LABEL: &[u8] = b"hmac-sha256:";
const HEX: &[u8; 16] = b"0123456789abcdef";
const LENGTH: usize = LABEL.len() + 64;
/// Bytes of a salt.
const SALT: usize = 32;

/// The secret key of a device's HMACs, in storage.
pub(super) type Salt = Zeroizing<Vec<u8>>;

/// A new salt.
pub(super) fn new_salt(entropy: &dyn Entropy) -> Salt {
    let mut salt = Zeroizing::new(vec![0; SALT]);
    entropy.fill(&mut salt);
    salt
}

/// Decides which texts a device shows.
pub(crate) struct Mask {
    key: hmac::Key,
    shows_all: bool,
    shows_accessors: bool,
}

/// The HMAC of a text, such as `hmac-sha256:4a91…`.
pub(crate) struct Hashed([u8; LENGTH]);

impl Mask {
    pub(super) fn new(salt: &[u8], options: &Options) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, salt),
            shows_all: options.log_raw,
            shows_accessors: !options.hmac_accessor,
        }
    }

    /// The HMAC of a text, as `sys/audit-hash` answers it.
    pub(crate) fn hash(&self, text: &str) -> Hashed {
        let tag = hmac::sign(&self.key, text.as_bytes());
        let mut hashed = [0; LENGTH];
        hashed[..LABEL.len()].copy_from_slice(LABEL);
        for (pair, byte) in hashed[LABEL.len()..].chunks_mut(2).zip(tag.as_ref()) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        Hashed(hashed)
    }

    /// A text that is secret.
    pub(super) fn secret<'a>(&'a self, text: &'a str) -> Text<'a> {
        Text {
            text,
            mask: (!self.shows_all).then_some(self),
        }
    }

    /// An accessor, which some devices show.
    pub(super) fn accessor<'a>(&'a self, text: &'a str) -> Text<'a> {
        Text {
            text,
            mask: (!self.shows_all && !self.shows_accessors).then_some(self),
        }
    }

    /// Data, of which the members with these names are shown.
    pub(super) fn data<'a>(&'a self, data: &'a Object, shown: &'a [String]) -> Data<'a> {
        Data {
            mask: self,
            shown,
            members: data,
            elides_lists: false,
        }
    }
}

impl Hashed {
    pub(crate) fn as_str(&self) -> &str {
        // It is made of ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text of its own, or its HMAC.
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    mask: Option<&'a Mask>,
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.mask {
            None => serializer.serialize_str(self.text),
            Some(mask) => serializer.serialize_str(mask.hash(self.text).as_str()),
        }
    }
}

/// The data of a request or a response: names, numbers and flags as they are,
/// texts as HMACs.
pub(super) struct Data<'a> {
    mask: &'a Mask,
    shown: &'a [String],
    members: &'a Object,
    elides_lists: bool,
}

impl Data<'_> {
    /// The same, with the length of `keys` and `key_info` in place of their
    /// content.
    pub(super) fn eliding_lists(self, elides_lists: bool) -> Self {
        Self {
            elides_lists,
            ..self
        }
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.members {
            match (name.as_str(), value) {
                ("keys", Value::Array(list)) if self.elides_lists => {
                    map.serialize_entry(name, &list.len())?;
                }
                ("key_info", Value::Object(infos)) if self.elides_lists => {
                    map.serialize_entry(name, &infos.len())?;
                }
                _ => map.serialize_entry(name, &self.member(name, value))?,
            }
        }
        map.end()
    }
}

impl<'a> Data<'a> {
    fn member(&'a self, name: &str, value: &'a Value) -> Member<'a> {
        Member {
            data: self,
            is_shown: self.mask.shows_all || self.shown.iter().any(|shown| shown == name),
            value,
        }
    }
}

/// A value, and whether the member that it is of is shown.
struct Member<'a> {
    data: &'a Data<'a>,
    is_shown: bool,
    value: &'a Value,
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::String(text) if !self.is_shown => {
                serializer.serialize_str(self.data.mask.hash(text).as_str())
            }
            Value::Array(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                for value in list {
                    seq.serialize_element(&Self { value, ..*self })?;
                }
                seq.end()
            }
            // The name of the innermost member decides, as in OpenBao.
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, &self.data.member(name, value))?;
                }
                map.end()
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mask(options: &[(&str, &str)]) -> Mask {
        let options = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Mask::new(b"salt", &Options::parse(&options).unwrap())
    }

    fn shown(mask: &Mask, data: &Value, shown: &[&str], elides: bool) -> Value {
        let shown: Vec<String> = shown.iter().map(|name| (*name).to_owned()).collect();
        let data = data.as_object().unwrap();
        serde_json::to_value(mask.data(data, &shown).eliding_lists(elides)).unwrap()
    }

    #[test]
    fn a_hash_is_the_hmac_of_the_text_with_the_salt() {
        // printf hello | openssl dgst -sha256 -hmac salt
        let hello = "hmac-sha256:86a81c3023136e5ef95a5545563804237182a5e2fafb5fd44adb958873182f48";
        assert_eq!(mask(&[]).hash("hello").as_str(), hello);
    }

    #[test]
    fn texts_are_hashed_and_everything_else_is_shown() {
        let mask = mask(&[]);
        let hashed = |text: &str| mask.hash(text).to_string();
        let data = json!({"a": "x", "n": 3, "t": true, "z": null, "l": ["x", 1, {"y": "x"}]});
        assert_eq!(
            shown(&mask, &data, &[], false),
            json!({
                "a": hashed("x"), "n": 3, "t": true, "z": null,
                "l": [hashed("x"), 1, {"y": hashed("x")}],
            })
        );
    }

    #[test]
    fn a_member_is_shown_by_the_name_that_is_nearest_to_it() {
        let mask = mask(&[]);
        let hashed = mask.hash("x").to_string();
        let data = json!({"open": ["x"], "deep": {"open": "x"}, "other": "x"});
        assert_eq!(
            shown(&mask, &data, &["open"], false),
            json!({"open": ["x"], "deep": {"open": "x"}, "other": hashed})
        );
        let inside = json!({"open": {"other": "x"}});
        assert_eq!(
            shown(&mask, &inside, &["open"], false),
            json!({"open": {"other": hashed}})
        );
    }

    #[test]
    fn a_list_is_replaced_by_its_length_if_that_is_wanted() {
        let mask = mask(&[("log_raw", "true")]);
        let data = json!({"keys": ["a", "b"], "key_info": {"a": {}}, "more": {"keys": ["c"]}});
        assert_eq!(
            shown(&mask, &data, &[], true),
            json!({"keys": 2, "key_info": 1, "more": {"keys": ["c"]}})
        );
        assert_eq!(shown(&mask, &data, &[], false), data);
    }

    #[test]
    fn accessors_are_shown_by_a_device_that_says_so() {
        let json = |mask: &Mask| {
            let both = [mask.secret("x"), mask.accessor("x")];
            serde_json::to_value(both).unwrap()
        };
        let hashed = mask(&[]).hash("x").to_string();
        assert_eq!(json(&mask(&[])), json!([hashed, hashed]));
        let open = mask(&[("hmac_accessor", "false")]);
        assert_eq!(json(&open), json!([hashed, "x"]));
        assert_eq!(json(&mask(&[("log_raw", "1")])), json!(["x", "x"]));
    }
}
