//! `sys/leases`: lookup, renewal and revocation of leases. The older paths
//! `sys/renew` and `sys/revoke` are aliases.

use std::sync::Arc;
use std::time::Duration;

use logical::effects::within;
use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, LeaseOptions, Object, Operation, Response, Secret};
use serde_json::{Value, json};

use super::{SysPaths, accepted};
use crate::leases::{Irrevocable, Mode};

/// How long a revocation waits when `sync` is not given.
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
/// Default for `limit`, the number of irrevocable leases shown.
const DEFAULT_LIMIT: usize = 10_000;

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        irrevocable(),
        count(),
        lookup(),
        list(),
        tidy(),
        renew(),
        revoke_prefix(),
        revoke_force(),
        revoke(),
    ]
}

fn lookup() -> Path<SysPaths> {
    Path::new("leases/lookup")
        .fields([lease_id()])
        .on_write(answer(|sys: Arc<SysPaths>, call: Call| async move {
            let found = sys.leases.lookup(lease_id_of(&call)?).await?;
            Ok(Some(Response::with_data(found)))
        }))
        .help("Looks up a lease.", "")
}

fn list() -> Path<SysPaths> {
    Path::new("leases/lookup/(?P<prefix>.*?)")
        .fields([prefix()])
        .on(
            Operation::List,
            answer(|sys: Arc<SysPaths>, call: Call| async move {
                let names = sys.leases.list(call.fields.text("prefix")).await?;
                Ok(Some(Response::list(names)))
            }),
        )
        .help("Lists the names directly below a prefix of lease ids.", "")
}

fn renew() -> Path<SysPaths> {
    Path::new("(?:leases/)?renew(?:/(?P<url_lease_id>.+))?")
        .fields([
            lease_id(),
            url_lease_id(),
            Field::new(
                "increment",
                FieldKind::DurationSeconds,
                "Requested TTL from now. Zero leaves it to the engine.",
            ),
        ])
        .on_write(answer(renew_lease))
        .help(
            "Renews a lease.",
            "The increment counts from now, so it can also shorten the lease. No lease lives longer \
             than its maximum TTL, counted from its creation.",
        )
}

fn revoke() -> Path<SysPaths> {
    Path::new("(?:leases/)?revoke(?:/(?P<url_lease_id>.+))?")
        .fields([lease_id(), url_lease_id(), sync()])
        .on_write(answer(|sys: Arc<SysPaths>, call: Call| async move {
            let (id, leases) = (lease_id_of(&call)?, &sys.leases);
            let wait = Wait::of(&call);
            if wait != Wait::UntilRevoked {
                leases.revoke(id, Mode::Async).await?;
            }
            sys.wait(wait, leases.revoke(id, Mode::Sync)).await
        }))
        .help("Revokes a lease and its secret.", "")
}

fn revoke_prefix() -> Path<SysPaths> {
    Path::new("(?:leases/)?revoke-prefix/(?P<prefix>.+)")
        .fields([prefix(), sync()])
        .on_write(answer(|sys: Arc<SysPaths>, call: Call| async move {
            let (prefix, leases) = (call.fields.text("prefix"), &sys.leases);
            let wait = Wait::of(&call);
            if wait != Wait::UntilRevoked {
                leases.revoke_prefix(prefix, Mode::Async).await?;
            }
            sys.wait(wait, leases.revoke_prefix(prefix, Mode::Sync))
                .await
        }))
        .help("Revokes every lease below a prefix.", "")
}

fn revoke_force() -> Path<SysPaths> {
    Path::new("(?:leases/)?revoke-force/(?P<prefix>.+)")
        .fields([prefix()])
        .on_write(answer(|sys: Arc<SysPaths>, call: Call| async move {
            sys.leases.force_prefix(call.fields.text("prefix")).await?;
            Ok(None)
        }))
        .help(
            "Deletes every lease below a prefix, even if its engine cannot revoke it.",
            "Secrets of the leases may remain valid: a last resort when an engine cannot revoke.",
        )
}

fn tidy() -> Path<SysPaths> {
    Path::new("leases/tidy")
        .on_write(answer(|sys: Arc<SysPaths>, _| async move {
            let leases = Arc::clone(&sys.leases);
            sys.tasks.spawn(Box::pin(async move {
                if let Err(error) = leases.tidy().await {
                    tracing::warn!(%error, "tidying leases failed");
                }
            }));
            Ok(Some(accepted()))
        }))
        .help(
            "Checks all leases, revokes those whose token is gone, and removes leftovers.",
            "The work continues after the answer.",
        )
}

fn irrevocable() -> Path<SysPaths> {
    Path::new("leases/?")
        .fields([
            kind(),
            Field::new("limit", FieldKind::Integer, "Maximum number of leases."),
        ])
        .on(Operation::Read, answer(read_irrevocable))
        .help(
            "Lists the irrevocable leases: those that could not be revoked.",
            "The only type is `irrevocable`.",
        )
}

