//! `sys/quotas/lease-count`: limits of the number of leases, as Vault Enterprise has
//! them.

use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Operation, Response, RunToCompletion};
use serde_json::{Value, json};

use super::SysPaths;
use crate::quotas::LeaseCount;

const NAME: &str = "name";
const KIND: &str = "type";
const PATH: &str = "path";
const ROLE: &str = "role";
const MAX: &str = "max_leases";
const INHERITABLE: &str = "inheritable";
const LEASE_COUNT: &str = "lease-count";

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("quotas/lease-count/?")
            .on(Operation::List, answer(list))
            .help("Lists the lease-count quotas.", ""),
        Path::new(format!("quotas/lease-count/(?P<{NAME}>[^/]+)"))
            .fields([
                Field::new(NAME, FieldKind::Text, "Name of the quota."),
                Field::new(KIND, FieldKind::Text, "Is `lease-count`."),
                Field::new(
                    PATH,
                    FieldKind::Text,
                    "Which leases are limited: empty for all, a mount, or a path inside one, at \
                     whose end `*` stands for any ending.",
                ),
                Field::new(MAX, FieldKind::Integer, "How many leases there may be."),
                Field::new(ROLE, FieldKind::Text, "Is not supported."),
                Field::new(
                    INHERITABLE,
                    FieldKind::Flag,
                    "Has no effect without namespaces.",
                ),
            ])
            .on(Operation::Read, answer(read))
            .on_write(answer(write))
            .on(Operation::Delete, answer(delete))
            .help(
                "Reads, writes and deletes a lease-count quota.",
                "Of the quotas about a lease the most specific one counts: that of the path, of \
                 the longest beginning, of the mount, of everything. Leases that are there when it \
                 is written count and stay.",
            ),
    ]
}

async fn list(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::list(sys.leases.counts().names())))
}

async fn read(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let name = call.fields.text(NAME);
    let found = sys.leases.counts().get(name);
    Ok(found.map(|(rule, counter)| {
        let shown = json!({
            KIND: LEASE_COUNT,
            NAME: name,
            PATH: rule.path,
            ROLE: "",
            MAX: rule.max_leases,
            "counter": counter,
            INHERITABLE: rule.inheritable,
        });
        match shown {
            Value::Object(shown) => Response::with_data(shown),
            _ => Response::default(),
        }
    }))
}

async fn write(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let fields = &call.fields;
    if !fields.text(ROLE).is_empty() {
        return Err(Error::bad_request(format!(
            "`{ROLE}` is not supported for lease-count quotas by this server: limit the mount or \
             a path"
        )));
    }
    let max = fields.integer(MAX).and_then(|max| u64::try_from(max).ok());
    let max = max.filter(|max| *max > 0).ok_or_else(|| {
        Error::bad_request(format!("`{MAX}` must be a whole number of at least 1"))
    })?;
    let path = sys.limited_path(fields.text(PATH), "")?;
    let mut rule = LeaseCount::new(path, max);
    if let Some(inheritable) = fields.flag(INHERITABLE) {
        rule.inheritable = inheritable;
    }
    let name = fields.text(NAME).to_owned();
    let leases = Arc::clone(&sys.leases);
    let work = async move {
        // A start counts by itself, and is done by then.
        leases.restored().await;
        let listing = leases.count_stored();
        leases.counts().put(&name, rule, listing).await
    };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}

async fn delete(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let (leases, name) = (Arc::clone(&sys.leases), call.fields.text(NAME).to_owned());
    let work = async move { leases.counts().delete(&name).await };
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, work).await?;
    Ok(None)
}
