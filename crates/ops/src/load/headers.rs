//! Headers as `-H` takes them: `Key: value`, set on all requests.

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};

/// Headers for all requests, in the order in which they were given. `Host` is not
/// a header but the name by which the server is addressed.
#[derive(Clone, Default)]
pub struct Headers {
    /// All but `Host`; a name may occur several times.
    pub map: HeaderMap,
    /// The value of `Host`.
    pub host: Option<HeaderValue>,
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.map.keys()).finish()
    }
}

impl Headers {
    /// Adds a header. Its value is not repeated in errors.
    ///
    /// # Errors
    /// When it has no colon, or a character that no header may have.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let Some((name, value)) = text.split_once(':') else {
            return Err("a header is written `Key: value`: there is no colon".to_owned());
        };
        let name = name.trim();
        let key: HeaderName = name
            .parse()
            .map_err(|_| format!("`{name}` is not the name of a header"))?;
        let mut value = HeaderValue::from_str(value.trim()).map_err(|_| {
            format!("the value of `{name}` has a character that no header may have")
        })?;
        value.set_sensitive(true);
        if key == HOST {
            self.host = Some(value);
        } else {
            self.map.append(key, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_may_repeat_and_host_is_kept_apart() {
        let mut headers = Headers::default();
        for text in ["X-Vault-Token: canary", "x-a:1", "X-A: 2", "host: vault"] {
            headers.add(text).unwrap();
        }
        let values: Vec<_> = headers.map.get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(headers.host.as_ref().unwrap(), "vault");
        assert!(!headers.map.contains_key("host"));
        assert!(!format!("{headers:?}").contains("canary"));
    }

    #[test]
    fn a_wrong_header_is_refused_without_its_value() {
        for text in ["X-Vault-Token canary", "X Y: canary", "X-Y: canary\n"] {
            let mut headers = Headers::default();
            // A line break at the end is space around the value.
            if let Err(error) = headers.add(text) {
                assert!(!error.contains("canary"), "{error}");
            } else {
                assert_eq!(text, "X-Y: canary\n");
            }
        }
    }
}
