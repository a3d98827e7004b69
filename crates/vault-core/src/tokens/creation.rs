//! Which token a request may create. Pure: the request, its caller, a role and
//! the time go in; an entry with warnings, or the refusal, comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use logical::Error;
use logical::lease::smaller_limit;

use super::entry::{Lifetime, TokenEntry, TokenKind, Uses};
use super::policies;
use super::role::TokenRole;
use super::ttl::{self, TtlWish};
use crate::policies::{DEFAULT, RESPONSE_WRAPPING, ROOT};
use crate::routing::LeaseTtls;
use crate::storage::Version;

/// What a request asks for.
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of Vault's API that do not exclude each other"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CreationRequest {
    /// The path of the request, including the mount.
    pub(crate) path: String,
    pub(crate) policies: Vec<String>,
    pub(crate) no_default_policy: bool,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) display_name: String,
    pub(crate) renewable: bool,
    pub(crate) ttl: TtlWish,
    pub(crate) num_uses: u32,
    pub(crate) kind: Option<TokenKind>,
    /// Asked for by a field, which needs sudo.
    pub(crate) no_parent: bool,
    /// Asked for by the path, which needs no more than the right to it.
    pub(crate) orphan: bool,
    /// Whether the text of the token is given.
    pub(crate) has_id: bool,
}

impl Default for CreationRequest {
    fn default() -> Self {
        Self {
            path: "auth/token/create".into(),
            policies: Vec::new(),
            no_default_policy: false,
            metadata: BTreeMap::new(),
            display_name: String::new(),
            renewable: true,
            ttl: TtlWish::default(),
            num_uses: 0,
            kind: None,
            no_parent: false,
            orphan: false,
            has_id: false,
        }
    }
}

/// Who creates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Creator<'a> {
    pub(crate) entry: &'a TokenEntry,
    /// Salted hash of its token.
    pub(crate) salted: &'a str,
    /// Whether it has sudo on the path.
    pub(crate) has_sudo: bool,
}

/// The entry of the new token, without accessor, and warnings for the client.
///
/// # Errors
/// A bad request with Vault's text.
pub(crate) fn decide(
    request: &CreationRequest,
    creator: Creator<'_>,
    role: Option<&TokenRole>,
    limits: LeaseTtls,
    now: Timestamp,
) -> Result<(TokenEntry, Vec<String>), Error> {
    check_creator(request, creator, role)?;
    let kind = role.map_or_else(
        || request.kind.unwrap_or_default(),
        |role| role.kind.choose(request.kind),
    );
    let mut policies = policies_of(request, creator, role)?;
    if request.no_default_policy {
        policies.retain(|name| name != DEFAULT);
    }
    if policies.iter().any(|policy| policy == RESPONSE_WRAPPING) {
        return refuse(&format!("cannot assign policy {RESPONSE_WRAPPING:?}"));
    }
    let is_root = policies.iter().any(|policy| policy == ROOT);
    if is_root {
        check_root(request, creator, kind)?;
    }
    let wish = with_role(request.ttl, role);
    let num_uses = smaller_limit(
        u64::from(request.num_uses),
        role.map_or(0, |role| u64::from(role.num_uses)),
    );
    if kind == TokenKind::Batch {
        check_batch(wish, num_uses)?;
    }
    let mut warnings = Vec::new();
    let has_no_end = is_root && wish == TtlWish::default();
    let lifetime = if has_no_end {
        None
    } else {
        let granted = ttl::grant(wish, limits, now, now)?;
        warnings.extend(granted.warning);
        Some(Lifetime {
            expire_time: ttl::later(now, granted.ttl)?,
            last_renewal: None,
            creation_ttl: granted.ttl.as_secs(),
            ttl: granted.ttl.as_secs(),
            period: wish.period.as_secs(),
            explicit_max_ttl: wish.explicit_max_ttl.as_secs(),
        })
    };
    let orphan = role.map_or(request.no_parent || request.orphan, |role| role.orphan);
    let entry = TokenEntry {
        version: Version,
        accessor: String::new(),
        policies,
        display_name: display_name(&request.display_name),
        path: path(request, role),
        issue_time: now,
        orphan,
        is_revoked: false,
        parent: if orphan {
            String::new()
        } else {
            creator.salted.to_owned()
        },
        kind,
        metadata: request.metadata.clone(),
        role: role.map_or_else(String::new, |role| role.name.clone()),
        uses: Uses::new(u32::try_from(num_uses).unwrap_or(u32::MAX)),
        bound_cidrs: role.map_or_else(Vec::new, |role| role.bound_cidrs.clone()),
        renewable: kind == TokenKind::Service
            && request.renewable
            && lifetime.is_some()
            && role.is_none_or(|role| role.renewable),
        lifetime,
        login: None,
        // An orphan stands for itself.
        entity_id: if orphan {
            String::new()
        } else {
            creator.entry.entity_id.clone()
        },
    };
    Ok((entry, warnings))
}

