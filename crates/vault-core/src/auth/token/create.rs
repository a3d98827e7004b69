//! Creation of tokens.

use std::sync::Arc;
use std::time::Duration;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Operation, Response, RunToCompletion};

use super::TokenPaths;
use crate::quotas::{Claim, Place};
use crate::tokens::{
    Children, ClientToken, CreationRequest, Creator, NewToken, PREFIX, TokenEntry, TokenKind,
    TokenRole, TtlWish, decide, lease_id,
};

const ROLE: &str = "role_name";

pub(super) fn paths() -> Vec<Path<TokenPaths>> {
    let orphan = Path::new("create-orphan")
        .fields(fields())
        .on(Operation::Update, answer(create_orphan))
        .help("Creates a token that no other token ends.", "");
    let with_role = Path::new(format!("create/(?P<{ROLE}>.+)"))
        .fields([Field::new(ROLE, FieldKind::Text, "Name of the role.")])
        .fields(fields())
        .on(Operation::Update, answer(create))
        .help("Creates a token with a role.", "");
    let child = Path::new("create")
        .fields(fields())
        .on(Operation::Update, answer(create))
        .help(
            "Creates a token, a child of the caller's.",
            "Without policies it gets those of its parent. When a token is revoked or expires, so \
             are its children.",
        );
    vec![orphan, with_role, child]
}

fn fields() -> Vec<Field> {
    vec![
        Field::new("id", FieldKind::Text, "Text of the token. Needs sudo."),
        Field::new("policies", FieldKind::TextList, "Names of its policies."),
        Field::new("meta", FieldKind::KeyValue, "Facts that lookups show."),
        Field::new(
            "no_parent",
            FieldKind::Flag,
            "Whether no other token ends it. Needs sudo.",
        ),
        Field::new(
            "no_default_policy",
            FieldKind::Flag,
            "Whether the policy `default` is left out.",
        ),
        Field::new("renewable", FieldKind::Flag, "Whether it can be renewed.").default_value(true),
        Field::new("ttl", FieldKind::DurationSeconds, "Its TTL."),
        Field::new("lease", FieldKind::DurationSeconds, "Use `ttl`.").deprecated(),
        Field::new(
            "explicit_max_ttl",
            FieldKind::DurationSeconds,
            "Maximum TTL, whatever its mount or a renewal says.",
        ),
        Field::new(
            "period",
            FieldKind::DurationSeconds,
            "TTL of each renewal, without a maximum. Needs sudo.",
        ),
        Field::new("display_name", FieldKind::Text, "Name for logs."),
        Field::new(
            "num_uses",
            FieldKind::Integer,
            "How often it can be used; 0 is unlimited.",
        ),
        Field::new(
            "entity_alias",
            FieldKind::Text,
            "Refused unless it is empty: a token has the entity of its parent.",
        ),
        Field::new("type", FieldKind::Text, "`service` or `batch`.")
            .default_value("service")
            .allowed_values(["service", "batch"]),
    ]
}

async fn create(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    create_token(&paths, &call, false).await.map(Some)
}

async fn create_orphan(paths: Arc<TokenPaths>, call: Call) -> Result<Option<Response>, Error> {
    create_token(&paths, &call, true).await.map(Some)
}

async fn create_token(
    paths: &Arc<TokenPaths>,
    call: &Call,
    orphan: bool,
) -> Result<Response, Error> {
    let request = read(call, orphan)?;
    let text = match call.fields.text("id") {
        "" => None,
        id => Some(custom_id(id)?),
    };
    let role = match call.fields.text(ROLE) {
        "" => None,
        name => Some(paths.required_role(name).await?),
    };
    let creator = TokenEntry::of_caller(&call.request).ok_or_else(Error::permission_denied)?;
    let acl = paths.rights.of(&creator).await?;
    let path = format!("{}{}", super::PATH, call.request.path);
    let creator = Creator {
        entry: &creator,
        salted: &call.request.client_token,
        has_sudo: acl.has_sudo(&path),
    };
    let now = paths.clock.now();
    let (entry, mut warnings) = decide(&request, creator, role.as_ref(), paths.limits()?, now)?;
    warnings.extend(paths.unknown_policies(&entry).await?);
    let work = {
        let paths = Arc::clone(paths);
        let is_exempt = creator.entry.is_root();
        async move { paths.insert(text, entry, is_exempt).await }
    };
    // Nobody else knows the text of a token whose client hung up.
    let revocation = Arc::clone(&paths.revocation);
    let abandoned = |created: Result<NewToken, Error>| async move {
        if let Ok(created) = created {
            revocation.revoke_later(created.salted);
        }
    };
    let created = RunToCompletion::new(Arc::clone(&paths.tasks) as _, work)
        .or_abandoned(abandoned)
        .await?;
    let auth = super::created(&created.entry, created.text.expose(), now);
    Ok(Response::login(auth).with_warnings(warnings))
}

