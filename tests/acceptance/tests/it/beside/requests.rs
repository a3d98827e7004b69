//! Random requests: what clients of KV, tokens, AppRole, policies and mounts send,
//! and what they send by mistake.

use serde_json::{Map, Value, json};

use crate::policies::random::Random;

/// What a request may name that an earlier answer held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kept {
    Token,
    Accessor,
    SecretId,
    SecretIdAccessor,
    RoleId,
    Wrapped,
    Lease,
}

impl Kept {
    pub(super) const ALL: [Self; 7] = [
        Self::Token,
        Self::Accessor,
        Self::SecretId,
        Self::SecretIdAccessor,
        Self::RoleId,
        Self::Wrapped,
        Self::Lease,
    ];

    /// Where answers hold it.
    pub(super) fn pointers(self) -> &'static [&'static str] {
        match self {
            Self::Token => &["/auth/client_token"],
            Self::Accessor => &["/auth/accessor"],
            Self::SecretId => &["/data/secret_id"],
            Self::SecretIdAccessor => &["/data/secret_id_accessor"],
            Self::RoleId => &["/data/role_id"],
            Self::Wrapped => &["/wrap_info/token"],
            Self::Lease => &["/lease_id"],
        }
    }

    /// What stands for it in a request.
    pub(super) fn placeholder(self) -> &'static str {
        match self {
            Self::Token => "{token}",
            Self::Accessor => "{accessor}",
            Self::SecretId => "{secret_id}",
            Self::SecretIdAccessor => "{secret_id_accessor}",
            Self::RoleId => "{role_id}",
            Self::Wrapped => "{wrapped}",
            Self::Lease => "{lease}",
        }
    }
}

/// What a member of a body may be.
#[derive(Clone, Copy)]
enum Kind {
    Ttl,
    Count,
    Bool,
    Policies,
    Name,
    Text,
    Texts,
    Map,
    Cidrs,
    Versions,
    Type,
    Is(&'static str),
    Of(Kept),
    Rules,
    Data,
    Options,
    MountConfig,
}

impl Kind {
    fn value(self, random: &mut Random) -> Value {
        let choices: Vec<Value> = match self {
            Self::Ttl => vec![
                json!("1h"),
                json!(3600),
                json!("7200"),
                json!("90m"),
                json!(0),
            ],
            Self::Count => vec![json!(0), json!(1), json!(2), json!("5"), json!(40)],
            Self::Bool => vec![json!(true), json!(false), json!("true")],
            Self::Policies => vec![
                json!("default"),
                json!(["default", "one"]),
                json!("one,Two"),
                json!([]),
                json!("root"),
            ],
            Self::Name => vec![json!("one"), json!("Two"), json!("three")],
            Self::Text => vec![json!("some words"), json!(""), json!("x")],
            Self::Texts => vec![json!(["a", "b"]), json!("a,b"), json!([])],
            Self::Map => vec![
                json!({ "team": "a" }),
                json!({}),
                json!({ "n": "1", "m": "" }),
            ],
            Self::Cidrs => vec![json!("127.0.0.0/8"), json!(["127.0.0.1/32", "10.0.0.0/8"])],
            Self::Versions => vec![json!([1]), json!(["1", 2]), json!("1,2"), json!([9])],
            Self::Type => vec![json!("service"), json!("batch"), json!("default")],
            Self::Is(text) => vec![json!(text)],
            Self::Of(kept) => vec![json!(kept.placeholder())],
            Self::Rules => vec![
                json!("path \"a/*\" { capabilities = [\"read\", \"list\"] }"),
                json!("path \"b\" { policy = \"write\" }"),
                json!("path \"a\" { capabilities = [\"fly\"] }"),
                json!("path \"a\" {"),
                json!(""),
            ],
            Self::Data => vec![
                json!({ "a": "1", "b": 2 }),
                json!({ "a": null, "c": [1, { "d": true }] }),
                json!({}),
            ],
            Self::Options => vec![
                json!({ "cas": 0 }),
                json!({ "cas": 1 }),
                json!({ "cas": "2" }),
                json!({}),
            ],
            Self::MountConfig => vec![
                json!({ "default_lease_ttl": "1h", "max_lease_ttl": "2h" }),
                json!({ "listing_visibility": "unauth" }),
                json!({ "audit_non_hmac_request_keys": ["a"] }),
                json!({ "max_lease_ttl": 60 }),
                json!({}),
            ],
        };
        choices[random.below(choices.len())].clone()
    }
}

/// What a client sends by mistake in the place of something else.
fn odd(random: &mut Random) -> Value {
    let choices = [
        json!(null),
        json!(""),
        json!(-1),
        json!("abc"),
        json!([]),
        json!({}),
        json!(true),
        json!(2.5),
        json!(["x", 1]),
        json!({ "x": { "y": 1 } }),
        json!("99999999999999999999"),
        json!("1y"),
    ];
    choices[random.below(choices.len())].clone()
}

/// A kind of request. `~` in a path is the sequence's own name, `<name>` one of a few.
struct Template {
    weight: usize,
    method: &'static str,
    path: &'static str,
    members: &'static [(&'static str, Kind)],
}

