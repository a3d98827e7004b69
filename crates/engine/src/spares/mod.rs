//! Spares: keys of a role that are made and proven before somebody reads them, and
//! those that readers wait for until they work.
//!
//! A new key of a role with `readiness` is pinned: a pointer in storage names it, its
//! entry has the secret, and it is tried in the background. A reader takes one by one
//! write of its entry, proven or not, as the role says. Whoever gives up waiting, or
//! hangs up, leaves the key to the next reader.
//!
//! `decide` says what becomes of a spare (pure), `tend` does it and refills, `due` says
//! when, `prove` tries keys, `take` hands them out.

mod decide;
mod due;
mod leave;
mod make;
mod prove;
mod take;
mod tend;

pub(crate) use prove::Readying;
