//! The environment variables of Vault and OpenBao, and the file in which `login`
//! stores a token.
//!
//! The environment is injected; nothing here reads it. A variable for something
//! that this client does not support is refused: ignoring it could weaken
//! protection that the user relies on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use crate::settings::{ClientCertificate, DEFAULT_ADDRESS, Pem, Proxy, RateLimit};
use crate::{Error, Result, Settings, Token, Trust, duration};

impl Settings {
    /// Reads the variables of Vault's client, each as `BAO_…` or else as
    /// `VAULT_…`: `ADDR`, `AGENT_ADDR`, `TOKEN`, `NAMESPACE`, `MFA`, `WRAP_TTL`,
    /// `CLIENT_TIMEOUT`, `MAX_RETRIES`, `RATE_LIMIT`, `DISABLE_REDIRECTS`,
    /// `CACERT`, `CACERT_BYTES`, `CAPATH`, `SKIP_VERIFY`, `TLS_SERVER_NAME`,
    /// `CLIENT_CERT`, `CLIENT_KEY` (also `…_BYTES`), `PROXY_ADDR` and
    /// `HTTP_PROXY`. Without a token, the file that `TOKEN_PATH` names is read,
    /// or `.vault-token` in `HOME`. An empty value counts as none.
    ///
    /// `lookup` is the environment: `|name| std::env::var(name).ok()`.
    ///
    /// # Errors
    ///
    /// When a value cannot be understood, or asks for something that this
    /// client does not do; the message names the variable.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        settings(&lookup)
    }
}