const fn row(
    weight: usize,
    method: &'static str,
    path: &'static str,
    members: &'static [(&'static str, Kind)],
) -> Template {
    Template {
        weight,
        method,
        path,
        members,
    }
}

const TOKEN: &[(&str, Kind)] = &[
    ("policies", Kind::Policies),
    ("ttl", Kind::Ttl),
    ("num_uses", Kind::Count),
    ("no_parent", Kind::Bool),
    ("no_default_policy", Kind::Bool),
    ("renewable", Kind::Bool),
    ("explicit_max_ttl", Kind::Ttl),
    ("period", Kind::Ttl),
    ("display_name", Kind::Text),
    ("meta", Kind::Map),
    ("type", Kind::Type),
];

const TOKEN_ROLE: &[(&str, Kind)] = &[
    ("allowed_policies", Kind::Policies),
    ("disallowed_policies", Kind::Policies),
    ("orphan", Kind::Bool),
    ("renewable", Kind::Bool),
    ("token_period", Kind::Ttl),
    ("token_explicit_max_ttl", Kind::Ttl),
    ("token_no_default_policy", Kind::Bool),
    ("token_num_uses", Kind::Count),
    ("token_bound_cidrs", Kind::Cidrs),
    ("token_type", Kind::Type),
    ("path_suffix", Kind::Name),
];

const ROLE: &[(&str, Kind)] = &[
    ("bind_secret_id", Kind::Bool),
    ("secret_id_ttl", Kind::Ttl),
    ("secret_id_num_uses", Kind::Count),
    ("secret_id_bound_cidrs", Kind::Cidrs),
    ("local_secret_ids", Kind::Bool),
    ("policies", Kind::Policies),
    ("token_policies", Kind::Policies),
    ("token_ttl", Kind::Ttl),
    ("token_max_ttl", Kind::Ttl),
    ("token_period", Kind::Ttl),
    ("token_num_uses", Kind::Count),
    ("token_bound_cidrs", Kind::Cidrs),
    ("token_type", Kind::Type),
    ("token_no_default_policy", Kind::Bool),
    ("period", Kind::Ttl),
];

const SECRET_ID: &[(&str, Kind)] = &[
    ("metadata", Kind::Is("{\"host\": \"a\"}")),
    ("cidr_list", Kind::Cidrs),
    ("token_bound_cidrs", Kind::Cidrs),
    ("num_uses", Kind::Count),
    ("ttl", Kind::Ttl),
];

const METADATA: &[(&str, Kind)] = &[
    ("max_versions", Kind::Count),
    ("cas_required", Kind::Bool),
    ("delete_version_after", Kind::Ttl),
    ("custom_metadata", Kind::Map),
];

const MOUNT: &[(&str, Kind)] = &[
    ("type", Kind::Is("kv")),
    ("type", Kind::Is("kv-v2")),
    ("description", Kind::Text),
    ("config", Kind::MountConfig),
    ("options", Kind::Map),
];

