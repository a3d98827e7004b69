//! Which paths stand on which page, and the requests that show them.

mod usage;

use self::usage::USAGE;

/// A page of the reference.
pub(super) struct Page {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) paths: &'static [&'static str],
    /// Sent in this order, to one mount for all pages.
    pub(super) samples: &'static [Sample],
}

/// A request, and the status of its answer.
pub(super) struct Sample {
    pub(super) title: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<&'static str>,
    pub(super) status: u16,
    /// What later samples name, and where the answer has it.
    pub(super) keep: &'static [(&'static str, &'static str)],
}

const fn sample(
    title: &'static str,
    (method, path): (&'static str, &'static str),
    body: Option<&'static str>,
    status: u16,
) -> Sample {
    Sample {
        title,
        method,
        path,
        body,
        status,
        keep: &[],
    }
}

impl Sample {
    const fn keep(mut self, keep: &'static [(&'static str, &'static str)]) -> Self {
        self.keep = keep;
        self
    }
}

pub(super) const PAGES: [Page; 10] = [
    CONFIG,
    ROLES,
    CREDS,
    KEYS,
    STATIC_ROLES,
    STATIC_CREDS,
    BY_HAND,
    KV_FACE,
    USAGE,
    MOUNT,
];

const CONFIG: Page = Page {
    file: "config.md",
    title: "`config`: the account",
    about: "The Cloud API key with which the engine manages all other keys of the organization. \
            [Setting up](../administrator.md#set-up) tells how to make one.",
    paths: &["config", "config/check"],
    samples: &[
        sample(
            "Read it before it is written",
            ("GET", "confluent/config"),
            None,
            404,
        ),
        sample(
            "Write it without the secret",
            ("POST", "confluent/config"),
            Some(r#"{"ccloud_api_key_id": "{ADMIN}"}"#),
            400,
        ),
        sample(
            "Write it without the id",
            ("POST", "confluent/config"),
            Some(r#"{"ccloud_api_key_secret": "{SECRET}"}"#),
            400,
        ),
        sample(
            "Write it",
            ("POST", "confluent/config"),
            Some(
                r#"{"ccloud_api_key_id": "{ADMIN}", "ccloud_api_key_secret": "{SECRET}",
                    "url": "{CLOUD}"}"#,
            ),
            204,
        ),
        sample("Read it", ("GET", "confluent/config"), None, 200),
        sample(
            "Change the address without the secret",
            ("POST", "confluent/config"),
            Some(r#"{"url": "https://api.example.com"}"#),
            400,
        ),
        sample(
            "Check what the account may do",
            ("GET", "confluent/config/check"),
            None,
            200,
        ),
    ],
};

const ROLES: Page = Page {
    file: "roles.md",
    title: "`role/<name>`: for whom and for what keys are made",
    about: "`roles/<name>` means the same. An update keeps every field that it does not give. \
            [Know that a key works](../readiness.md) and [keep spares](../spares.md) tell what the \
            fields of readiness and spares are for.",
    paths: &["role/{name}", "role"],
    samples: &[
        sample(
            "Write a role without an owner",
            ("POST", "confluent/role/orders"),
            Some(r#"{"resource": "{CLUSTER}"}"#),
            400,
        ),
        sample(
            "Write a role with a mistyped field",
            ("POST", "confluent/role/orders"),
            Some(r#"{"owner": "{OWNER}", "ressource": "{CLUSTER}"}"#),
            400,
        ),
        sample(
            "Write a role",
            ("POST", "confluent/role/orders"),
            Some(r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "ttl": "1h", "max_ttl": "24h"}"#),
            204,
        ),
        sample("Read it", ("GET", "confluent/role/orders"), None, 200),
        sample(
            "Write a role whose readers share one key",
            ("POST", "confluent/role/reports"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "ttl": "1h", "multi_use_key": true}"#,
            ),
            204,
        ),
        sample(
            "Write a role whose readers would wait longer than clients do",
            ("POST", "confluent/role/jobs"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "readiness": "probe",
                    "wait_ready": "90s"}"#,
            ),
            400,
        ),
        sample(
            "Write a role with spares that nobody tries",
            ("POST", "confluent/role/jobs"),
            Some(r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "spares": 2}"#),
            400,
        ),
        sample(
            "Write a role whose keys are tried before they are handed out",
            ("POST", "confluent/role/jobs"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "readiness": "probe",
                    "wait_ready": "50s", "not_ready": "refuse"}"#,
            ),
            204,
        ),
        sample("List the roles", ("LIST", "confluent/role"), None, 200),
        sample(
            "Read a role that is not there",
            ("GET", "confluent/role/nobody"),
            None,
            404,
        ),
    ],
};

const CREDS: Page = Page {
    file: "creds.md",
    title: "`creds/<name>`: an API key under a lease",
    about: "Renewing and revoking are the host's own paths, as for every lease: \
            `sys/leases/renew` and `sys/leases/revoke`.",
    paths: &["creds/{name}"],
    samples: &[
        sample("Read a key", ("GET", "confluent/creds/orders"), None, 200)
            .keep(&[("LEASE", "/lease_id"), ("KEY", "/data/key_id")]),
        sample(
            "Renew its lease",
            ("POST", "sys/leases/renew"),
            Some(r#"{"lease_id": "{LEASE}"}"#),
            200,
        ),
        sample(
            "Revoke its lease, and wait until the key is deleted",
            ("POST", "sys/leases/revoke"),
            Some(r#"{"lease_id": "{LEASE}", "sync": true}"#),
            204,
        ),
        sample(
            "Read a key of a role that is not there",
            ("GET", "confluent/creds/nobody"),
            None,
            400,
        ),
        sample(
            "Read a key under another spelling of the role",
            ("GET", "confluent/creds/Orders"),
            None,
            400,
        ),
    ],
};

const KEYS: Page = Page {
    file: "keys.md",
    title: "`keys/`: the keys on record, and their end",
    about: "For operators. Deleting ends a key whoever holds it; no read shows a secret.",
    paths: &["keys", "keys/{id}", "role/{name}/keys"],
    samples: &[
        sample(
            "Read a key of a shared role",
            ("GET", "confluent/creds/reports"),
            None,
            200,
        )
        .keep(&[("SHARED", "/data/key_id")]),
        sample("List all keys", ("LIST", "confluent/keys"), None, 200),
        sample(
            "Read what is on record of it",
            ("GET", "confluent/keys/{SHARED}"),
            None,
            200,
        ),
        sample(
            "Delete the account while keys need it",
            ("DELETE", "confluent/config"),
            None,
            400,
        ),
        sample("End it", ("DELETE", "confluent/keys/{SHARED}"), None, 204),
        sample(
            "List the keys of a role",
            ("LIST", "confluent/role/reports/keys"),
            None,
            404,
        ),
        sample(
            "End all keys of a role",
            ("DELETE", "confluent/role/reports/keys"),
            None,
            204,
        ),
        sample(
            "End a key that nobody knows",
            ("DELETE", "confluent/keys/QQQQQQQQQQQQQQQQ"),
            None,
            400,
        ),
    ],
};

const STATIC_ROLES: Page = Page {
    file: "static-roles.md",
    title: "`static-role/<name>`: one key that is replaced again and again",
    about: "`static-roles/<name>` means the same. An update keeps every field that it does not give; \
            another `rotation_period`, `rotation_schedule` or `rotation` brings new defaults of \
            `grace` and `refresh`. [Rotate with overlap](../rotation.md) tells what it is for.",
    paths: &[
        "static-role/{name}",
        "static-role",
        "static-role/{name}/status",
    ],
    samples: &[
        sample(
            "Write a static role without a time",
            ("POST", "confluent/static-role/orders"),
            Some(r#"{"owner": "{OWNER}", "resource": "{CLUSTER}"}"#),
            400,
        ),
        sample(
            "Write one whose keys would overlap with those after the next",
            ("POST", "confluent/static-role/orders"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation_period": "1h",
                    "grace": "2h"}"#,
            ),
            400,
        ),
        sample(
            "Write one whose readers would come back too late",
            ("POST", "confluent/static-role/orders"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation_period": "24h",
                    "grace": "1h", "refresh": "1h"}"#,
            ),
            400,
        ),
        sample(
            "Write a static role",
            ("POST", "confluent/static-role/orders"),
            Some(r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation_period": "24h"}"#),
            200,
        ),
        sample(
            "Read it",
            ("GET", "confluent/static-role/orders"),
            None,
            200,
        ),
        sample(
            "Ask how its first key is",
            ("GET", "confluent/static-role/orders/status"),
            None,
            200,
        )
        .keep(&[("PENDING", "/data/pending_key_id")]),
        sample(
            "Write one whose keys are served without a proof",
            ("POST", "confluent/static-role/reports"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation_period": "30d",
                    "readiness": "none"}"#,
            ),
            204,
        ),
        sample(
            "Ask how it is",
            ("GET", "confluent/static-role/reports/status"),
            None,
            200,
        )
        .keep(&[("FIRST", "/data/key_id")]),
        sample(
            "List the static roles",
            ("LIST", "confluent/static-role"),
            None,
            200,
        ),
        sample(
            "Read one that is not there",
            ("GET", "confluent/static-role/nobody"),
            None,
            404,
        ),
    ],
};

const STATIC_CREDS: Page = Page {
    file: "static-creds.md",
    title: "`static-creds/<name>`, `rotate-role/<name>`: the key of a static role",
    about: "`static-cred/<name>` means the same as `static-creds/<name>`. The samples go on with the \
            static roles of [the page before](static-roles.md).",
    paths: &["static-creds/{name}", "rotate-role/{name}"],
    samples: &[
        sample(
            "Read the key",
            ("GET", "confluent/static-creds/reports"),
            None,
            200,
        ),
        sample(
            "Read the key of a role whose first key is not proven",
            ("GET", "confluent/static-creds/orders"),
            None,
            503,
        ),
        sample(
            "Read the key of a role that is not there",
            ("GET", "confluent/static-creds/nobody"),
            None,
            400,
        ),
        sample(
            "Replace the key, and wait until readers get the new one",
            ("POST", "confluent/rotate-role/reports"),
            Some(r#"{"wait": "30s"}"#),
            204,
        ),
        sample(
            "Read the new key",
            ("GET", "confluent/static-creds/reports"),
            None,
            200,
        )
        .keep(&[("SECOND", "/data/key_id")]),
        sample(
            "Ask how long the old one lives",
            ("GET", "confluent/static-role/reports/status"),
            None,
            200,
        ),
        sample(
            "Replace a key without waiting",
            ("POST", "confluent/rotate-role/orders"),
            Some("{}"),
            200,
        ),
        sample(
            "Wait for longer than clients do",
            ("POST", "confluent/rotate-role/orders"),
            Some(r#"{"wait": "2m"}"#),
            400,
        ),
        sample(
            "End the old key before its grace is over",
            ("DELETE", "confluent/keys/{FIRST}"),
            None,
            204,
        ),
        sample(
            "Delete the static role, whose key lives on for its grace",
            ("DELETE", "confluent/static-role/reports"),
            None,
            204,
        ),
        sample(
            "End that key at once",
            ("DELETE", "confluent/keys/{SECOND}"),
            None,
            204,
        ),
        sample(
            "End a key that is being proven",
            ("DELETE", "confluent/keys/{PENDING}"),
            None,
            204,
        ),
        sample(
            "Delete its static role",
            ("DELETE", "confluent/static-role/orders"),
            None,
            204,
        ),
    ],
};

const BY_HAND: Page = Page {
    file: "static-roles-by-hand.md",
    title: "Rotations by hand: stage, commit, roll back",
    about: "A key is made and proven before anybody is told of it. [Rotate with overlap](../rotation.md) \
            tells how a rotation goes by itself.",
    paths: &[
        "static-role/{name}/stage",
        "static-creds/{name}/pending",
        "static-role/{name}/commit",
        "static-role/{name}/rollback",
        "static-creds/{name}/previous",
    ],
    samples: &[
        sample(
            "Write a static role that rotates by hand",
            ("POST", "confluent/static-role/invoices"),
            Some(
                r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation": "manual",
                    "readiness": "none"}"#,
            ),
            204,
        ),
        sample(
            "Commit what was not staged",
            ("POST", "confluent/static-role/invoices/commit"),
            Some("{}"),
            400,
        ),
        sample(
            "Stage a key",
            ("POST", "confluent/static-role/invoices/stage"),
            Some("{}"),
            204,
        ),
        sample(
            "Stage another",
            ("POST", "confluent/static-role/invoices/stage"),
            Some("{}"),
            400,
        ),
        sample(
            "Read the staged key",
            ("GET", "confluent/static-creds/invoices/pending"),
            None,
            200,
        )
        .keep(&[("STAGED", "/data/key_id")]),
        sample(
            "Serve it",
            ("POST", "confluent/static-role/invoices/commit"),
            Some("{}"),
            204,
        ),
        sample(
            "Read the key before",
            ("GET", "confluent/static-creds/invoices/previous"),
            None,
            200,
        ),
        sample(
            "Ask how long that lives",
            ("GET", "confluent/static-role/invoices/status"),
            None,
            200,
        )
        .keep(&[("BEFORE", "/data/previous_key_id")]),
        sample(
            "Go back to it",
            ("POST", "confluent/static-role/invoices/rollback"),
            Some("{}"),
            204,
        ),
        sample(
            "Read a staged key where there is none",
            ("GET", "confluent/static-creds/invoices/pending"),
            None,
            400,
        ),
    ],
};

const KV_FACE: Page = Page {
    file: "kv.md",
    title: "`data/<name>`, `metadata/<name>`: static roles as a KV engine answers",
    about: "For clients that read secrets of a KV version 2 engine and nothing else. Nothing can be \
            written. A mount keeps its own type: `bao kv get` asks for that first and refuses it, so \
            use `bao read`.",
    paths: &["data/{name}", "metadata/{name}", "metadata"],
    samples: &[
        sample(
            "Write a static role whose first key is proven",
            ("POST", "confluent/static-role/slow"),
            Some(r#"{"owner": "{OWNER}", "resource": "{CLUSTER}", "rotation_period": "24h"}"#),
            200,
        ),
        sample(
            "Ask how it is",
            ("GET", "confluent/static-role/slow/status"),
            None,
            200,
        )
        .keep(&[("SLOW", "/data/pending_key_id")]),
        sample(
            "Read the key of a static role",
            ("GET", "confluent/data/invoices"),
            None,
            200,
        ),
        sample(
            "Read the key of one whose first key is not proven",
            ("GET", "confluent/data/slow"),
            None,
            503,
        ),
        sample(
            "Read one that is not there",
            ("GET", "confluent/data/nobody"),
            None,
            404,
        ),
        sample(
            "Read a version that is gone",
            ("GET", "confluent/data/invoices?version=1"),
            None,
            404,
        ),
        sample(
            "Read its versions",
            ("GET", "confluent/metadata/invoices"),
            None,
            200,
        ),
        sample("List them", ("LIST", "confluent/metadata"), None, 200),
        sample(
            "Delete a static role",
            ("DELETE", "confluent/static-role/invoices"),
            None,
            204,
        ),
        sample(
            "End its key at once",
            ("DELETE", "confluent/keys/{BEFORE}"),
            None,
            204,
        ),
        sample(
            "End the one that was served for a while",
            ("DELETE", "confluent/keys/{STAGED}"),
            None,
            204,
        ),
        sample(
            "End a key that is being proven",
            ("DELETE", "confluent/keys/{SLOW}"),
            None,
            204,
        ),
        sample(
            "Delete its static role",
            ("DELETE", "confluent/static-role/slow"),
            None,
            204,
        ),
    ],
};

const MOUNT: Page = Page {
    file: "mount.md",
    title: "`reconcile`, `status`, `info`: the mount",
    about: "What to look at from time to time, and by a monitor.",
    paths: &["reconcile", "status", "info"],
    samples: &[
        sample(
            "Sweep and compare now",
            ("POST", "confluent/reconcile"),
            Some("{}"),
            200,
        ),
        sample(
            "Ask how the mount is",
            ("GET", "confluent/status"),
            None,
            200,
        ),
        sample("Ask what it is", ("GET", "confluent/info"), None, 200),
        sample(
            "Delete a role",
            ("DELETE", "confluent/role/reports"),
            None,
            204,
        ),
        sample(
            "Delete the account",
            ("DELETE", "confluent/config"),
            None,
            204,
        ),
    ],
};
