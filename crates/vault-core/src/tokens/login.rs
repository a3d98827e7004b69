//! The token of a login: what an auth method proposes, within what its mount
//! allows. Pure.

use ipnet::IpNet;
use jiff::Timestamp;
use logical::{Auth, Error, TokenType, cidr};

use super::entry::{Lifetime, TokenEntry, TokenKind, Uses};
use super::policies;
use super::ttl::{self, TtlWish};
use crate::policies::{RESPONSE_WRAPPING, ROOT};
use crate::routing::LeaseTtls;
use crate::routing::{AUTH, MountTokenType};
use crate::storage::Version;

/// Where and when a login happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginContext<'a> {
    /// The path of the request, including the mount.
    pub(crate) path: &'a str,
    /// The path of the mount.
    pub(crate) mount: &'a str,
    pub(crate) limits: LeaseTtls,
    pub(crate) token_type: MountTokenType,
    pub(crate) now: Timestamp,
    /// Id of the caller's entity, or empty.
    pub(crate) entity_id: &'a str,
}

/// The entry of the token, without accessor, and a warning for the client.
///
/// # Errors
/// An internal error for what an auth method must not propose.
pub(crate) fn entry_of_login(
    auth: &Auth,
    context: LoginContext<'_>,
) -> Result<(TokenEntry, Option<String>), Error> {
    let names = policies::clean(&auth.policies);
    if names.iter().any(|name| name == ROOT) {
        return Err(Error::bad_request("auth methods cannot create root tokens"));
    }
    if names.iter().any(|name| name == RESPONSE_WRAPPING) {
        return Err(Error::bad_request(format!(
            "cannot assign policy {RESPONSE_WRAPPING:?}"
        )));
    }
    let names = if auth.no_default_policy {
        names
    } else {
        policies::with_default(names)
    };
    let kind = kind(auth.token_type, context.token_type);
    if kind == TokenKind::Batch && auth.num_uses > 0 {
        return Err(Error::bad_request(
            "batch tokens cannot have \"num_uses\" set",
        ));
    }
    let wish = TtlWish {
        ttl: auth.lease.ttl,
        max_ttl: auth.lease.max_ttl,
        period: auth.period,
        explicit_max_ttl: auth.explicit_max_ttl,
    };
    let granted = ttl::grant(wish, context.limits, context.now, context.now)?;
    let entry = TokenEntry {
        version: Version,
        accessor: String::new(),
        policies: names,
        display_name: display_name(context.mount, &auth.display_name),
        path: context.path.to_owned(),
        issue_time: context.now,
        orphan: true,
        is_revoked: false,
        parent: String::new(),
        kind,
        metadata: auth.metadata.clone(),
        role: String::new(),
        uses: Uses::new(auth.num_uses),
        bound_cidrs: networks(&auth.bound_cidrs)?,
        renewable: kind == TokenKind::Service && auth.lease.renewable,
        lifetime: Some(Lifetime {
            expire_time: ttl::later(context.now, granted.ttl)?,
            last_renewal: None,
            creation_ttl: granted.ttl.as_secs(),
            ttl: granted.ttl.as_secs(),
            period: auth.period.as_secs(),
            explicit_max_ttl: auth.explicit_max_ttl.as_secs(),
        }),
        login: Some(auth.internal_data.clone()),
        entity_id: context.entity_id.to_owned(),
    };
    Ok((entry, granted.warning))
}

/// The mount may force a type; otherwise the method's counts.
fn kind(asked: TokenType, mount: MountTokenType) -> TokenKind {
    match (mount, asked) {
        (MountTokenType::Service, _)
        | (MountTokenType::DefaultService, TokenType::Default | TokenType::Service)
        | (MountTokenType::DefaultBatch, TokenType::Service) => TokenKind::Service,
        (MountTokenType::Batch, _)
        | (MountTokenType::DefaultBatch, TokenType::Default | TokenType::Batch)
        | (MountTokenType::DefaultService, TokenType::Batch) => TokenKind::Batch,
    }
}

/// The path of the method, and the name that it gives its caller.
fn display_name(mount: &str, name: &str) -> String {
    let method = mount.strip_prefix(AUTH).unwrap_or(mount);
    let method = method.trim_end_matches('/').replace('/', "-");
    if name.is_empty() {
        method
    } else {
        format!("{method}-{name}")
    }
}

/// The networks that an auth method binds a token to.
fn networks(texts: &[String]) -> Result<Vec<IpNet>, Error> {
    cidr::parse("bound_cidrs", texts).map_err(|error| {
        let message = error.message();
        Error::internal(format!("the auth method's proposal: {message}"))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use logical::LeaseOptions;

    use super::*;

    fn login(auth: &Auth, token_type: MountTokenType) -> Result<TokenEntry, Error> {
        let context = LoginContext {
            path: "auth/team/approle/login",
            mount: "auth/team/approle/",
            limits: LeaseTtls {
                default: Duration::from_secs(100),
                max: Duration::from_secs(1000),
            },
            token_type,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            entity_id: "",
        };
        entry_of_login(auth, context).map(|(entry, _)| entry)
    }

    fn proposal(policies: &[&str]) -> Auth {
        let lease = LeaseOptions::renewable(Duration::ZERO, Duration::from_secs(50));
        Auth::new("app", policies.iter().map(|&name| name.to_owned()), lease)
    }

    #[test]
    fn a_login_gets_what_its_method_says_within_what_its_mount_allows() {
        let entry = login(&proposal(&["B"]), MountTokenType::default()).unwrap();
        assert_eq!(entry.policies, ["b", "default"]);
        assert_eq!(entry.display_name, "team-approle-app");
        assert_eq!(
            entry.lifetime.unwrap().creation_ttl,
            50,
            "the method's maximum"
        );
        assert!(entry.orphan && entry.renewable);
        let mut bare = proposal(&[]);
        bare.no_default_policy = true;
        assert!(
            login(&bare, MountTokenType::default())
                .unwrap()
                .policies
                .is_empty()
        );
    }

    #[test]
    fn no_method_makes_root_tokens() {
        assert!(login(&proposal(&["a", "ROOT"]), MountTokenType::default()).is_err());
    }

    #[test]
    fn a_batch_token_has_nothing_that_must_be_stored() {
        let mut counted = proposal(&["a"]);
        counted.num_uses = 3;
        assert!(login(&counted, MountTokenType::Service).is_ok());
        let error = login(&counted, MountTokenType::Batch).unwrap_err();
        assert_eq!(error.message(), "batch tokens cannot have \"num_uses\" set");
    }

    #[test]
    fn a_mount_may_force_the_type_of_tokens() {
        use MountTokenType as Mount;
        use TokenKind::{Batch, Service};

        let kind_of = |asked, mount| {
            let mut auth = proposal(&[]);
            auth.token_type = asked;
            login(&auth, mount).unwrap().kind
        };
        assert_eq!(kind_of(TokenType::Batch, Mount::Service), Service);
        assert_eq!(kind_of(TokenType::Service, Mount::Batch), Batch);
        assert_eq!(kind_of(TokenType::Default, Mount::DefaultBatch), Batch);
        assert_eq!(kind_of(TokenType::Service, Mount::DefaultBatch), Service);
        assert_eq!(kind_of(TokenType::Default, Mount::DefaultService), Service);
    }
}