const TUNE: &[(&str, Kind)] = &[
    ("default_lease_ttl", Kind::Ttl),
    ("max_lease_ttl", Kind::Ttl),
    ("description", Kind::Text),
    ("listing_visibility", Kind::Is("hidden")),
    ("audit_non_hmac_response_keys", Kind::Texts),
    ("passthrough_request_headers", Kind::Texts),
];

const VALUES: &[(&str, Kind)] = &[("a", Kind::Text), ("b", Kind::Data), ("ttl", Kind::Ttl)];
const PASSWORD: &[(&str, Kind)] = &[(
    "policy",
    Kind::Is("length = 12\nrule \"charset\" { charset = \"abcdef\" }"),
)];
const OF_TOKEN: &[(&str, Kind)] = &[("token", Kind::Of(Kept::Token))];
const OF_ACCESSOR: &[(&str, Kind)] = &[("accessor", Kind::Of(Kept::Accessor))];
const LOGIN: &[(&str, Kind)] = &[
    ("role_id", Kind::Of(Kept::RoleId)),
    ("secret_id", Kind::Of(Kept::SecretId)),
];
const VERSIONS: &[(&str, Kind)] = &[("versions", Kind::Versions)];
const SECRET: &[(&str, Kind)] = &[("data", Kind::Data), ("options", Kind::Options)];

/// Every member of these is nearly always sent: without them a request is refused.
const WHOLE: [&str; 9] = [
    "token",
    "accessor",
    "role_id",
    "secret_id",
    "versions",
    "data",
    "policy",
    "lease_id",
    "type",
];

