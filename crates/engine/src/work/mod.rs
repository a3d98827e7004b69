//! When somebody looks at what again. What is done then is decided elsewhere: for
//! keys by `sweep`, for static roles by `rotation`.

mod due_queue;

pub(crate) use due_queue::DueQueue;