fn check_creator(
    request: &CreationRequest,
    creator: Creator<'_>,
    role: Option<&TokenRole>,
) -> Result<(), Error> {
    if creator.entry.kind == TokenKind::Batch {
        return refuse("batch tokens cannot create more tokens");
    }
    if creator.entry.uses != Uses::Unlimited {
        return refuse("restricted use token cannot generate child tokens");
    }
    let is_free = creator.has_sudo || role.is_some();
    if request.has_id && !creator.has_sudo {
        return refuse("root or sudo privileges required to specify token id");
    }
    if request.no_parent && !is_free {
        return refuse("root or sudo privileges required to create orphan token");
    }
    if !request.ttl.period.is_zero() && !creator.has_sudo {
        return refuse("root or sudo privileges required to create periodic token");
    }
    Ok(())
}

fn check_root(
    request: &CreationRequest,
    creator: Creator<'_>,
    kind: TokenKind,
) -> Result<(), Error> {
    if !creator.entry.is_root() {
        return refuse("root tokens may not be created without parent token being root");
    }
    if kind == TokenKind::Batch {
        return refuse("batch tokens cannot be root tokens");
    }
    if creator.entry.lifetime.is_some() && request.ttl.ttl.is_zero() {
        return refuse("expiring root tokens cannot create non-expiring root tokens");
    }
    Ok(())
}

fn check_batch(wish: TtlWish, num_uses: u64) -> Result<(), Error> {
    let given = [
        ("explicit_max_ttl", !wish.explicit_max_ttl.is_zero()),
        ("num_uses", num_uses > 0),
        ("period", !wish.period.is_zero()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((field, _)) => refuse(&format!("batch tokens cannot have {field:?} set")),
    }
}

fn policies_of(
    request: &CreationRequest,
    creator: Creator<'_>,
    role: Option<&TokenRole>,
) -> Result<Vec<String>, Error> {
    let asked = policies::clean(&request.policies);
    if let Some(role) = role.filter(|role| role.decides_policies()) {
        let names = if !asked.is_empty() {
            asked
        } else if role.allows_only_listed() {
            policies::clean(&role.allowed_policies)
        } else {
            creator.entry.policies.clone()
        };
        let adds_default = !request.no_default_policy && role.adds_default();
        let names = if adds_default {
            policies::with_default(names)
        } else {
            names
        };
        role.check_policies(&names, adds_default)?;
        return Ok(names);
    }
    let no_default = request.no_default_policy || role.is_some_and(|role| role.no_default_policy);
    if asked.is_empty() {
        let mut inherited = creator.entry.policies.clone();
        if no_default {
            inherited.retain(|name| name != DEFAULT);
        }
        return Ok(inherited);
    }
    // Who has no more than the right to create gives `default` only if it has
    // it.
    let has_default = creator.entry.policies.iter().any(|name| name == DEFAULT);
    let adds_default = !no_default && (creator.has_sudo || has_default);
    let names = if adds_default {
        policies::with_default(asked)
    } else {
        asked
    };
    if !creator.has_sudo && !policies::is_subset(&names, &creator.entry.policies) {
        return refuse("child policies must be subset of parent");
    }
    Ok(names)
}

/// The times with the limits of a role, of which the shorter ones count.
fn with_role(wish: TtlWish, role: Option<&TokenRole>) -> TtlWish {
    let Some(role) = role else {
        return wish;
    };
    let shorter = |own: Duration, of_role: u64| smaller_limit(own, Duration::from_secs(of_role));
    TtlWish {
        ttl: wish.ttl,
        max_ttl: wish.max_ttl,
        period: shorter(wish.period, role.period),
        explicit_max_ttl: shorter(wish.explicit_max_ttl, role.explicit_max_ttl),
    }
}

fn path(request: &CreationRequest, role: Option<&TokenRole>) -> String {
    match role.filter(|role| !role.path_suffix.is_empty()) {
        Some(role) => format!("{}/{}", request.path, role.path_suffix),
        None => request.path.clone(),
    }
}

/// `token`, with the name that was asked for in letters, digits and `-`.
fn display_name(asked: &str) -> String {
    if asked.is_empty() {
        return "token".into();
    }
    let letters = asked.chars().map(|letter| {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            letter
        } else {
            '-'
        }
    });
    let name: String = letters.collect();
    format!("token-{}", name.trim_matches('-'))
}

fn refuse<T>(text: &str) -> Result<T, Error> {
    Err(Error::bad_request(text))
}

#[cfg(test)]
mod tests {
    use super::super::role::RoleKind;
    use super::super::tests::entry;
    use super::*;