const TEMPLATES: &[Template] = &[
    row(30, "POST", "kv2~/data/<key>", SECRET),
    row(15, "GET", "kv2~/data/<key>", &[]),
    row(6, "GET", "kv2~/data/<key>?version=<number>", &[]),
    row(6, "PATCH", "kv2~/data/<key>", SECRET),
    row(6, "DELETE", "kv2~/data/<key>", &[]),
    row(5, "POST", "kv2~/delete/<key>", VERSIONS),
    row(5, "POST", "kv2~/undelete/<key>", VERSIONS),
    row(4, "PUT", "kv2~/destroy/<key>", VERSIONS),
    row(8, "POST", "kv2~/metadata/<key>", METADATA),
    row(3, "PATCH", "kv2~/metadata/<key>", METADATA),
    row(8, "GET", "kv2~/metadata/<key>", &[]),
    row(3, "DELETE", "kv2~/metadata/<key>", &[]),
    row(6, "LIST", "kv2~/metadata/<folder>", &[]),
    row(3, "GET", "kv2~/metadata/<folder>?list=true", &[]),
    row(3, "GET", "kv2~/subkeys/<key>", &[]),
    row(3, "POST", "kv2~/config", METADATA),
    row(3, "GET", "kv2~/config", &[]),
    row(2, "GET", "kv2~/<key>", &[]),
    row(12, "POST", "kv1~/<key>", VALUES),
    row(6, "GET", "kv1~/<key>", &[]),
    row(3, "DELETE", "kv1~/<key>", &[]),
    row(4, "LIST", "kv1~/<folder>", &[]),
    row(6, "POST", "cubbyhole/~<key>", VALUES),
    row(5, "GET", "cubbyhole/~<key>", &[]),
    row(2, "DELETE", "cubbyhole/~<key>", &[]),
    row(20, "POST", "auth/token/create", TOKEN),
    row(4, "POST", "auth/token/create-orphan", TOKEN),
    row(8, "POST", "auth/token/create/~<name>", TOKEN),
    row(6, "POST", "auth/token/lookup", OF_TOKEN),
    row(5, "GET", "auth/token/lookup-self", &[]),
    row(4, "POST", "auth/token/lookup-accessor", OF_ACCESSOR),
    row(5, "POST", "auth/token/renew", OF_TOKEN),
    row(
        4,
        "POST",
        "auth/token/renew-self",
        &[("increment", Kind::Ttl)],
    ),
    row(3, "POST", "auth/token/renew-accessor", OF_ACCESSOR),
    row(3, "POST", "auth/token/revoke", OF_TOKEN),
    row(2, "POST", "auth/token/revoke-accessor", OF_ACCESSOR),
    row(2, "POST", "auth/token/revoke-orphan", OF_TOKEN),
    row(10, "POST", "auth/token/roles/~<name>", TOKEN_ROLE),
    row(6, "GET", "auth/token/roles/~<name>", &[]),
    row(2, "DELETE", "auth/token/roles/~<name>", &[]),
    row(16, "POST", "auth/role~/role/<name>", ROLE),
    row(8, "GET", "auth/role~/role/<name>", &[]),
    row(3, "DELETE", "auth/role~/role/<name>", &[]),
    row(4, "LIST", "auth/role~/role", &[]),
    row(8, "GET", "auth/role~/role/<name>/role-id", &[]),
    row(
        3,
        "POST",
        "auth/role~/role/<name>/role-id",
        &[("role_id", Kind::Name)],
    ),
    row(12, "POST", "auth/role~/role/<name>/secret-id", SECRET_ID),
    row(3, "LIST", "auth/role~/role/<name>/secret-id", &[]),
    row(
        4,
        "POST",
        "auth/role~/role/<name>/custom-secret-id",
        &[
            ("secret_id", Kind::Name),
            ("num_uses", Kind::Count),
            ("ttl", Kind::Ttl),
        ],
    ),
    row(
        5,
        "POST",
        "auth/role~/role/<name>/secret-id/lookup",
        &[("secret_id", Kind::Of(Kept::SecretId))],
    ),
    row(
        3,
        "POST",
        "auth/role~/role/<name>/secret-id/destroy",
        &[("secret_id", Kind::Of(Kept::SecretId))],
    ),
    row(
        4,
        "POST",
        "auth/role~/role/<name>/secret-id-accessor/lookup",
        &[("secret_id_accessor", Kind::Of(Kept::SecretIdAccessor))],
    ),
    row(
        2,
        "POST",
        "auth/role~/role/<name>/secret-id-accessor/destroy",
        &[("secret_id_accessor", Kind::Of(Kept::SecretIdAccessor))],
    ),
    row(
        3,
        "POST",
        "auth/role~/role/<name>/policies",
        &[("token_policies", Kind::Policies)],
    ),
    row(2, "GET", "auth/role~/role/<name>/policies", &[]),
    row(2, "DELETE", "auth/role~/role/<name>/policies", &[]),
    row(
        2,
        "POST",
        "auth/role~/role/<name>/token-ttl",
        &[("token_ttl", Kind::Ttl)],
    ),
    row(2, "GET", "auth/role~/role/<name>/token-ttl", &[]),
    row(
        2,
        "POST",
        "auth/role~/role/<name>/secret-id-num-uses",
        &[("secret_id_num_uses", Kind::Count)],
    ),
    row(2, "GET", "auth/role~/role/<name>/bind-secret-id", &[]),
    row(10, "POST", "auth/role~/login", LOGIN),
    row(
        8,
        "POST",
        "sys/policies/acl/~<name>",
        &[("policy", Kind::Rules)],
    ),
    row(4, "GET", "sys/policies/acl/~<name>", &[]),
    row(2, "DELETE", "sys/policies/acl/~<name>", &[]),
    row(3, "PUT", "sys/policy/~<name>", &[("policy", Kind::Rules)]),
    row(3, "GET", "sys/policy/~<name>", &[]),
    row(3, "POST", "sys/policies/password/~<name>", PASSWORD),
    row(3, "GET", "sys/policies/password/~<name>", &[]),
    row(
        3,
        "POST",
        "sys/capabilities",
        &[("token", Kind::Of(Kept::Token)), ("paths", Kind::Texts)],
    ),
    row(
        3,
        "POST",
        "sys/capabilities-self",
        &[("paths", Kind::Texts)],
    ),
    row(
        2,
        "POST",
        "sys/capabilities-accessor",
        &[
            ("accessor", Kind::Of(Kept::Accessor)),
            ("paths", Kind::Texts),
        ],
    ),
    row(6, "POST", "sys/mounts/m~/<name>", MOUNT),
    row(3, "DELETE", "sys/mounts/m~/<name>", &[]),
    row(3, "GET", "sys/mounts/m~/<name>", &[]),
    row(4, "POST", "sys/mounts/m~/<name>/tune", TUNE),
    row(4, "GET", "sys/mounts/m~/<name>/tune", &[]),
    row(3, "POST", "sys/auth/role~/tune", TUNE),
    row(3, "GET", "sys/auth/role~/tune", &[]),
    row(2, "GET", "sys/auth/role~", &[]),
    row(2, "GET", "sys/internal/ui/mounts/kv2~/<key>", &[]),
    row(2, "GET", "sys/internal/ui/mounts/m~/<name>", &[]),
    row(3, "POST", "sys/wrapping/wrap", VALUES),
    row(
        5,
        "POST",
        "sys/wrapping/unwrap",
        &[("token", Kind::Of(Kept::Wrapped))],
    ),
    row(
        3,
        "POST",
        "sys/wrapping/lookup",
        &[("token", Kind::Of(Kept::Wrapped))],
    ),
    row(
        2,
        "POST",
        "sys/wrapping/rewrap",
        &[("token", Kind::Of(Kept::Wrapped))],
    ),
    row(
        2,
        "POST",
        "sys/leases/lookup",
        &[("lease_id", Kind::Of(Kept::Lease))],
    ),
    row(
        2,
        "POST",
        "sys/leases/renew",
        &[
            ("lease_id", Kind::Of(Kept::Lease)),
            ("increment", Kind::Ttl),
        ],
    ),
    row(
        1,
        "POST",
        "sys/leases/revoke",
        &[("lease_id", Kind::Of(Kept::Lease))],
    ),
    row(1, "GET", "~nowhere/<key>", &[]),
    row(1, "GET", "sys/~nowhere", &[]),
    row(1, "POST", "auth/~nowhere/login", VALUES),
];