fn count() -> Path<SysPaths> {
    Path::new("leases/count")
        .fields([kind()])
        .on(
            Operation::Read,
            answer(|sys: Arc<SysPaths>, call: Call| async move {
                only_irrevocable(&call)?;
                let irrevocable = sys.leases.irrevocable().await;
                let mut counts = Object::new();
                for lease in &irrevocable {
                    let mount = sys.accessor(&lease.lease_id);
                    let one_more = counts.get(&mount).and_then(Value::as_u64).unwrap_or(0) + 1;
                    counts.insert(mount, one_more.into());
                }
                Ok(Some(data(json!({
                    "counts": counts,
                    "lease_count": irrevocable.len(),
                }))))
            }),
        )
        .help("Counts the irrevocable leases by mount.", "")
}

fn lease_id() -> Field {
    Field::new("lease_id", FieldKind::Text, "Id of the lease.")
}

fn url_lease_id() -> Field {
    Field::new(
        "url_lease_id",
        FieldKind::Text,
        "Id of the lease, in the path.",
    )
}

fn prefix() -> Field {
    Field::new("prefix", FieldKind::Text, "Prefix of lease ids.")
}

fn sync() -> Field {
    Field::new(
        "sync",
        FieldKind::Flag,
        "Whether to answer when the lease is revoked (204), or at once (202), and revoke it in the \
         background. By default the answer waits for the revocation, but no longer than 30 seconds.",
    )
}

fn kind() -> Field {
    Field::new("type", FieldKind::Text, "Which leases: `irrevocable`.")
}

/// The id of the lease that a request names.
fn lease_id_of(call: &Call) -> Result<&str, Error> {
    let in_path = call.fields.text("url_lease_id");
    let id = match in_path {
        "" => call.fields.text("lease_id"),
        id => id,
    };
    if id.is_empty() {
        return Err(Error::bad_request("lease_id must be specified"));
    }
    Ok(id)
}

/// How long the answer to a revocation waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    UntilRevoked,
    /// `sync` is not given. Vault and OpenBao then revoke before they answer
    /// (`vault/logical_system_paths.go` in both), but clients time out after a
    /// minute: a longer revocation is answered with 202 and continues.
    Default,
    No,
}

impl Wait {
    fn of(call: &Call) -> Self {
        match call.fields.flag("sync") {
            Some(true) => Self::UntilRevoked,
            None => Self::Default,
            Some(false) => Self::No,
        }
    }
}

async fn renew_lease(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let id = lease_id_of(&call)?;
    let increment = call.fields.duration("increment").unwrap_or(Duration::ZERO);
    let Some((granted, renewed)) = sys.leases.renew(id, increment).await? else {
        return Ok(None);
    };
    let mut warnings = renewed.warnings;
    warnings.extend(granted.warning);
    let lease = LeaseOptions::fixed(granted.ttl).with_renewable(granted.renewable);
    let lease = Secret::from_parts(lease, Object::new(), granted.id);
    let mut response = Response::renewed(lease).with_warnings(warnings);
    response.data = renewed.data;
    Ok(Some(response))
}

async fn read_irrevocable(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    only_irrevocable(&call)?;
    let limit = match call.fields.integer("limit") {
        None | Some(0) => DEFAULT_LIMIT,
        Some(limit) => usize::try_from(limit)
            .map_err(|_| Error::bad_request("`limit` is negative: give a number of leases"))?,
    };
    let irrevocable = sys.leases.irrevocable().await;
    let leases: Vec<Value> = irrevocable
        .iter()
        .take(limit)
        .map(|Irrevocable { lease_id, error }| {
            json!({
                "lease_id": lease_id,
                "mount_id": sys.accessor(lease_id),
                "error": error,
            })
        })
        .collect();
    Ok(Some(data(json!({
        "lease_count": irrevocable.len(),
        "leases": leases,
    }))))
}

fn only_irrevocable(call: &Call) -> Result<(), Error> {
    match call.fields.text("type") {
        "irrevocable" => Ok(()),
        other => Err(Error::bad_request(format!(
            "`type` is {other:?}: the only one is `irrevocable`"
        ))),
    }
}

fn data(value: Value) -> Response {
    match value {
        Value::Object(data) => Response::with_data(data),
        _ => Response::default(),
    }
}

impl SysPaths {
    /// Awaits a revocation as long as the client wants. The revocation
    /// continues when this future is dropped.
    async fn wait(
        &self,
        wait: Wait,
        end: impl Future<Output = Result<(), Error>>,
    ) -> Result<Option<Response>, Error> {
        let ended = match wait {
            Wait::No => None,
            Wait::UntilRevoked => Some(end.await),
            Wait::Default => within(self.tasks.as_ref(), DEFAULT_WAIT, end).await,
        };
        match ended {
            Some(ended) => ended.map(|()| None),
            None => Ok(Some(accepted())),
        }
    }

    /// The accessor of the mount of a lease, or an empty string if it was
    /// removed.
    fn accessor(&self, lease_id: &str) -> String {
        self.mounts
            .find(lease_id)
            .map_or_else(String::new, |(entry, _)| entry.accessor)
    }
}