    const LIMITS: LeaseTtls = LeaseTtls {
        default: Duration::from_hours(768),
        max: Duration::from_hours(768),
    };

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn parent(policies: &[&str]) -> TokenEntry {
        TokenEntry {
            policies: policies.iter().map(|&name| name.to_owned()).collect(),
            ..entry()
        }
    }

    fn asking(policies: &[&str]) -> CreationRequest {
        CreationRequest {
            policies: policies.iter().map(|&name| name.to_owned()).collect(),
            ..CreationRequest::default()
        }
    }

    fn create(
        parent: &TokenEntry,
        request: &CreationRequest,
        role: Option<&TokenRole>,
    ) -> Result<TokenEntry, String> {
        let creator = Creator {
            entry: parent,
            salted: "hparent",
            has_sudo: parent.is_root(),
        };
        decide(request, creator, role, LIMITS, now())
            .map(|(entry, _)| entry)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_child_has_its_parents_policies_or_fewer() {
        let mk = parent(&["default", "mk"]);
        let policies = |request: &CreationRequest| create(&mk, request, None).map(|e| e.policies);
        assert_eq!(policies(&asking(&[])).unwrap(), ["default", "mk"]);
        assert_eq!(policies(&asking(&["default"])).unwrap(), ["default"]);
        assert_eq!(policies(&asking(&["mk"])).unwrap(), ["default", "mk"]);
        let refused = Err("child policies must be subset of parent".to_owned());
        assert_eq!(policies(&asking(&["b"])), refused);
        assert_eq!(policies(&asking(&["root"])), refused);
        let bare = CreationRequest {
            no_default_policy: true,
            ..asking(&[])
        };
        assert_eq!(policies(&bare).unwrap(), ["mk"]);
        let poor = parent(&["mk"]);
        assert_eq!(
            create(&poor, &asking(&["mk"]), None).unwrap().policies,
            ["mk"]
        );
    }

    #[test]
    fn no_default_policy_takes_default_away_even_where_it_is_asked_for() {
        let root = parent(&["root"]);
        for (asked, expected) in [(vec!["a", "default"], vec!["a"]), (vec!["default"], vec![])] {
            let bare = CreationRequest {
                no_default_policy: true,
                ..asking(&asked)
            };
            assert_eq!(create(&root, &bare, None).unwrap().policies, expected);
        }
    }

    #[test]
    fn root_gives_any_policy_and_a_root_token_without_ttl_never_expires() {
        let root = parent(&["root"]);
        let made = create(&root, &asking(&["B", "a"]), None).unwrap();
        assert_eq!(made.policies, ["a", "b", "default"]);
        assert!(made.lifetime.is_some() && made.renewable);
        let made = create(&root, &asking(&[]), None).unwrap();
        assert!(made.lifetime.is_none() && !made.renewable && made.is_root());
        assert_eq!((made.orphan, made.parent.as_str()), (false, "hparent"));
        let mut expiring = root.clone();
        expiring.lifetime = create(&root, &asking(&["a"]), None).unwrap().lifetime;
        let error = create(&expiring, &asking(&[]), None).unwrap_err();
        assert!(error.starts_with("expiring root tokens"), "{error}");
    }

    #[test]
    fn only_sudo_gives_an_id_a_period_or_no_parent() {
        let mk = parent(&["mk"]);
        let second = Duration::from_secs(1);
        for (request, what) in [
            (
                CreationRequest {
                    has_id: true,
                    ..asking(&[])
                },
                "specify token id",
            ),
            (
                CreationRequest {
                    no_parent: true,
                    ..asking(&[])
                },
                "create orphan token",
            ),
            (
                CreationRequest {
                    ttl: TtlWish {
                        period: second,
                        ..TtlWish::default()
                    },
                    ..asking(&[])
                },
                "create periodic token",
            ),
        ] {
            let error = create(&mk, &request, None).unwrap_err();
            assert_eq!(error, format!("root or sudo privileges required to {what}"));
        }
        let orphan = CreationRequest {
            orphan: true,
            ..asking(&[])
        };
        let made = create(&mk, &orphan, None).unwrap();
        assert!(made.orphan && made.parent.is_empty());
    }

    #[test]
    fn a_child_belongs_to_the_entity_of_its_parent_and_an_orphan_to_none() {
        let mut root = parent(&["root"]);
        root.entity_id = "entity".into();
        let child = create(&root, &asking(&["a"]), None).unwrap();
        assert_eq!(child.entity_id, "entity");
        let orphan = CreationRequest {
            orphan: true,
            ..asking(&["a"])
        };
        assert_eq!(create(&root, &orphan, None).unwrap().entity_id, "");
    }

    #[test]
    fn tokens_of_limited_use_and_batch_tokens_create_none() {
        let mut limited = parent(&["root"]);
        limited.uses = Uses::Left(5);
        let error = create(&limited, &asking(&[]), None).unwrap_err();
        assert_eq!(error, "restricted use token cannot generate child tokens");
        let mut batch = parent(&["a"]);
        batch.kind = TokenKind::Batch;
        let error = create(&batch, &asking(&[]), None).unwrap_err();
        assert_eq!(error, "batch tokens cannot create more tokens");
    }

    #[test]
    fn a_batch_token_has_an_end_and_nothing_that_must_be_stored() {
        let root = parent(&["root"]);
        let batch = CreationRequest {
            kind: Some(TokenKind::Batch),
            ..asking(&["a"])
        };
        let made = create(&root, &batch, None).unwrap();
        assert!(made.kind == TokenKind::Batch && !made.renewable && made.lifetime.is_some());
        let counted = CreationRequest {
            num_uses: 2,
            ..batch.clone()
        };
        let error = create(&root, &counted, None).unwrap_err();
        assert_eq!(error, "batch tokens cannot have \"num_uses\" set");
        let all = CreationRequest {
            policies: Vec::new(),
            ..batch
        };
        assert!(create(&root, &all, None).is_err());
    }

    #[test]
    fn a_role_decides_policies_times_uses_and_the_path() {
        let mk = parent(&["mk"]);
        let mut role = TokenRole::new("r");
        role.allowed_policies = vec!["a".into(), "b".into()];
        role.path_suffix = "sfx".into();
        role.orphan = true;
        role.period = 60;
        role.num_uses = 3;
        role.kind = RoleKind::Service;
        let request = CreationRequest {
            path: "auth/token/create/r".into(),
            num_uses: 9,
            kind: Some(TokenKind::Batch),
            ..asking(&[])
        };
        let made = create(&mk, &request, Some(&role)).unwrap();
        assert_eq!(made.policies, ["a", "b", "default"]);
        assert_eq!(made.path, "auth/token/create/r/sfx");
        assert!(made.orphan && made.kind == TokenKind::Service);
        assert_eq!(made.uses, Uses::Left(3));
        assert_eq!(made.lifetime.unwrap().creation_ttl, 60);
        role.allowed_policies.clear();
        let made = create(&mk, &asking(&["mk"]), Some(&role)).unwrap();
        assert_eq!(
            made.policies,
            ["mk"],
            "without lists the caller's policies count"
        );
    }

    #[test]
    fn a_role_that_disallows_default_gives_tokens_without_it() {
        let creator = parent(&["default", "mk"]);
        for (names, globs) in [(vec!["default"], vec![]), (vec![], vec!["def*"])] {
            let mut role = TokenRole::new("r");
            role.disallowed_policies = names.into_iter().map(str::to_owned).collect();
            role.disallowed_policies_glob = globs.into_iter().map(str::to_owned).collect();
            let policies = |request: &CreationRequest, role: &TokenRole| {
                create(&creator, request, Some(role)).map(|entry| entry.policies)
            };
            assert_eq!(policies(&asking(&["a"]), &role).unwrap(), ["a"]);
            // OpenBao refuses `default` of the parent like one that is asked for.
            for asked in [&["default"][..], &[]] {
                let refused = policies(&asking(asked), &role).unwrap_err();
                assert_eq!(
                    refused,
                    "token policy \"default\" is disallowed by this role"
                );
            }
            role.allowed_policies = vec!["b".into()];
            assert_eq!(policies(&asking(&[]), &role).unwrap(), ["b"]);
        }
    }

    #[test]
    fn a_role_of_patterns_gives_nothing_that_was_not_asked_for() {
        let root = parent(&["root"]);
        let mut role = TokenRole::new("r");
        role.allowed_policies_glob = vec!["*".into()];
        let made = create(&root, &asking(&[]), Some(&role)).unwrap();
        assert_eq!(made.policies, ["default"]);
        assert!(made.lifetime.is_some());
        let made = create(&root, &asking(&["a"]), Some(&role)).unwrap();
        assert_eq!(made.policies, ["a", "default"]);
        role.no_default_policy = true;
        let made = create(&root, &asking(&[]), Some(&role)).unwrap();
        assert!(made.policies.is_empty());
    }

    #[test]
    fn the_policy_of_wrapped_answers_is_given_to_nobody() {
        let root = parent(&["root"]);
        let error = create(&root, &asking(&["a", "Response-Wrapping"]), None).unwrap_err();
        assert_eq!(error, "cannot assign policy \"response-wrapping\"");
    }

    #[test]
    fn a_display_name_has_letters_digits_and_dashes() {
        assert_eq!(display_name(""), "token");
        assert_eq!(display_name("Me & you"), "token-Me---you");
    }
}