/// One request, the same for both servers but for what they gave out before.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Whether it is sent with a token that was made before, and not as root.
    pub(super) as_token: bool,
    pub(super) wrap: bool,
    pub(super) method: &'static str,
    /// Its path with placeholders, by which differences are named.
    pub(super) template: &'static str,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

fn body(random: &mut Random, template: &Template) -> Option<Value> {
    if ["GET", "LIST", "DELETE"].contains(&template.method) {
        return None;
    }
    let mut members = Map::new();
    for (name, kind) in template.members {
        let percent = if WHOLE.contains(name) { 93 } else { 25 };
        if random.chance(percent) {
            let strange = random.chance(3);
            let value = if strange {
                odd(random)
            } else {
                kind.value(random)
            };
            members.insert((*name).to_owned(), value);
        }
    }
    if random.chance(2) {
        members.insert("unheard_of".to_owned(), odd(random));
    }
    Some(members.into())
}

pub(super) fn random_request(random: &mut Random, sequence: &str) -> Request {
    let total: usize = TEMPLATES.iter().map(|template| template.weight).sum();
    let mut left = random.below(total);
    let template = TEMPLATES.iter().find(|template| {
        let chosen = left < template.weight;
        left = left.saturating_sub(template.weight);
        chosen
    });
    let template = template.unwrap();
    let key = random.one_of(&["a", "b", "f/a", "f/b", "f/g/Ä b"]);
    let path = template.path.replace('~', sequence);
    let path = path.replace("<key>", &key.replace(' ', "%20").replace('Ä', "%C3%84"));
    let path = path.replace("<name>", random.one_of(&["one", "Two", "three"]));
    let path = path.replace("<number>", random.one_of(&["0", "1", "2", "7", "x"]));
    let path = path.replace("<folder>", random.one_of(&["", "f/", "f", "none/"]));
    Request {
        as_token: random.chance(12),
        wrap: random.chance(4),
        method: template.method,
        template: template.path,
        path,
        body: body(random, template),
    }
}
