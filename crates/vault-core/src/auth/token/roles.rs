//! `roles/<name>`: what tokens may be created with each role.

use std::sync::Arc;

use logical::cidr;
use logical::framework::{Call, Field, FieldKind, Path, answer, probe};
use logical::{Error, Object, Operation, Response, RunToCompletion};
use serde_json::{Value, json};

use super::TokenPaths;
use crate::tokens::{RoleKind, TokenRole};

const NAME: &str = "role_name";

pub(super) fn paths() -> Vec<Path<TokenPaths>> {
    vec![
        Path::new("roles/?")
            .on(Operation::List, answer(list))
            .help("Lists the roles.", ""),
        Path::new(format!("roles/(?P<{NAME}>.+)"))
            .fields(fields())
            .on(Operation::Read, answer(read))
            .on_write(answer(write))
            .on(Operation::Delete, answer(delete))
            .existence(probe(exists))
            .help(
                "Reads, writes and deletes a role.",
                "A write keeps what it does not give. Tokens that exist stay as they are.",
            ),
    ]
}

fn fields() -> Vec<Field> {
    let list = FieldKind::CommaList;
    vec![
        Field::new(NAME, FieldKind::Text, "Name of the role."),
        Field::new("allowed_policies", list, "Policies that tokens may have."),
        Field::new(
            "allowed_policies_glob",
            list,
            "Patterns of policies that tokens may have; `*` stands for any text.",
        ),
        Field::new(
            "disallowed_policies",
            list,
            "Policies that they may not have.",
        ),
        Field::new(
            "disallowed_policies_glob",
            list,
            "Patterns of policies that they may not have.",
        ),
        Field::new(
            "allowed_entity_aliases",
            list,
            "Names of entities that they may be for.",
        ),
        Field::new(
            "orphan",
            FieldKind::Flag,
            "Whether no other token ends them.",
        ),
        Field::new(
            "path_suffix",
            FieldKind::Text,
            "Last part of their path, by which they are revoked together.",
        ),
        Field::new("renewable", FieldKind::Flag, "Whether they can be renewed.")
            .default_value(true),
        Field::new(
            "token_bound_cidrs",
            list,
            "Addresses from which they can be used.",
        ),
        Field::new("bound_cidrs", list, "Use `token_bound_cidrs`.").deprecated(),
        Field::new(
            "token_explicit_max_ttl",
            FieldKind::DurationSeconds,
            "Their maximum TTL.",
        ),
        Field::new(
            "explicit_max_ttl",
            FieldKind::DurationSeconds,
            "Use `token_explicit_max_ttl`.",
        )
        .deprecated(),
        Field::new(
            "token_period",
            FieldKind::DurationSeconds,
            "TTL of each renewal, without a maximum.",
        ),
        Field::new("period", FieldKind::DurationSeconds, "Use `token_period`.").deprecated(),
        Field::new(
            "token_num_uses",
            FieldKind::Integer,
            "How often they can be used; 0 is unlimited.",
        ),
        Field::new(
            "token_no_default_policy",
            FieldKind::Flag,
            "Whether the policy `default` is left out.",
        ),
        Field::new(
            "token_type",
            FieldKind::Text,
            "`service`, `batch`, or `default-service` or `default-batch`, which let the request \
             choose.",
        )
        .default_value("default-service"),
    ]
}

async fn exists(paths: Arc<TokenPaths>, call: Call) -> Result<bool, Error> {
    Ok(paths.tokens.role(call.fields.text(NAME)).await?.is_some())
}

async fn list(paths: Arc<TokenPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::list(paths.tokens.roles().await?)))
}

async fn delete(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    paths.tokens.delete_role(call.fields.text(NAME)).await?;
    Ok(None)
}

async fn read(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let role = paths.tokens.role(call.fields.text(NAME)).await?;
    Ok(role.map(|role| Response::with_data(shown(&role))))
}

fn shown(role: &TokenRole) -> Object {
    let aliases = match &role.allowed_entity_aliases {
        none if none.is_empty() => Value::Null,
        aliases => json!(aliases),
    };
    let old = |seconds: u64| if role.old_names { seconds } else { 0 };
    let members = [
        ("allowed_entity_aliases", aliases),
        ("allowed_policies", json!(role.allowed_policies)),
        ("allowed_policies_glob", json!(role.allowed_policies_glob)),
        ("disallowed_policies", json!(role.disallowed_policies)),
        (
            "disallowed_policies_glob",
            json!(role.disallowed_policies_glob),
        ),
        ("explicit_max_ttl", old(role.explicit_max_ttl).into()),
        ("name", role.name.clone().into()),
        ("orphan", role.orphan.into()),
        ("path_suffix", role.path_suffix.clone().into()),
        ("period", old(role.period).into()),
        ("renewable", role.renewable.into()),
        ("token_explicit_max_ttl", role.explicit_max_ttl.into()),
        ("token_no_default_policy", role.no_default_policy.into()),
        ("token_period", role.period.into()),
        ("token_type", role.kind.word().into()),
    ];
    let mut shown: Object = members
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect();
    if !role.bound_cidrs.is_empty() {
        let cidrs = cidr::shown_short(&role.bound_cidrs);
        if role.old_names {
            shown.insert("bound_cidrs".into(), json!(cidrs));
        }
        shown.insert("token_bound_cidrs".into(), json!(cidrs));
    }
    if role.num_uses > 0 {
        shown.insert("token_num_uses".into(), role.num_uses.into());
    }
    shown
}

