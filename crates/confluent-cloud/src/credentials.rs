//! What a client authenticates with, and how it is kept out of errors.

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::RequestBuilder;
use zeroize::Zeroizing;

use crate::ApiSecret;
use crate::ids::ApiKeyId;

/// An admin credential. `Debug` shows no secret.
#[derive(Clone)]
pub enum Credentials {
    /// A Cloud API key, sent with HTTP Basic.
    Basic {
        /// Its id.
        key_id: ApiKeyId,
        /// Its secret.
        secret: ApiSecret,
    },
    /// An access token of Confluent's token service.
    Bearer(Zeroizing<String>),
}

impl Credentials {
    /// A name that is the same for the same credentials, and reveals no secret.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Basic { key_id, .. } => format!("key {key_id}"),
            Self::Bearer(token) => {
                let mut hash = DefaultHasher::new();
                token.hash(&mut hash);
                format!("token {:016x}", hash.finish())
            }
        }
    }

    /// The request with these credentials.
    pub(crate) fn authenticate(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic { key_id, secret } => {
                request.basic_auth(key_id.as_str(), Some(secret.expose()))
            }
            Self::Bearer(token) => request.bearer_auth(token.as_str()),
        }
    }

    /// The strings that must appear nowhere else: the secret, and its form in
    /// the `Authorization` header.
    pub(crate) fn hidden(&self) -> Hidden {
        let texts = match self {
            Self::Basic { key_id, secret } => {
                let pair = Zeroizing::new(format!("{key_id}:{}", secret.expose()));
                vec![
                    Zeroizing::new(secret.expose().to_owned()),
                    Zeroizing::new(STANDARD.encode(pair.as_bytes())),
                ]
            }
            Self::Bearer(token) => vec![token.clone()],
        };
        Hidden(texts.into())
    }
}

/// Strings that a service may echo and an error must not. `Debug` shows none.
#[derive(Clone)]
pub(crate) struct Hidden(Arc<[Zeroizing<String>]>);

impl Hidden {
    /// Whether a text contains one of them, plain or percent-encoded. Check
    /// before the text is truncated: a prefix of a secret would not be found.
    ///
    /// White space and control characters do not count: they may be left out
    /// before the text is shown, which would put a secret together again.
    pub(crate) fn appears_in(&self, text: &str) -> bool {
        let plain = squeezed(text);
        let decoded = match percent_decode_str(&plain).decode_utf8_lossy() {
            Cow::Borrowed(_) => None,
            Cow::Owned(decoded) => Some(squeezed(&Zeroizing::new(decoded))),
        };
        let hidden = self.0.iter().map(|hidden| squeezed(hidden));
        hidden.filter(|hidden| !hidden.is_empty()).any(|hidden| {
            plain.contains(hidden.as_str())
                || decoded
                    .as_ref()
                    .is_some_and(|decoded| decoded.contains(hidden.as_str()))
        })
    }
}

fn squeezed(text: &str) -> Zeroizing<String> {
    let mut squeezed = Zeroizing::new(String::with_capacity(text.len()));
    squeezed.extend(
        text.chars()
            .filter(|c| !c.is_whitespace() && !c.is_control()),
    );
    squeezed
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { key_id, .. } => write!(f, "Basic({key_id})"),
            Self::Bearer(_) => f.write_str("Bearer(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_which_key_but_no_secret() {
        let basic = Credentials::Basic {
            key_id: ApiKeyId::new("ADMINKEY").unwrap(),
            secret: ApiSecret::new("canary"),
        };
        assert_eq!(format!("{basic:?}"), "Basic(ADMINKEY)");
        let bearer = Credentials::Bearer("canary".to_owned().into());
        assert_eq!(format!("{bearer:?}"), "Bearer(…)");
    }

    #[test]
    fn a_secret_is_found_plain_in_the_headers_form_and_percent_encoded() {
        let hidden = Credentials::Basic {
            key_id: ApiKeyId::new("ADMINKEY").unwrap(),
            secret: ApiSecret::new("can+ary/1"),
        }
        .hidden();
        let header = STANDARD.encode("ADMINKEY:can+ary/1");
        for text in [
            "a can+ary/1 b",
            "a can%2Bary%2f1 b",
            &format!("Basic {header}"),
            "can+\u{0}ary\u{7f}/1",
            "can+\n  ary/1",
            "can%2B%0Aary%2f1",
        ] {
            assert!(hidden.appears_in(text), "{text}");
        }
        for text in ["", "a%20b", "canary"] {
            assert!(!hidden.appears_in(text), "{text}");
        }
        assert!(!format!("{hidden:?}").contains("can"));
    }
}