impl TokenPaths {
    /// A warning for each policy that does not exist.
    async fn unknown_policies(&self, entry: &TokenEntry) -> Result<Vec<String>, Error> {
        let mut warnings = Vec::new();
        for policy in &entry.policies {
            if !self.policies.exists(policy).await? {
                warnings.push(format!("Policy {policy:?} does not exist"));
            }
        }
        Ok(warnings)
    }

    async fn required_role(&self, name: &str) -> Result<TokenRole, Error> {
        let role = self.tokens.role(name).await?;
        role.ok_or_else(|| Error::bad_request(format!("unknown role {name}")))
    }

    /// Stores a token and watches its end. A parent that was revoked meanwhile
    /// takes it along.
    async fn insert(
        &self,
        text: Option<ClientToken>,
        entry: TokenEntry,
        is_exempt: bool,
    ) -> Result<NewToken, Error> {
        let is_known = text.is_some();
        let text = text.unwrap_or_else(|| self.tokens.random_text());
        let salted = self.tokens.salted(&text);
        let place = self.place(&entry, &salted, is_exempt).await?;
        let created = match self.tokens.insert(text, entry).await {
            Ok(created) => created,
            Err(error) => {
                // It may be stored all the same. One whose text the client chose may
                // be another's, and the client can look it up.
                if !is_known {
                    self.revocation.revoke_later(salted);
                }
                return Err(error);
            }
        };
        let entry = &created.entry;
        if entry.kind == TokenKind::Batch {
            return Ok(created);
        }
        self.leases.watch_token(entry, &created.salted, None);
        if !entry.parent.is_empty() && self.tokens.lookup_salted(&entry.parent).await?.is_none() {
            self.revocation
                .revoke(&created.salted, Children::Revoked)
                .await?;
            return Err(Error::permission_denied());
        }
        if let Some(place) = place {
            place.keep();
        }
        Ok(created)
    }

    /// The place of a new token's lease. A batch token takes none, and is refused as
    /// well when there is none left.
    async fn place(
        &self,
        entry: &TokenEntry,
        salted: &str,
        is_exempt: bool,
    ) -> Result<Option<Place>, Error> {
        let counts = self.leases.counts();
        match lease_id(entry, salted) {
            Some(id) if is_exempt => counts.claim(Claim::Exempt, &id).await,
            Some(id) => counts.claim(Claim::Open(Box::default()), &id).await,
            None if is_exempt || entry.kind != TokenKind::Batch => Ok(None),
            None => counts.place(&entry.path).await,
        }
    }
}

/// What the request asks for.
fn read(call: &Call, orphan: bool) -> Result<CreationRequest, Error> {
    let fields = &call.fields;
    let duration = |name| fields.duration(name).unwrap_or(Duration::ZERO);
    let ttl = match duration("ttl") {
        Duration::ZERO => duration("lease"),
        ttl => ttl,
    };
    let num_uses = fields.integer("num_uses").unwrap_or(0);
    let num_uses = u32::try_from(num_uses).map_err(|_| {
        Error::bad_request(if num_uses < 0 {
            "number of uses cannot be negative".to_owned()
        } else {
            format!(
                "`num_uses` is {num_uses}: the largest number is {}",
                u32::MAX
            )
        })
    })?;
    if !fields.text("entity_alias").is_empty() {
        return Err(Error::bad_request(
            "`entity_alias` is given, but a token has the entity of its parent: leave it out",
        ));
    }
    let kind = match fields.text("type") {
        "" => None,
        "service" => Some(TokenKind::Service),
        "batch" => Some(TokenKind::Batch),
        _ => return Err(Error::bad_request("invalid 'token_type' value")),
    };
    Ok(CreationRequest {
        path: format!("{}{}", super::PATH, call.request.path),
        policies: fields.list("policies").unwrap_or_default().to_vec(),
        no_default_policy: fields.flag("no_default_policy").unwrap_or(false),
        metadata: fields.key_value("meta").cloned().unwrap_or_default(),
        display_name: fields.text("display_name").to_owned(),
        renewable: fields.flag("renewable").unwrap_or(true),
        ttl: TtlWish {
            ttl,
            max_ttl: Duration::ZERO,
            period: duration("period"),
            explicit_max_ttl: duration("explicit_max_ttl"),
        },
        num_uses,
        kind,
        no_parent: fields.flag("no_parent").unwrap_or(false),
        orphan,
        has_id: fields.given("id") && !fields.text("id").is_empty(),
    })
}

/// A text for a token, given by the client.
fn custom_id(id: &str) -> Result<ClientToken, Error> {
    if id.starts_with(PREFIX) {
        return Err(Error::bad_request(format!(
            "custom token ID cannot have the '{PREFIX}' prefix"
        )));
    }
    if id.contains('.') {
        return Err(Error::bad_request(
            "custom token ID cannot have a '.' in the value",
        ));
    }
    Ok(ClientToken::new(id))
}