async fn write(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    let work = {
        let paths = Arc::clone(&paths);
        async move {
            let name = call.fields.text(NAME);
            let _locked = paths.tokens.lock_role(name).await;
            let stored = paths.tokens.role(name).await?;
            let mut role = stored.unwrap_or_else(|| TokenRole::new(name));
            change(&mut role, &call)?;
            paths.tokens.put_role(&role).await
        }
    };
    RunToCompletion::new(Arc::clone(&paths.tasks) as _, work).await?;
    Ok(None)
}

fn change(role: &mut TokenRole, call: &Call) -> Result<(), Error> {
    let fields = &call.fields;
    let lists = [
        ("allowed_policies", &mut role.allowed_policies),
        ("allowed_policies_glob", &mut role.allowed_policies_glob),
        ("disallowed_policies", &mut role.disallowed_policies),
        (
            "disallowed_policies_glob",
            &mut role.disallowed_policies_glob,
        ),
        ("allowed_entity_aliases", &mut role.allowed_entity_aliases),
    ];
    for (name, list) in lists {
        if let Some(given) = fields.list(name) {
            *list = lowered(given);
        }
    }
    let flags = [
        ("orphan", &mut role.orphan),
        ("renewable", &mut role.renewable),
        ("token_no_default_policy", &mut role.no_default_policy),
    ];
    for (name, flag) in flags {
        if let Some(given) = fields.flag(name) {
            *flag = given;
        }
    }
    let old_names = ["period", "explicit_max_ttl", "bound_cidrs"];
    if old_names.iter().any(|name| fields.given(name)) {
        role.old_names = true;
    }
    let duration = |new: &str, old: &str| fields.duration(new).or_else(|| fields.duration(old));
    if let Some(period) = duration("token_period", "period") {
        role.period = period.as_secs();
    }
    if let Some(max) = duration("token_explicit_max_ttl", "explicit_max_ttl") {
        role.explicit_max_ttl = max.as_secs();
    }
    if let Some(number) = fields.integer("token_num_uses") {
        role.num_uses = u32::try_from(number).map_err(|_| {
            Error::bad_request(format!("`token_num_uses` is {number}: give 0 or more"))
        })?;
    }
    if let Some(suffix) = fields.text_given("path_suffix") {
        role.path_suffix = path_suffix(suffix)?;
    }
    if let Some(cidrs) = fields
        .list("token_bound_cidrs")
        .or_else(|| fields.list("bound_cidrs"))
    {
        role.bound_cidrs = cidr::parse("token_bound_cidrs", cidrs)?;
    }
    if let Some(kind) = fields.text_given("token_type") {
        role.kind = RoleKind::parse(kind)
            .ok_or_else(|| Error::bad_request(format!("invalid 'token_type' value {kind:?}")))?;
    }
    check_batch(role)
}

fn lowered(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

/// A batch token is never stored, so nothing can end it early or count its uses.
fn check_batch(role: &TokenRole) -> Result<(), Error> {
    if role.kind != RoleKind::Batch {
        return Ok(());
    }
    let fault = if !role.orphan {
        "when role is set to generate non-orphan tokens"
    } else if role.period > 0 {
        "when role is set to generate periodic tokens"
    } else if role.renewable {
        "when role is set to generate renewable tokens"
    } else if role.explicit_max_ttl > 0 {
        "when role is set to generate tokens with an explicit max TTL"
    } else if role.num_uses > 0 {
        "when role is set to generate tokens with limited use count"
    } else {
        return Ok(());
    };
    Err(Error::bad_request(format!(
        "'token_type' cannot be 'batch' {fault}"
    )))
}

fn path_suffix(given: &str) -> Result<String, Error> {
    let suffix = given.trim_matches('/');
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_valid = suffix
        .chars()
        .all(|letter| word(letter) || "-.".contains(letter))
        && suffix.starts_with(word)
        && suffix.ends_with(word);
    if suffix.is_empty() || is_valid {
        return Ok(suffix.to_owned());
    }
    Err(Error::bad_request(
        "given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w",
    ))
}
