//! `sys/remount`: moves a secrets engine or an auth method to another path.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use logical::framework::{Call, Field, FieldKind, Path, answer};
use logical::{Error, Object, Operation, Response};
use serde_json::json;

use super::SysPaths;
use crate::mounts::normalize;
use crate::random;

const ID: &str = "migration_id";
/// How many moves are remembered.
const KEPT: usize = 256;

/// The last moves, with which clients that ask for the status of one are
/// answered. A move is done when its id is given out.
#[derive(Default)]
pub(super) struct Moves(Mutex<VecDeque<Moved>>);

struct Moved {
    id: String,
    from: String,
    to: String,
}

impl Moves {
    fn add(&self, moved: Moved) {
        let mut moves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        moves.truncate(KEPT - 1);
        moves.push_front(moved);
    }

    /// The paths of a move.
    fn get(&self, id: &str) -> Option<(String, String)> {
        let moves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = moves.iter().find(|moved| moved.id == id);
        found.map(|moved| (moved.from.clone(), moved.to.clone()))
    }
}

pub(super) fn paths() -> Vec<Path<SysPaths>> {
    vec![
        Path::new("remount")
            .fields([
                Field::new("from", FieldKind::Text, "The path of the mount."),
                Field::new("to", FieldKind::Text, "Its new path."),
            ])
            .on(Operation::Update, answer(remount))
            .help(
                "Moves a mount to another path.",
                "Its leases, or the tokens that it gave, are revoked. Policies are not changed. The \
                 mount has moved when the answer comes.",
            ),
        Path::new(format!("remount/status/(?P<{ID}>[^/]+)"))
            .fields([Field::new(ID, FieldKind::Text, "The id that a move was answered with.")])
            .on(Operation::Read, answer(status))
            .help("Tells what became of a move.", ""),
    ]
}

async fn remount(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let (from, to) = (call.fields.text("from"), call.fields.text("to"));
    if from.is_empty() || to.is_empty() {
        return Err(Error::bad_request(
            "both 'from' and 'to' path must be specified as a string",
        ));
    }
    sys.mounts.remount(from, to).await?;
    let moved = Moved {
        id: random::uuid(sys.entropy.as_ref()),
        from: normalize(from)?,
        to: normalize(to)?,
    };
    let data = Object::from_iter([(ID.to_owned(), moved.id.clone().into())]);
    sys.moves.add(moved);
    Ok(Some(Response::with_data(data)))
}

async fn status(sys: Arc<SysPaths>, call: Call) -> Result<Option<Response>, Error> {
    let id = call.fields.text(ID);
    Ok(sys.moves.get(id).map(|(from, to)| {
        let info = json!({"source_mount": from, "target_mount": to, "status": "success"});
        Response::with_data(Object::from_iter([
            (ID.to_owned(), id.into()),
            ("migration_info".to_owned(), info),
        ]))
    }))
}