/// Settings as the environment has them.
fn settings(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Settings> {
    let environment = Environment { lookup };
    environment.refuse_unsupported()?;
    let mut settings = Settings::new(environment.address()?);
    settings.namespace = environment.get("NAMESPACE").map(|(_, value)| value);
    settings.mfa = environment.parsed("MFA", |text| Token::new(text))?;
    settings.wrap_ttl = environment
        .parsed("WRAP_TTL", Settings::parse_wrap_ttl)?
        .flatten();
    if let Some(timeout) = environment.parsed("CLIENT_TIMEOUT", parse_timeout)? {
        settings.timeout = timeout;
    }
    if let Some(retries) = environment.parsed("MAX_RETRIES", parse_retries)? {
        settings.retries = retries;
    }
    settings.rate_limit = environment.parsed("RATE_LIMIT", parse_rate_limit)?;
    if environment.parsed("DISABLE_REDIRECTS", parse_bool)? == Some(true) {
        settings.follow_redirects = false;
    }
    if let Some(trust) = environment.trust()? {
        settings.trust = trust;
    }
    settings.tls_server_name = environment.get("TLS_SERVER_NAME").map(|(_, name)| name);
    settings.client_certificate = environment.client_certificate()?;
    settings.proxy = match environment.parsed("PROXY_ADDR", Proxy::parse)? {
        None => environment.parsed("HTTP_PROXY", Proxy::parse)?,
        given => given,
    };
    settings.token = match environment.parsed("TOKEN", |text| Token::new(text))? {
        None => environment.stored_token()?,
        given => given,
    };
    Ok(settings)
}

/// Where `login` stores a token: `TOKEN_PATH`, or `.vault-token` in `HOME`.
///
/// # Errors
///
/// When the path is unknown, or a token helper is configured.
pub fn token_file(lookup: impl Fn(&str) -> Option<String>) -> Result<PathBuf> {
    let environment = Environment { lookup: &lookup };
    environment.refuse_token_helper()?;
    environment.token_file().ok_or_else(|| {
        Error::setting(
            "HOME",
            "it is not set: set it, or set BAO_TOKEN_PATH".to_owned(),
        )
    })
}

/// The injected environment. Each variable has a name with `BAO_` and one with
/// `VAULT_`.
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
        parse(&value)
            .map(Some)
            .map_err(|error| error.renamed(&name))
    }

    fn refuse_unsupported(&self) -> Result<()> {
        let lookup = "SRV_LOOKUP";
        if self.parsed(lookup, parse_bool)? == Some(true) {
            let (name, _) = self.get(lookup).unwrap_or_default();
            let problem = "SRV records are not looked up by this client: give the address with \
                           its port, and leave the variable out";
            return Err(Error::setting(&name, problem.to_owned()));
        }
        Ok(())
    }

    /// An agent's address takes precedence over a server's, as in Vault's client.
    fn address(&self) -> Result<Url> {
        if let Some(agent) = self.parsed("AGENT_ADDR", Settings::parse_address)? {
            return Ok(agent);
        }
        self.parsed("ADDR", Settings::parse_address)?
            .map_or_else(|| Settings::parse_address(DEFAULT_ADDRESS), Ok)
    }

    fn trust(&self) -> Result<Option<Trust>> {
        if self.parsed("SKIP_VERIFY", parse_bool)? == Some(true) {
            return Ok(Some(Trust::SkipVerification));
        }
        let value = |name| self.get(name).map(|(_, value)| value);
        let file = value("CACERT").map(|file| Trust::File(file.into()));
        let text = || value("CACERT_BYTES").map(Trust::Pem);
        let folder = || value("CAPATH").map(|folder| Trust::Folder(folder.into()));
        Ok(file.or_else(text).or_else(folder))
    }

    fn client_certificate(&self) -> Result<Option<ClientCertificate>> {
        let pem = |name: &str| {
            let file = self
                .get(name)
                .map(|(name, path)| (name, Pem::File(path.into())));
            file.or_else(|| {
                let (name, text) = self.get(&format!("{name}_BYTES"))?;
                Some((name, Pem::Text(Zeroizing::new(text))))
            })
        };
        match (pem("CLIENT_CERT"), pem("CLIENT_KEY")) {
            (None, None) => Ok(None),
            (Some((_, certificate)), Some((_, key))) => {
                Ok(Some(ClientCertificate { certificate, key }))
            }
            (Some((name, _)), None) => Err(Error::setting(
                &name,
                "a client certificate needs its key: set VAULT_CLIENT_KEY".to_owned(),
            )),
            (None, Some((name, _))) => Err(Error::setting(
                &name,
                "a client key needs its certificate: set VAULT_CLIENT_CERT".to_owned(),
            )),
        }
    }

    fn token_file(&self) -> Option<PathBuf> {
        if let Some((_, path)) = self.get("TOKEN_PATH") {
            return Some(path.into());
        }
        let home = (self.lookup)("HOME").filter(|home| !home.is_empty())?;
        Some(PathBuf::from(home).join(".vault-token"))
    }

    /// The token that `login` stored, if it did.
    fn stored_token(&self) -> Result<Option<Token>> {
        let Some(path) = self.token_file() else {
            return Ok(None);
        };
        self.refuse_token_helper()?;
        let shown = path.display().to_string();
        let Some(text) = read_if_there(&path)? else {
            return Ok(None);
        };
        if text.trim().is_empty() {
            return Ok(None);
        }
        Token::new(text.as_str())
            .map(Some)
            .map_err(|error| error.renamed(&shown))
    }

    /// A token helper is an external program that stores tokens, in a keyring for
    /// example (`command/config/config.go` in Vault). It is not run here, and a
    /// plain file must not take its place.
    fn refuse_token_helper(&self) -> Result<()> {
        let home = || {
            let home = (self.lookup)("HOME").filter(|home| !home.is_empty())?;
            Some(PathBuf::from(home).join(".vault"))
        };
        let file = self
            .get("CONFIG_PATH")
            .map(|(_, path)| PathBuf::from(path))
            .or_else(home);
        let Some(file) = file.filter(|file| file.is_file()) else {
            return Ok(());
        };
        let text = read_if_there(&file)?.unwrap_or_default();
        let configured = text.lines().any(|line| {
            line.trim_start()
                .trim_start_matches('"')
                .starts_with("token_helper")
        });
        if configured {
            return Err(Error::setting(
                &file.display().to_string(),
                "it names a `token_helper`, which this client does not run: set VAULT_TOKEN"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

fn read_if_there(path: &Path) -> Result<Option<Zeroizing<String>>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::setting(
            &path.display().to_string(),
            error.to_string(),
        )),
    }
}

fn parse_timeout(text: &str) -> Result<Duration> {
    duration::parse(text)
        .filter(|timeout| !timeout.is_zero())
        .ok_or_else(|| {
            Error::setting(
                "timeout",
                format!("`{text}` is not a timeout such as `60` (seconds) or `1m30s`"),
            )
        })
}

fn parse_retries(text: &str) -> Result<u32> {
    text.trim()
        .parse()
        .map_err(|_| Error::setting("retries", format!("`{text}` is not a number such as `2`")))
}

/// `rate` or `rate:burst`, in requests a second; without a burst, a second's
/// requests may come at once.
fn parse_rate_limit(text: &str) -> Result<RateLimit> {
    let (rate, burst) = match text.trim().split_once(':') {
        Some((rate, burst)) => (rate, Some(burst)),
        None => (text.trim(), None),
    };
    let rate: Option<f64> = rate.parse().ok().filter(|rate| *rate > 0.0);
    let pause = rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
    let burst = match burst {
        Some(burst) => burst.parse().ok(),
        // As many pauses as fit into a second.
        None => pause.map(|pause| {
            let fit = Duration::from_secs(1).as_nanos() / pause.as_nanos().max(1);
            u32::try_from(fit).unwrap_or(u32::MAX)
        }),
    };
    match (pause, burst) {
        (Some(pause), Some(burst)) => Ok(RateLimit { pause, burst }),
        _ => Err(Error::setting(
            "rate_limit",
            format!("`{text}` is not a rate such as `10` or `10:20` (requests a second, burst)"),
        )),
    }
}

/// The texts that Go's `strconv.ParseBool` knows.
fn parse_bool(text: &str) -> Result<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Error::setting(
            "bool",
            format!("`{text}` is neither `true` nor `false`"),
        )),
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
            Trust::SkipVerification
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

    #[test]
    fn what_protects_a_connection_is_read_with_its_precedence() {
        let settings = read(&[
            ("VAULT_CACERT_BYTES", "pem"),
            ("VAULT_CAPATH", "/certs"),
            ("VAULT_TLS_SERVER_NAME", "vault.example"),
            ("VAULT_CLIENT_CERT", "c.pem"),
            ("VAULT_CLIENT_KEY_BYTES", "key"),
            ("VAULT_HTTP_PROXY", "http://one"),
            ("VAULT_PROXY_ADDR", "http://two"),
            ("VAULT_DISABLE_REDIRECTS", "true"),
            ("VAULT_MFA", "totp:123456"),
        ])
        .unwrap();
        assert_eq!(settings.trust, Trust::Pem("pem".into()));
        assert_eq!(settings.tls_server_name.as_deref(), Some("vault.example"));
        let certificate = settings.client_certificate.unwrap();
        assert_eq!(certificate.certificate, Pem::File("c.pem".into()));
        assert!(matches!(certificate.key, Pem::Text(_)));
        assert_eq!(settings.proxy, Proxy::parse("http://two").ok());
        assert!(!settings.follow_redirects);
        assert_eq!(settings.mfa, Some(Token::new("totp:123456").unwrap()));
        let folder = read(&[("BAO_CAPATH", "/certs")]).unwrap();
        assert_eq!(folder.trust, Trust::Folder("/certs".into()));
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_not_ignored() {
        for (variables, named) in [
            (&[("VAULT_SRV_LOOKUP", "true")][..], "VAULT_SRV_LOOKUP"),
            (&[("BAO_CLIENT_CERT", "c.pem")], "BAO_CLIENT_CERT"),
            (&[("VAULT_CLIENT_KEY", "k.pem")], "VAULT_CLIENT_KEY"),
            (&[("VAULT_WRAP_TTL", "soon")], "VAULT_WRAP_TTL"),
            (&[("VAULT_RATE_LIMIT", "-1")], "VAULT_RATE_LIMIT"),
            (&[("VAULT_PROXY_ADDR", "socks5://p")], "VAULT_PROXY_ADDR"),
            (&[("VAULT_AGENT_ADDR", "unix://run/a")], "VAULT_AGENT_ADDR"),
        ] {
            let error = read(variables).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{named}`: ")), "{error}");
        }
    }

    #[test]
    fn wrapping_is_asked_for_in_either_form_of_a_duration() {
        for (text, seconds) in [("60", 60), ("60s", 60), ("1m30s", 90)] {
            let settings = read(&[("VAULT_WRAP_TTL", text)]).unwrap();
            assert_eq!(settings.wrap_ttl, Some(Duration::from_secs(seconds)));
        }
        assert_eq!(read(&[("VAULT_WRAP_TTL", "0")]).unwrap().wrap_ttl, None);
    }

    #[test]
    fn an_agent_is_asked_in_place_of_the_server() {
        let both = [
            ("VAULT_ADDR", "http://server"),
            ("VAULT_AGENT_ADDR", "http://agent"),
        ];
        assert_eq!(read(&both).unwrap().address.as_str(), "http://agent/");
    }

    #[test]
    fn a_rate_has_a_burst_of_a_second_unless_it_names_one() {
        let limit = |text| read(&[("VAULT_RATE_LIMIT", text)]).unwrap().rate_limit;
        let pause = Duration::from_millis(100);
        assert_eq!(limit("10"), Some(RateLimit { pause, burst: 10 }));
        assert_eq!(limit("10:20"), Some(RateLimit { pause, burst: 20 }));
    }

    #[test]
    fn a_token_helper_is_not_bypassed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_str().unwrap();
        std::fs::write(home.path().join(".vault-token"), "hvs.stale").unwrap();
        std::fs::write(
            home.path().join(".vault"),
            "token_helper = \"/bin/keyring\"\n",
        )
        .unwrap();
        let error = read(&[("HOME", path)]).unwrap_err().to_string();
        assert!(error.contains("set VAULT_TOKEN"), "{error}");
        assert!(read(&[("HOME", path), ("VAULT_TOKEN", "hvs.a")]).is_ok());
    }

    #[test]
    fn the_file_of_the_token_can_be_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "s.chosen\n").unwrap();
        let settings = read(&[("BAO_TOKEN_PATH", file.to_str().unwrap())]).unwrap();
        assert_eq!(settings.token, Some(Token::new("s.chosen").unwrap()));
    }
}
