//! `sys/audit`: which devices log the requests, and `sys/audit-hash`, which finds
//! a known text in their lines.

use std::collections::BTreeMap;
use std::sync::Arc;

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response, RunToCompletion};

use super::SysPaths;
use crate::audit::AuditDevice;

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![list(), device(), hash()]
}

fn path() -> Field {
    Field::new("path", FieldKind::Text, "The path of the device.")
}

fn list() -> Path<SysPaths> {
    Path::new("audit/?")
        .on(Operation::Read, answer(shown))
        .help("Lists the audit devices.", "")
}

fn device() -> Path<SysPaths> {
    Path::new("audit/(?P<path>.+)")
        .fields([
            path(),
            Field::new("type", FieldKind::Text, "`file`, `syslog` or `socket`."),
            Field::new("description", FieldKind::Text, "A description for people."),
            Field::new(
                "options",
                FieldKind::KeyValue,
                "Options of the device, such as `file_path`.",
            ),
            Field::new(
                "local",
                FieldKind::Flag,
                "Kept for clients: this server is one node.",
            )
            .default_value(false),
        ])
        .on_write(answer(enable))
        .on(Operation::Delete, answer(disable))
        .help(
            "Enables or disables an audit device.",
            "Only where the configuration of the server allows it, since a file device writes to any \
             file that the server can write. A device has written a line before it is in use. From then \
             on no request is answered that no device has logged.",
        )
}

fn hash() -> Path<SysPaths> {
    Path::new("audit-hash/(?P<path>.+)")
        .fields([
            path(),
            Field::new("input", FieldKind::Text, "The text to hash.").sensitive(),
        ])
        .on(Operation::Update, answer(hashed))
        .help(
            "Returns what stands for a text in the lines of a device.",
            "Search the log for it to find where a known token or secret was used.",
        )
}

async fn shown(sys: Arc<SysPaths>, _: Call) -> Result<Option<Response>, Error> {
    Ok(Some(Response::with_data(sys.audit.shown())))
}

async fn enable(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let fields = &call.fields;
    let options = fields.key_value("options").cloned();
    let device = AuditDevice {
        path: fields.text("path").to_owned(),
        kind: fields.text("type").to_owned(),
        description: fields.text("description").to_owned(),
        options: options.unwrap_or_else(BTreeMap::new),
        local: fields.flag("local").unwrap_or(false),
    };
    let audit = Arc::clone(&sys.audit);
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, async move {
        audit.enable(device).await
    })
    .await?;
    Ok(None)
}

async fn disable(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let path = call.fields.text("path").to_owned();
    let audit = Arc::clone(&sys.audit);
    RunToCompletion::new(Arc::clone(&sys.tasks) as _, async move {
        audit.disable(&path).await
    })
    .await?;
    Ok(None)
}

async fn hashed(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let input = call.fields.text("input");
    if input.is_empty() {
        return Err(Error::bad_request("the \"input\" parameter is empty"));
    }
    let hash = sys.audit.hash(call.fields.text("path"), input)?;
    let data = Object::from_iter([("hash".to_owned(), hash.into())]);
    Ok(Some(Response::with_data(data)))
}
