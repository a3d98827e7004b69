//! Logins between the wire and `logical`.

use jiff::Timestamp;
use logical::{Alias, Auth, Error, TokenType};

use super::{duration, json, lease_from, lease_to, nanoseconds, object};
use crate::pb::backend as pb;
use crate::pb::logical as identity;

/// The login that a host wants renewed.
pub(super) fn from_wire(auth: pb::Auth) -> Result<Auth, Error> {
    let lease = lease_from(&auth.lease_options.unwrap_or_default());
    let mut read = Auth::new(auth.display_name, auth.policies, lease);
    read.internal_data = object("the login's internal data", &auth.internal_data)?;
    read.no_default_policy = auth.no_default_policy;
    read.metadata = auth.metadata;
    read.num_uses = u32::try_from(auth.num_uses).unwrap_or(0);
    read.period = duration(auth.period);
    read.explicit_max_ttl = duration(auth.explicit_max_ttl);
    read.bound_cidrs = auth.bound_cidrs;
    // Other numbers are a host's own defaults (`sdk/logical/token.go`).
    read.token_type = match auth.token_type {
        1 => TokenType::Service,
        2 => TokenType::Batch,
        _ => TokenType::Default,
    };
    read.alias = auth.alias.map(alias_from);
    read.group_aliases = auth.group_aliases.into_iter().map(alias_from).collect();
    Ok(read)
}

/// A login as a host reads it. `now` is the issue time of a new one.
pub(super) fn to_wire(auth: Auth, now: Timestamp) -> pb::Auth {
    pb::Auth {
        lease_options: Some(lease_to(&auth.lease, now)),
        internal_data: json(auth.internal_data),
        display_name: auth.display_name,
        policies: auth.policies,
        no_default_policy: auth.no_default_policy,
        metadata: auth.metadata,
        num_uses: i64::from(auth.num_uses),
        period: nanoseconds(auth.period),
        explicit_max_ttl: nanoseconds(auth.explicit_max_ttl),
        bound_cidrs: auth.bound_cidrs,
        token_type: match auth.token_type {
            TokenType::Default => 0,
            TokenType::Service => 1,
            TokenType::Batch => 2,
        },
        alias: auth.alias.map(alias_to),
        group_aliases: auth.group_aliases.into_iter().map(alias_to).collect(),
        ..pb::Auth::default()
    }
}

fn alias_from(alias: identity::Alias) -> Alias {
    let mut read = Alias::new(alias.name);
    read.metadata = alias.metadata;
    read
}

fn alias_to(alias: Alias) -> identity::Alias {
    identity::Alias {
        name: alias.name,
        metadata: alias.metadata,
        ..identity::Alias::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use logical::LeaseOptions;

    use super::*;

    #[test]
    fn a_login_comes_back_as_it_was_sent() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let lease = LeaseOptions::renewable(Duration::from_mins(1), Duration::ZERO).issued_at(now);
        let mut auth = Auth::new("app", ["reader".to_owned()], lease);
        auth.internal_data.insert("role".into(), "app".into());
        auth.no_default_policy = true;
        auth.metadata.insert("team".into(), "orders".into());
        auth.num_uses = 3;
        auth.period = Duration::from_hours(1);
        auth.explicit_max_ttl = Duration::from_hours(2);
        auth.bound_cidrs = vec!["127.0.0.1/32".into()];
        auth.token_type = TokenType::Batch;
        auth.alias = Some(Alias::new("app-1"));
        auth.group_aliases = vec![Alias::new("team-1")];
        assert_eq!(from_wire(to_wire(auth.clone(), now)), Ok(auth));
    }
}
