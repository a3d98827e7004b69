//! The options that every type of device has.

use std::collections::BTreeMap;

use logical::Error;

/// What a device shows, and how its lines begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// Nothing is hashed.
    pub(super) log_raw: bool,
    pub(super) hmac_accessor: bool,
    pub(super) elide_list_responses: bool,
    /// Before each line.
    pub(super) prefix: String,
}

impl Options {
    /// Their names.
    pub(super) const NAMES: [&str; 5] = [
        "elide_list_responses",
        "format",
        "hmac_accessor",
        "log_raw",
        "prefix",
    ];

    /// Reads them from all options of a device.
    ///
    /// # Errors
    /// A bad request that names the option.
    pub(super) fn parse(options: &BTreeMap<String, String>) -> Result<Self, Error> {
        match options.get("format").map_or("json", String::as_str) {
            "json" => {}
            other => {
                return Err(Error::bad_request(format!(
                    "unknown format type {other:?}: use `json`"
                )));
            }
        }
        Ok(Self {
            log_raw: flag(options, "log_raw")?.unwrap_or(false),
            hmac_accessor: flag(options, "hmac_accessor")?.unwrap_or(true),
            elide_list_responses: flag(options, "elide_list_responses")?.unwrap_or(false),
            prefix: options.get("prefix").cloned().unwrap_or_default(),
        })
    }

    /// All others, which are for the sink.
    pub(super) fn others(options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let others = options
            .iter()
            .filter(|(name, _)| !Self::NAMES.contains(&name.as_str()));
        others
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// What Go's `strconv.ParseBool` takes.
fn flag(options: &BTreeMap<String, String>, name: &str) -> Result<Option<bool>, Error> {
    match options.get(name).map(String::as_str) {
        None => Ok(None),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
        Some(_) => Err(Error::bad_request(format!(
            "`{name}` must be `true` or `false`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, value: &str) -> Result<Options, Error> {
        Options::parse(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn secrets_and_accessors_are_hashed_unless_something_else_is_said() {
        let usual = Options::parse(&BTreeMap::new()).unwrap();
        assert!(usual.hmac_accessor && !usual.log_raw && !usual.elide_list_responses);
        assert!(parse("log_raw", "TRUE").unwrap().log_raw);
        assert!(!parse("hmac_accessor", "0").unwrap().hmac_accessor);
        assert_eq!(parse("prefix", "@cee: ").unwrap().prefix, "@cee: ");
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_name_of_its_option() {
        for (name, value) in [("log_raw", "maybe"), ("hmac_accessor", "")] {
            let error = parse(name, value).unwrap_err();
            assert!(error.message().contains(name), "{error}");
        }
        let error = parse("format", "jsonx").unwrap_err();
        assert!(error.message().starts_with("unknown format type \"jsonx\""));
    }
}
