//! Which server, as whom, and how patiently: from the variables that users of
//! Vault and OpenBao know.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::{Error, Result, Token, duration};

/// Where Vault's command line looks when nothing is set.
const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";
/// As Vault's client waits.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
/// As Vault's client repeats.
const DEFAULT_RETRIES: u32 = 2;

/// All that a [`Client`](crate::Client) needs to know. Flags of a command line
/// change the fields after the environment was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The server, `http` or `https`; its path, if any, comes before `/v1/`.
    pub address: Url,
    /// Shown with each request, if there is one.
    pub token: Option<Token>,
    /// Sent in `X-Vault-Namespace`, if there is one.
    pub namespace: Option<String>,
    /// For each single request.
    pub timeout: Duration,
    /// How often a request is sent again; 0 for never.
    pub retries: u32,
    /// Whose certificates are believed.
    pub trust: Trust,
}

/// Whose certificates a client believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system's roots signed; if it has none, the bundled ones.
    System,
    /// Those that a certificate of this PEM file signed, and no others.
    File(PathBuf),
    /// Every one. For tests of a person's own only: anybody can listen.
    Everything,
}

impl Settings {
    /// A server at `address`, without a token, everything else by default.
    pub fn new(address: Url) -> Self {
        Self {
            address,
            token: None,
            namespace: None,
            timeout: DEFAULT_TIMEOUT,
            retries: DEFAULT_RETRIES,
            trust: Trust::System,
        }
    }

    /// Reads `ADDR`, `TOKEN`, `CACERT`, `SKIP_VERIFY`, `NAMESPACE`,
    /// `CLIENT_TIMEOUT` and `MAX_RETRIES`, each as `BAO_…` or else as
    /// `VAULT_…`; without a token, the file `.vault-token` in `HOME`, where
    /// `login` leaves it. An empty value counts as none.
    ///
    /// `lookup` is the environment: `|name| std::env::var(name).ok()`.
    ///
    /// # Errors
    ///
    /// When a value cannot be understood; the message names the variable.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let environment = Environment { lookup: &lookup };
        let mut settings = Self::new(
            environment
                .parsed("ADDR", Self::parse_address)?
                .map_or_else(|| Self::parse_address(DEFAULT_ADDRESS), Ok)?,
        );
        settings.namespace = environment.get("NAMESPACE").map(|(_, value)| value);
        if let Some(timeout) = environment.parsed("CLIENT_TIMEOUT", parse_timeout)? {
            settings.timeout = timeout;
        }
        if let Some(retries) = environment.parsed("MAX_RETRIES", parse_retries)? {
            settings.retries = retries;
        }
        if let Some((_, file)) = environment.get("CACERT") {
            settings.trust = Trust::File(file.into());
        }
        if environment.parsed("SKIP_VERIFY", parse_bool)? == Some(true) {
            settings.trust = Trust::Everything;
        }
        settings.token = match environment.parsed("TOKEN", |text| Token::new(text))? {
            Some(token) => Some(token),
            None => token_file(lookup("HOME"))?,
        };
        Ok(settings)
    }

    /// Reads an address such as `https://vault.example:8200`.
    ///
    /// # Errors
    ///
    /// When it is no `http` or `https` address.
    pub fn parse_address(text: &str) -> Result<Url> {
        let expected = "an address such as `https://vault.example:8200` is expected";
        let url = Url::parse(text.trim())
            .map_err(|error| setting("address", format!("`{text}`: {error}; {expected}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(setting("address", format!("`{text}`: {expected}")));
        }
        Ok(url)
    }
}

/// The handed-in environment with its two families of names.
struct Environment<'e> {
    lookup: &'e dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    /// The name that is set, and its value.
    fn get(&self, name: &str) -> Option<(String, String)> {
        let mut names = ["BAO_", "VAULT_"]
            .iter()
            .map(|family| format!("{family}{name}"));
        names.find_map(|name| {
            let value = (self.lookup)(&name).filter(|value| !value.is_empty())?;
            Some((name, value))
        })
    }

    /// The value, parsed; an error names the variable that has it.
    fn parsed<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T>) -> Result<Option<T>> {
        let Some((name, value)) = self.get(name) else {
            return Ok(None);
        };
        parse(&value).map(Some).map_err(|error| match error {
            Error::Setting { problem, .. } => Error::Setting { name, problem },
            other => other,
        })
    }
}

