//! What goes wrong while the process goes on, once each.

use std::sync::Mutex;
use std::time::Duration;

use virtual_world::Call;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A write does not happen and is reported failed.
    WriteLost,
    /// A write happens and is reported failed.
    WriteDone,
    /// A read fails.
    ReadFails,
    /// A key is made and the answer lost.
    CreateLost,
    /// A creation fails before anything is made; nobody can tell.
    CreateFails,
    /// The quota is used up.
    CreateQuota,
    /// Too many requests.
    CreateLimited,
    /// A key is made so much later than it was asked for.
    CreateLate(Duration),
    /// A key is made at once and its answer comes so much later.
    CreateSlow(Duration),
    /// A deletion does not happen and fails.
    DeleteFails,
    /// A deletion happens and its answer is lost.
    DeleteLost,
    /// A deletion is refused with 403 although the key lives.
    DeleteForbidden,
    /// A deletion takes so long.
    DeleteSlow(Duration),
    /// A deletion is not sent, to keep the pace of the organization.
    DeleteHeldBack(Duration),
    /// A creation is not sent, to keep the pace of the organization.
    CreateHeldBack(Duration),
    /// A key that does not work yet is said to log in.
    ProbeLies,
    /// A probe is put off so long.
    ProbeHeldBack(Duration),
    /// A list is older than the latest keys.
    ListStale,
    /// A list is cut off.
    ListCut,
    /// A list fails.
    ListFails,
}

/// What is armed.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn arm(&self, fault: Fault) {
        self.0.lock().unwrap().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }

    /// How a call to storage fails.
    pub(crate) fn of_storage(&self, call: &Call<'_>) -> Option<virtual_world::Fault> {
        let is_for = |armed| match armed {
            Fault::WriteLost | Fault::WriteDone => call.is_write(),
            Fault::ReadFails => !call.is_write(),
            _ => false,
        };
        match self.first(is_for)? {
            Fault::WriteDone => Some(virtual_world::Fault::Done),
            _ => Some(virtual_world::Fault::Lost),
        }
    }

    pub(crate) fn of_create(&self) -> Option<Fault> {
        self.first(|armed| {
            matches!(
                armed,
                Fault::CreateLost
                    | Fault::CreateFails
                    | Fault::CreateQuota
                    | Fault::CreateLimited
                    | Fault::CreateLate(_)
                    | Fault::CreateSlow(_)
                    | Fault::CreateHeldBack(_)
            )
        })
    }

    pub(crate) fn of_delete(&self) -> Option<Fault> {
        self.first(|armed| {
            matches!(
                armed,
                Fault::DeleteFails
                    | Fault::DeleteLost
                    | Fault::DeleteForbidden
                    | Fault::DeleteSlow(_)
                    | Fault::DeleteHeldBack(_)
            )
        })
    }

    pub(crate) fn of_list(&self) -> Option<Fault> {
        self.first(|armed| matches!(armed, Fault::ListStale | Fault::ListCut | Fault::ListFails))
    }

    pub(crate) fn of_probe(&self) -> Option<Fault> {
        self.first(|armed| matches!(armed, Fault::ProbeLies | Fault::ProbeHeldBack(_)))
    }

    fn first(&self, fits: impl Fn(Fault) -> bool) -> Option<Fault> {
        let mut armed = self.0.lock().unwrap();
        let at = armed.iter().position(|fault| fits(*fault))?;
        Some(armed.remove(at))
    }
}
