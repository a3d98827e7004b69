//! When somebody looks at what again. What is done then is decided elsewhere: for
//! keys by `sweep`, for static roles and spares by `scheduler`.

mod due_queue;
mod scheduler_state;

pub(crate) use due_queue::DueQueue;
pub(crate) use scheduler_state::SchedulerState;