fn parse_timeout(text: &str) -> Result<Duration> {
    duration::parse(text)
        .filter(|timeout| !timeout.is_zero())
        .ok_or_else(|| {
            setting(
                "timeout",
                format!(
                    "`{text}` is no time to wait; expected is one such as `60` (seconds) or `1m30s`"
                ),
            )
        })
}

fn parse_retries(text: &str) -> Result<u32> {
    text.trim().parse().map_err(|_| {
        setting(
            "retries",
            format!("`{text}` is no number; expected is one such as `2`"),
        )
    })
}

/// As Go's `strconv.ParseBool` takes it.
fn parse_bool(text: &str) -> Result<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(setting(
            "bool",
            format!("`{text}` is neither `true` nor `false`"),
        )),
    }
}

/// What `login` left, if it did.
fn token_file(home: Option<String>) -> Result<Option<Token>> {
    let Some(home) = home.filter(|home| !home.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(home).join(".vault-token");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().is_empty() => return Ok(None),
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(setting(&path.display().to_string(), error.to_string())),
    };
    Token::new(text).map(Some).map_err(|error| match error {
        Error::Setting { problem, .. } => setting(&path.display().to_string(), problem),
        other => other,
    })
}

fn setting(name: &str, problem: String) -> Error {
    Error::Setting {
        name: name.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings> {
        Settings::from_environment(|name| {
            let found = variables.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_gives_vaults_defaults() {
        let settings = read(&[("VAULT_ADDR", "")]).unwrap();
        assert_eq!(settings.address.as_str(), "https://127.0.0.1:8200/");
        assert_eq!(settings.timeout, Duration::from_mins(1));
        assert_eq!((settings.retries, settings.token), (2, None));
        assert_eq!(settings.trust, Trust::System);
    }

    #[test]
    fn every_variable_is_read() {
        let settings = read(&[
            ("VAULT_ADDR", "http://127.0.0.1:1"),
            ("VAULT_TOKEN", "hvs.a"),
            ("VAULT_NAMESPACE", "team"),
            ("VAULT_CLIENT_TIMEOUT", "90s"),
            ("VAULT_MAX_RETRIES", "0"),
            ("VAULT_CACERT", "ca.pem"),
        ])
        .unwrap();
        assert_eq!(settings.address.port(), Some(1));
        assert_eq!(settings.token, Some(Token::new("hvs.a").unwrap()));
        assert_eq!(settings.namespace.as_deref(), Some("team"));
        assert_eq!(settings.timeout, Duration::from_secs(90));
        assert_eq!(settings.retries, 0);
        assert_eq!(settings.trust, Trust::File("ca.pem".into()));
    }

    #[test]
    fn openbaos_name_wins_over_vaults() {
        let settings = read(&[("VAULT_TOKEN", "hvs.a"), ("BAO_TOKEN", "s.b")]).unwrap();
        assert_eq!(settings.token, Some(Token::new("s.b").unwrap()));
    }

    #[test]
    fn skipping_verification_must_be_said_clearly() {
        assert_eq!(
            read(&[("VAULT_SKIP_VERIFY", "1")]).unwrap().trust,
            Trust::Everything
        );
        assert_eq!(
            read(&[("VAULT_SKIP_VERIFY", "false")]).unwrap().trust,
            Trust::System
        );
        let error = read(&[("BAO_SKIP_VERIFY", "maybe")])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "`BAO_SKIP_VERIFY`: `maybe` is neither `true` nor `false`"
        );
    }

    #[test]
    fn a_bad_value_is_named_with_its_variable() {
        for (name, value) in [
            ("VAULT_ADDR", "vault.example:8200"),
            ("BAO_ADDR", "not an address"),
            ("VAULT_CLIENT_TIMEOUT", "soon"),
            ("VAULT_CLIENT_TIMEOUT", "0"),
            ("VAULT_MAX_RETRIES", "-1"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{name}`: `{value}`")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_token_file_counts_only_without_a_variable() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        assert_eq!(read(&[("HOME", path)]).unwrap().token, None);

        std::fs::write(home.path().join(".vault-token"), "hvs.file\n").unwrap();
        let token = read(&[("HOME", path)]).unwrap().token.unwrap();
        assert_eq!(token.expose(), "hvs.file");
        let token = read(&[("HOME", path), ("VAULT_TOKEN", "hvs.a")])
            .unwrap()
            .token;
        assert_eq!(token.unwrap().expose(), "hvs.a");
    }
}
